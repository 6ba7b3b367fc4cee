//! What the server counts, as Prometheus reads it.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use catalog_core::{
    http::{Doc, Reply, Routes},
    permission::Access,
};
use http::header;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::{
    AnyError,
    config::ConfigError,
    listener::{self, Limits},
};

/// Of durations, in seconds: from what a kept answer costs to what nobody waits for.
const BUCKETS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The media type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4";
/// How often what was counted is summed up, so that it takes no more and more memory when nobody reads it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to count, and gives where it can be read.
pub(crate) fn start() -> Result<PrometheusHandle, AnyError> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?;
    let handle = builder.install_recorder()?;
    tokio::spawn({
        let handle = handle.clone();
        async move {
            let mut interval = tokio::time::interval(UPKEEP);
            loop {
                interval.tick().await;
                handle.run_upkeep();
            }
        }
    });
    Ok(handle)
}

/// `/metrics`, for operators: it tells of no tenant.
pub(crate) fn routes(handle: PrometheusHandle) -> Routes {
    let doc = Doc::new("metrics", "What the server counts, for Prometheus.", Reply::text(TEXT, "Metrics."));
    Routes::new().get("/metrics", Access::Public, doc, move || std::future::ready(read(&handle)))
}

/// Serves `/metrics` alone, on an address of its own.
pub(crate) async fn serve(
    address: SocketAddr,
    limits: Limits,
    handle: PrometheusHandle,
) -> Result<(), AnyError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| ConfigError::new("metrics_listen", format!("`{address}`: {error}")))?;
    tracing::info!(address = %listener.local_addr()?, "metrics are served");
    let router = Router::new().route("/metrics", get(move || std::future::ready(read(&handle))));
    // for as long as the process lives
    tokio::spawn(listener::serve(listener, router, limits, std::future::pending()));
    Ok(())
}

fn read(handle: &PrometheusHandle) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], handle.render()).into_response()
}

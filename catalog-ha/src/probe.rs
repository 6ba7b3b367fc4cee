use axum::{
    Json,
    response::{IntoResponse, Response},
};
use catalog_core::http::{Access, Doc, OwnShape, Reply, Routes};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::Readiness;

/// The routes that orchestrators ask: `/livez`, `/healthz` and `/readyz`. They need no identity and no tenant.
pub fn probes(readiness: &Readiness) -> Routes {
    let alive = || async { answer(StatusCode::OK, &json!({"status": "ok"})) };
    let doc =
        |id: &str, summary: &str| Doc::new(id, summary, Reply::text("application/json", "How it does."));
    Routes::new()
        .get("/livez", Access::Public, doc("livez", "Whether the process works."), alive)
        .get("/healthz", Access::Public, doc("healthz", "`/livez` by its older name."), alive)
        .get("/readyz", Access::Public, doc("readyz", "Whether requests may be sent here: 200 or 503."), {
            let readiness = readiness.clone();
            move || ready(readiness.clone())
        })
}

async fn ready(readiness: Readiness) -> Response {
    let report = readiness.report().await;
    let (code, status) = if report.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    answer(code, &json!({"status": status, "components": report.components}))
}

fn answer(code: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = (code, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(OwnShape);
    response
}

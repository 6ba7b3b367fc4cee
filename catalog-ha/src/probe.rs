use axum::{
    Json,
    response::{IntoResponse, Response},
};
use catalog_core::{
    http::{Doc, OwnShape, Reply, Routes, Shape},
    permission::Access,
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::Readiness;

/// The routes that orchestrators ask: `/livez`, `/healthz` and `/readyz`. They need no identity and no tenant.
pub fn probes(readiness: &Readiness) -> Routes {
    let alive = || async { answer(StatusCode::OK, &json!({"status": "ok"})) };
    let doc = |id: &str, summary: &str| {
        Doc::new(id, summary, Reply::shaped(Shape::object([("status", Shape::one_of(&["ok"]))])))
    };
    let ready_doc = Doc::new(
        "readyz",
        "Whether requests may be sent here.",
        Reply::shaped(report("ready")).or(
            StatusCode::SERVICE_UNAVAILABLE,
            "They may not, and why.",
            report("not_ready"),
        ),
    );
    Routes::new()
        .get("/livez", Access::Public, doc("livez", "Whether the process works."), alive)
        .get("/healthz", Access::Public, doc("healthz", "`/livez` by its older name."), alive)
        .get("/readyz", Access::Public, ready_doc, {
            let readiness = readiness.clone();
            move || ready(readiness.clone())
        })
}

/// The shape of a report.
fn report(status: &str) -> Shape {
    let component = |more: Vec<(&'static str, Shape)>| {
        let own = [("status", Shape::one_of(&["ok", "degraded", "failed"])), ("detail?", Shape::string())];
        Shape::object(own.into_iter().chain(more))
    };
    // parts have no parts
    let parts = Shape::map(component(Vec::new()));
    let components = Shape::map(component(vec![("details?", parts)]));
    Shape::object([("status", Shape::one_of(&[status])), ("components", components)])
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

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use catalog_core::{
    http::{Context, Doc, OwnShape, Parameter, Query, Reply, Routes, Segment, Shape},
    permission::Access,
    problem::Problem,
};
use http::{HeaderValue, StatusCode, Uri, header};
use serde_json::json;

use crate::{Readiness, ReadinessReport};

/// The routes that orchestrators ask: `/livez`, `/healthz`, `/readyz` and `/readyz/{check}`. They need no identity and no tenant.
pub fn probes(readiness: &Readiness) -> Routes {
    let alive = || async { answer((StatusCode::OK, Json(json!({"status": "ok"})))) };
    let doc = |id: &str, summary: &str| {
        Doc::new(id, summary, Reply::shaped(Shape::object([("status", Shape::one_of(&["ok"]))])))
    };
    let ready_doc = |id: &str, summary: &str| {
        let reply = Reply::shaped(report("ready")).or(
            StatusCode::SERVICE_UNAVAILABLE,
            "They may not, and why.",
            report("not_ready"),
        );
        let verbose = Parameter::query("verbose", "As lines of text, `[+]database ok`, instead of JSON.");
        Doc::new(id, summary, reply).with_parameters([verbose])
    };
    let check = Parameter::path("check", "The name of a component.");
    let one_doc = ready_doc("readyzCheck", "Whether one component lets requests be sent here.")
        .with_parameters([check]);
    Routes::new()
        .get("/livez", Access::Public, doc("livez", "Whether the process works."), alive)
        .get("/healthz", Access::Public, doc("healthz", "`/livez` by its older name."), alive)
        .get("/readyz", Access::Public, ready_doc("readyz", "Whether requests may be sent here."), {
            let readiness = readiness.clone();
            move |Context(context): Context, uri: Uri| async move {
                let is_verbose = verbose(&uri).map_err(|problem| problem.in_context(&context))?;
                Ok::<_, Problem>(ready(&readiness.report().await, is_verbose))
            }
        })
        .get("/readyz/{check}", Access::Public, one_doc, {
            let readiness = readiness.clone();
            move |Context(context): Context, Segment(name): Segment, uri: Uri| async move {
                let asked = async {
                    let is_verbose = verbose(&uri)?;
                    let report = readiness.report_of(&name).await;
                    let report =
                        report.ok_or_else(|| Problem::not_found("there is no check of that name"))?;
                    Ok::<_, Problem>(ready(&report, is_verbose))
                };
                asked.await.map_err(|problem| problem.in_context(&context))
            }
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

/// Whether text is asked for: by the bare name, as Kubernetes has it, or as other flags are.
fn verbose(uri: &Uri) -> Result<bool, Problem> {
    let query = Query::parse(uri.query(), &["verbose"])?;
    if query.get("verbose") == Some("") { Ok(true) } else { query.flag("verbose") }
}

fn ready(report: &ReadinessReport, is_verbose: bool) -> Response {
    let (code, status) = if report.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    if is_verbose {
        return answer((code, report.to_string()));
    }
    answer((code, Json(json!({"status": status, "components": report.components}))))
}

fn answer(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(OwnShape);
    response
}

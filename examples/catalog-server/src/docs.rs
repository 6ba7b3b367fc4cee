//! The OpenAPI document, a page that shows it, and the version.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Redirect, Response},
};
use catalog_core::{
    clock::Timestamp,
    http::{Doc, IfNoneMatch, Parameter, Reply, Routes, Segment, Shape, cached_json},
    permission::Access,
    problem::Problem,
};
use http::{HeaderName, HeaderValue, header};
use serde_json::json;
use utoipa_swagger_ui::Config;

/// `/version`, `/openapi.json` and `/docs`. `document` is called once, with all routes, these included.
pub(crate) fn routes(document: impl FnOnce(&Routes) -> String, others: Routes) -> Routes {
    let slot: Slot = Arc::default();
    let page = Arc::new(Config::from("/openapi.json"));
    let text = |media: &str, what: &str| Reply::text(media, what);
    let routes = others
        .get(
            "/version",
            Access::Public,
            Doc::new("version", "Which server this is.", Reply::shaped(version_shape())),
            version,
        )
        .get(
            "/openapi.json",
            Access::Public,
            Doc::new(
                "openapi",
                "This document.",
                Reply::shaped(Shape::any_object().described("OpenAPI 3.1.")).tagged(),
            ),
            {
                let slot = Arc::clone(&slot);
                move |known: IfNoneMatch| std::future::ready(openapi(&slot, &known))
            },
        )
        .get(
            "/docs",
            Access::Public,
            Doc::new("docs", "A page that shows this document.", Reply::moved()),
            || async { Redirect::permanent("/docs/") },
        )
        .get("/docs/", Access::Public, Doc::new("docsPage", "That page.", text("text/html", "A page.")), {
            let page = Arc::clone(&page);
            move || std::future::ready(asset("index.html", Arc::clone(&page)))
        })
        .get(
            "/docs/{file}",
            Access::Public,
            Doc::new("docsFile", "A part of that page.", text("*/*", "A script, style or picture."))
                .with_parameters([Parameter::path("file", "Its name.")]),
            move |Segment(file): Segment| std::future::ready(asset(&file, Arc::clone(&page))),
        );
    // set once, here, before anybody can ask
    let _ = slot.set(document(&routes).into());
    routes
}

/// The document, which can be made only when all routes are known.
type Slot = Arc<OnceLock<Bytes>>;

fn version_shape() -> Shape {
    Shape::object([
        ("name", Shape::string()),
        ("version", Shape::string()),
        ("gitRevision", Shape::string()),
        ("buildTime", Shape::time()),
        ("schemaVersion", Shape::integer()),
    ])
}

async fn version() -> Response {
    axum::Json(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "gitRevision": env!("BUILD_GIT_REVISION"),
        "buildTime": build_time(),
        "schemaVersion": catalog_core::store::sql::MIGRATIONS.newest(),
    }))
    .into_response()
}

/// When the binary was built; the build script tells it in seconds since 1970.
fn build_time() -> Option<Timestamp> {
    let seconds: i64 = env!("BUILD_EPOCH").parse().ok()?;
    Timestamp::from_unix_ms(seconds.saturating_mul(1_000)).ok()
}

fn openapi(slot: &Slot, known: &IfNoneMatch) -> Response {
    cached_json(slot.get().cloned().unwrap_or_default(), known, Duration::from_mins(1))
}

/// Scripts and styles come from this server only, and nobody may frame the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                                       frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn asset(file: &str, page: Arc<Config<'static>>) -> Result<Response, Problem> {
    let nothing = || Problem::not_found("there is no such file");
    let file = utoipa_swagger_ui::serve(file, page).map_err(|_| nothing())?.ok_or_else(nothing)?;
    let mut response = Response::new(Body::from(file.bytes.into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(file.content_type).map_err(|_| nothing())?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    Ok(response)
}

//! Custom methods: `POST /sources/{id}:enable`, as AIP-136 writes them. axum's router knows no path segment that is a placeholder in
//! part, so one handler takes the whole segment and chooses by what stands behind its last colon.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW};
use tower_service::Service;

use crate::problem::Problem;

/// The custom methods of one path, each with what serves it.
#[derive(Clone, Default)]
pub(super) struct CustomMethods {
    methods: BTreeMap<String, MethodRouter>,
    /// What the path without one can be asked by.
    plain: Vec<Method>,
}

/// The path and the method of a template that ends in one: `/sources/{id}` and `enable`.
pub(super) fn split(template: &str) -> Option<(&str, &str)> {
    let (path, method) = template.rsplit_once(':')?;
    path.ends_with('}').then_some((path, method))
}

impl CustomMethods {
    pub(super) fn insert(&mut self, method: &str, router: MethodRouter) {
        self.methods.insert(method.to_owned(), router);
    }

    /// The path can be asked without one, too.
    pub(super) fn note_plain(&mut self, method: &Method) {
        self.plain.push(method.clone());
    }

    /// Serves a request. A colon that is percent-encoded belongs to the name.
    pub(super) async fn serve(self: Arc<Self>, request: Request) -> Response {
        let segment = request.uri().path().rsplit('/').next().unwrap_or_default();
        let Some((_, method)) = segment.rsplit_once(':') else { return self.refused() };
        let Some(router) = self.methods.get(method) else {
            return Problem::not_found("there is no such method").into_response();
        };
        let Ok(response) = router.clone().call(request).await;
        response
    }

    fn refused(&self) -> Response {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        let allowed = self.plain.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
        if let Ok(allowed) = HeaderValue::try_from(allowed) {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

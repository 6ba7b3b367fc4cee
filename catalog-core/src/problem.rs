//! The one shape of every error on the wire: RFC 9457, `application/problem+json`.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::{
    context::RequestContext,
    name::{Namespace, PluginName, SourceId},
};

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// One error, as a client sees it.
///
/// `code` is stable and for programs, `detail` is for people and says what and where; nothing internal is ever in it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Problem {
    /// A URI reference of the kind of problem: `urn:catalog:problem:invalid_filter`.
    #[serde(rename = "type")]
    pub type_uri: Cow<'static, str>,
    /// The status in words.
    pub title: Cow<'static, str>,
    /// The status code.
    pub status: u16,
    /// What is wrong, for people.
    pub detail: Cow<'static, str>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What is wrong, for programs: snake case, stable.
    pub code: Cow<'static, str>,
    /// The request's id, to be told to who runs the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The tenant, where one was understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The plugin, where the problem is one plugin's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginName>,
    /// The source, where the problem is one source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The single faults of an input that has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemDetail>,
    /// Seconds after which to try again, which is a header.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

/// One fault of an input.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDetail {
    /// Where in the body, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Where in that parameter's value, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What is wrong, for programs.
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub detail: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident, $status:ident, $code:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(detail: impl Into<Cow<'static, str>>) -> Self {
                Self::new(StatusCode::$status, $code, detail)
            }
        )*

        /// Every code that the crates use, with its status: for documents and tests.
        pub const CODES: &'static [(&'static str, StatusCode)] = &[$(($code, StatusCode::$status)),*];
    };
}

/// A longer path is not told back, in bytes.
const MAX_INSTANCE: usize = 4_096;

impl Problem {
    problems! {
        /// 400: the request is not understood.
        bad_request, BAD_REQUEST, "bad_request";
        /// 400: the body is no JSON, or not of the shape it should have.
        invalid_body, BAD_REQUEST, "invalid_body";
        /// 400: a query parameter that the route does not know, or twice the same.
        invalid_parameter, BAD_REQUEST, "invalid_parameter";
        /// 400: a tenant's name that is none.
        invalid_namespace, BAD_REQUEST, "invalid_namespace";
        /// 400: several tenants in one request.
        tenant_conflict, BAD_REQUEST, "tenant_conflict";
        /// 400: a tenant's route without a tenant.
        tenant_required, BAD_REQUEST, "tenant_required";
        /// 400: all tenants, where the route serves one.
        all_namespaces_not_served, BAD_REQUEST, "all_namespaces_not_served";
        /// 400: `pageSize`.
        invalid_page_size, BAD_REQUEST, "invalid_page_size";
        /// 400: `pageToken`.
        invalid_page_token, BAD_REQUEST, "invalid_page_token";
        /// 400: `orderBy` or `sortOrder`.
        invalid_order_by, BAD_REQUEST, "invalid_order_by";
        /// 400: `filterQuery`.
        invalid_filter, BAD_REQUEST, "invalid_filter";
        /// 400: `q`.
        invalid_search, BAD_REQUEST, "invalid_search";
        /// 401: who asks is not known.
        unauthenticated, UNAUTHORIZED, "unauthenticated";
        /// 403: who asks may not.
        forbidden, FORBIDDEN, "forbidden";
        /// 403: the tenant is suspended, and nobody may do anything in it.
        namespace_suspended, FORBIDDEN, "namespace_suspended";
        /// 403: the tenant is being deleted, and nobody may do anything in it.
        namespace_terminating, FORBIDDEN, "namespace_terminating";
        /// 403: the tenant has as much as it may have.
        quota_exceeded, FORBIDDEN, "quota_exceeded";
        /// 404: there is no such tenant.
        namespace_not_found, NOT_FOUND, "namespace_not_found";
        /// 404: there is no such object, or it is not the caller's to know of.
        not_found, NOT_FOUND, "not_found";
        /// 404: there is no such route.
        route_not_found, NOT_FOUND, "route_not_found";
        /// 405: the route does not know the method.
        method_not_allowed, METHOD_NOT_ALLOWED, "method_not_allowed";
        /// 409: several sources of the tenant use the name.
        ambiguous_name, CONFLICT, "ambiguous_name";
        /// 409: what is stored stands against it.
        conflict, CONFLICT, "conflict";
        /// 409: the job is over, so nothing can be done about it.
        job_finished, CONFLICT, "job_finished";
        /// 412: somebody else changed the object meanwhile.
        revision_conflict, PRECONDITION_FAILED, "revision_conflict";
        /// 413: the body is too large.
        body_too_large, PAYLOAD_TOO_LARGE, "body_too_large";
        /// 414: the path and query are too long.
        uri_too_long, URI_TOO_LONG, "uri_too_long";
        /// 415: the body is of a media type that the route does not take.
        unsupported_media_type, UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type";
        /// 422: the idempotency key was used for something else.
        idempotency_mismatch, UNPROCESSABLE_ENTITY, "idempotency_mismatch";
        /// 429: too many requests.
        rate_limited, TOO_MANY_REQUESTS, "rate_limited";
        /// 429: the tenant has as many jobs waiting and running as it may.
        too_many_jobs, TOO_MANY_REQUESTS, "too_many_jobs";
        /// 500: a fault of the server.
        internal, INTERNAL_SERVER_ERROR, "internal";
        /// 503: what checks credentials does not answer, so nobody is known.
        authenticator_unavailable, SERVICE_UNAVAILABLE, "authenticator_unavailable";
        /// 503: the authorizer does not answer, so nobody may.
        authorizer_unavailable, SERVICE_UNAVAILABLE, "authorizer_unavailable";
        /// 503: the plugin does not work; the others do.
        plugin_unavailable, SERVICE_UNAVAILABLE, "plugin_unavailable";
        /// 503: the database does not answer.
        store_unavailable, SERVICE_UNAVAILABLE, "store_unavailable";
        /// 503: what is to be done cannot be recorded, and so it is not done.
        audit_unavailable, SERVICE_UNAVAILABLE, "audit_unavailable";
        /// 503: as many requests of the tenant are under way or wait as may.
        tenant_busy, SERVICE_UNAVAILABLE, "tenant_busy";
        /// 503: what says which tenants there are does not answer.
        directory_unavailable, SERVICE_UNAVAILABLE, "directory_unavailable";
        /// 503: the server does not work, or not yet.
        unavailable, SERVICE_UNAVAILABLE, "unavailable";
        /// 504: the answer took too long.
        timeout, GATEWAY_TIMEOUT, "timeout";
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            type_uri: format!("urn:catalog:problem:{code}").into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            code: code.into(),
            request_id: None,
            namespace: None,
            plugin: None,
            source: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// With one single fault more.
    #[must_use]
    pub fn with_error(mut self, error: ProblemDetail) -> Self {
        self.errors.push(error);
        self
    }

    /// With the query parameter that is at fault.
    #[must_use]
    pub fn with_parameter(self, parameter: &str) -> Self {
        let (code, detail) = (self.code.clone(), self.detail.to_string());
        self.with_error(ProblemDetail {
            parameter: Some(parameter.into()),
            code,
            detail,
            ..ProblemDetail::default()
        })
    }

    /// With the plugin that it is about.
    #[must_use]
    pub fn with_plugin(mut self, plugin: PluginName) -> Self {
        self.plugin = Some(plugin);
        self
    }

    /// With seconds after which to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Fills in what the request's context knows and the problem does not say yet.
    #[must_use]
    pub fn in_context(mut self, context: &RequestContext) -> Self {
        if self.instance.is_none() && context.path().len() <= MAX_INSTANCE {
            self.instance = Some(context.path().into());
        }
        self.request_id.get_or_insert_with(|| context.request_id().to_string());
        if self.namespace.is_none() {
            self.namespace = context.namespace().cloned();
        }
        self
    }

    /// The status, which is always one of an error.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The response that carries it; the problem itself is also in the response's extensions.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        // texts and numbers always serialize
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(B::from(Bytes::from(body)));
        *response.status_mut() = self.status_code();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_snake_case_and_errors() {
        let mut seen = HashSet::new();
        for (code, status) in Problem::CODES {
            assert!(seen.insert(code), "{code} twice");
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!(status.is_client_error() || status.is_server_error(), "{code}");
        }
    }

    #[test]
    fn a_response_carries_the_problem_as_json() {
        let problem = Problem::unavailable("not yet").with_retry_after(3);
        let response: Response<Bytes> = problem.clone().into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["code"], "unavailable");
        assert_eq!(body["type"], "urn:catalog:problem:unavailable");
        assert!(body.get("requestId").is_none() && body.get("errors").is_none());
        assert_eq!(response.extensions().get::<Problem>(), Some(&problem));
    }
}

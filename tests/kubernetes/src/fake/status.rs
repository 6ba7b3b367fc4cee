//! Refusals, worded as the API server words them.
//!
//! Source: `k8s.io/apimachinery/pkg/api/errors` and `pkg/util/validation/field`.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::resource::Resource;

/// What is answered instead of the object: a `Status` of kind `Failure`.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
    /// A token to go on listing with, in an answer that refuses to go on consistently.
    proceed: Option<String>,
    retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null, proceed: None, retry_after: None }
    }

    /// The failure that a server answers with a mere code, for lack of more to say.
    pub(super) fn plain(code: StatusCode) -> Self {
        let (reason, message) = match code.as_u16() {
            400 => ("BadRequest", "the server rejected our request for an unknown reason"),
            401 => return Self::unauthorized(),
            403 => ("Forbidden", "forbidden by a fault of the test"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => (
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            410 => ("Expired", "too old resource version"),
            429 => ("TooManyRequests", "Too many requests, please try again later."),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "the server was unable to return a response in the time allotted"),
            _ => ("InternalError", "Internal error occurred: fault of the test"),
        };
        Self::new(code, reason, message)
    }

    #[must_use]
    pub(super) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    pub(super) fn unknown_resource() -> Self {
        Self::plain(StatusCode::NOT_FOUND)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(super) fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("{} \"{name}\" not found", resource.qualified))
            .about(resource, name)
    }

    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", resource.qualified),
        )
        .about(resource, name)
    }

    pub(super) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified),
        )
        .about(resource, name)
    }

    /// The conflict of a write that knows an older version.
    pub(super) fn outdated(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// `group` and `resource` as asked, which need not be served.
    pub(super) fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let qualified = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let message = match (resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{qualified} is forbidden: {why}"),
            (false, false) => format!("{qualified} \"{name}\" is forbidden: {why}"),
        };
        let mut failure = Self::new(StatusCode::FORBIDDEN, "Forbidden", message);
        failure.details = details(group, resource, name);
        failure
    }

    pub(super) fn invalid(resource: &Resource, name: &str, errors: &[FieldError]) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.to_owned()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        Self::invalid_kind(&kind, resource.kind, resource.group, name, errors)
    }

    /// `kind` with its group, and both apart.
    pub(super) fn invalid_kind(
        qualified: &str,
        kind: &str,
        group: &str,
        name: &str,
        errors: &[FieldError],
    ) -> Self {
        let texts: Vec<String> = errors.iter().map(FieldError::text).collect();
        let text = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{qualified} \"{name}\" is invalid: {text}");
        let mut failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        let causes: Vec<Value> = errors.iter().map(FieldError::cause).collect();
        failure.details = details(group, kind, name);
        if let Some(details) = failure.details.as_object_mut() {
            details.insert("causes".to_owned(), causes.into());
        }
        failure
    }

    /// The history that was asked for is gone.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    #[must_use]
    pub(super) fn with_continue(mut self, token: String) -> Self {
        self.proceed = Some(token);
        self
    }

    /// The version that was asked for is yet to come.
    pub(super) fn too_large_version(asked: u64, current: u64) -> Self {
        let mut failure = Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "Timeout",
            format!("Timeout: Too large resource version: {asked}, current: {current}"),
        );
        failure.details = json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
            "retryAfterSeconds": 1,
        });
        failure
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        self.details = details(resource.group, resource.plural, name);
        self
    }

    pub(super) fn with_cause(mut self, reason: &str, message: &str, field: &str) -> Self {
        if let Some(details) = self.details.as_object_mut() {
            let cause = json!({ "reason": reason, "message": message, "field": field });
            details.insert("causes".to_owned(), json!([cause]));
        }
        self
    }

    pub(super) fn code(&self) -> StatusCode {
        self.code
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let (Some(token), Some(metadata)) =
            (&self.proceed, body.get_mut("metadata").and_then(Value::as_object_mut))
        {
            metadata.insert("continue".to_owned(), token.as_str().into());
        }
        if let (false, Some(object)) = (self.details.is_null(), body.as_object_mut()) {
            object.insert("details".to_owned(), self.details.clone());
        }
        body
    }
}

/// What a deletion that is complete answers.
pub(super) fn success(resource: &Resource, name: &str, uid: &Value) -> Value {
    let mut details = details(resource.group, resource.plural, name);
    if let Some(details) = details.as_object_mut() {
        details.insert("uid".to_owned(), uid.clone());
    }
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}

/// Empty members are left out.
fn details(group: &str, kind: &str, name: &str) -> Value {
    let members = [("name", name), ("group", group), ("kind", kind)];
    let members = members.into_iter().filter(|(_, value)| !value.is_empty());
    members.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<serde_json::Map<_, _>>().into()
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    field: String,
    reason: &'static str,
    message: String,
}

impl FieldError {
    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message =
            if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { field: field.into(), reason: "FieldValueRequired", message }
    }

    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { field: field.into(), reason: "FieldValueInvalid", message }
    }

    pub(super) fn unsupported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let message = format!("Unsupported value: {value:?}: supported values: {}", supported.join(", "));
        Self { field: field.into(), reason: "FieldValueNotSupported", message }
    }

    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {detail}") }
    }

    fn text(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }

    fn cause(&self) -> Value {
        json!({ "reason": self.reason, "message": self.message, "field": self.field })
    }
}

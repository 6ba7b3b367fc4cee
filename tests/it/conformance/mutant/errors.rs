use http::HeaderValue;

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("errors are plain text", "errors-are-problems", |_, answered| {
        if answered.status >= 400 {
            answered.plain("no");
        }
    }),
    Mutant::answers("errors are plain JSON", "errors-are-problems", |_, answered| {
        if answered.status >= 400 {
            answered.header("content-type", "application/json");
        }
    }),
    Mutant::answers("errors have no title", "errors-are-problems", |_, answered| {
        if answered.status >= 400 {
            answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("title"))));
        }
    }),
    Mutant::answers("errors do not name the request", "error-names-the-request", |_, answered| {
        answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("requestId"))));
    }),
    Mutant::answers("errors name another request", "error-names-the-request", |_, answered| {
        if answered.status >= 400 {
            answered.edit(|json| json["requestId"] = "another".into());
        }
    }),
    Mutant::answers("405 does not say what is allowed", "method-not-allowed-tells-allowed", |_, answered| {
        answered.headers.remove("allow");
    }),
    Mutant::asks("the request's id is always new", "request-id-is-echoed", |asked| {
        asked.headers.remove("x-request-id");
    }),
    Mutant::answers("there is no request id", "bad-request-id-is-replaced", |_, answered| {
        answered.headers.remove("x-request-id");
    }),
    Mutant::answers("any request id is echoed", "bad-request-id-is-replaced", |asked, answered| {
        let given = asked.headers.get("x-request-id").cloned();
        answered.headers.insert("x-request-id", given.unwrap_or(HeaderValue::from_static("none")));
    }),
];

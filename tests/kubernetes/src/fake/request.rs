//! A request, read as the API server reads it: which verb on which object.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::rbac::Attributes;
use super::selector;
use super::status::Failure;

/// Subresources of a namespace, which are not resources in it.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// A request and what it is about.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What the request needs to be allowed to.
    pub(super) attributes: Attributes,
    /// The version of the API group, empty where the path names no resource.
    pub(super) version: String,
}

impl Call {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let query: Vec<(String, String)> =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let mut call = Self {
            attributes: Attributes { path: path.clone(), ..Attributes::default() },
            method: parts.method,
            path,
            query,
            headers: parts.headers,
            body,
            version: String::new(),
        };
        call.attributes.verb = call.method.as_str().to_lowercase();
        call.resolve();
        call
    }

    /// Reads the path, if it names a resource.
    fn resolve(&mut self) {
        let segments: Vec<String> = self
            .path
            .trim_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return,
        };
        if rest.is_empty() {
            return;
        }
        let (namespace, rest) = match rest {
            ["namespaces", namespace, subresource, ..] if NAMESPACE_SUBRESOURCES.contains(subresource) => {
                (*namespace, rest)
            }
            ["namespaces", namespace, within @ ..] if !within.is_empty() => (*namespace, within),
            ["namespaces", namespace] => (*namespace, rest),
            _ => ("", rest),
        };
        let mut rest = rest.iter().map(ToString::to_string);
        let mut attributes = Attributes {
            group: group.to_owned(),
            namespace: namespace.to_owned(),
            resource: rest.next().unwrap_or_default(),
            name: rest.next().unwrap_or_default(),
            subresource: rest.next().unwrap_or_default(),
            ..Attributes::default()
        };
        version.clone_into(&mut self.version);
        let verb = match self.method {
            Method::POST => "create",
            Method::GET | Method::HEAD => "get",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "",
        };
        verb.clone_into(&mut attributes.verb);
        if attributes.name.is_empty() {
            match attributes.verb.as_str() {
                "get" => {
                    let verb = if self.flag("watch") { "watch" } else { "list" };
                    verb.clone_into(&mut attributes.verb);
                    if let Some(name) = selector::only_name(self.parameter("fieldSelector")) {
                        attributes.name = name;
                    }
                }
                "delete" => "deletecollection".clone_into(&mut attributes.verb),
                _ => {}
            }
        }
        self.attributes = attributes;
    }

    /// The first value of a parameter, empty if there is none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// A parameter that is set, however: `watch`, `watch=1` and `watch=true` all mean yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        let set = |(key, value): &(String, String)| key == name && !matches!(value.as_str(), "false" | "0");
        self.query.iter().any(set)
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.parameter(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            }),
        }
    }

    pub(super) fn dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON, null if there is none.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type JSON): {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(method: &str, uri: &str) -> Attributes {
        let request = Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        Call::new(request).attributes
    }

    #[test]
    fn verb_and_object_of_a_path() {
        let leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
        for (method, uri, verb, object) in [
            ("GET", leases.to_owned(), "list", "a|leases||"),
            ("GET", format!("{leases}?watch=1&fieldSelector=metadata.name%3Dx"), "watch", "a|leases|x|"),
            ("GET", format!("{leases}?watch=false"), "list", "a|leases||"),
            ("DELETE", leases.to_owned(), "deletecollection", "a|leases||"),
            ("PUT", format!("{leases}/x"), "update", "a|leases|x|"),
            ("PATCH", format!("{leases}/x/status"), "patch", "a|leases|x|status"),
            ("GET", "/api/v1/namespaces".to_owned(), "list", "|namespaces||"),
            ("GET", "/api/v1/namespaces/a".to_owned(), "get", "a|namespaces|a|"),
            ("PUT", "/api/v1/namespaces/a/finalize".to_owned(), "update", "a|namespaces|a|finalize"),
            ("GET", "/version".to_owned(), "get", "|||"),
            ("GET", "/apis/rbac.authorization.k8s.io/v1".to_owned(), "get", "|||"),
        ] {
            let found = attributes(method, &uri);
            assert_eq!(found.verb, verb, "{method} {uri}");
            let shown =
                format!("{}|{}|{}|{}", found.namespace, found.resource, found.name, found.subresource);
            assert_eq!(shown, object, "{method} {uri}");
        }
    }
}

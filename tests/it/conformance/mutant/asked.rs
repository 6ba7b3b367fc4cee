//! Requests and answers in a form that is easy to change.

use bytes::Bytes;
use catalog_tests::USER;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// The list that is checked.
const LIST: &str = "/api/model_catalog/v1alpha1/models";
const SOURCES: &str = "/api/model_catalog/v1alpha1/sources";

#[derive(Clone, Debug)]
pub(in crate::conformance) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
}

impl Asked {
    pub(in crate::conformance) fn read(request: Request<Bytes>) -> Self {
        let (parts, _) = request.into_parts();
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: query.map(|(name, value)| (decode(name), decode(value))).collect(),
            headers: parts.headers,
        }
    }

    pub(super) fn request(&self) -> Request<Bytes> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let uri = format!("{}?{}", self.path, query.join("&"));
        let mut request = Request::builder().method(self.method.clone()).uri(uri).body(Bytes::new()).unwrap();
        *request.headers_mut() = self.headers.clone();
        request
    }

    pub(in crate::conformance) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(in crate::conformance) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(&[name]);
        self.query.push((name.into(), value.into()));
    }

    pub(super) fn remove(&mut self, names: &[&str]) {
        self.query.retain(|(other, _)| !names.contains(&other.as_str()));
    }

    /// The same without those parameters.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let mut other = self.clone();
        other.remove(names);
        other
    }

    /// The same in another tenant, by somebody who may do anything.
    pub(super) fn in_tenant(&self, tenant: &str) -> Self {
        let mut other = self.clone();
        other.set("namespace", tenant);
        other.act_as(catalog_tests::OPERATOR);
        other
    }

    pub(super) fn act_as(&mut self, user: &'static str) {
        self.headers.insert(USER, HeaderValue::from_static(user));
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.headers.get(USER).and_then(|user| user.to_str().ok())
    }

    pub(super) fn is_list(&self) -> bool {
        self.path == LIST
    }

    pub(super) fn is_asset(&self) -> bool {
        self.path.starts_with(LIST) && !self.is_list()
    }

    pub(super) fn is_sources(&self) -> bool {
        self.path == SOURCES
    }

    pub(super) fn is_source(&self) -> bool {
        self.path.starts_with(SOURCES) && !self.is_sources()
    }

    pub(super) fn is_artifacts(&self) -> bool {
        self.path.ends_with("/artifacts")
    }

    pub(super) fn is_discovery(&self) -> bool {
        self.path.starts_with("/api/plugins")
    }

    /// The filter with something replaced, where there is one.
    pub(super) fn rewrite_filter(&mut self, rewrite: impl Fn(&str) -> Option<String>) {
        if let Some(filter) = self.get("filterQuery").and_then(rewrite) {
            self.set("filterQuery", &filter);
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answered {
    pub(super) fn read(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(super) fn response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = self.headers;
        response
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it is a refusal with that code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.json()["code"] == code
    }

    /// Changes the body, if it is a JSON object.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut json = self.json();
        if json.is_object() {
            edit(&mut json);
            self.headers.remove("content-length");
            self.body = json.to_string().into();
        }
    }

    /// Changes the items of a page, whose size then counts them.
    pub(super) fn edit_items(&mut self, edit: impl FnOnce(&mut Vec<Value>)) {
        self.edit(|json| {
            if let Some(items) = json["items"].as_array_mut() {
                edit(items);
                json["size"] = items.len().into();
            }
        });
    }

    /// Changes each document.
    pub(super) fn edit_each(&mut self, edit: impl Fn(&mut Value)) {
        self.edit_items(|items| items.iter_mut().for_each(edit));
    }

    pub(super) fn header(&mut self, name: &'static str, value: &'static str) {
        self.headers.insert(name, HeaderValue::from_static(value));
    }

    pub(super) fn plain(&mut self, text: &'static str) {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        self.body = Bytes::from_static(text.as_bytes());
    }
}

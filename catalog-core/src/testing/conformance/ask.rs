use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::caller::Caller;

/// What a path segment or a parameter's value may hold as it is (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One text as a segment of a path or a value of a parameter.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A request that is being put together.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
}

impl Ask {
    /// Reads that path as that caller.
    pub(super) fn new(path: impl Into<String>, caller: &Caller) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), headers: caller.headers().clone() }
    }

    pub(super) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With a parameter more; a second one of the same name is sent, too.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        // a value that cannot stand in a header is left out, and the check that sent it fails
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.append(HeaderName::from_static(name), value);
        }
        self
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        if query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, query.join("&")) }
    }

    /// As a report shows it: not encoded, without credentials.
    pub(super) fn shown(&self) -> String {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = if query.is_empty() {
            format!("{} {}", self.method, self.path)
        } else {
            format!("{} {}?{}", self.method, self.path, query.join("&"))
        };
        if text.chars().count() > 300 { text.chars().take(300).chain(['…']).collect() } else { text }
    }

    pub(super) fn request(&self) -> Result<Request<Bytes>, http::Error> {
        let mut request =
            Request::builder().method(self.method.clone()).uri(self.target()).body(Bytes::new())?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

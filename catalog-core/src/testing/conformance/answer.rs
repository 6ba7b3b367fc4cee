use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::faults::Stop;

/// An answer, with what was asked.
#[derive(Debug)]
pub(super) struct Answer {
    /// Method and path.
    pub(super) asked: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    json: Value,
}

impl Answer {
    pub(super) fn new(asked: String, status: u16, headers: HeaderMap, body: Bytes) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Self { asked, status, headers, body, json }
    }

    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> &Value {
        &self.json
    }

    /// The code of a problem, empty where there is none.
    pub(super) fn code(&self) -> String {
        self.json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer if it is 200 with JSON in it.
    pub(super) fn good(self) -> Result<Self, Stop> {
        if self.status == 200 && !self.json.is_null() {
            Ok(self)
        } else {
            Err(Stop::fail(format!("{self} where 200 with JSON was due")))
        }
    }

    /// The list in that field of the body.
    pub(super) fn list(&self, field: &str) -> Result<&[Value], Stop> {
        let list = self.json[field].as_array();
        list.map(Vec::as_slice).ok_or_else(|| Stop::fail(format!("{self} has no list `{field}`")))
    }
}

/// `GET /path answered 404 (not_found)`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.asked, self.status)?;
        match self.json["code"].as_str() {
            Some(code) => write!(f, " `{code}`"),
            None => Ok(()),
        }
    }
}

//! A browser, as far as cookies and redirects go.

use std::collections::{BTreeMap, HashMap};

use axum::{Router, body::Body};
use catalog_core::problem::Problem;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

#[derive(Clone)]
pub(super) struct Browser {
    router: Router,
    pub(super) cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    /// Status and code of a problem.
    pub(super) fn outcome(&self) -> (u16, String) {
        (self.status, self.problem().code.into_owned())
    }
}

impl Browser {
    pub(super) fn new(router: Router) -> Self {
        Self { router, cookies: BTreeMap::new() }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(super) async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all("set-cookie") {
            let text = value.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("; Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Begins a login, and gives what the provider is asked.
    pub(super) async fn begin(&mut self, path: &str) -> HashMap<String, String> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let (_, query) = answer.header("location").split_once("/authorize?").unwrap();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The cookie whose name ends so.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let mut found = self.cookies.iter().filter(|(known, _)| known.ends_with(name));
        found.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.into(), value.into());
    }
}

//! A login at a real provider: the npm package `oidc-provider`, whose forms are filled in as a person would.

use std::collections::BTreeMap;

use bytes::Bytes;
use catalog_core::clock::SystemClock;
use catalog_rbac::{
    authenticate::{Claim, OidcIssuer},
    login::{Login, LoginConfig},
};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Browser, KEY, router_of};
use crate::authenticate::oidc::provider::Provider;

/// The provider's side of a browser.
struct Tab {
    client: Client<HttpConnector, Full<Bytes>>,
    issuer: String,
    cookies: BTreeMap<String, String>,
}

/// Where the provider leads: to a form, or away.
enum Page {
    Form(String),
    Away(String),
}

impl Tab {
    fn new(issuer: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, issuer: issuer.into(), cookies: BTreeMap::new() }
    }

    /// Follows the provider's redirects, beginning with a form if there is one.
    async fn go(&mut self, location: &str, form: Option<&str>) -> Page {
        let (mut location, mut form) = (location.to_owned(), form);
        for _ in 0..10 {
            let of_issuer = if location.starts_with('/') { self.issuer.as_str() } else { "" };
            let url = format!("{of_issuer}{location}");
            if !url.starts_with(&self.issuer) {
                return Page::Away(url);
            }
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let method = if form.is_some() { "POST" } else { "GET" };
            let request = Request::builder()
                .method(method)
                .uri(&url)
                .header(header::COOKIE, cookies.join("; "))
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Full::<Bytes>::from(form.take().unwrap_or_default().to_owned()))
                .unwrap();
            let (parts, body) = self.client.request(request).await.unwrap().into_parts();
            for cookie in parts.headers.get_all(header::SET_COOKIE) {
                let (name, value) =
                    cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.into(), value.into());
            }
            let Some(next) = parts.headers.get(header::LOCATION) else {
                let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
                assert!(parts.status.is_success(), "{url}: {text}");
                return Page::Form(text);
            };
            next.to_str().unwrap().clone_into(&mut location);
        }
        panic!("the provider leads around in circles")
    }

    /// Logs in under that name and agrees; gives where the provider leads after that.
    async fn log_in(&mut self, location: &str, name: &str) -> String {
        let mut page = self.go(location, None).await;
        for _ in 0..3 {
            let text = match page {
                Page::Away(url) => return url,
                Page::Form(text) => text,
            };
            let (_, action) = text.split_once("action=\"").unwrap_or_else(|| panic!("no form in {text}"));
            let action = action.split('"').next().unwrap().to_owned();
            let form = if text.contains(r#"value="login""#) {
                format!("prompt=login&login={name}&password=any")
            } else {
                "prompt=consent".to_owned()
            };
            page = self.go(&action, Some(&form)).await;
        }
        panic!("the provider asks and asks")
    }
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn a_browser_logs_in_at_a_real_provider() {
    let provider = Provider::start().await;
    let mut issuer = OidcIssuer::new(&provider.issuer, "catalog").with_insecure_http();
    issuer.groups_claim = Some(Claim::new("roles"));
    let config = LoginConfig::new(issuer, "web", "http://127.0.0.1:8080", [KEY.to_owned()]);
    let login = Login::new(config.with_client_secret("web-secret")).unwrap().with_clock(SystemClock);
    let mut browser = Browser::new(router_of(&login));

    let answer = browser.get("/auth/login?return=/docs/").await;
    let away = Tab::new(&provider.issuer).log_in(answer.header("location"), "jane").await;
    let back = away.strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("it leads to {away}"));
    let mut stranger = Browser::new(router_of(&login));
    assert_eq!(stranger.get(back).await.status, 400, "not in another browser");
    let answer = browser.get(back).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/docs/"), "{answer:?}");
    let who = browser.get("/who").await.text;
    assert_eq!(who, r#"jane ["team-b", "system:authenticated"] []"#);

    // the person says no
    let mut browser = Browser::new(router_of(&login));
    let answer = browser.get("/auth/login").await;
    let mut tab = Tab::new(&provider.issuer);
    let Page::Form(text) = tab.go(answer.header("location"), None).await else { panic!("nobody is asked") };
    let abort = text.split('"').find(|part| part.ends_with("/abort")).unwrap();
    let Page::Away(away) = tab.go(abort, None).await else { panic!("{text}") };
    let answer = browser.get(away.strip_prefix("http://127.0.0.1:8080").unwrap()).await;
    assert_eq!(answer.outcome(), (403, "forbidden".into()));
    assert!(answer.problem().detail.ends_with("`access_denied`"), "{answer:?}");
}

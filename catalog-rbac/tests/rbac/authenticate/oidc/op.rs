//! An issuer on the loopback interface that publishes keys, and fails when it is told to.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest::{SHA256, digest};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::{Key, key::encode};

#[derive(Clone)]
pub(crate) struct Op {
    issuer: String,
    state: Arc<Mutex<State>>,
    /// Whether it answers at all.
    open: Arc<watch::Sender<bool>>,
}

struct State {
    discovery: String,
    jwks: String,
    status: u16,
    asked: Vec<String>,
    grants: HashMap<String, Grant>,
    /// The header and body of each question to the token endpoint.
    exchanges: Vec<(Option<String>, HashMap<String, String>)>,
}

/// What a code is worth, once.
struct Grant {
    challenge: String,
    redirect_uri: String,
    tokens: String,
}

impl Op {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/keys"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let state = State {
            discovery: discovery.to_string(),
            jwks: String::new(),
            status: 200,
            asked: Vec::new(),
            grants: HashMap::new(),
            exchanges: Vec::new(),
        };
        let op =
            Self { issuer, state: Arc::new(Mutex::new(state)), open: Arc::new(watch::Sender::new(true)) };
        let serving = op.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let op = serving.clone();
                let service = service_fn(move |request| op.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        op
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        self.state.lock().unwrap().asked.push(path.clone());
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        if path == "/token" {
            return Ok(self.exchange(request).await);
        }
        let state = self.state.lock().unwrap();
        let body = if path == "/keys" { state.jwks.clone() } else { state.discovery.clone() };
        let response = Response::builder().status(state.status).header("location", "/keys");
        Ok(response.body(Full::from(body)).unwrap())
    }

    /// Gives what was granted for a code, to whoever shows that the browser was sent by it (RFC 7636).
    async fn exchange(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let header = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let mut state = self.state.lock().unwrap();
        state.exchanges.push((header, form.clone()));
        let of = |name: &str| form.get(name).map_or("", String::as_str);
        let challenge = encode(digest(&SHA256, of("code_verifier").as_bytes()).as_ref());
        let grant = state.grants.remove(of("code")).filter(|grant| {
            grant.challenge == challenge
                && grant.redirect_uri == of("redirect_uri")
                && of("grant_type") == "authorization_code"
        });
        let (status, text) = match grant {
            Some(grant) => (state.status, grant.tokens),
            None => (400, json!({"error": "invalid_grant"}).to_string()),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        response.body(Full::from(text)).unwrap()
    }

    /// As if the user had agreed: a code that is worth those tokens, once, for the question that a browser brings.
    pub(crate) fn grant(&self, question: &HashMap<String, String>, tokens: &Value) -> String {
        assert_eq!(question["response_type"], "code");
        assert_eq!(question["code_challenge_method"], "S256");
        let mut state = self.state.lock().unwrap();
        let code = format!("code-{}", state.asked.len());
        let (challenge, redirect_uri) =
            (question["code_challenge"].clone(), question["redirect_uri"].clone());
        let grant = Grant { challenge, redirect_uri, tokens: tokens.to_string() };
        assert!(state.grants.insert(code.clone(), grant).is_none(), "a code for each question");
        state.asked.push("grant".into());
        code
    }

    /// The header and body of the last question to the token endpoint.
    pub(crate) fn last_exchange(&self) -> Option<(Option<String>, HashMap<String, String>)> {
        self.state.lock().unwrap().exchanges.last().cloned()
    }

    /// What it says of itself.
    pub(crate) fn discovery(&self) -> Value {
        serde_json::from_str(&self.state.lock().unwrap().discovery).unwrap()
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn publish(&self, keys: &[&Key]) {
        self.publish_text(
            &json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<Value>>()}).to_string(),
        );
    }

    pub(crate) fn publish_text(&self, text: &str) {
        text.clone_into(&mut self.state.lock().unwrap().jwks);
    }

    pub(crate) fn discover(&self, document: &Value) {
        self.state.lock().unwrap().discovery = document.to_string();
    }

    /// Answers with that status from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.state.lock().unwrap().status = status;
    }

    /// Answers nothing until it is opened.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// How often the keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|path| *path == "/keys").count()
    }

    /// How often anything was.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }
}

//! An issuer on the loopback interface that publishes keys, and fails when it is told to.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::Key;

#[derive(Clone)]
pub(super) struct Op {
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
}

impl Op {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string();
        let state = State { discovery, jwks: String::new(), status: 200, asked: Vec::new() };
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
        let state = self.state.lock().unwrap();
        let body = if path == "/keys" { state.jwks.clone() } else { state.discovery.clone() };
        let response = Response::builder().status(state.status).header("location", "/keys");
        Ok(response.body(Full::from(body)).unwrap())
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn publish(&self, keys: &[&Key]) {
        self.publish_text(
            &json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<Value>>()}).to_string(),
        );
    }

    pub(super) fn publish_text(&self, text: &str) {
        text.clone_into(&mut self.state.lock().unwrap().jwks);
    }

    pub(super) fn discover(&self, document: &Value) {
        self.state.lock().unwrap().discovery = document.to_string();
    }

    /// Answers with that status from now on.
    pub(super) fn answer_with(&self, status: u16) {
        self.state.lock().unwrap().status = status;
    }

    /// Answers nothing until it is opened.
    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// How often the keys were asked for.
    pub(super) fn fetches(&self) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|path| *path == "/keys").count()
    }

    /// How often anything was.
    pub(super) fn requests(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }
}

//! Browsers that log in, at a provider within the process.

mod browser;
mod flow;
mod hostile;
mod provider;
mod session;
mod token;

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use catalog_core::{
    clock::ManualClock,
    context::RequestContextLayer,
    http::{Context, Doc, Reply},
    permission::Access,
};
use catalog_rbac::{
    authenticate::{AnonymousAuthenticator, AuthenticateLayer, AuthenticatorChain, Claim, OidcIssuer},
    login::{Login, LoginConfig},
};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use self::browser::{Answer, Browser};
use crate::authenticate::oidc::{
    NOW, clock,
    key::{Key, Kind, encode},
    op::Op,
};

const BASE: &str = "https://catalog.example";
const KEY: &str = "a key that seals the cookies of tests";

/// A service, its provider, and the time.
struct Setup {
    op: Op,
    key: Key,
    clock: ManualClock,
    router: Router,
}

impl Setup {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut LoginConfig)) -> Self {
        let (op, key) = (Op::start().await, Key::new(Kind::Es256, "one"));
        op.publish(&[&key]);
        Self::of(op, key, change)
    }

    /// With a provider that signs so, and an issuer that may.
    async fn of_kind(kind: Kind) -> Self {
        let (op, key) = (Op::start().await, Key::new(kind, "one"));
        op.publish(&[&key]);
        Self::of(op, key, |config| {
            use catalog_rbac::authenticate::SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
            config.issuer.algorithms = vec![Rs256, Ps256, Es256, Es384, EdDsa];
        })
    }

    fn of(op: Op, key: Key, change: impl FnOnce(&mut LoginConfig)) -> Self {
        let clock = clock();
        let router = router(config(&op, change), clock.clone());
        Self { op, key, clock, router }
    }

    fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// What the provider gives for a code: tokens whose claims are changed.
    fn tokens(&self, question: &HashMap<String, String>, changes: Value) -> Value {
        let mut claims = json!({
            "iss": self.op.issuer(), "sub": "jane", "aud": "web", "exp": NOW + 300, "iat": NOW,
            "nonce": question["nonce"], "groups": ["team-a", "system:masters"], "at_hash": at_hash("access"),
        });
        let Value::Object(changes) = changes else { panic!("no claims: {changes}") };
        for (name, value) in changes {
            claims[name] = value;
        }
        tokens(&self.key.sign(&claims))
    }

    /// A browser that has begun, the provider's question, and the path that it is sent back to.
    async fn begin(&self, changes: Value) -> (Browser, HashMap<String, String>, String) {
        let mut browser = self.browser();
        let question = browser.begin("/auth/login?return=/docs/").await;
        let back = self.back(&question, &self.tokens(&question, changes));
        (browser, question, back)
    }

    /// The path of a callback with a code for those tokens.
    fn back(&self, question: &HashMap<String, String>, tokens: &Value) -> String {
        format!("/auth/callback?code={}&state={}", self.op.grant(question, tokens), question["state"])
    }

    /// A browser that has logged in.
    async fn logged_in(&self) -> Browser {
        let (mut browser, _, back) = self.begin(json!({})).await;
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/docs/"), "{answer:?}");
        browser
    }

    /// What comes of a login with those claims.
    async fn outcome(&self, changes: Value) -> Answer {
        let (mut browser, _, back) = self.begin(changes).await;
        let answer = browser.get(&back).await;
        let has_session = browser.cookie("session").is_some();
        assert_eq!(has_session, answer.status == 303, "a session is for who has logged in: {answer:?}");
        answer
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

fn config(op: &Op, change: impl FnOnce(&mut LoginConfig)) -> LoginConfig {
    let mut issuer = OidcIssuer::new(op.issuer(), "another-audience").with_insecure_http();
    issuer.groups_claim = Some(Claim::new("groups"));
    let mut config =
        LoginConfig::new(issuer, "web", BASE, [KEY.to_owned()]).with_client_secret("secret: of web");
    change(&mut config);
    config
}

/// The login's routes beside one that tells its caller who they are, and lets those be anonymous who show nothing.
fn router(config: LoginConfig, clock: ManualClock) -> Router {
    router_of(&Login::new(config).unwrap().with_clock(clock))
}

fn router_of(login: &Login) -> Router {
    let chain = AuthenticatorChain::new().with(login.authenticator()).with(AnonymousAuthenticator::new());
    let doc = |id: &str| Doc::new(id, "Who asks.", Reply::text("text/plain", "A name."));
    let who = async |Context(context): Context, headers: HeaderMap| {
        let identity = context.identity().unwrap();
        let left = headers.get("cookie").map_or("", |value| value.to_str().unwrap());
        format!("{} {:?} [{left}]", identity.user, identity.groups)
    };
    let routes = login.routes().get("/who", Access::Authenticated, doc("who"), who);
    let routes =
        routes.with(Method::POST, "/who", Access::Authenticated, doc("postWho").changing_nothing(), who);
    routes.into_router(&AuthenticateLayer::new(chain)).unwrap().layer(RequestContextLayer::new())
}

fn tokens(id_token: &str) -> Value {
    json!({"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": id_token})
}

/// OpenID Connect Core 1.0, section 3.1.3.6.
fn at_hash(access_token: &str) -> String {
    encode(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16])
}

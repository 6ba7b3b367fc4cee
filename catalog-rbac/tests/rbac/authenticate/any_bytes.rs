//! Whatever bytes come in headers, nobody is known without a credential that is good.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use catalog_core::{
    context::Peer,
    identity::{self, Identity},
};
use catalog_rbac::authenticate::{
    AuthenticatorChain, OidcAuthenticator, OidcIssuer, ProxyAuthenticator, TokenAuthenticator, TokenList,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{collection::vec, prelude::*};

use super::ask_as;

/// Bytes that a header may have, often such as mean something to an authenticator.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..64),
        "(Bearer|bearer|BEARER|Basic|Bear|) *[!-~]{0,40}".prop_map(String::into_bytes),
        "(Bearer )?[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}"
            .prop_map(String::into_bytes),
        "system:(masters|admin|anonymous)".prop_map(String::into_bytes),
        (json_like(), json_like(), vec(any::<u8>(), 0..96)).prop_map(|(header, claims, signature)| {
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let (header, claims) = (encode(header.as_bytes()), encode(claims.as_bytes()));
            format!("Bearer {header}.{claims}.{}", encode(&signature)).into_bytes()
        }),
    ]
}

/// What could stand in a token, whole or not.
fn json_like() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just(format!("\"iss\":\"{ISSUER}\"")),
        r#""(alg|kid|typ|crit)":("none"|"ES256"|"RS256"|"one"|"JWT"|null|\[\]|7)"#,
        r#""(aud|sub|exp|nbf|groups)":("catalog"|9999999999|-1|1e999|\[\[\[|\{\}|"system:admin")"#,
    ];
    vec(field, 0..6).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// Nothing listens there.
const ISSUER: &str = "http://127.0.0.1:1";

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("authorization".to_owned()),
        Just("x-remote-user".to_owned()),
        Just("x-remote-group".to_owned()),
        Just("x-proof".to_owned()),
        "x[-_]remote[-_][a-z%0-9-]{0,12}",
        "x-remote-extra-[a-z%0-9-]{0,12}",
        "[a-z-]{1,20}",
    ]
}

fn lines() -> impl Strategy<Value = HeaderMap> {
    vec((name(), value()), 0..6).prop_map(|lines| {
        let line = |(name, value): (String, Vec<u8>)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(&value).ok()?))
        };
        lines.into_iter().filter_map(line).collect()
    })
}

static CHAIN: LazyLock<AuthenticatorChain> = LazyLock::new(|| {
    let proxy = ProxyAuthenticator::new().with_certificate_names(["front-proxy"]);
    let proxy = proxy.with_shared_secret("x-proof".parse().unwrap(), "a secret that no test sends").unwrap();
    let jane = Identity::new("jane", identity::Authenticator::Token);
    let list = TokenList::new().with_plain_token("a-token-that-no-test-sends", jane).unwrap();
    let issuer = OidcIssuer::new(ISSUER, "catalog").with_insecure_http();
    let oidc = OidcAuthenticator::new([issuer]).unwrap();
    AuthenticatorChain::new().with(proxy).with(oidc).with(TokenAuthenticator::new(list))
});

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn nobody_is_known_without_proof(headers in lines()) {
        let peer = Some(Peer::tcp("10.0.0.1:4000".parse().unwrap()));
        let answer = run(ask_as(&CHAIN, peer, headers));
        let outcomes = ["unauthenticated", "bad_request", "authenticator_unavailable"];
        prop_assert!(outcomes.contains(&answer.outcome()), "{answer:?}");
    }

    #[test]
    fn a_proven_proxy_names_nobody_of_the_system(headers in lines()) {
        let peer = Some(Peer::tcp("10.0.0.1:4000".parse().unwrap()).with_certificate("front-proxy"));
        let user = headers.get("x-remote-user").cloned();
        let answer = run(ask_as(&CHAIN, peer, headers));
        if let Some(identity) = answer.identity {
            prop_assert_eq!(Some(identity.user.as_bytes()), user.as_ref().map(HeaderValue::as_bytes));
            prop_assert!(!identity.user.starts_with("system:"));
            let mut groups = identity.groups.iter().filter(|group| group.starts_with("system:"));
            prop_assert_eq!(groups.next().map(String::as_str), Some("system:authenticated"));
            prop_assert!(groups.next().is_none());
        }
    }
}

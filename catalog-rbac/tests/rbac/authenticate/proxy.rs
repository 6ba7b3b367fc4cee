//! Headers of a proxy, with and without proof.

use catalog_core::{
    context::Peer,
    identity::{self, Identity},
};
use catalog_rbac::authenticate::{
    AnonymousAuthenticator, AuthenticatorChain, ProxyAuthenticator, SharedSecretError,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ask, ask_as, groups, headers};

const SECRET: &str = "0123456789abcdef";
const PROOF: HeaderName = HeaderName::from_static("x-proof");

fn tcp() -> Peer {
    Peer::tcp("10.0.0.1:4000".parse().unwrap())
}

fn chain(proxy: ProxyAuthenticator) -> AuthenticatorChain {
    AuthenticatorChain::new().with(proxy).with(AnonymousAuthenticator::new())
}

fn all() -> ProxyAuthenticator {
    let proxy = ProxyAuthenticator::new().with_certificate_names(["front-proxy"]).with_unix_socket();
    proxy.with_shared_secret(PROOF, SECRET).unwrap()
}

#[tokio::test]
async fn a_proxy_is_believed_with_proof_alone() {
    let named = || tcp().with_certificate("front-proxy");
    let secret = || ProxyAuthenticator::new().with_shared_secret(PROOF, SECRET).unwrap();
    let certificate = || ProxyAuthenticator::new().with_certificate_names(["front-proxy"]);
    for (proxy, peer, proof, outcome) in [
        (all(), Some(named()), None, "jane"),
        (all(), Some(Peer::unix()), None, "jane"),
        (all(), Some(tcp()), Some(SECRET), "jane"),
        (all(), None, Some(SECRET), "jane"),
        (all(), Some(tcp()), None, "system:anonymous"),
        (all(), None, None, "system:anonymous"),
        (all(), Some(tcp().with_certificate("front-proxy2")), None, "system:anonymous"),
        (all(), Some(tcp().with_certificate("Front-Proxy")), None, "system:anonymous"),
        (all(), Some(tcp()), Some("0123456789abcdeF"), "unauthenticated"),
        (all(), Some(tcp()), Some(""), "unauthenticated"),
        (all(), Some(tcp()), Some("0123456789abcdef0"), "unauthenticated"),
        // a proof that is not among those named
        (certificate(), Some(Peer::unix()), None, "system:anonymous"),
        (certificate(), Some(tcp()), Some(SECRET), "system:anonymous"),
        (secret(), Some(named()), None, "system:anonymous"),
        (ProxyAuthenticator::new(), Some(named()), Some(SECRET), "system:anonymous"),
        (ProxyAuthenticator::new(), Some(Peer::unix()), None, "system:anonymous"),
    ] {
        let mut lines = vec![("x-remote-user", "jane"), ("x-remote-group", "a, b")];
        lines.extend(proof.map(|proof| ("x-proof", proof)));
        let answer = ask_as(&chain(proxy.clone()), peer.clone(), headers(&lines)).await;
        assert_eq!(answer.outcome(), outcome, "{proxy:?} {peer:?} {proof:?}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-remote")));
    }
}

#[tokio::test]
async fn what_a_proxy_says_is_taken_line_by_line_and_its_secret_is_not_passed_on() {
    let lines = [
        ("x-proof", SECRET),
        ("x-remote-user", "jäne@example.com"),
        ("x-remote-group", "cn=team a,ou=x"),
        ("x-remote-group", "team-b"),
        ("x-remote-extra-scopes", "read"),
        ("x-remote-extra-scopes", "write"),
        ("x-remote-extra-example.com%2Froles", "x"),
        ("x-remote-uid", "7"),
        ("accept", "a"),
    ];
    let answer = ask(&chain(all()), &lines).await;
    let mut jane = Identity::new("jäne@example.com", identity::Authenticator::Proxy)
        .with_group("cn=team a,ou=x")
        .with_group("team-b")
        .with_group("system:authenticated");
    jane.extra.insert("scopes".into(), vec!["read".into(), "write".into()]);
    jane.extra.insert("example.com/roles".into(), vec!["x".into()]);
    assert_eq!(answer.identity, Some(jane));
    assert_eq!(answer.headers, headers(&[("accept", "a")]));
}

#[tokio::test]
async fn a_proven_proxy_that_names_nobody_leaves_it_to_the_others() {
    let answer = ask(&chain(all()), &[("x-proof", SECRET)]).await;
    assert_eq!((answer.outcome(), answer.headers.len()), ("system:anonymous", 0));
    assert_eq!(groups(&answer), ["system:unauthenticated"]);
}

#[tokio::test]
async fn what_a_proven_proxy_gets_wrong_is_refused() {
    let user = ("x-remote-user", "jane");
    let long = "x".repeat(1_025);
    for lines in [
        vec![user, user],
        vec![user, ("x-remote-user", "joe")],
        vec![("x-remote-user", "")],
        vec![("x-remote-user", "system:admin")],
        vec![("x-remote-user", "system:anonymous")],
        vec![("x-remote-user", "a\tb")],
        vec![("x-remote-user", &long)],
        vec![user, ("x-remote-group", "")],
        vec![user, ("x-remote-group", "system:masters")],
        vec![user, ("x-remote-group", "system:authenticated")],
        vec![user, ("x-remote-group", "a"), ("x-remote-group", "system:masters")],
        vec![user, ("x-remote-extra-%ff", "a")],
        vec![user, ("x-remote-extra-", "a")],
        vec![("x-remote-group", "a")],
        vec![("x-remote-extra-a", "a")],
        vec![user, ("x-proof", SECRET)],
    ] {
        let mut all_lines = vec![("x-proof", SECRET)];
        all_lines.extend(&lines);
        let answer = ask(&chain(all()), &all_lines).await;
        assert_eq!(answer.outcome(), "unauthenticated", "{lines:?}");
        assert_eq!(answer.challenge.as_deref(), Some(r#"Bearer realm="catalog""#), "no token was shown");
    }
    for name in ["x-remote-user", "x-remote-group"] {
        let mut bytes: HeaderMap = headers(&[("x-proof", SECRET), ("x-remote-user", "jane")]);
        bytes.insert(name, HeaderValue::from_bytes(b"a\xff").unwrap());
        assert_eq!(ask_as(&chain(all()), None, bytes).await.outcome(), "unauthenticated", "{name}");
    }
}

#[test]
fn a_secret_that_proves_nothing_is_refused() {
    let with = |header: &str, secret: &str| {
        ProxyAuthenticator::new().with_shared_secret(header.parse().unwrap(), secret).map(|_| ())
    };
    assert_eq!(with("x-proof", SECRET), Ok(()));
    assert_eq!(with("x-proof", "0123456789abcde"), Err(SharedSecretError::Short));
    assert_eq!(with("authorization", SECRET), Err(SharedSecretError::Header));
    assert_eq!(with("x-remote-proof", SECRET), Err(SharedSecretError::Header));
    assert!(!format!("{:?}", all()).contains(SECRET));
}

//! What the layer makes of what authenticators say.

use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::identity::{self, Identity};
use catalog_rbac::authenticate::{
    AnonymousAuthenticator, AuthenticateLayer, Authenticator, AuthenticatorChain, AuthenticatorError,
    Outcome, Refusal, RefusalKind,
};
use http::{HeaderMap, request::Parts};

use super::{ask, groups};

/// Answers what the header `authorization` says behind the scheme, if it is for this one: `Bearer one:known`.
#[derive(Debug)]
struct Scripted {
    name: &'static str,
    /// Whether it says so at once.
    peeks: bool,
}

impl Scripted {
    fn answer(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        let value = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let script = value.and_then(|value| value.strip_prefix("Bearer ")?.strip_prefix(self.name));
        Ok(match script {
            Some("-known") => {
                Outcome::Known(Arc::new(Identity::new(self.name, identity::Authenticator::Token)))
            }
            Some("-refused") => Outcome::Refused(Refusal::new(RefusalKind::Expired, "a secret reason")),
            Some("-down") => return Err(AuthenticatorError::new("connection refused to 10.1.2.3")),
            Some("-anonymous") => Outcome::Known(Arc::new(Identity::anonymous())),
            _ => Outcome::Absent,
        })
    }
}

#[async_trait]
impl Authenticator for Scripted {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        self.answer(parts).ok().filter(|_| self.peeks)
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        self.answer(parts)
    }

    fn strip(&self, headers: &mut HeaderMap) {
        headers.remove("x-proof");
    }
}

/// With and without waiting.
fn chains() -> [AuthenticatorChain; 4] {
    [(true, true), (true, false), (false, true), (false, false)].map(|(first, second)| {
        AuthenticatorChain::new()
            .with(Scripted { name: "one", peeks: first })
            .with(Scripted { name: "two", peeks: second })
    })
}

#[tokio::test]
async fn the_first_that_has_an_answer_gives_it_and_a_bad_credential_is_nobodys_else() {
    for chain in chains() {
        for anonymous in [false, true] {
            let chain =
                if anonymous { chain.clone().with(AnonymousAuthenticator::new()) } else { chain.clone() };
            for (token, outcome) in [
                ("Bearer one-known", "one"),
                ("Bearer two-known", "two"),
                ("Bearer one-refused", "unauthenticated"),
                ("Bearer two-refused", "unauthenticated"),
                ("Bearer one-down", "authenticator_unavailable"),
                ("Bearer two-down", "authenticator_unavailable"),
                ("Bearer one-anonymous", "unauthenticated"),
                ("Bearer two-anonymous", "unauthenticated"),
                ("Bearer three", "unauthenticated"),
                ("Basic b25lOmtub3du", "unauthenticated"),
                ("", "unauthenticated"),
            ] {
                let answer = ask(&chain, &[("authorization", token)]).await;
                assert_eq!(answer.outcome(), outcome, "{token} {chain:?}");
            }
            let bare = ask(&chain, &[]).await;
            assert_eq!(bare.outcome(), if anonymous { "system:anonymous" } else { "unauthenticated" });
        }
    }
}

#[tokio::test]
async fn anonymity_counts_at_the_end_of_a_chain_alone() {
    let last = AuthenticatorChain::new().with(AnonymousAuthenticator::new());
    assert_eq!(groups(&ask(&last, &[]).await), ["system:unauthenticated"]);
    let first = last.with(Scripted { name: "one", peeks: true });
    assert_eq!(ask(&first, &[]).await.outcome(), "unauthenticated");
    assert_eq!(ask(&first, &[("authorization", "Bearer one-known")]).await.outcome(), "one");
    assert_eq!(ask(&AuthenticatorChain::new(), &[]).await.outcome(), "unauthenticated");
}

#[tokio::test]
async fn who_is_known_is_in_the_group_of_all_who_are_and_no_credential_goes_on() {
    for chain in chains() {
        let lines = [
            ("authorization", "Bearer one-known"),
            ("x-proof", "a"),
            ("x-remote-addr", "b"),
            ("accept", "c"),
        ];
        let answer = ask(&chain, &lines).await;
        assert_eq!(groups(&answer), ["system:authenticated"]);
        let left: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}

#[tokio::test]
async fn a_request_with_two_credentials_is_not_understood() {
    for chain in chains() {
        let chain = chain.with(AnonymousAuthenticator::new());
        for second in [
            ("authorization", "Bearer one-known"),
            ("authorization", "Bearer two-known"),
            ("authorization", "Basic a"),
            ("Authorization", ""),
            ("x-remote-user", "jane"),
            ("X-Remote-User", ""),
            ("x-remote-group", "system:masters"),
            ("x-remote-extra-a", "b"),
        ] {
            let first = ("authorization", "Bearer one-known");
            for lines in [[first, second], [second, first]] {
                assert_eq!(ask(&chain, &lines).await.outcome(), "bad_request", "{lines:?}");
            }
        }
    }
}

#[tokio::test]
async fn headers_of_a_proxy_that_nobody_checks_are_neither_believed_nor_passed_on() {
    let chain = AuthenticatorChain::new().with(AnonymousAuthenticator::new());
    for name in ["x-remote-user", "X-REMOTE-USER", "x_remote_user", "x-remote-extra-a", "x-remote-group"] {
        let answer = ask(&chain, &[(name, "system:admin"), (name, "system:masters")]).await;
        assert_eq!((answer.outcome(), answer.headers.len()), ("system:anonymous", 0), "{name}");
    }
}

#[tokio::test]
async fn the_caller_is_told_the_kind_of_fault_and_no_more() {
    let [chain, ..] = chains();
    let challenge = |answer: &super::Answer| answer.challenge.clone().unwrap_or_default();
    let bare = ask(&chain, &[]).await;
    assert_eq!(challenge(&bare), r#"Bearer realm="catalog""#);
    let refused = ask(&chain, &[("authorization", "Bearer one-refused")]).await;
    let told =
        "Bearer realm=\"catalog\", error=\"invalid_token\", error_description=\"the credential has expired\"";
    assert_eq!(challenge(&refused), told);
    let unknown = ask(&chain, &[("authorization", "Bearer three")]).await;
    assert!(challenge(&unknown).contains("invalid_token"));
    let down = ask(&chain, &[("authorization", "Bearer one-down")]).await;
    assert!(down.retry_after && down.challenge.is_none());
    for answer in [bare, refused, unknown, down] {
        let problem = answer.problem.unwrap();
        assert!(problem.request_id.is_some() && problem.instance.as_deref() == Some("/models"));
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("secret reason") && !text.contains("10.1.2.3"), "{text}");
    }
}

#[test]
fn a_realm_is_plain_or_refused() {
    let layer = || AuthenticateLayer::new(AuthenticatorChain::new());
    assert!(layer().with_realm("team a: https://catalog.example").is_ok());
    for realm in ["a\"b", "a\\b", "a\nb", "ä"] {
        assert!(layer().with_realm(realm).is_err(), "{realm}");
    }
}

//! What claims make of an identity.

use std::collections::BTreeMap;

use catalog_rbac::authenticate::{Claim, OidcAuthenticator, OidcIssuer};
use serde_json::json;

use super::{Key, Kind, Setup, clock};
use crate::authenticate::{AuthenticatorChain, ask, groups};

#[tokio::test]
async fn names_groups_and_extras_are_taken_from_where_the_issuer_has_them() {
    let setup = Setup::with(|issuer| {
        issuer.username_claim = Claim::new("preferred_username");
        issuer.username_prefix = "op:".into();
        issuer.groups_claim = Some(Claim::new("/realm_access/roles"));
        issuer.groups_prefix = "op:".into();
        issuer.extra_claims =
            [("tenant", "https://op.example/tenant"), ("level", "acr"), ("absent", "absent")]
                .map(|(key, claim)| (key.to_owned(), Claim::new(claim)))
                .into();
    })
    .await;
    let claims = setup.changed(json!({
        "preferred_username": "Jane",
        "realm_access": {"roles": ["a", "system:masters", ""]},
        "https://op.example/tenant": ["team-a", "team-b"],
        "acr": 2,
    }));
    let answer = setup.ask(&setup.key.sign(&claims)).await;
    // behind a prefix it is a name as any other
    assert_eq!(groups(&answer), ["op:a", "op:system:masters", "system:authenticated"]);
    let identity = answer.identity.unwrap();
    assert_eq!(identity.user, "op:Jane");
    let extra = [("tenant", vec!["team-a", "team-b"]), ("level", vec!["2"])];
    let extra = extra.map(|(key, values)| (key.to_owned(), values.iter().map(ToString::to_string).collect()));
    assert_eq!(identity.extra, BTreeMap::from(extra));
    for without in [json!({}), json!({"preferred_username": ""}), json!({"preferred_username": ["a"]})] {
        assert_eq!(
            setup.outcome(&setup.key.sign(&setup.changed(without.clone()))).await,
            "unauthenticated",
            "{without}"
        );
    }
}

#[tokio::test]
async fn groups_are_a_text_or_texts_and_none_of_the_system() {
    let setup = Setup::with(|issuer| issuer.groups_claim = Some(Claim::new("groups"))).await;
    for (value, expected) in [
        (json!("a"), Some(vec!["a"])),
        (json!(["a", "b"]), Some(vec!["a", "b"])),
        (json!(["system:masters", "a", "system:authenticated", "b\n"]), Some(vec!["a"])),
        (json!([]), Some(vec![])),
        (json!(null), Some(vec![])),
        (json!("a,b"), Some(vec!["a,b"])),
        (json!(["a", 1]), None),
        (json!({"a": true}), None),
        (json!(7), None),
    ] {
        let answer = setup.ask(&setup.key.sign(&setup.changed(json!({"groups": value})))).await;
        match expected {
            Some(mut expected) => {
                expected.push("system:authenticated");
                assert_eq!(groups(&answer), expected, "{value}");
            }
            None => assert_eq!(answer.outcome(), "unauthenticated", "{value}"),
        }
    }
}

#[tokio::test]
async fn an_address_is_a_name_only_if_it_is_verified() {
    let setup = Setup::with(|issuer| issuer.username_claim = Claim::new("email")).await;
    for (verified, believed) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(null), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(1), false),
        (json!([true]), false),
    ] {
        let claims = setup.changed(json!({"email": "jane@example.com", "email_verified": verified}));
        let outcome = setup.outcome(&setup.key.sign(&claims)).await;
        assert_eq!(outcome, if believed { "jane@example.com" } else { "unauthenticated" }, "{verified}");
    }
}

#[tokio::test]
async fn what_is_required_has_to_be_there() {
    let setup = Setup::with(|issuer| {
        issuer.required_claims = [(Claim::new("hd"), "example.com".into())].into();
    })
    .await;
    for (value, believed) in [
        (json!("example.com"), true),
        (json!(["other", "example.com"]), true),
        (json!("example.com.evil"), false),
        (json!(null), false),
        (json!({"example.com": true}), false),
    ] {
        let outcome = setup.outcome(&setup.key.sign(&setup.changed(json!({"hd": value})))).await;
        assert_eq!(outcome, if believed { "jane" } else { "unauthenticated" }, "{value}");
    }
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_alone() {
    let (one, two) = (Setup::new().await, Setup::new().await);
    let rogue = Key::new(Kind::Es256, "rogue");
    one.op.publish(&[&one.key, &rogue]);
    let issuer = |setup: &Setup, prefix: &str| {
        let mut issuer = OidcIssuer::new(setup.op.issuer(), "catalog").with_insecure_http();
        issuer.username_prefix = prefix.into();
        issuer
    };
    let oidc =
        OidcAuthenticator::new([issuer(&one, "one:"), issuer(&two, "two:")]).unwrap().with_clock(clock());
    let chain = AuthenticatorChain::new().with(oidc);
    let outcome = async |token: String| {
        ask(&chain, &[("authorization", &format!("Bearer {token}"))]).await.outcome().to_owned()
    };
    assert_eq!(outcome(one.key.sign(&one.claims())).await, "one:jane");
    assert_eq!(outcome(two.key.sign(&two.claims())).await, "two:jane");
    // its keys are called the same
    assert_eq!(outcome(one.key.sign(&two.claims())).await, "unauthenticated");
    assert_eq!(outcome(rogue.sign(&two.claims())).await, "unauthenticated");
    assert_eq!(outcome(rogue.sign(&one.claims())).await, "one:jane");
    assert!(OidcAuthenticator::new([issuer(&one, ""), issuer(&one, "x:")]).is_err(), "twice the same");
}

//! ID tokens that do not count.

use serde_json::{Value, json};

use super::{Setup, at_hash, tokens};
use crate::authenticate::oidc::{
    NOW,
    key::{Key, Kind, hs256, signed_part},
};

#[tokio::test]
async fn claims_have_to_be_of_the_provider_for_us_of_now_and_of_this_login() {
    let setup = Setup::new().await;
    for good in [
        json!({}),
        json!({"at_hash": null}),
        json!({"aud": ["web"]}),
        json!({"azp": "web"}),
        json!({"exp": NOW - 29}),
        json!({"email": "jane@example.com", "email_verified": "true"}),
    ] {
        assert_eq!(setup.outcome(good.clone()).await.status, 303, "{good}");
    }
    for bad in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", setup.op.issuer())}),
        json!({"aud": "another-audience"}),
        json!({"aud": ["web", "other"]}),
        json!({"aud": []}),
        json!({"azp": "other"}),
        json!({"exp": NOW - 30}),
        json!({"iat": NOW + 31}),
        json!({"nbf": NOW + 31}),
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"at_hash": at_hash("another")}),
        json!({"at_hash": ""}),
        json!({"sub": ""}),
        json!({"sub": "system:admin"}),
        json!({"sub": "a\nb"}),
    ] {
        assert_eq!(setup.outcome(bad.clone()).await.outcome(), (401, "unauthenticated".into()), "{bad}");
    }
}

#[tokio::test]
async fn what_the_issuer_requires_and_how_it_names_users_counts_for_logins() {
    let setup = Setup::with(|config| {
        config.issuer.username_claim = catalog_rbac::authenticate::Claim::new("email");
        config.issuer.username_prefix = "oidc:".into();
        config.issuer.required_claims =
            [(catalog_rbac::authenticate::Claim::new("hd"), "example.com".into())].into();
    })
    .await;
    let email = json!({"email": "jane@example.com", "email_verified": true, "hd": "example.com"});
    let (mut browser, _, back) = setup.begin(email.clone()).await;
    assert_eq!(browser.get(&back).await.status, 303);
    assert!(browser.get("/who").await.text.starts_with("oidc:jane@example.com "));
    for (name, value) in
        [("email_verified", json!(false)), ("hd", json!("evil.example")), ("email", Value::Null)]
    {
        let mut bad = email.clone();
        bad[name] = value;
        assert_eq!(setup.outcome(bad.clone()).await.outcome(), (401, "unauthenticated".into()), "{bad}");
    }
}

#[tokio::test]
async fn a_signature_has_to_be_the_providers_in_a_way_that_is_allowed() {
    let rsa = Setup::of_kind(Kind::Rs256).await;
    let cases: [fn(&Setup, &Value) -> String; 7] = [
        |_, claims| Key::new(Kind::Rs256, "one").sign(claims),
        |_, claims| hs256(b"secret: of web", &json!({"alg": "HS256", "kid": "one"}), claims),
        |setup, claims| hs256(&setup.key.public_bytes(), &json!({"alg": "HS256", "kid": "one"}), claims),
        |_, claims| format!("{}.", signed_part(&json!({"alg": "none"}), claims)),
        |setup, claims| setup.key.sign_with(&json!({"alg": "RS512", "kid": "one"}), claims),
        |setup, claims| setup.key.sign_with(&json!({"alg": "RS256", "kid": "one", "crit": ["x"]}), claims),
        |setup, claims| {
            let token = setup.key.sign(claims);
            token[..token.len() - 4].to_owned()
        },
    ];
    for (number, case) in cases.iter().enumerate() {
        let mut browser = rsa.browser();
        let question = browser.begin("/auth/login").await;
        let claims = json!({
            "iss": rsa.op.issuer(), "sub": "jane", "aud": "web", "exp": NOW + 300, "iat": NOW, "nonce": question["nonce"],
        });
        let back = rsa.back(&question, &tokens(&case(&rsa, &claims)));
        let answer = browser.get(&back).await;
        assert!([401, 503].contains(&answer.status), "{number}: {answer:?}");
        assert!(browser.cookies.is_empty(), "{number}");
    }
    rsa.logged_in().await;
}

#[tokio::test]
async fn every_algorithm_of_an_issuer_verifies() {
    for kind in [Kind::Rs256, Kind::Ps256, Kind::Es256, Kind::Es384, Kind::EdDsa] {
        let setup = Setup::of_kind(kind).await;
        // the hash is of another length, or is not defined
        assert_eq!(setup.outcome(json!({"at_hash": null})).await.status, 303, "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_id_token_or_of_another_form_is_none() {
    let setup = Setup::new().await;
    for answer in [
        json!({"access_token": "access", "token_type": "Bearer"}),
        json!({"access_token": "access", "token_type": "Bearer", "id_token": "x"}),
        json!({"access_token": "access", "token_type": "Bearer", "id_token": null}),
        json!([]),
        json!("x".repeat(1024 * 1024)),
    ] {
        let mut browser = setup.browser();
        let question = browser.begin("/auth/login").await;
        let answer = browser.get(&setup.back(&question, &answer)).await;
        assert!([401, 503].contains(&answer.status), "{answer:?}");
        assert!(browser.cookies.is_empty());
    }
}

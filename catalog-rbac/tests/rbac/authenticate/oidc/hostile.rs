//! Tokens that are made to be believed.

use serde_json::{Value, json};

use super::{
    Key, Kind, NOW, Setup,
    key::{encode, hs256, signed_part},
};
use crate::authenticate::ask;

#[tokio::test]
async fn a_good_token_of_each_algorithm_is_believed_and_of_no_other_than_those_allowed() {
    for (kind, by_default) in [
        (Kind::Rs256, true),
        (Kind::Es256, true),
        (Kind::EdDsa, true),
        (Kind::Ps256, false),
        (Kind::Es384, false),
    ] {
        let key = Key::new(kind, "other");
        let allowed = Setup::with(|issuer| {
            issuer.algorithms = vec![serde_json::from_value(key.algorithm().into()).unwrap()];
        })
        .await;
        let default = Setup::new().await;
        for (setup, believed) in [(allowed, true), (default, by_default)] {
            setup.op.publish(&[&setup.key, &key]);
            let outcome = setup.outcome(&key.sign(&setup.claims())).await;
            assert_eq!(outcome, if believed { "jane" } else { "unauthenticated" }, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn what_a_token_claims_has_to_hold() {
    let setup = Setup::new().await;
    let other = Key::new(Kind::Es256, "one");
    let good = setup.key.sign(&setup.claims());
    assert_eq!(setup.outcome(&good).await, "jane");
    for (name, changes) in [
        ("another audience", json!({"aud": "other"})),
        ("other audiences", json!({"aud": ["other", "catalog2"]})),
        ("no audience", json!({"aud": null})),
        ("an audience in an object", json!({"aud": {"catalog": true}})),
        ("an audience among other things", json!({"aud": ["catalog", 7]})),
        ("another issuer", json!({"iss": "https://op.example"})),
        ("the issuer with a slash", json!({"iss": format!("{}/", setup.op.issuer())})),
        ("no issuer", json!({"iss": null})),
        ("issuers in a list", json!({"iss": [setup.op.issuer()]})),
        ("expired", json!({"exp": NOW - 30})),
        ("long expired", json!({"exp": 0})),
        ("no expiry", json!({"exp": null})),
        ("an expiry in words", json!({"exp": "tomorrow"})),
        ("an expiry as a text", json!({"exp": (NOW + 60).to_string()})),
        ("a negative expiry", json!({"exp": -1})),
        ("not yet", json!({"nbf": NOW + 31})),
        ("issued in the future", json!({"iat": NOW + 31})),
        ("no time of issue", json!({"iat": "x"})),
        ("no subject", json!({"sub": null})),
        ("an empty subject", json!({"sub": ""})),
        ("a subject that is a number", json!({"sub": 7})),
        ("a subject of the system", json!({"sub": "system:admin"})),
        ("a subject with a line break", json!({"sub": "jane\njoe"})),
    ] {
        let token = setup.key.sign(&setup.changed(changes));
        let answer = setup.ask(&token).await;
        assert_eq!(answer.outcome(), "unauthenticated", "{name}");
        assert!(answer.challenge.unwrap().contains("invalid_token"), "{name}");
    }
    assert_eq!(
        setup.outcome(&other.sign(&setup.claims())).await,
        "unauthenticated",
        "another key of that name"
    );
    for (name, changes) in [
        ("one audience of several", json!({"aud": ["other", "catalog"]})),
        ("expired within the leeway", json!({"exp": NOW - 29})),
        ("not yet within the leeway", json!({"nbf": NOW + 29, "iat": NOW + 29})),
        ("parts of seconds", json!({"exp": 1_750_000_100.5, "nbf": 1_749_999_999.9})),
        ("for ever", json!({"exp": 1e300})),
        ("neither nbf nor iat", json!({"nbf": null, "iat": null})),
    ] {
        let outcome = setup.outcome(&setup.key.sign(&setup.changed(changes))).await;
        // what is no time is refused, though it be far away
        assert_eq!(outcome, if name == "for ever" { "unauthenticated" } else { "jane" }, "{name}");
    }
}

#[tokio::test]
async fn what_a_token_says_of_its_own_key_is_not_heard() {
    let setup = Setup::new().await;
    let (mine, alg) = (Key::new(Kind::Es256, "mine"), "ES256");
    let jwk = mine.jwk();
    for (name, header) in [
        ("its own key", json!({"alg": alg, "jwk": jwk})),
        ("its own key under our name", json!({"alg": alg, "kid": "one", "jwk": jwk})),
        ("a place of keys", json!({"alg": alg, "kid": "mine", "jku": "https://evil.example/keys"})),
        (
            "a place of certificates",
            json!({"alg": alg, "kid": "one", "x5u": "https://evil.example/x", "x5c": ["a"]}),
        ),
        ("a path for a name", json!({"alg": alg, "kid": "../../dev/null"})),
        ("an empty name", json!({"alg": alg, "kid": ""})),
        ("a name that is a number", json!({"alg": alg, "kid": 1})),
    ] {
        assert_eq!(
            setup.outcome(&mine.sign_with(&header, &setup.claims())).await,
            "unauthenticated",
            "{name}"
        );
    }
    // and does no harm to a good one
    let header =
        json!({"alg": alg, "kid": "one", "jku": "https://evil.example/keys", "x5u": "x", "jwk": jwk});
    assert_eq!(setup.outcome(&setup.key.sign_with(&header, &setup.claims())).await, "jane");
}

#[tokio::test]
async fn an_algorithm_is_that_of_the_key_and_never_the_tokens_choice() {
    let setup = Setup::new().await;
    let rsa = Key::new(Kind::Rs256, "rsa");
    setup.op.publish(&[&setup.key, &rsa]);
    let claims = setup.claims();
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    let n = rsa.jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    let mut tokens: Vec<(&str, String)> = vec![
        ("HS256 with the bytes of the key", hs256(&rsa.public_bytes(), &header("HS256", "rsa"), &claims)),
        ("HS256 with the modulus", hs256(&n, &header("HS256", "rsa"), &claims)),
        ("HS256 without a secret", hs256(b"", &header("HS256", "rsa"), &claims)),
        ("a tag under RS256", hs256(&rsa.public_bytes(), &header("RS256", "rsa"), &claims)),
        ("ES256 of an RSA key", setup.key.sign_with(&header("ES256", "rsa"), &claims)),
        ("RS256 of an EC key", rsa.sign_with(&header("RS256", "one"), &claims)),
        ("PS256 of a key for RS256", rsa.sign_with(&header("PS256", "rsa"), &claims)),
    ];
    for none in ["none", "None", "NONE", "nOnE", ""] {
        tokens.push(("none without a signature", format!("{}.", signed_part(&header(none, "one"), &claims))));
        tokens.push(("none with one", setup.key.sign_with(&header(none, "one"), &claims)));
    }
    for other in ["es256", "ES256 ", "ES512", "ES256K"] {
        tokens.push((other, setup.key.sign_with(&header(other, "one"), &claims)));
    }
    tokens.push(("no algorithm", setup.key.sign_with(&json!({"kid": "one"}), &claims)));
    for (name, token) in tokens {
        assert_eq!(setup.outcome(&token).await, "unauthenticated", "{name}");
    }
    assert_eq!(setup.outcome(&rsa.sign(&claims)).await, "jane");
}

#[tokio::test]
async fn a_header_is_understood_or_the_token_refused() {
    let setup = Setup::new().await;
    let typed = |typ: Value| json!({"alg": "ES256", "kid": "one", "typ": typ});
    for (header, outcome) in [
        (typed("JWT".into()), "jane"),
        (typed("jwt".into()), "jane"),
        (typed("at+jwt".into()), "jane"),
        (typed(Value::Null), "jane"),
        (typed("logout+jwt".into()), "unauthenticated"),
        (typed("dpop+jwt".into()), "unauthenticated"),
        (typed("JOSE".into()), "unauthenticated"),
        (json!({"alg": "ES256", "kid": "one", "crit": ["exp"], "exp": 1}), "unauthenticated"),
        (json!({"alg": "ES256", "kid": "one", "crit": ["b64"], "b64": false}), "unauthenticated"),
        (json!({"alg": "ES256", "kid": "one", "crit": []}), "unauthenticated"),
        (json!(["ES256", "one"]), "unauthenticated"),
        (json!("ES256"), "unauthenticated"),
    ] {
        let token = setup.key.sign_with(&header, &setup.claims());
        assert_eq!(setup.outcome(&token).await, outcome, "{header}");
    }
    let twice = r#"{"alg":"ES256","kid":"one","alg":"none"}"#;
    let good = setup.key.sign(&setup.claims());
    let (_, rest) = good.split_once('.').unwrap();
    assert_eq!(setup.outcome(&format!("{}.{rest}", encode(twice.as_bytes()))).await, "unauthenticated");
}

#[tokio::test]
async fn a_token_that_is_cut_or_sewn_is_refused() {
    let setup = Setup::new().await;
    let good = setup.key.sign(&setup.claims());
    let joe = setup.key.sign(&setup.changed(json!({"sub": "joe"})));
    let parts: Vec<&str> = good.split('.').collect();
    let theirs: Vec<&str> = joe.split('.').collect();
    let mut tokens = vec![
        format!("{}.{}.{}", parts[0], theirs[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("..{}", parts[2]),
        format!(".{}.{}", parts[1], parts[2]),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!("{good}="),
        format!("{}.{}.{}", parts[0], parts[1], encode(&[0; 64])),
        format!("{}.{}.{}", parts[0], parts[1], encode(&[0; 63])),
        format!("{}.{}.{}", parts[0], encode(b"{"), parts[2]),
        format!("{}.{}.{}", parts[0], encode("[".repeat(5_000).as_bytes()), parts[2]),
        ".".repeat(16_000),
        "...".into(),
        format!("{good}{}", "A".repeat(17 * 1024)),
    ];
    tokens.extend((1..good.len()).step_by(7).map(|length| good[..length].to_owned()));
    for position in (0..good.len()).step_by(11) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        tokens.push(String::from_utf8(bytes).unwrap());
    }
    for token in tokens {
        assert_eq!(setup.outcome(&token).await, "unauthenticated", "{token}");
    }
    assert_eq!(setup.outcome(&good).await, "jane");
    let huge = setup.key.sign(&setup.changed(json!({"x": "x".repeat(13_000)})));
    assert_eq!(setup.outcome(&huge).await, "unauthenticated", "{}", huge.len());
    let large = setup.key.sign(&setup.changed(json!({"x": "x".repeat(11_000)})));
    assert_eq!(setup.outcome(&large).await, "jane", "{}", large.len());
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone() {
    let setup = Setup::new().await;
    let good = setup.key.sign(&setup.claims());
    let bearer = format!("Bearer {good}");
    for lines in [
        &[("x-authorization", bearer.as_str())][..],
        &[("proxy-authorization", &bearer)],
        &[("cookie", &bearer)],
        &[("x-forwarded-access-token", &good)],
    ] {
        assert_eq!(ask(&setup.chain, lines).await.outcome(), "system:anonymous", "{lines:?}");
    }
    for value in
        [good.clone(), format!("DPoP {good}"), format!("Bearer {good}, {bearer}"), format!("Bearer: {good}")]
    {
        assert_eq!(
            ask(&setup.chain, &[("authorization", &value)]).await.outcome(),
            "unauthenticated",
            "{value}"
        );
    }
}

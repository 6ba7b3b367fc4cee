//! Keys that change, are late or do not come, and verdicts that are kept.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Key, Kind, Setup, key::encode};

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_a_withdrawn_one_ends() {
    let setup = Setup::new().await;
    let two = Key::new(Kind::Rs256, "two");
    let by_two = |sub: &str| two.sign(&setup.changed(json!({"sub": sub})));
    assert_eq!(setup.outcome(&setup.key.sign(&setup.claims())).await, "jane");
    setup.pass(30);
    setup.op.publish(&[&setup.key, &two]);
    assert_eq!(setup.outcome(&by_two("a")).await, "a");
    assert_eq!(setup.op.fetches(), 2);
    setup.op.publish(&[&two]);
    setup.pass(600);
    // the first token after that time has the keys fetched, but does not wait
    assert_eq!(setup.outcome(&by_two("b")).await, "b");
    while setup.op.fetches() < 3 || setup.oidc.fetch_keys().await.is_err() {
        tokio::task::yield_now().await;
    }
    let by_one = setup.key.sign(&setup.changed(json!({"sub": "c"})));
    let mut outcome = setup.outcome(&by_one).await;
    // what was fetched counts from the moment that it is read, which is shortly after it is sent
    for _ in 0..1_000 {
        if outcome == "unauthenticated" {
            break;
        }
        tokio::task::yield_now().await;
        setup.oidc.forget_verdicts();
        outcome = setup.outcome(&by_one).await;
    }
    assert_eq!(outcome, "unauthenticated");
}

#[tokio::test]
async fn unknown_keys_have_them_fetched_once_in_half_a_minute() {
    let setup = Setup::new().await;
    let mine = Key::new(Kind::Es256, "mine");
    assert_eq!(setup.outcome(&setup.key.sign(&setup.claims())).await, "jane");
    for round in 1..=3 {
        for number in 0..20 {
            let token = mine.sign(&setup.changed(json!({"sub": format!("{round}-{number}")})));
            assert_eq!(setup.outcome(&token).await, "unauthenticated");
        }
        assert_eq!(setup.op.fetches(), round);
        setup.pass(29);
        let token = mine.sign(&setup.changed(json!({"sub": format!("{round}-late")})));
        assert_eq!(setup.outcome(&token).await, "unauthenticated");
        assert_eq!(setup.op.fetches(), round);
        setup.pass(1);
    }
}

#[tokio::test]
async fn many_who_wait_have_the_keys_fetched_once() {
    let setup = Setup::new().await;
    setup.op.set_open(false);
    let tokens: Vec<String> = (0..100)
        .map(|number| setup.key.sign(&setup.changed(json!({"sub": format!("user-{number}")}))))
        .collect();
    let asked = join_all(tokens.iter().map(|token| setup.outcome(token)));
    let open = async {
        while setup.op.requests() == 0 {
            tokio::task::yield_now().await;
        }
        setup.op.set_open(true);
    };
    let (outcomes, ()) = tokio::join!(asked, open);
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(*outcome, format!("user-{number}"));
    }
    assert_eq!((setup.op.fetches(), setup.op.requests()), (1, 2));
}

#[tokio::test]
async fn who_goes_away_does_not_take_the_fetch_along() {
    let setup = Setup::new().await;
    setup.op.set_open(false);
    let token = setup.key.sign(&setup.claims());
    let gone = async {
        while setup.op.requests() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = setup.outcome(&token) => panic!("nothing can be known yet: {outcome}"),
        () = gone => setup.op.set_open(true),
    }
    assert_eq!(setup.outcome(&token).await, "jane");
    assert_eq!(setup.op.fetches(), 1);
}

#[tokio::test]
async fn without_keys_nobody_is_known_and_nobody_refused() {
    let setup = Setup::new().await;
    let token = setup.key.sign(&setup.claims());
    setup.op.answer_with(500);
    let answer = setup.ask(&token).await;
    assert_eq!((answer.outcome(), answer.retry_after), ("authenticator_unavailable", true));
    assert!(setup.oidc.fetch_keys().await.is_err());
    let requests = setup.op.requests();
    assert_eq!(setup.outcome(&token).await, "authenticator_unavailable");
    assert_eq!(setup.op.requests(), requests, "not again within a second");
    setup.op.answer_with(200);
    setup.pass(1);
    assert_eq!(setup.outcome(&token).await, "jane");
    assert_eq!(setup.outcome("no-token-of-ours").await, "unauthenticated");
}

#[tokio::test]
async fn while_no_keys_come_the_old_ones_count_for_a_day() {
    let setup = Setup::new().await;
    let two = Key::new(Kind::Es256, "two");
    let token =
        |key: &Key, sub: &str| key.sign(&setup.changed(json!({"sub": sub, "exp": super::NOW + 200_000})));
    setup.oidc.fetch_keys().await.unwrap();
    setup.op.answer_with(503);
    setup.pass(86_399);
    let known = token(&setup.key, "a");
    assert_eq!(setup.outcome(&known).await, "a");
    // it may be a key that has been published meanwhile
    assert_eq!(setup.outcome(&token(&two, "b")).await, "authenticator_unavailable");
    setup.pass(1);
    assert_eq!(setup.outcome(&token(&setup.key, "c")).await, "authenticator_unavailable");
    // what was found out before ends at its own time
    assert_eq!(setup.outcome(&known).await, "a");
    setup.op.answer_with(200);
    setup.op.publish(&[&setup.key, &two]);
    setup.pass(1);
    assert_eq!(setup.outcome(&token(&two, "b")).await, "b");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_given_up_in_time() {
    let setup = Setup::new().await;
    setup.op.set_open(false);
    let token = setup.key.sign(&setup.claims());
    // nothing else goes on, so the runtime's time goes to the end of the wait at once
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert_eq!(setup.outcome(&token).await, "authenticator_unavailable");
    assert!(start.elapsed() <= Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_an_issuer_says_of_itself_has_to_fit() {
    let setup = Setup::new().await;
    let token = setup.key.sign(&setup.claims());
    let issuer = setup.op.issuer().to_owned();
    let keys = format!("{issuer}/keys");
    for document in [
        json!({"issuer": format!("{issuer}/"), "jwks_uri": keys}),
        json!({"issuer": "https://op.example", "jwks_uri": keys}),
        json!({"jwks_uri": keys}),
        json!({"issuer": issuer}),
        json!({"issuer": issuer, "jwks_uri": "http://op.example/keys"}),
        json!({"issuer": issuer, "jwks_uri": "file:///keys"}),
        json!({"issuer": issuer, "jwks_uri": ""}),
        json!([]),
        json!({"issuer": issuer, "jwks_uri": keys, "x": "x".repeat(1024 * 1024)}),
    ] {
        setup.op.discover(&document);
        setup.pass(1);
        assert_eq!(setup.outcome(&token).await, "authenticator_unavailable", "{:.200}", document.to_string());
    }
    setup.op.discover(&json!({"issuer": issuer, "jwks_uri": keys}));
    for status in [301, 302, 307, 204, 404] {
        setup.op.answer_with(status);
        setup.pass(1);
        assert_eq!(setup.outcome(&token).await, "authenticator_unavailable", "{status}");
    }
    setup.op.answer_with(200);
    let secret = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"});
    let encryption = {
        let mut key = setup.key.jwk();
        key["use"] = "enc".into();
        key
    };
    for text in [
        String::new(),
        "[]".into(),
        json!({"keys": []}).to_string(),
        json!({"keys": [secret, encryption, 7, {"kty": "RSA", "n": "!", "e": "AQAB"}]}).to_string(),
        json!({"keys": [setup.key.jwk()], "x": "x".repeat(1024 * 1024)}).to_string(),
    ] {
        setup.op.publish_text(&text);
        setup.pass(1);
        assert_eq!(setup.outcome(&token).await, "authenticator_unavailable", "{text:.200}");
    }
    setup.op.publish_text(&json!({"keys": [secret, 7, setup.key.jwk()]}).to_string());
    setup.pass(1);
    assert_eq!(setup.outcome(&token).await, "jane");
}

#[tokio::test]
async fn a_key_needs_no_name_where_there_is_only_one() {
    let setup = Setup::new().await;
    let nameless = |key: &Key| key.sign_with(&json!({"alg": key.algorithm()}), &setup.claims());
    assert_eq!(setup.outcome(&nameless(&setup.key)).await, "jane");
    let two = Key::new(Kind::Es256, "two");
    setup.op.publish(&[&setup.key, &two]);
    setup.pass(61);
    assert_eq!(setup.outcome(&two.sign(&setup.claims())).await, "jane");
    assert_eq!(setup.outcome(&nameless(&setup.key)).await, "unauthenticated");
}

#[tokio::test]
async fn a_verdict_is_kept_for_a_minute_or_as_long_as_the_token_is_good() {
    let setup = Setup::new().await;
    let long = setup.key.sign(&setup.claims());
    let short = setup.key.sign(&setup.changed(json!({"sub": "joe", "exp": super::NOW + 20})));
    assert_eq!((setup.outcome(&long).await.as_str(), setup.outcome(&short).await.as_str()), ("jane", "joe"));
    setup.op.publish(&[&Key::new(Kind::Es256, "two")]);
    setup.pass(49);
    assert_eq!(setup.outcome(&long).await, "jane");
    assert_eq!(setup.outcome(&short).await, "joe", "within the leeway it is verified each time");
    setup.pass(1);
    assert_eq!(setup.outcome(&short).await, "unauthenticated");
}

#[tokio::test]
async fn garbage_drives_out_no_verdict() {
    let setup = Setup::new().await;
    let good = setup.key.sign(&setup.claims());
    let mine = Key::new(Kind::Es256, "one");
    assert_eq!(setup.outcome(&good).await, "jane");
    for number in 0..3_000 {
        let signature = encode(format!("{number:064}").as_bytes());
        let bad = format!("{}.{signature}", good.rsplit_once('.').unwrap().0);
        assert_eq!(setup.outcome(&bad).await, "unauthenticated");
    }
    setup.op.publish(&[&mine]);
    setup.pass(59);
    assert_eq!(setup.outcome(&good).await, "jane");
}

//! Logins that somebody else began, or that were not begun at all.

use std::time::Duration;

use catalog_rbac::login::{Login, LoginConfig};
use serde_json::json;

use super::{KEY, Setup, config, router};

const NOT_BEGUN: (u16, &str) = (400, "bad_request");

type Change = fn(&mut LoginConfig);

#[tokio::test]
async fn a_login_ends_only_in_the_browser_that_began_it() {
    let setup = Setup::new().await;
    let (mut mine, _, my_way) = setup.begin(json!({})).await;
    let (mut theirs, _, their_way) = setup.begin(json!({"sub": "mallory"})).await;

    // the state of another login: the victim is led to the end of the attacker's
    let answer = mine.get(&their_way).await;
    assert_eq!(answer.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()));
    assert!(answer.problem().detail.contains("/auth/login"), "{answer:?}");
    assert!(mine.cookie("session").is_none() && mine.cookie("login").is_some(), "and the own goes on");
    let mut nobody = setup.browser();
    assert_eq!(nobody.get(&their_way).await.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()));
    assert_eq!(setup.op.last_exchange(), None, "no code was shown to the provider");

    // the attacker's code under one's own state: it was asked for with another verifier
    let (_, code) = their_way.split_once("code=").unwrap();
    let (code, _) = code.split_once('&').unwrap();
    let (_, state) = my_way.split_once("&state=").unwrap();
    let answer = mine.get(&format!("/auth/callback?code={code}&state={state}")).await;
    assert_eq!(answer.outcome(), (400, "bad_request".into()));
    assert!(mine.cookies.is_empty());
    assert_eq!(theirs.get(&their_way).await.outcome().0, 400, "the code was used up");
}

#[tokio::test]
async fn a_cookie_of_another_login_does_not_end_this_one() {
    let setup = Setup::new().await;
    let (mine, _, my_way) = setup.begin(json!({})).await;
    let (mut theirs, _, _) = setup.begin(json!({"sub": "mallory"})).await;
    theirs.cookies.extend(mine.cookies.clone());
    let stolen = theirs.get(&my_way).await;
    assert_eq!(
        stolen.status, 303,
        "the sealed cookie is all that a login needs, so it is HttpOnly and the host's alone"
    );
    let (_, _, other_way) = setup.begin(json!({})).await;
    assert_eq!(theirs.get(&other_way).await.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()));
}

#[tokio::test]
async fn nothing_can_be_played_again() {
    let setup = Setup::new().await;
    let (mut browser, question, back) = setup.begin(json!({})).await;
    let before = browser.clone();
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(browser.get(&back).await.outcome().0, 400, "the attempt is over");
    let answer = before.clone().get(&back).await;
    assert_eq!(
        answer.outcome(),
        (400, "bad_request".into()),
        "the code is used up, even with the cookie kept"
    );

    // an ID token of one login in another
    let mut other = setup.browser();
    let another = other.begin("/auth/login").await;
    let replayed = setup.tokens(&question, json!({}));
    let answer = other.get(&setup.back(&another, &replayed)).await;
    assert_eq!(answer.outcome(), (401, "unauthenticated".into()));
    assert!(other.cookies.is_empty());
}

#[tokio::test]
async fn a_login_takes_ten_minutes_at_most() {
    for (time, in_time) in [(Duration::from_millis(599_999), true), (Duration::from_mins(10), false)] {
        let setup = Setup::new().await;
        let (mut browser, _, back) = setup.begin(json!({"exp": super::NOW + 3_600})).await;
        setup.pass(time);
        let answer = browser.get(&back).await;
        if in_time {
            assert_eq!(answer.status, 303, "{answer:?}");
        } else {
            assert_eq!(answer.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()));
        }
    }
}

#[tokio::test]
async fn a_cookie_of_one_kind_another_key_or_another_service_is_none() {
    let setup = Setup::new().await;
    let session = setup.logged_in().await.cookie("session").unwrap().to_owned();
    let (attempt, _, back) = setup.begin(json!({})).await;
    let attempt = attempt.cookie("login").unwrap().to_owned();

    let mut browser = setup.browser();
    browser.set("__Host-catalog-session", &attempt);
    assert_eq!(browser.get("/who").await.outcome(), (401, "unauthenticated".into()));
    let mut browser = setup.browser();
    browser.set("__Host-catalog-login", &session);
    assert_eq!(browser.get(&back).await.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()));

    let other = "another key that seals the cookies of tests";
    let changes: [(&str, Change); 4] = [
        ("key", |config| config.keys = vec!["another key that seals the cookies of tests".into()]),
        ("client", |config| config.client_id = "web2".into()),
        ("service", |config| config.base_url = "https://other.example".into()),
        ("issuer", |config| config.issuer.issuer.push('/')),
    ];
    for (what, change) in changes {
        let mut browser = super::Browser::new(router(config(&setup.op, change), setup.clock.clone()));
        browser.set("__Host-catalog-session", &session);
        browser.set("__Host-catalog-login", &attempt);
        assert_eq!(browser.get("/who").await.outcome(), (401, "unauthenticated".into()), "{what}");
        assert_eq!(browser.get(&back).await.outcome(), (NOT_BEGUN.0, NOT_BEGUN.1.into()), "{what}");
    }
    let rotated = config(&setup.op, |config| config.keys = vec![other.into(), KEY.into()]);
    let mut browser = super::Browser::new(router(rotated, setup.clock.clone()));
    browser.set("__Host-catalog-session", &session);
    assert!(browser.get("/who").await.text.starts_with("jane "), "an older key still opens");
}

#[tokio::test]
async fn two_cookies_of_a_login_are_none() {
    let setup = Setup::new().await;
    let (mut browser, _, back) = setup.begin(json!({})).await;
    let cookie = format!("__Host-catalog-login={}", browser.cookie("login").unwrap());
    assert_eq!(
        browser.ask("GET", &back, &[("cookie", &cookie)]).await.outcome(),
        (NOT_BEGUN.0, NOT_BEGUN.1.into())
    );
}

#[tokio::test]
async fn an_answer_that_is_incomplete_doubled_or_of_another_provider_is_refused() {
    let setup = Setup::new().await;
    for (change, code) in [
        ((|back: &str| back.replace("code=", "cod=")) as fn(&str) -> String, "bad_request"),
        (|back| back.replace("code=", "code=&cod="), "bad_request"),
        (|back| back.replace("state=", "stat="), "bad_request"),
        (|back| format!("{back}x"), "bad_request"),
        (|back| format!("{back}&iss=https%3A%2F%2Fevil.example"), "bad_request"),
        (|back| format!("{back}&code=other"), "invalid_parameter"),
        (|back| format!("{back}&state=other"), "invalid_parameter"),
        (|_| "/auth/callback".into(), "bad_request"),
    ] {
        let (mut browser, _, back) = setup.begin(json!({})).await;
        let back = change(&back);
        assert_eq!(browser.get(&back).await.outcome(), (400, code.into()), "{back}");
        assert!(browser.cookie("session").is_none(), "{back}");
    }
    assert_eq!(setup.op.last_exchange(), None);
    let (mut browser, _, back) = setup.begin(json!({})).await;
    let iss: String = form_urlencoded::byte_serialize(setup.op.issuer().as_bytes()).collect();
    assert_eq!(browser.get(&format!("{back}&iss={iss}&session_state=x")).await.status, 303);
}

#[tokio::test]
async fn no_login_leads_out_of_the_service() {
    let setup = Setup::new().await;
    for path in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\r\nset-cookie: a=b",
        "docs",
        "/ä",
    ] {
        let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let mut browser = setup.browser();
        let answer = browser.get(&format!("/auth/login?return={path}")).await;
        assert_eq!(answer.outcome(), (400, "invalid_parameter".into()), "{path}");
        assert_eq!(answer.problem().errors[0].parameter.as_deref(), Some("return"), "{path}");
        assert!(browser.cookies.is_empty(), "{path}");
    }
    assert_eq!(setup.browser().get("/auth/login?return=/a&return=/b").await.status, 400);
    assert_eq!(setup.browser().get("/auth/login?redirect=/a").await.status, 400);
    assert_eq!(setup.op.requests(), 0, "the provider is not asked for that");
    let longest = format!("/auth/login?return=/{}", "a".repeat(2_047));
    assert_eq!(setup.browser().get(&longest).await.status, 303, "a cookie holds the longest path");
}

#[tokio::test]
async fn a_login_that_is_not_set_up_right_is_not_made() {
    let setup = Setup::new().await;
    for change in [
        (|config| config.keys = vec!["short".into()]) as fn(&mut LoginConfig),
        (|config| config.base_url = "http://catalog.example".into()),
        (|config| config.issuer.insecure_http = false),
    ] {
        assert!(Login::new(config(&setup.op, change)).is_err());
    }
}

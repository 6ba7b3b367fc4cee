//! What a session is good for.

use std::time::Duration;

use super::{BASE, Setup};

fn unauthenticated() -> (u16, String) {
    (401, "unauthenticated".into())
}

#[tokio::test]
async fn a_session_ends_after_its_time_and_is_not_anonymity_then() {
    let setup = Setup::with(|config| config.session_lifetime_seconds = 60).await;
    let mut browser = setup.logged_in().await;
    setup.pass(Duration::from_millis(59_999));
    assert!(browser.get("/who").await.text.starts_with("jane "));
    setup.pass(Duration::from_millis(1));
    let answer = browser.get("/who").await;
    assert_eq!(answer.outcome(), unauthenticated());
    assert_eq!(answer.problem().detail, "the credential has expired");
}

#[tokio::test]
async fn a_broken_session_is_not_anonymity() {
    let setup = Setup::new().await;
    let good = setup.logged_in().await.cookie("session").unwrap().to_owned();
    let mut swapped = good.clone().into_bytes();
    swapped.swap(20, 21);
    swapped[30] = if swapped[30] == b'A' { b'B' } else { b'A' };
    let swapped = String::from_utf8(swapped).unwrap();
    for bad in [
        "",
        "x",
        "....",
        &good[1..],
        &good[..good.len() - 4],
        &format!("{good}AAAA"),
        &swapped,
        &"A".repeat(8_192),
    ] {
        let mut browser = setup.browser();
        browser.set("__Host-catalog-session", bad);
        assert_eq!(browser.get("/who").await.outcome(), unauthenticated(), "{bad}");
    }
    let mut browser = setup.browser();
    browser.set("catalog-session", &good);
    assert!(browser.get("/who").await.text.starts_with("system:anonymous"), "not the name of a session here");
}

#[tokio::test]
async fn two_sessions_are_none() {
    let setup = Setup::new().await;
    let mut browser = setup.logged_in().await;
    let same = format!("__Host-catalog-session={}", browser.cookie("session").unwrap());
    for second in [same.as_str(), "__Host-catalog-session=x", "a=b; __Host-catalog-session"] {
        assert_eq!(
            browser.ask("GET", "/who", &[("cookie", second)]).await.outcome(),
            unauthenticated(),
            "{second}"
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let setup = Setup::new().await;
    let mut browser = setup.logged_in().await;
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", BASE)],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ] {
        let answer = browser.ask("POST", "/who", headers).await;
        assert_eq!(answer.outcome(), (403, "forbidden".into()), "{headers:?}");
        assert!(answer.problem().detail.contains("page of this site"), "{answer:?}");
        assert_eq!(
            browser.ask("POST", "/auth/logout", headers).await.outcome(),
            (403, "forbidden".into()),
            "{headers:?}"
        );
        assert!(browser.cookie("session").is_some(), "{headers:?}");
        assert_eq!(browser.ask("GET", "/who", headers).await.status, 200, "{headers:?}");
    }
    for headers in [&[("origin", BASE)][..], &[("sec-fetch-site", "same-origin")]] {
        assert!(browser.ask("POST", "/who", headers).await.text.starts_with("jane "), "{headers:?}");
    }
}

#[tokio::test]
async fn a_token_is_not_replaced_by_a_session() {
    let setup = Setup::new().await;
    let mut browser = setup.logged_in().await;
    let answer = browser.ask("GET", "/who", &[("authorization", "Bearer nobody-knows")]).await;
    assert_eq!(answer.outcome(), unauthenticated());
}

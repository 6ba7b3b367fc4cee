//! A login that comes off, and those that the provider does not let come off.

use serde_json::json;

use super::{BASE, Setup};
use crate::authenticate::oidc::key::{Key, Kind};

#[tokio::test]
async fn a_browser_logs_in_works_and_logs_out() {
    let setup = Setup::new().await;
    let mut browser = setup.browser();
    let question = browser.begin("/auth/login?return=/docs/%3Fa=b").await;
    for (name, value) in [
        ("client_id", "web"),
        ("redirect_uri", "https://catalog.example/auth/callback"),
        ("scope", "openid profile email"),
        ("response_type", "code"),
    ] {
        assert_eq!(question[name], value);
    }
    let back = setup.back(&question, &setup.tokens(&question, json!({})));
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/docs/?a=b"), "{answer:?}");
    assert_eq!(
        (answer.header("cache-control"), answer.header("referrer-policy")),
        ("no-store", "no-referrer")
    );
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-catalog-"), "{cookie}");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
    assert!(browser.cookie("login").is_none(), "the attempt is over");
    let (basic, form) = setup.op.last_exchange().unwrap();
    assert_eq!(basic.as_deref(), Some("Basic d2ViOnNlY3JldCUzQStvZit3ZWI="), "{form:?}");
    assert!(!form.contains_key("client_secret") && form["code_verifier"].len() >= 43, "{form:?}");

    browser.set("theme", "dark");
    let who = browser.get("/who").await;
    assert_eq!(
        who.text, r#"jane ["team-a", "system:authenticated"] [theme=dark]"#,
        "none of the system, and no session"
    );

    let answer = browser.ask("POST", "/auth/logout", &[("origin", BASE)]).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(browser.cookie("session").is_none());
    assert!(browser.get("/who").await.text.starts_with("system:anonymous"));
}

#[tokio::test]
async fn without_a_path_a_login_leads_to_the_landing() {
    let setup = Setup::with(|config| config.landing = "/start".into()).await;
    let mut browser = setup.browser();
    let question = browser.begin("/auth/login").await;
    let back = setup.back(&question, &setup.tokens(&question, json!({})));
    assert_eq!(browser.get(&back).await.header("location"), "/start");
}

#[tokio::test]
async fn on_the_machine_itself_cookies_have_no_prefix() {
    let setup = Setup::with(|config| config.base_url = "http://127.0.0.1:8080".into()).await;
    let browser = setup.logged_in().await;
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["catalog-session"]);
}

#[tokio::test]
async fn a_public_client_and_one_of_the_body_show_themselves_as_the_provider_wants() {
    let public = Setup::with(|config| config.client_secret = None).await;
    public.logged_in().await;
    let (basic, form) = public.op.last_exchange().unwrap();
    assert_eq!((basic, form["client_id"].as_str()), (None, "web"));
    assert!(!form.contains_key("client_secret"));

    let post = Setup::new().await;
    let mut discovery = post.op.discovery();
    discovery["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    post.op.discover(&discovery);
    post.logged_in().await;
    let (basic, form) = post.op.last_exchange().unwrap();
    assert_eq!((basic, form["client_secret"].as_str()), (None, "secret: of web"));
}

#[tokio::test]
async fn what_the_provider_says_against_it_is_told_as_a_problem() {
    let setup = Setup::new().await;
    for (error, status, told) in [
        ("access_denied", 403, "access_denied"),
        ("temporarily_unavailable", 503, "temporarily_unavailable"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", 403, "unknown"),
    ] {
        let (mut browser, question, _) = setup.begin(json!({})).await;
        let back = format!(
            "/auth/callback?error={error}&error_description=%3Cb%3Ecall+0800%3C/b%3E&state={}",
            question["state"]
        );
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.problem().detail.ends_with(&format!("`{told}`")), "{answer:?}");
        assert!(!answer.text.contains("0800") && !answer.text.contains("script"), "{answer:?}");
        assert!(browser.cookies.is_empty(), "the attempt is over and there is no session");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_503_and_asked_again_a_second_later() {
    let setup = Setup::new().await;
    setup.op.answer_with(500);
    for _ in 0..3 {
        let answer = setup.browser().get("/auth/login").await;
        assert_eq!(answer.outcome(), (503, "authenticator_unavailable".into()));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(setup.op.requests(), 1, "once a second at most");
    setup.op.answer_with(200);
    setup.pass(std::time::Duration::from_secs(1));
    let (mut browser, _, back) = setup.begin(json!({})).await;
    setup.op.answer_with(500);
    assert_eq!(browser.get(&back).await.outcome(), (503, "authenticator_unavailable".into()));
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_provider_that_sends_browsers_or_secrets_elsewhere_is_not_followed() {
    for endpoint in ["http://op.example/x", "http://127.0.0.1.evil.example/x", "ftp://127.0.0.1/x"] {
        let setup = Setup::new().await;
        let good = setup.op.discovery();
        let mut discovery = good.clone();
        discovery["authorization_endpoint"] = endpoint.into();
        setup.op.discover(&discovery);
        assert_eq!(setup.browser().get("/auth/login").await.status, 503, "{endpoint}");

        let setup = Setup::new().await;
        let mut discovery = setup.op.discovery();
        discovery["token_endpoint"] = endpoint.into();
        setup.op.discover(&discovery);
        let (mut browser, _, back) = setup.begin(json!({})).await;
        assert_eq!(browser.get(&back).await.status, 503, "{endpoint}");
        assert_eq!(setup.op.last_exchange(), None);
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_and_the_document_is_kept_meanwhile() {
    let mut setup = Setup::new().await;
    setup.logged_in().await;
    setup.logged_in().await;
    assert_eq!(setup.op.fetches(), 1, "kept");
    let two = Key::new(Kind::EdDsa, "two");
    setup.op.publish(&[&two]);
    setup.key = two;
    assert_eq!(
        setup.outcome(json!({"at_hash": null})).await.outcome().0,
        401,
        "not so soon after the last fetch"
    );
    setup.pass(std::time::Duration::from_secs(30));
    assert_eq!(setup.outcome(json!({"at_hash": null})).await.status, 303);
    assert_eq!(setup.op.fetches(), 2);
}

#[tokio::test]
async fn a_session_that_no_cookie_can_hold_is_an_error_that_says_so() {
    let setup = Setup::new().await;
    let groups = |count: usize| (0..count).map(|number| format!("group-{number:016x}")).collect::<Vec<_>>();
    assert_eq!(setup.outcome(json!({"groups": groups(100)})).await.status, 303);
    let answer = setup.outcome(json!({"groups": groups(200)})).await;
    assert_eq!(answer.outcome(), (403, "forbidden".into()));
    assert!(answer.problem().detail.contains("4096 bytes: the provider names 200 groups"), "{answer:?}");
}

//! The conformance suite passes what is sound.

mod data;

use catalog_core::testing::conformance::{
    Caller, Category, Conformance, HttpTarget, Outcome, Report, ServiceTarget,
};
use catalog_tests::{ENGINEER_A, ENGINEER_B, STRANGER, USER};
use http::{HeaderName, HeaderValue};

/// The suite for a plugin of the stack, told all that it can be told.
fn suite(plugin: &str) -> Conformance {
    let caller = |user| Caller::from_iter([(HeaderName::from_static(USER), HeaderValue::from_static(user))]);
    Conformance::new(plugin)
        .with_tenants("team-a", "team-b")
        .with_reader_of_a(caller(ENGINEER_A))
        .with_reader_of_b(caller(ENGINEER_B))
        .with_stranger(caller(STRANGER))
        .with_credentials_required()
}

/// What was skipped, but for the routes that the stack does not mount.
fn skipped(report: &Report) -> Vec<&'static str> {
    let mounted = |category| !matches!(category, Category::Audit | Category::Jobs);
    let skipped = report.checks.iter().filter(|check| matches!(check.outcome, Outcome::Skipped { .. }));
    skipped.filter(|check| mounted(check.category)).map(|check| check.name).collect()
}

#[tokio::test]
async fn sound_plugins_are_conformant() {
    let stack = data::stack(&["mcp", "model", "skills"]).await;
    let target = ServiceTarget::new(stack.router.clone());
    for plugin in ["mcp", "model", "skills"] {
        let report = suite(plugin).run(&target).await;
        assert!(report.is_conformant(), "{report}");
        assert_eq!(report.checks.len(), Conformance::checks().count());
        let due: &[&str] = if plugin == "model" { &[] } else { &["artifacts-are-listed"] };
        assert_eq!(skipped(&report), due, "{plugin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_checked_over_http() {
    let stack = data::stack(&["model"]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, stack.router).await });
    let report = suite("model").run(&HttpTarget::new(&url).unwrap()).await;
    assert!(report.is_conformant(), "{report}");
    assert_eq!((report.target.as_str(), skipped(&report)), (url.as_str(), vec![]));
    server.abort();
    let report = suite("model").run(&HttpTarget::new("http://127.0.0.1:1").unwrap()).await;
    assert!(!report.is_conformant() && report.to_string().contains("does not answer"), "{report}");
}

#[tokio::test]
async fn what_is_not_given_skips_what_needs_it() {
    let stack = data::stack(&["model"]).await;
    let target = ServiceTarget::new(stack.router.clone());
    // without credentials this stack shows nothing, and nothing is taken for right
    let report = Conformance::new("model").run(&target).await;
    assert!(!report.is_conformant(), "{report}");
    let reader = Caller::from_iter([(HeaderName::from_static(USER), HeaderValue::from_static(ENGINEER_A))]);
    let report = Conformance::new("model").with_tenant("team-a").with_reader_of_a(reader).run(&target).await;
    assert!(report.is_conformant(), "{report}");
    let skipped = skipped(&report);
    for name in [
        "tenants-share-no-asset",
        "foreign-asset-is-as-nothing",
        "token-of-another-tenant-is-refused",
        "nobody-is-unauthenticated",
        "stranger-is-forbidden",
        "reader-is-forbidden-elsewhere",
    ] {
        assert!(skipped.contains(&name), "{name}: {report}");
    }
    let few = suite("model").with_max_assets(10).run(&target).await;
    assert!(few.to_string().contains("more than 10 assets"), "{few}");
    let one = suite("model").with_only(["walks-agree", "search"]).run(&target).await;
    assert_eq!((one.checks.len(), one.is_conformant()), (6, true), "{one}");
}

#[tokio::test]
async fn a_report_is_told_in_three_forms() {
    let stack = data::stack(&["model"]).await;
    let report = suite("no-such<plugin>").run(&ServiceTarget::new(stack.router.clone())).await;
    let (json, junit, table) = (report.to_json(), report.to_junit(), report.to_string());
    assert_eq!(json["conformant"], false);
    assert_eq!(json["checks"].as_array().unwrap().len(), report.checks.len());
    assert!(junit.contains("<failure message=") && junit.contains("no-such&lt;plugin&gt;"), "{junit}");
    assert_eq!(junit.matches("<testcase ").count(), report.checks.len());
    assert_eq!(junit.matches("<testsuite ").count(), Category::ALL.len());
    assert!(table.contains("not conformant") && table.contains("plugin-is-listed"), "{table}");
}

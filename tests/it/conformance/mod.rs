//! The conformance suite passes what is sound and finds what is not.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod data;
mod mounted;
mod mutant;

use std::collections::BTreeSet;

use catalog_core::testing::conformance::{
    Caller, Category, Conformance, HttpTarget, Outcome, Report, ServiceTarget,
};
use catalog_tests::{ENGINEER_A, ENGINEER_B, STRANGER, USER};
use http::{HeaderName, HeaderValue};

use self::{
    mounted::Mounted,
    mutant::{Mutant, MutantTarget},
};

/// Three of the built-in ones, and one of every type.
const PLUGINS: [&str; 4] = ["mcp", "model", "skills", "test"];

/// The suite for a plugin of the stack, told all that it can be told.
fn suite(plugin: &str) -> Conformance {
    Conformance::new(plugin)
        .with_tenants("team-a", "team-b")
        .with_reader_of_a(caller(ENGINEER_A))
        .with_reader_of_b(caller(ENGINEER_B))
        .with_stranger(caller(STRANGER))
        .with_credentials_required()
}

fn caller(user: &'static str) -> Caller {
    Caller::from_iter([(HeaderName::from_static(USER), HeaderValue::from_static(user))])
}

/// What was skipped, but for the routes that the stack does not mount.
fn skipped(report: &Report) -> Vec<&'static str> {
    let mounted = |category| !matches!(category, Category::Audit | Category::Jobs);
    report.skipped().filter(|check| mounted(check.category)).map(|check| check.name).collect()
}

#[tokio::test]
async fn sound_plugins_are_conformant() {
    let stack = data::stack(&PLUGINS).await;
    let target = ServiceTarget::new(stack.router.clone());
    for plugin in PLUGINS {
        let report = suite(plugin).run(&target).await;
        assert!(report.is_conformant(), "{report}");
        assert_eq!(report.checks.len(), Conformance::checks().count());
        let due: &[&str] = if matches!(plugin, "model" | "test") { &[] } else { &["artifacts-are-listed"] };
        assert_eq!(skipped(&report), due, "{plugin}");
    }
}

/// Checks that need two tenants, or one that is named.
const OF_TWO: &[&str] = &[
    "assets-are-of-the-tenant-asked-for",
    "token-of-another-tenant-is-refused",
    "tenants-share-no-asset",
    "foreign-asset-is-as-nothing",
    "foreign-source-is-as-nothing",
    "filters-do-not-reach-out",
    "two-tenants-in-one-request-conflict",
    "header-names-the-tenant",
    "missing-tenant-is-refused",
    "bad-tenant-name-is-refused",
    "reader-is-forbidden-elsewhere",
    "all-tenants-need-the-right",
    "forbidden-does-not-tell-what-exists",
];

/// The routes of a server of one tenant are those of a server of many, and nobody needs to name it.
#[tokio::test]
async fn a_server_of_one_tenant_is_conformant() {
    let (single, many) = (data::single(&PLUGINS).await, data::stack(&PLUGINS).await);
    assert_eq!(single.routes, many.routes);
    let target = ServiceTarget::new(single.router.clone());
    for plugin in PLUGINS {
        let suite =
            Conformance::new(plugin).with_reader_of_a(caller(ENGINEER_A)).with_stranger(caller(STRANGER));
        let report = suite.with_credentials_required().run(&target).await;
        assert!(report.is_conformant(), "{report}");
        let rest: Vec<_> = skipped(&report).into_iter().filter(|name| !OF_TWO.contains(name)).collect();
        let due: &[&str] = if matches!(plugin, "model" | "test") { &[] } else { &["artifacts-are-listed"] };
        assert_eq!(rest, due, "{plugin}: {report}");
    }
}

#[tokio::test]
async fn what_stands_around_the_mutants_is_sound() {
    let stack = data::stack(&["model"]).await;
    let sound = Mounted(ServiceTarget::new(stack.router.clone()));
    let report = suite("model").run(&MutantTarget { sound, mutant: Mutant::NONE }).await;
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Passed), "{report}");
}

/// Every check finds something: there is a mutant for each, and it is found by that check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mutant_is_found_by_its_check() {
    let stack = data::stack(&["model", "mcp"]).await;
    let runs: Vec<_> = Mutant::all()
        .map(|mutant| {
            let target = MutantTarget { sound: Mounted(ServiceTarget::new(stack.router.clone())), mutant };
            tokio::spawn(async move { suite("model").with_only([mutant.check]).run(&target).await })
        })
        .collect();
    let mut missed = Vec::new();
    for (mutant, run) in Mutant::all().zip(runs) {
        let report = run.await.unwrap();
        if report.failed().all(|check| check.name != mutant.check) {
            missed.push(format!("{mutant:?}: {report}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let found: BTreeSet<&str> = Mutant::all().map(|mutant| mutant.check).collect();
    let untried: Vec<_> = Conformance::checks().filter(|(_, name)| !found.contains(name)).collect();
    assert_eq!(untried, []);
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

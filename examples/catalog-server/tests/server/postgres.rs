//! The server on PostgreSQL, and replicas of it.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    statement::Statement,
};
use tempfile::TempDir;

use crate::fixture::{LISTS, SAMPLED, Server};

const NEEDS: &str = "CATALOG_TEST_POSTGRES_URL";

/// Runs each statement, of literals of the test.
pub(crate) fn run(url: &str, statements: &[&[&'static str]]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = Database::postgres(url, DatabaseOptions::default()).await.unwrap();
        for texts in statements {
            let mut statement = Statement::new(database.dialect());
            for text in *texts {
                statement.push(text);
            }
            database.fetch(statement).await.unwrap();
        }
        database.close().await;
    });
}

/// An empty database whose owner is no superuser, as its URL.
pub(crate) fn database(name: &'static str) -> String {
    let server = std::env::var(NEEDS).unwrap();
    run(
        &server,
        &[
            &["drop database if exists ", name],
            &["drop role if exists ", name],
            &["create role ", name, " login password 'server'"],
            &["create database ", name, " owner ", name],
        ],
    );
    let (_, place) = server.rsplit_once('@').unwrap();
    let (place, _) = place.rsplit_once('/').unwrap();
    format!("postgres://{name}:server@{place}/{name}")
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn the_demo_is_the_same_on_postgres_with_and_without_row_level_security() {
    for (name, security) in [("server_demo", "off"), ("server_secured", "on")] {
        let url = database(name);
        let env = [
            ("CATALOG_PROFILE", "demo"),
            ("CATALOG_DATABASE_URL", url.as_str()),
            ("CATALOG_DATABASE_ROW_LEVEL_SECURITY", security),
        ];
        let server = Server::start(tempfile::tempdir().unwrap(), &env);
        let embedded = Server::demo();
        for list in LISTS.into_iter().take(SAMPLED) {
            for query in [
                "namespace=team-a",
                "namespace=team-b&orderBy=createTime&sortOrder=DESC",
                "namespace=*&pageSize=7",
            ] {
                let names = server.get(&format!("{list}?{query}")).names();
                assert!(!names.is_empty());
                assert_eq!(names, embedded.get(&format!("{list}?{query}")).names(), "{list}?{query}");
            }
            assert_eq!(server.get(&format!("{list}?namespace=team-c")).code(), "namespace_not_found");
        }
        for (filter, q) in
            [("toolCount > 5 AND verified = true", ""), ("", "lab"), ("tags IS NOT NULL", "read")]
        {
            let parameters = [("namespace", "team-b"), ("filterQuery", filter), ("q", q)];
            let (here, there) = (server.list(LISTS[1], &parameters), embedded.list(LISTS[1], &parameters));
            assert_eq!(here.names(), there.names(), "{filter} {q}");
        }
        let options = "/api/mcp_catalog/v1alpha1/filter_options?namespace=team-a";
        let (here, there) = (server.get(options).json(), embedded.get(options).json());
        for field in ["category", "transportType", "toolCount", "tags", "provider"] {
            assert_eq!(here["filters"][field], there["filters"][field], "{field}");
        }
        let refresh = "/api/model_catalog/v1alpha1/sources/sample-models:refresh?namespace=team-a";
        let id = server.ask("POST", refresh, &[], "").json()["jobId"].as_str().unwrap().to_owned();
        let job = |namespace: &str| format!("/api/jobs/v1alpha1/refresh/{id}?namespace={namespace}");
        server.answers(&job("team-a"), |answer| answer.json()["state"] == "succeeded");
        assert_eq!(server.get(&job("team-b")).code(), "not_found");
    }
}

const SOURCES: &str =
    "catalogs: {models: {sources: [{id: s, type: yaml, properties: {yamlCatalogPath: models.yaml}}]}}";

fn folder(models: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sources.yaml"), SOURCES).unwrap();
    fs::write(folder.path().join("models.yaml"), models).unwrap();
    folder
}

/// Starts two replicas; what the second finds in its file must be seen from the first, which keeps its lists.
fn a_replica_sees_what_another_changes(url: &str, max_staleness_ms: &str) {
    let env = [
        ("CATALOG_SOURCES", "sources.yaml"),
        ("CATALOG_AUTH_MODE", "anonymous"),
        ("CATALOG_AUTHZ_MODE", "none"),
        ("CATALOG_DATABASE_URL", url),
        ("CATALOG_CACHE_MAX_STALENESS_MS", max_staleness_ms),
    ];
    let first = Server::start(folder("models: [{name: old}]"), &env);
    let seen = || {
        let answer = first.get(LISTS[0]);
        (answer.names(), answer.header("x-cache").to_owned())
    };
    let kept = (vec!["old".to_owned()], "HIT".to_owned());
    seen();
    assert_eq!(seen(), kept);
    let second = Server::start(folder("models: [{name: new}]"), &env);
    assert_eq!(second.get(LISTS[0]).names(), ["new"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while seen().0 != ["new"] {
        assert!(Instant::now() < deadline, "the first goes on with {:?}", seen());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn news_of_another_replica_come_at_once() {
    // nothing but news could make it look again so soon
    a_replica_sees_what_another_changes(&database("server_news"), "3600000");
}

#[test]
fn without_news_a_list_is_looked_at_again_before_long() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    a_replica_sees_what_another_changes(&url, "200");
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn a_database_that_is_cut_off_is_503_and_the_server_comes_back_by_itself() {
    let url = database("server_cut");
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_DATABASE_URL", url.as_str()),
        ("CATALOG_DATABASE_ACQUIRE_TIMEOUT_MS", "300"),
        ("CATALOG_CACHE_PAGES_BYTES", "0"),
    ];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    let list = format!("{}?namespace=team-a", LISTS[1]);
    assert_eq!(server.get(&list).status, 200);
    let admin = std::env::var(NEEDS).unwrap();
    run(
        &admin,
        &[
            &["alter database server_cut allow_connections false"],
            &["select pg_terminate_backend(pid)::text from pg_stat_activity where datname = 'server_cut'"],
        ],
    );
    let refused = server.get(&list);
    assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(server.get("/livez").status, 200);
    server.wait_until("/readyz", 503);
    run(&admin, &[&["alter database server_cut allow_connections true"]]);
    server.wait_until("/readyz", 200);
    assert_eq!(server.get(&list).status, 200);
}

#[test]
fn what_is_counted_can_be_read_on_an_address_of_its_own() {
    let server = Server::demo();
    for _ in 0..3 {
        server.get(&format!("{}?namespace=team-a", LISTS[0]));
    }
    let metrics = server.get("/metrics").text;
    for part in [
        r#"catalog_cache_requests_total{cache="pages",outcome="hit"} 2"#,
        r#"catalog_cache_requests_total{cache="pages",outcome="miss"} 1"#,
        "catalog_cache_load_duration_seconds_bucket",
    ] {
        assert!(metrics.contains(part), "{part} is not in\n{metrics}");
    }
    assert!(!metrics.contains("team-a"), "no tenant is named");
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_METRICS_LISTEN", "127.0.0.1:0")];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    assert_eq!(server.get("/metrics").code(), "route_not_found");
    assert!(server.log().contains("metrics are served"));
}

/// Each lease that any of the servers tells of, with those that lead.
pub(crate) type Leaders = Vec<(String, Vec<usize>)>;

pub(crate) fn leaders(servers: &[&Server]) -> Leaders {
    let mut leaders: std::collections::BTreeMap<String, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, server) in servers.iter().enumerate() {
        for line in server.get("/metrics").text.lines() {
            if let Some((lease, value)) =
                line.strip_prefix("catalog_ha_leader{lease=\"").and_then(|rest| rest.split_once("\"} "))
            {
                let leads = leaders.entry(lease.to_owned()).or_default();
                leads.extend((value == "1").then_some(index));
            }
        }
    }
    leaders.into_iter().collect()
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn one_replica_leads_and_another_at_once_when_it_leaves() {
    let url = database("server_leader");
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_DATABASE_URL", url.as_str()),
        ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
    ];
    // both at once, on an empty database
    let spawn = || Server::spawn(tempfile::tempdir().unwrap(), &env);
    let (mut first, mut second) = thread::scope(|scope| {
        let first = scope.spawn(spawn);
        (spawn(), first.join().unwrap())
    });
    let until = |servers: &[&Server], wanted: &dyn Fn(&Leaders) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let leaders = leaders(servers);
            if wanted(&leaders) {
                return;
            }
            assert!(leaders.iter().all(|(_, leads)| leads.len() <= 1), "{leaders:?}");
            assert!(Instant::now() < deadline, "{leaders:?}: {}", servers[0].log());
            thread::sleep(Duration::from_millis(20));
        }
    };
    for server in [&first, &second] {
        server.wait_until("/readyz", 200);
        server.wait_for_component("leader", "ok");
    }
    let all_led = |leaders: &Leaders| leaders.len() == 3 && leaders.iter().all(|(_, leads)| leads.len() == 1);
    until(&[&first, &second], &all_led);
    // who leads the first of the leases leaves
    let leads = leaders(&[&first, &second])[0].1[0];
    let (leaving, staying) = if leads == 0 { (&mut first, &second) } else { (&mut second, &first) };
    leaving.signal("TERM");
    let told = Instant::now();
    until(&[staying], &|leaders| leaders.iter().all(|(_, leads)| leads == &[0]));
    // well before the lease of 15 s is over
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    assert_eq!(leaving.process.wait().unwrap().code(), Some(0), "{}", leaving.log());
}

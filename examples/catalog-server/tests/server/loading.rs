//! The first load, done once by several replicas, and what the last configuration that was rolled out means for them.

use std::{fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    fixture::{LISTS, Server},
    postgres::database,
};

const SOURCES: [&str; 3] = ["one", "two", "three"];

/// A folder with a file of so many models for each source.
fn folder(sources: &[&str], models: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source =
        |id: &&str| format!("    - {{id: {id}, type: yaml, properties: {{yamlCatalogPath: {id}.yaml}}}}\n");
    let listed: String = sources.iter().map(source).collect();
    fs::write(folder.path().join("sources.yaml"), format!("catalogs:\n  models:\n    sources:\n{listed}"))
        .unwrap();
    for id in sources {
        let items: Vec<String> = (0..models).map(|number| format!("- {{name: {id}/{number}}}\n")).collect();
        fs::write(folder.path().join(format!("{id}.yaml")), format!("models:\n{}", items.concat())).unwrap();
    }
    folder
}

fn env(url: &str) -> [(&str, &str); 7] {
    [
        ("CATALOG_SOURCES", "sources.yaml"),
        ("CATALOG_AUTH_MODE", "anonymous"),
        ("CATALOG_AUTHZ_MODE", "none"),
        ("CATALOG_DATABASE_URL", url),
        // what a killed replica holds is soon another's
        ("CATALOG_JOB_LEASE_SECONDS", "2"),
        ("CATALOG_JOB_CONCURRENCY", "1"),
        ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
    ]
}

fn jobs(server: &Server) -> Vec<Value> {
    let answer = server.get("/api/jobs/v1alpha1/refresh");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

/// How many jobs of each source have succeeded.
fn loads(server: &Server) -> [usize; 3] {
    let jobs = jobs(server);
    SOURCES.map(|source| {
        jobs.iter().filter(|job| job["sourceId"] == source && job["state"] == "succeeded").count()
    })
}

fn total(server: &Server) -> u64 {
    server.get(&format!("{}?includeTotal=true&pageSize=1", LISTS[0])).json()["totalSize"].as_u64().unwrap()
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn replicas_that_start_together_load_each_source_once() {
    let url = database("server_load_together");
    let env = env(&url);
    let servers: Vec<Server> = thread::scope(|scope| {
        let starting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Server::start(folder(&SOURCES, 50), &env))).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    });
    for server in &servers {
        assert_eq!((loads(server), total(server)), ([1, 1, 1], 150));
        server.wait_for_component("initial_load", "ok");
    }
    // one that starts later finds all done
    let later = Server::start(folder(&SOURCES, 50), &env);
    later.wait_for_component("initial_load", "ok");
    assert_eq!(loads(&later), [1, 1, 1]);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn a_load_goes_on_elsewhere_when_a_replica_is_killed_in_the_middle_of_it() {
    let url = database("server_load_killed");
    let env = env(&url);
    let first = Server::spawn(folder(&SOURCES, 5_000), &env);
    first.answers("/api/jobs/v1alpha1/refresh?state=running", |answer| {
        answer.status == 200 && answer.json()["size"] != 0
    });
    let second = Server::spawn(folder(&SOURCES, 5_000), &env);
    let before = loads(&second);
    first.kill();
    assert_ne!(before, [1, 1, 1], "it was in the middle of it");
    second.wait_for_component("initial_load", "ok");
    assert_eq!((loads(&second), total(&second)), ([1, 1, 1], 15_000));
    let attempts: Vec<u64> = jobs(&second).iter().map(|job| job["attemptCount"].as_u64().unwrap()).collect();
    assert_eq!(attempts.len(), 3, "no job but one for each source");
    assert!(attempts.contains(&2), "the one that was killed was tried again: {attempts:?}");
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn of_replicas_with_different_files_the_last_one_started_has_its_way_while_it_is_there() {
    let url = database("server_load_rollout");
    let env = env(&url);
    let sources = |server: &Server| {
        let list = server.get("/api/model_catalog/v1alpha1/sources").json();
        let ids = list["items"].as_array().unwrap().iter().map(|source| source["id"].as_str().unwrap());
        ids.map(String::from).collect::<Vec<_>>()
    };
    let older = Server::start(folder(&SOURCES, 10), &env);
    older.wait_for_component("initial_load", "ok");
    assert_eq!(total(&older), 30);
    let newer = Server::start(folder(&SOURCES[..1], 20), &env);
    newer.wait_for_component("initial_load", "ok");
    assert_eq!((total(&newer), sources(&newer)), (20, vec!["one".into()]));
    // the older one knows, is ready, and leaves them alone
    older.answers("/metrics", |answer| answer.text.contains(&led("0")));
    newer.answers("/metrics", |answer| answer.text.contains(&led("1")));
    older.answers("/readyz", |answer| answer.status == 200);
    assert!(older.log().contains("this one leaves the sources to it"), "{}", older.log());
    assert_eq!((total(&older), sources(&older)), (20, vec!["one".into()]));
    // it has its way again when it is started again
    let again = Server::start(older.kill(), &env);
    again.wait_for_component("initial_load", "ok");
    assert_eq!(total(&again), 30);
    newer.answers("/metrics", |answer| answer.text.contains(&led("0")));
}

/// How the metrics tell whether a replica sees to the sources.
fn led(value: &str) -> String {
    format!("catalog_ha_leader{{lease=\"catalog-sources\"}} {value}")
}

//! Releases that run side by side, as they do while one is rolled out or back.
//!
//! Beside this one runs the binary that `CATALOG_TEST_OTHER_SERVER` names, an earlier release; this one where it names none, which
//! shows what holds of any two.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    audit_killed::Beside,
    fixture::{BINARY, LISTS, SAMPLED, Server},
    postgres::{database, leaders, run},
};

/// How many of the replicas that began have not had their sources made as they are configured.
const UNDONE: &str = "select (value::json->>'asked')::bigint - (value::json->>'done')::bigint from catalog_core_settings where key = 'sources_rollout'";

fn other() -> PathBuf {
    std::env::var_os("CATALOG_TEST_OTHER_SERVER").map_or_else(|| BINARY.into(), PathBuf::from)
}

fn env(url: &str) -> [(&str, &str); 3] {
    [("CATALOG_PROFILE", "demo"), ("CATALOG_DATABASE_URL", url), ("CATALOG_CACHE_PAGES_BYTES", "0")]
}

fn post(server: &Server, path: &str) -> serde_json::Value {
    let answer = server.ask("POST", &format!("{path}?namespace=team-a"), &[], "");
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer.json()
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn an_earlier_release_and_this_one_serve_the_same_beside_each_other() {
    let url = database("server_releases");
    let env = env(&url);
    let folder = || tempfile::tempdir().unwrap();
    let earlier = Server::spawn_release(&other(), folder(), &env);
    earlier.wait_until("/readyz", 200);
    let list = format!("{}?namespace=team-a&pageSize=2", LISTS[0]);
    let before = earlier.get(&list).json();
    let this = Server::start(folder(), &env);
    earlier.wait_until("/readyz", 200);
    // what the one has loaded is what the other lists, page by page
    let token = before["nextPageToken"].as_str().unwrap();
    for server in [&earlier, &this] {
        assert_eq!(server.get(&list).json()["items"], before["items"]);
        assert_eq!(server.get(&format!("{list}&pageToken={token}")).status, 200);
        for list in LISTS.iter().take(SAMPLED) {
            assert!(!server.get(&format!("{list}?namespace=team-b")).names().is_empty());
        }
    }
    // the configured sources are made so once more when a replica begins, and are left to people then
    Beside::open(&url).wait_until(UNDONE, |undone| undone == 0);
    // what is changed by the one is changed for the other
    let source = "/api/model_catalog/v1alpha1/sources/sample-models";
    for (by, seen_by) in [(&earlier, &this), (&this, &earlier)] {
        for (verb, enabled) in [("disable", false), ("enable", true)] {
            post(by, &format!("{source}:{verb}"));
            let found = seen_by.get(&format!("{source}?namespace=team-a")).json();
            assert_eq!(found["enabled"], enabled, "{found:#}");
        }
        let job = post(by, &format!("{source}:refresh"))["jobId"].as_str().unwrap().to_owned();
        let path = format!("/api/jobs/v1alpha1/refresh/{job}?namespace=team-a");
        seen_by.answers(&path, |answer| answer.json()["state"] == "succeeded");
    }
    // no two do what one does for all, and what both recorded is one chain
    for (lease, leads) in leaders(&[&earlier, &this]) {
        assert!(leads.len() <= 1, "{lease}: {leads:?}");
    }
    for server in [&earlier, &this] {
        let events = server
            .get("/api/audit/v1alpha1/events?namespace=team-a&resourceType=catalogsources&eventType=request");
        assert_eq!(events.json()["items"].as_array().unwrap().len(), 4, "{events:?}");
        server.answers("/api/audit/v1alpha1/integrity?namespace=team-a", |answer| {
            answer.json()["verified"] == true && answer.json()["to"].as_i64() >= Some(6)
        });
    }
    earlier.kill();
    post(&this, &format!("{source}:disable"));
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn this_release_serves_on_a_schema_that_was_expanded_and_is_not_ready_on_one_that_was_contracted() {
    let url = database("server_ahead");
    let env = env(&url);
    let migrated = |statement: &[&'static str]| run(&url, &[statement]);
    let ledger = "insert into catalog_core_migrations (owner, version, name, checksum, applied_at, kind, release) values ";
    let running = Server::start(tempfile::tempdir().unwrap(), &env);
    migrated(&[ledger, "('core', 998, 'add a thing', 'x', '2030-01-01T00:00:00Z', 'expand', '9.0.0')"]);
    let rolled_back = Server::start(tempfile::tempdir().unwrap(), &env);
    for server in [&running, &rolled_back] {
        let said = server.answers("/readyz", |answer| {
            answer.json()["components"]["migrations"]["detail"]
                .as_str()
                .is_some_and(|text| text.contains("9.0.0"))
        });
        assert_eq!((said.status, &said.json()["components"]["migrations"]["status"]), (200, &json!("ok")));
        assert_eq!(server.get(&format!("{}?namespace=team-a", LISTS[0])).status, 200);
    }
    migrated(&[ledger, "('core', 999, 'take it', 'x', '2030-01-01T00:00:00Z', 'contract', '9.1.0')"]);
    let late = Server::spawn(tempfile::tempdir().unwrap(), &env);
    for server in [&running, &rolled_back, &late] {
        server.wait_for_component("migrations", "failed");
        assert_eq!((server.get("/readyz").status, server.get("/livez").status), (503, 200));
    }
    // the later release is taken back with its schema
    migrated(&["delete from catalog_core_migrations where version > 900"]);
    for server in [&running, &rolled_back, &late] {
        server.wait_until("/readyz", 200);
    }
}

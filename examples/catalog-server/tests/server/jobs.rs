//! Refreshes that are asked for, and what becomes of them.

use serde_json::json;

use crate::fixture::{Answer, Server};

const SOURCES: &str = "/api/model_catalog/v1alpha1/sources";
const JOBS: &str = "/api/jobs/v1alpha1/refresh";

fn post(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.ask("POST", &format!("{path}?namespace=team-a"), headers, "")
}

#[test]
fn a_refresh_is_answered_at_once_and_done_after_it() {
    let server = Server::demo();
    let asked = post(&server, &format!("{SOURCES}/sample-models:refresh"), &[("idempotency-key", "one")]);
    assert_eq!(asked.status, 202, "{asked:?}");
    let id = asked.json()["jobId"].as_str().unwrap().to_owned();
    assert_eq!(asked.header("location"), format!("{JOBS}/{id}"));
    let job = format!("{JOBS}/{id}?namespace=team-a");
    let done = server.answers(&job, |answer| answer.json()["state"] == "succeeded").json();
    assert_eq!((&done["attemptCount"], &done["requestedBy"]), (&1.into(), &"olga@example.com".into()));
    assert_eq!(done["result"]["lastRefresh"]["unchanged"], 8);
    let source = server.get(&format!("{SOURCES}/sample-models?namespace=team-a")).json();
    assert_eq!(source["status"]["lastRefresh"]["jobId"], id.as_str());

    // the same key is the same job, and for something else none
    let again = post(&server, &format!("{SOURCES}/sample-models:refresh"), &[("idempotency-key", "one")]);
    assert_eq!((again.status, &again.json()["jobId"]), (202, &json!(id)));
    assert_eq!(again.header("idempotency-replayed"), "true");
    // each of the two has its event, which says so
    for (answer, is_replayed) in [(&asked, false), (&again, true)] {
        let of = format!("namespace=team-a&requestId={}", answer.header("x-request-id"));
        let list = server.get(&format!("/api/audit/v1alpha1/events?{of}")).json();
        let [event] = list["items"].as_array().unwrap().as_slice() else { panic!("{list:#}") };
        assert_eq!((&event["action"], &event["outcome"]), (&json!("refresh"), &json!("success")));
        assert_eq!(event["metadata"]["idempotencyReplayed"] == true, is_replayed, "{event:#}");
    }
    let other = "/api/mcp_catalog/v1alpha1/sources/sample-mcp-servers:refresh";
    assert_eq!(post(&server, other, &[("idempotency-key", "one")]).code(), "idempotency_mismatch");
    assert_eq!(post(&server, other, &[("idempotency-key", "")]).status, 400);

    let all = post(&server, &format!("{SOURCES}:refresh"), &[]);
    assert_eq!((all.status, &all.json()["size"]), (202, &json!(1)), "{all:?}");
    assert_eq!(post(&server, &format!("{SOURCES}/nobodys:refresh"), &[]).code(), "not_found");
    assert_eq!(post(&server, &format!("{SOURCES}/sample-models:disable"), &[]).status, 200);
    assert_eq!(post(&server, &format!("{SOURCES}/sample-models:refresh"), &[]).code(), "conflict");

    assert_eq!(post(&server, &format!("{JOBS}/{id}:cancel"), &[]).code(), "job_finished");
    assert_eq!(post(&server, &format!("{JOBS}/{id}:retry"), &[]).code(), "job_finished");
    assert_eq!(server.get(&format!("{JOBS}/{id}?namespace=team-b")).code(), "not_found");
    let list = server.get(&format!("{JOBS}?namespace=team-a&state=succeeded&sourceId=sample-models"));
    assert!(list.json()["items"].as_array().unwrap().iter().any(|job| job["id"] == id.as_str()), "{list:?}");
    assert_eq!(server.get(&format!("{JOBS}?namespace=team-a&state=lost")).status, 400);
    let events = server.get(&format!("{JOBS}/{id}/events?namespace=team-a"));
    assert!(events.text.starts_with("event: finished\n") && events.text.contains(&id), "{events:?}");
}

#[test]
fn a_job_outlives_the_server_that_was_killed_over_it() {
    // short leases, so that what the dead one holds is soon another's
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_JOB_LEASE_SECONDS", "1")];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    let mut ids = Vec::new();
    for plugin in ["model", "mcp", "agents", "prompts", "knowledge"] {
        let asked = post(&server, &format!("/api/{plugin}_catalog/v1alpha1/sources:refresh"), &[]);
        assert_eq!(asked.status, 202, "{asked:?}");
        ids.push(asked.json()["items"][0]["jobId"].as_str().unwrap().to_owned());
    }
    let server = Server::start(server.kill(), &env);
    for id in ids {
        let job = format!("{JOBS}/{id}?namespace=team-a");
        server.answers(&job, |answer| answer.json()["state"] == "succeeded");
    }
}

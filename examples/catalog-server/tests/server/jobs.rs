//! Refreshes that are asked for, and what becomes of them.

use serde_json::{Value, json};

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
    let job = asked.header("location").to_owned();
    assert_eq!(job, format!("{JOBS}/{id}?namespace=team-a"));
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

    let all = |key| post(&server, &format!("{SOURCES}:refresh"), &[("idempotency-key", key)]);
    let first = all("all");
    assert_eq!((first.status, &first.json()["size"]), (202, &json!(1)), "{first:?}");
    let of_all = first.json()["items"][0]["jobId"].clone();
    let listed =
        |answer: &Answer| answer.json()["items"].as_array().unwrap().iter().any(|job| job["id"] == of_all);
    server.answers(first.header("location"), |answer| {
        listed(answer) && answer.json()["items"][0]["state"] == "succeeded"
    });
    let again = all("all");
    assert_eq!(
        (&again.json()["items"], again.header("idempotency-replayed")),
        (&first.json()["items"], "true")
    );
    let another = all("other");
    assert!(
        another.json()["items"] != first.json()["items"] && another.header("idempotency-replayed").is_empty()
    );
    assert_eq!(all("").status, 400);
    for path in ["tenant:pause", "tenant:resume", "queues/refresh:pause", "queues/refresh:resume"] {
        let path = format!("/api/jobs/v1alpha1/{path}");
        for body in [r#"{"x":1}"#, "x"] {
            assert_eq!(
                server.ask("POST", &format!("{path}?namespace=team-a"), &[], body).code(),
                "invalid_body",
                "{path}"
            );
        }
    }
    for path in [format!("{SOURCES}:refresh"), format!("{SOURCES}/sample-models:refresh")] {
        let refused = server.ask("POST", &format!("{path}?namespace=team-a"), &[], r#"{"sources":["x"]}"#);
        assert_eq!(refused.code(), "invalid_body", "{path}");
    }
    assert_eq!(post(&server, &format!("{SOURCES}/nobodys:refresh"), &[]).code(), "not_found");
    assert_eq!(post(&server, &format!("{SOURCES}/sample-models:disable"), &[]).status, 200);
    assert_eq!(post(&server, &format!("{SOURCES}/sample-models:refresh"), &[]).code(), "conflict");

    assert_eq!(post(&server, &format!("{JOBS}/{id}:cancel"), &[]).code(), "job_finished");
    assert_eq!(post(&server, &format!("{JOBS}/{id}:retry"), &[]).code(), "job_finished");
    assert_eq!(server.get(&format!("{JOBS}/{id}?namespace=team-b")).code(), "not_found");
    let of_all = server.get(&format!("{JOBS}?namespace=*"));
    let namespaces: Vec<Value> =
        of_all.json()["items"].as_array().unwrap().iter().map(|job| job["namespace"].clone()).collect();
    assert!(namespaces.contains(&json!("team-a")) && namespaces.contains(&json!("team-b")), "{of_all:?}");
    let engineer = [("authorization", "Bearer demo-team-a-engineer")];
    let refused = server.ask("GET", &format!("{JOBS}?namespace=*"), &engineer, "");
    assert_eq!(refused.code(), "forbidden");
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

#[test]
fn a_tenant_that_is_paused_waits_and_all_that_is_done_to_its_jobs_is_recorded_once() {
    let server = Server::demo();
    assert_eq!(post(&server, "/api/jobs/v1alpha1/tenant:pause", &[("x-request-id", "pause")]).status, 200);
    let queues = server.get("/api/jobs/v1alpha1/queues").json();
    assert_eq!(queues["pausedNamespaces"], json!(["team-a"]), "{queues}");
    let asked = post(&server, &format!("{SOURCES}/sample-models:refresh"), &[("x-request-id", "refresh")]);
    let id = asked.json()["jobId"].as_str().unwrap().to_owned();
    for verb in ["cancel", "retry"] {
        let answer = post(&server, &format!("{JOBS}/{id}:{verb}"), &[("x-request-id", verb)]);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // nothing is changed by it, and that is recorded, too
    let twice = post(&server, "/api/jobs/v1alpha1/tenant:pause", &[("x-request-id", "twice")]);
    assert_eq!(twice.status, 200);
    let queue =
        server.ask("POST", "/api/jobs/v1alpha1/queues/refresh:resume", &[("x-request-id", "queue")], "");
    assert_eq!(queue.status, 200, "{queue:?}");
    let job = format!("{JOBS}/{id}?namespace=team-a");
    assert_eq!(server.get(&job).json()["state"], "queued");
    assert_eq!(post(&server, "/api/jobs/v1alpha1/tenant:resume", &[("x-request-id", "resume")]).status, 200);
    server.answers(&job, |answer| answer.json()["state"] == "succeeded");
    for (request, before, after) in [
        ("pause", json!({"paused": false}), json!({"paused": true})),
        ("refresh", json!(null), json!({"kind": "refresh", "queue": "refresh", "state": "queued"})),
        ("cancel", json!({"state": "queued"}), json!({"state": "canceled"})),
        ("retry", json!({"state": "canceled"}), json!({"state": "queued"})),
        ("twice", json!(null), json!(null)),
        ("queue", json!(null), json!(null)),
        ("resume", json!({"paused": true}), json!({"paused": false})),
    ] {
        let all = if request == "queue" { "*" } else { "team-a" };
        let path = format!("/api/audit/v1alpha1/events?namespace={all}&requestId={request}");
        let events = server.answers(&path, |answer| answer.json()["items"][0].is_object()).json();
        let [event] = events["items"].as_array().unwrap().as_slice() else { panic!("{events:#}") };
        assert_eq!(
            (&event["eventType"], &event["outcome"]),
            (&"request".into(), &"success".into()),
            "{event:#}"
        );
        assert_eq!((&event["oldValue"], &event["newValue"]), (&before, &after), "{event:#}");
        if ["refresh", "cancel", "retry"].contains(&request) {
            assert_eq!((&event["plugin"], &event["resourceIds"]), (&"model".into(), &json!([id])));
        }
    }
}

#[test]
fn a_tenant_with_as_many_jobs_as_it_may_have_is_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "quotas: {tenants: {team-a: {live_jobs: 1}}}\n";
    std::fs::write(folder.path().join("limits.yaml"), limits).unwrap();
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_TENANCY_LIMITS", "limits.yaml")];
    let server = Server::start(folder, &env);
    assert_eq!(post(&server, "/api/jobs/v1alpha1/tenant:pause", &[]).status, 200);
    let one = format!("{SOURCES}/sample-models:refresh");
    let other = "/api/mcp_catalog/v1alpha1/sources/sample-mcp-servers:refresh";
    assert_eq!(post(&server, &one, &[]).status, 202);
    assert_eq!(post(&server, &one, &[]).status, 202, "it is the same");
    let refused = post(&server, other, &[]);
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_jobs"));
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(refused.json()["type"], "urn:catalog:problem:too_many_jobs");
    assert_eq!(post(&server, "/api/jobs/v1alpha1/tenant:resume", &[]).status, 200);
    let empty = |answer: &Answer| answer.json()["items"][0]["ready"] == 0;
    server.answers("/api/jobs/v1alpha1/queues", |answer| {
        empty(answer) && answer.json()["items"][0]["running"] == 0
    });
    assert_eq!(post(&server, other, &[]).status, 202);
}

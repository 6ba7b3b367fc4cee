//! What was done is recorded, once, and nobody changes the record unnoticed.

use std::fs;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    statement::Statement,
};
use serde_json::Value;

use crate::fixture::{Server, command};

const SOURCE: &str = "/api/model_catalog/v1alpha1/sources/sample-models";
const EVENTS: &str = "/api/audit/v1alpha1/events";

fn events(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("{EVENTS}?namespace=team-a&{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

fn ask(server: &Server, token: &str, custom: &str) -> crate::fixture::Answer {
    let bearer = format!("Bearer {token}");
    let path = format!("{SOURCE}:{custom}?namespace=team-a&accessToken=hunter2");
    let path = if custom == "disable" { format!("{SOURCE}:{custom}?namespace=team-a") } else { path };
    server.ask("POST", &path, &[("authorization", &bearer), ("x-request-id", token)], "")
}

/// What a command of the server says, and how it ends.
fn audit(server: &Server, args: &[&str]) -> (bool, String) {
    let output = command(server.folder.path(), &[]).arg("audit").args(args).output().unwrap();
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_change_and_a_refusal_have_one_event_each() {
    let server = Server::demo();
    assert_eq!(ask(&server, "demo-team-a-engineer", "disable").status, 200);
    assert_eq!(ask(&server, "demo-team-a-viewer", "disable").status, 403);
    assert_eq!(ask(&server, "nobody-knows-this", "disable").status, 401);
    // a parameter that the route does not have
    assert_eq!(ask(&server, "demo-team-a-engineer", "enable").status, 400);

    let changed = events(&server, "requestId=demo-team-a-engineer&eventType=request&outcome=success");
    let [event] = changed.as_slice() else { panic!("{changed:#?}") };
    assert_eq!((&event["action"], &event["actionVerb"]), (&"disable".into(), &"update".into()));
    assert_eq!((&event["oldRevision"], &event["newRevision"]), (&1.into(), &2.into()));
    assert_eq!((&event["oldValue"]["enabled"], &event["newValue"]["enabled"]), (&true.into(), &false.into()));
    assert_eq!(event["actor"]["user"], "ada@team-a.example");
    assert_eq!((&event["plugin"], &event["resourceIds"][0]), (&"model".into(), &"sample-models".into()));
    let refused = events(&server, "outcome=denied");
    let [event] = refused.as_slice() else { panic!("{refused:#?}") };
    assert_eq!((&event["statusCode"], &event["reason"]), (&403.into(), &"forbidden".into()));
    assert_eq!(event["actor"]["user"], "vera@team-a.example");
    let failed = events(&server, "outcome=failure");
    let [event] = failed.as_slice() else { panic!("{failed:#?}") };
    assert_eq!(event["statusCode"], 400);
    // whom nobody knows has no tenant
    let unknown = server.get(&format!("{EVENTS}?namespace=*&requestId=nobody-knows-this")).json();
    assert_eq!(unknown["items"][0]["statusCode"], 401, "{unknown:#}");

    // what a query held is nowhere, and what belongs to another tenant is not told
    let (whole, exported) = audit(&server, &["export"]);
    assert!(whole && !exported.contains("hunter2"));
    let foreign = server.get(&format!("{EVENTS}/{}?namespace=team-b", event["id"].as_str().unwrap()));
    assert_eq!(foreign.code(), "not_found");
}

#[test]
fn whoever_alters_removes_or_forges_an_event_is_found_out() {
    let server = Server::demo();
    assert_eq!(ask(&server, "demo-team-a-engineer", "disable").status, 200);
    let sealed = |server: &Server| server.get("/api/audit/v1alpha1/integrity?namespace=team-a").json();
    let last = events(&server, "pageSize=1")[0]["id"].clone();
    server.answers(&format!("{EVENTS}/{}?namespace=team-a", last.as_str().unwrap()), |answer| {
        answer.json()["sealed"] == true
    });
    assert_eq!(sealed(&server)["verified"], true);
    let (whole, said) = audit(&server, &["verify"]);
    assert!(whole && said.contains("team-a: ") && said.contains(" events verified, 1 to "), "{said}");

    let database = server.folder.path().join("catalog-data/catalog.db");
    // as whoever can write there would by hand
    let sqlite = |text: &'static str| {
        let url = format!("sqlite://{}", database.display());
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let database = Database::sqlite(&url, DatabaseOptions::default()).await.unwrap();
            let mut transaction = database.begin().await.unwrap();
            let mut statement = Statement::new(transaction.dialect());
            statement.push(text);
            assert_eq!(transaction.execute(statement).await.unwrap(), 1, "{text}");
            transaction.commit().await.unwrap();
            database.close().await;
        });
    };
    sqlite("update catalog_audit_events set actor = 'nobody@example.com' where action = 'disable'");
    let (whole, said) = audit(&server, &["verify", "--in", "team-a"]);
    assert!(!whole && said.contains("BROKEN at ") && said.contains("altered, event "), "{said}");
    assert_eq!(sealed(&server)["verified"], false);
    sqlite(
        "delete from catalog_audit_events where namespace = 'team-b' and position = (select min(position) from catalog_audit_events where namespace = 'team-b')",
    );
    let (whole, said) = audit(&server, &["verify", "--in", "team-b"]);
    assert!(!whole && said.contains("BROKEN at 1 of ") && said.contains("removed"), "{said}");
    for (args, part) in [
        (&["verify", "--in", "Bad_"][..], "namespace `Bad_` must be"),
        (&["verify", "--in", "team-a", "--checkpoint", "x"], "`x` is no place"),
        (&["resume", "webhook"], "no sink `webhook` is configured"),
    ] {
        let (done, said) = audit(&server, args);
        assert!(!done && said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn events_are_appended_to_a_file_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_AUDIT_FILE", "events.ndjson"),
        ("CATALOG_AUDIT_LOG_DENIED", "off"),
    ];
    let server = Server::start(folder, &env);
    assert_eq!(ask(&server, "demo-team-a-engineer", "disable").status, 200);
    let file = server.folder.path().join("events.ndjson");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text.contains("\"disable\"") {
            let sequences = text.lines().filter_map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                (event["namespace"] == "team-a").then(|| event["sequence"].as_i64().unwrap())
            });
            assert!(sequences.is_sorted());
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{text}: {}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.wait_for_component("audit", "ok");
}

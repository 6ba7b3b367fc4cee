//! Tenants, and how often and how much they may.

use std::{fs, path::Path, process::Output};

use serde_json::json;

use crate::fixture::{Answer, Server, command, operator};

const MODELS: &str = "/api/model_catalog/v1alpha1/models";
const NAMESPACES: &str = "/api/tenancy/v1alpha1/namespaces";
const ENV: [(&str, &str); 4] = [
    ("CATALOG_TENANCY_MODE", "namespace"),
    ("CATALOG_AUTH_MODE", "anonymous"),
    ("CATALOG_AUTHZ_MODE", "none"),
    ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
];

/// What `catalog-server namespaces` says, beside a server in that folder.
fn namespaces(folder: &Path, args: &[&str]) -> Output {
    command(folder, &ENV).arg("namespaces").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr })
        .into_owned()
}

/// Asks until the answer has that code; none is an answer that is no problem.
fn until(server: &Server, path: &str, code: Option<&str>) -> Answer {
    server.answers(path, |answer| (answer.status >= 400).then(|| answer.code()).as_deref() == code)
}

#[test]
fn tenants_are_made_suspended_and_deleted_while_the_server_runs() {
    let server = Server::start(tempfile::tempdir().unwrap(), &ENV);
    let folder = server.folder.path();
    let list = format!("{MODELS}?namespace=team-a");
    assert_eq!(server.get(&list).code(), "namespace_not_found");
    assert_eq!(said(&namespaces(folder, &["create", "team-a"])), "team-a active\n");
    until(&server, &list, None);
    assert_eq!(said(&namespaces(folder, &["suspend", "team-a"])), "team-a suspended\n");
    assert_eq!(until(&server, &list, Some("namespace_suspended")).status, 403);
    assert_eq!(said(&namespaces(folder, &["resume", "team-a"])), "team-a active\n");
    until(&server, &list, None);
    namespaces(
        folder,
        &["change", "team-a", "--display-name", "Team A", "--label", "tier=gold", "--label", "none-"],
    );
    assert_eq!(said(&namespaces(folder, &["list"])), "team-a active \"Team A\" tier=\"gold\"\n");
    let shown = server.get(NAMESPACES).json();
    assert_eq!((&shown["namespaces"], &shown["mode"]), (&json!(["team-a"]), &json!("namespace")));
    assert_eq!(shown["items"][0]["displayName"], "Team A");
    assert_eq!(said(&namespaces(folder, &["delete", "team-a"])), "team-a deleted, with 0 rows\n");
    until(&server, &list, Some("namespace_not_found"));
    // all of it is recorded, in the name of whoever ran the commands
    let events = server.get("/api/audit/v1alpha1/events?namespace=*&resourceType=namespaces").json();
    let mut actions: Vec<&str> = Vec::new();
    for event in events["items"].as_array().unwrap() {
        assert_eq!(event["actor"]["user"], operator(), "{event:#}");
        actions.push(event["action"].as_str().unwrap());
    }
    assert_eq!((actions.first(), actions.last()), (Some(&"delete"), Some(&"create")), "{actions:?}");
    for (args, part) in [
        (&["delete", "team-a"][..], "there is no namespace `team-a`"),
        (&["suspend", "nobody"], "there is no namespace `nobody`"),
        (&["create", "Bad_"], "namespace `Bad_` must be"),
        (&["change", "x", "--label", "odd"], "`odd` is no label"),
        (&["list", "--namespaces", "a"], "tenancy.directory: is not `database`"),
    ] {
        let output = namespaces(folder, args);
        assert!(!output.status.success() && said(&output).contains(part), "{args:?}: {}", said(&output));
    }
}

#[test]
fn a_deleted_tenant_takes_its_assets_along_and_no_other_s() {
    let server = Server::demo();
    let folder = server.folder.path();
    let before =
        server.get(&format!("{MODELS}?namespace=team-b&includeTotal=true")).json()["totalSize"].clone();
    assert!(before.as_u64().unwrap() > 5);
    let deleted = said(&namespaces(folder, &["delete", "team-a"]));
    assert!(deleted.starts_with("team-a deleted, with ") && !deleted.contains("with 0"), "{deleted}");
    until(&server, &format!("{MODELS}?namespace=team-a"), Some("namespace_not_found"));
    namespaces(folder, &["create", "team-a"]);
    let empty = until(&server, &format!("{MODELS}?namespace=team-a&includeTotal=true"), None);
    assert_eq!(empty.json()["totalSize"], 0, "the name is free again, and nothing is left");
    let after = server.get(&format!("{MODELS}?namespace=team-b&includeTotal=true")).json();
    assert_eq!(after["totalSize"], before);
}

#[test]
fn limits_of_a_file_are_in_force_and_change_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.yaml");
    fs::write(&file, "rates:\n  tenants:\n    default:\n      tenant: {read: 1/h burst 3}\n").unwrap();
    let env = [ENV[1], ENV[2], ENV[3], ("CATALOG_TENANCY_LIMITS", "limits.yaml")];
    let server = Server::start(folder, &env);
    let answers: Vec<Answer> = (0..5).map(|_| server.get(MODELS)).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 200, 429, 429]);
    let refused = &answers[3];
    assert_eq!(
        (refused.code().as_str(), refused.header("ratelimit-policy")),
        ("rate_limited", "\"tenant-read\";q=3;w=10800")
    );
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 3_500, "{refused:?}");
    assert_eq!(server.get("/api/plugins").status, 200, "a route of nobody is nobody's to use up");
    assert!(
        server
            .get("/metrics")
            .text
            .contains("catalog_tenancy_rate_limited_total{budget=\"tenant\",class=\"read\"} 2")
    );

    fs::write(&file, "rates: {tenant: {read: fast}}\n").unwrap();
    server.wait_for_component("limits", "degraded");
    assert_eq!(server.get(MODELS).status, 429, "what was in force stays");
    fs::write(&file, "rates: {}\n").unwrap();
    until(&server, MODELS, None);
    assert_eq!(server.get("/readyz").json()["components"]["limits"]["status"], "ok");
}

#[test]
fn what_is_configured_wrongly_is_told_at_the_start() {
    for (env, part) in [
        (("CATALOG_TENANCY_LIMITS", "missing.yaml"), "missing.yaml"),
        (("CATALOG_TENANCY_DIRECTORY", "configured"), "`configured` needs `tenancy.namespaces`"),
        (("CATALOG_TENANCY_DIRECTORY", "kubernetes"), "no Kubernetes cluster is known"),
        (("CATALOG_NAMESPACES", "team-a,Team"), "CATALOG_NAMESPACES"),
        (("CATALOG_TENANCY_QUEUE_WAIT_MS", "0"), "CATALOG_TENANCY_QUEUE_WAIT_MS: must be at least 1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut given = ENV.to_vec();
        given.push(env);
        let output = command(folder.path(), &given).args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(part), "{env:?}: {error}");
    }
}

#[test]
fn configured_tenants_need_no_database_of_tenants() {
    let mut env = ENV.to_vec();
    env.push(("CATALOG_NAMESPACES", "team-a, team-b"));
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    assert_eq!(server.get(NAMESPACES).json()["namespaces"], json!(["team-a", "team-b"]));
    assert_eq!(server.get(&format!("{MODELS}?namespace=team-b")).status, 200);
    assert_eq!(server.get(&format!("{MODELS}?namespace=team-c")).code(), "namespace_not_found");
}

use std::{fs, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{LISTS, Server};

const SOURCES: &str = "catalogs:
  models:
    sources:
      - {id: good, name: Good, type: yaml, properties: {yamlCatalogPath: ../elsewhere/models.yaml}}
      - {id: missing, type: yaml, properties: {yamlCatalogPath: missing.yaml, accessToken: hunter2}}
      - {id: off, type: yaml, enabled: false, properties: {yamlCatalogPath: models.yaml}}
      - {id: outside, type: yaml, properties: {yamlCatalogPath: /etc/hostname}}
  mcp:
    sources:
      - {id: chosen, type: yaml, include: ['acme/*'], exclude: ['*-old'], properties: {yamlCatalogPath: servers.yaml}}
      - {id: unknown, type: carrier-pigeon}
";

const MODELS: &str = "models:
- name: acme/seven
  license: mit
  artifacts: [{uri: 'oci://example.com/seven:1'}]
  customProperties: {size: {metadataType: MetadataIntValue, int_value: '7'}}
- name: acme/bad
  license: [mit]
- name: \"acme/also bad\\t\"
";

fn folder(sources: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sources.yaml"), sources).unwrap();
    fs::write(folder.path().join("models.yaml"), MODELS).unwrap();
    let servers = "mcpservers: [{name: acme/one}, {name: acme/two-old}, {name: other/three}]";
    fs::write(folder.path().join("servers.yaml"), servers).unwrap();
    folder
}

const ENV: [(&str, &str); 3] =
    [("CATALOG_SOURCES", "sources.yaml"), ("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "none")];

fn sources(server: &Server, plugin: &str) -> Value {
    let answer = server.get(&format!("/api/{plugin}_catalog/v1alpha1/sources"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn source<'a>(list: &'a Value, id: &str) -> &'a Value {
    list["items"].as_array().unwrap().iter().find(|source| source["id"] == id).unwrap()
}

#[test]
fn what_cannot_be_read_is_a_source_in_error_and_not_a_dead_server() {
    let server = Server::start(folder(SOURCES), &ENV);
    let list = sources(&server, "model");
    assert_eq!(
        (list["size"].as_u64(), list["count"].as_u64(), list["sources"].as_array().unwrap().len()),
        (Some(4), Some(4), 4)
    );
    let status = |id: &str| {
        (source(&list, id)["status"]["state"].clone(), source(&list, id)["status"]["error"].to_string())
    };
    let (state, error) = status("good");
    assert_eq!(state, "partial");
    assert!(error.contains("models.yaml:7: item `acme/bad`: `/license` must be a text"), "{error}");
    assert!(error.contains("models.yaml:8: item `acme/also bad"), "{error}");
    assert_eq!(source(&list, "good")["status"]["lastRefresh"]["rejected"], 2);
    assert_eq!(
        (status("off").0, status("missing").0, status("outside").0),
        ("disabled".into(), "error".into(), "error".into())
    );
    assert!(status("missing").1.contains("there is no file `missing.yaml`"), "{}", status("missing").1);
    assert!(!server.get("/api/model_catalog/v1alpha1/sources/missing").text.contains("hunter2"));
    assert_eq!(source(&sources(&server, "mcp"), "unknown")["status"]["state"], "error");

    // one tenant, whom nobody names; the page of one source; the asset with its `/`
    assert_eq!(server.get(LISTS[0]).names(), ["acme/seven"]);
    assert_eq!(server.get(LISTS[1]).names(), ["acme/one"]);
    let asset = server.get(&format!("{}/acme%2Fseven", LISTS[0])).json();
    assert_eq!(
        (asset["namespace"].as_str(), asset["customProperties"]["size"]["int_value"].as_str()),
        (Some("default"), Some("7"))
    );
    let filtered = server.list(LISTS[0], &[("filterQuery", "customProperties.size.int_value >= 7")]);
    assert_eq!(filtered.names(), ["acme/seven"]);
    assert_eq!(
        server.get(&format!("{}/acme%2Fseven/artifacts", LISTS[0])).json()["items"][0]["uri"],
        "oci://example.com/seven:1"
    );
    assert_eq!(server.get(&format!("{}?namespace=team-a", LISTS[0])).code(), "tenant_conflict");
    let report = server.get("/readyz").json();
    assert_eq!(
        (report["status"].as_str(), report["components"]["initial_load"]["status"].as_str()),
        (Some("ready"), Some("degraded"))
    );
}

#[test]
fn a_changed_file_is_followed_at_the_next_start() {
    let server = Server::start(folder(SOURCES), &ENV);
    let before = server.get(&format!("{}/acme%2Fseven", LISTS[0])).json();
    let folder = server.kill();
    fs::write(folder.path().join("models.yaml"), MODELS.replace("license: mit", "license: bsd")).unwrap();
    let server = Server::start(folder, &ENV);
    let after = server.get(&format!("{}/acme%2Fseven", LISTS[0])).json();
    assert_eq!(
        (&after["id"], &after["revision"], &after["license"]),
        (&before["id"], &2.into(), &"bsd".into())
    );
    let folder = server.kill();
    fs::write(folder.path().join("sources.yaml"), "catalogs: {mcp: {sources: []}}").unwrap();
    let server = Server::start(folder, &ENV);
    assert!(server.get(LISTS[0]).names().is_empty() && server.get(LISTS[1]).names().is_empty());
    assert_eq!(sources(&server, "model")["size"], 0);
}

#[test]
fn what_the_configuration_names_no_longer_is_served_to_nobody() {
    let in_namespace = |namespace| {
        [
            ENV[0],
            ENV[1],
            ENV[2],
            ("CATALOG_TENANCY_MODE", "namespace"),
            ("CATALOG_SOURCES_NAMESPACE", namespace),
        ]
    };
    let of = |server: &Server, namespace: &str| {
        let names = server.get(&format!("{}?namespace={namespace}", LISTS[0])).names().len();
        let sources =
            server.get(&format!("/api/model_catalog/v1alpha1/sources?namespace={namespace}")).json();
        (names, sources["size"].as_u64().unwrap())
    };
    let server = Server::start(folder(SOURCES), &in_namespace("team-x"));
    assert_eq!(of(&server, "team-x"), (1, 4));
    let server = Server::start(server.kill(), &in_namespace("team-y"));
    assert_eq!((of(&server, "team-x"), of(&server, "team-y")), ((0, 0), (1, 4)));
    let without = [ENV[1], ENV[2], ("CATALOG_TENANCY_MODE", "namespace")];
    let server = Server::start(server.kill(), &without);
    assert_eq!((of(&server, "team-x"), of(&server, "team-y")), ((0, 0), (0, 0)));

    let demo = Server::demo();
    assert!(of(&demo, "team-a").0 > 0);
    let server = Server::start(demo.kill(), &without);
    assert_eq!((of(&server, "team-a"), of(&server, "team-b")), ((0, 0), (0, 0)));
}

#[test]
fn two_large_sources_are_both_loaded_though_one_writes_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let source =
        |id: &str| format!("      - {{id: {id}, type: yaml, properties: {{yamlCatalogPath: {id}.yaml}}}}\n");
    let sources = format!("catalogs:\n  models:\n    sources:\n{}{}", source("one"), source("two"));
    fs::write(folder.path().join("sources.yaml"), sources).unwrap();
    for id in ["one", "two"] {
        let items: Vec<String> = (0..2_000).map(|n| format!("- {{name: {id}/{n}}}")).collect();
        fs::write(folder.path().join(format!("{id}.yaml")), format!("models:\n{}", items.join("\n")))
            .unwrap();
    }
    // who waits for the writer waits less than one takes to write
    let env: Vec<_> = ENV.into_iter().chain([("CATALOG_DATABASE_ACQUIRE_TIMEOUT_MS", "20")]).collect();
    let server = Server::start(folder, &env);
    let list = sources_of(&server);
    assert_eq!(list, [("one".into(), "available".into()), ("two".into(), "available".into())]);
    assert!(!server.log().contains("cannot be stored"), "{}", server.log());
}

fn sources_of(server: &Server) -> Vec<(String, String)> {
    let list = sources(server, "model");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (text(&source["id"]), text(&source["status"]["state"])))
        .collect()
}

#[test]
fn a_sources_file_that_cannot_be_read_is_told_with_line_and_field() {
    let folder = folder("catalogs:\n  modells:\n    sources: []\n");
    let output = crate::fixture::command(folder.path(), &ENV).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success()
            && told.contains("3:14: `catalogs.modells.sources`: no plugin is called `modells`"),
        "{told}"
    );
}

#[test]
fn a_schedule_is_shown_and_one_that_never_comes_is_told_with_line_and_field() {
    let with =
        |schedule: &str| SOURCES.replace("{id: good, ", &format!("{{id: good, schedule: '{schedule}', "));
    for (schedule, reason) in [
        ("0 0 30 2 *", "there is no such time"),
        ("0 4 * * * Mars/Olympus", "Mars/Olympus"),
        ("daily", "is no cron expression of five parts"),
    ] {
        let folder = folder(&with(schedule));
        let output = crate::fixture::command(folder.path(), &ENV).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success()
                && told.contains("4:30: `catalogs.models.sources[0].schedule`:")
                && told.contains(reason),
            "{told}"
        );
    }
    let server = Server::start(folder(&with("0 4 * * 1-5 Europe/Berlin")), &ENV);
    let one = |id: &str| server.get(&format!("/api/model_catalog/v1alpha1/sources/{id}")).json();
    assert_eq!(one("good")["schedule"], "0 4 * * 1-5 Europe/Berlin");
    assert!(one("missing").get("schedule").is_none());
}

/// Reads the real files beside the project, where they are; the project does not depend on them.
#[test]
fn the_files_of_kubeflow_are_served() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/catalogs/sources.yaml");
    if !file.exists() {
        println!("there are no real files beside the project: nothing to try");
        return;
    }
    let server = Server::start(tempfile::tempdir().unwrap(), &[("CATALOG_SOURCES", file.to_str().unwrap())]);
    let list = |index: usize| server.get(&format!("{}?namespace=default", LISTS[index]));
    for (index, least) in [(0, 5), (1, 6), (2, 8), (3, 12), (4, 7)] {
        assert!(list(index).names().len() >= least, "{}: {:?}", LISTS[index], list(index).names());
    }
    assert!(list(0).names().contains(&"acme-ai/neural-7b-instruct".into()));
    let artifacts =
        server.get(&format!("{}/acme-ai%2Fneural-7b-instruct/artifacts?namespace=default", LISTS[0]));
    assert_eq!(
        artifacts.json()["items"][0]["uri"],
        "oci://registry.example.com/acme-ai/neural-7b-instruct:v1.0"
    );
    let typed = server.list(
        LISTS[0],
        &[
            ("namespace", "default"),
            ("filterQuery", "customProperties.model_type.string_value = 'generative'"),
        ],
    );
    assert!(!typed.names().is_empty());
    for (plugin, id, state) in [
        ("model", "organization_ai_models", "available"),
        ("model", "validated_ai_models", "error"),
        ("mcp", "mcp-default", "available"),
        ("agents", "agents-default", "available"),
        ("agents", "agents-git", "error"),
        ("prompts", "prompts-default", "available"),
        ("knowledge", "knowledge-default", "available"),
        ("guardrails", "guardrails-default", "error"),
        ("policies", "policies-default", "error"),
        ("skills", "skills-default", "error"),
    ] {
        let source =
            server.get(&format!("/api/{plugin}_catalog/v1alpha1/sources/{id}?namespace=default")).json();
        assert_eq!(source["status"]["state"], state, "{source}");
    }
}

#[test]
fn a_source_is_switched_and_removed_by_who_knows_it_as_it_is() {
    let server = Server::demo();
    let base = "/api/model_catalog/v1alpha1/sources";
    let tenant = "?namespace=team-a";
    let list = format!("{}{tenant}", LISTS[0]);
    let id = server.get(&format!("{base}{tenant}")).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let one = format!("{base}/{id}{tenant}");
    let ask = |method: &str, custom: &str, headers: &[(&str, &str)]| {
        server.ask(method, &format!("{base}/{id}{custom}{tenant}"), headers, "")
    };
    let before = server.get(&one);
    let tag = before.header("etag").to_owned();
    assert!(!server.get(&list).names().is_empty());

    assert_eq!(ask("POST", ":disable", &[("if-match", "\"1-1\"")]).code(), "revision_conflict");
    assert_eq!(ask("POST", ":disable", &[("if-match", "1-1")]).status, 400);
    let disabled = ask("POST", ":disable", &[("if-match", &tag)]);
    assert_eq!((disabled.status, disabled.json()["enabled"].as_bool()), (200, Some(false)));
    assert_ne!(disabled.header("etag"), tag);
    assert!(server.get(&list).names().is_empty(), "what is disabled lists nothing");
    assert_eq!(ask("DELETE", "", &[("if-match", &tag)]).code(), "revision_conflict");
    let enabled = ask("POST", ":enable", &[]);
    assert_eq!((enabled.status, enabled.json()["enabled"].as_bool()), (200, Some(true)));

    assert_eq!(ask("POST", "", &[]).code(), "method_not_allowed");
    assert_eq!(ask("POST", ":fly", &[]).code(), "not_found");
    assert_eq!(ask("DELETE", "", &[]).status, 204);
    assert_eq!(ask("DELETE", "", &[]).code(), "not_found");
    assert_eq!(server.get(&one).code(), "not_found");
    // what is removed here is another tenant's still, and another's no less there than nobody's
    assert_eq!(server.ask("POST", &format!("{base}/{id}:enable?namespace=team-b"), &[], "").status, 200);
    assert_eq!(ask("POST", ":enable", &[]).code(), "not_found");
}

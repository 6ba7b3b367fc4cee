//! A database that was served for one tenant, and is served for many.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::{
    audit_killed::Beside,
    fixture::{Answer, LISTS, Server, command},
    postgres::{database, leaders, run},
};

const SOURCES: &str =
    "catalogs: {models: {sources: [{id: s, type: yaml, properties: {yamlCatalogPath: models.yaml}}]}}";
const MODELS: &str = "models: [{name: first}, {name: second}, {name: third}]";
const SOURCE: &str = "/api/model_catalog/v1alpha1/sources/s";
const EVENTS: &str = "/api/audit/v1alpha1/events?resourceType=catalogsources&eventType=request";
/// How many of the replicas that began have not had their sources made as they are configured.
const UNDONE: &str = "select (value::json->>'asked')::bigint - (value::json->>'done')::bigint from catalog_core_settings where key = 'sources_rollout'";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sources.yaml"), SOURCES).unwrap();
    fs::write(folder.path().join("models.yaml"), MODELS).unwrap();
    folder
}

fn env<'a>(url: &'a str, mode: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("CATALOG_DATABASE_URL", url),
        ("CATALOG_TENANCY_MODE", mode),
        ("CATALOG_SOURCES", "sources.yaml"),
        ("CATALOG_AUTH_MODE", "anonymous"),
        ("CATALOG_AUTHZ_MODE", "none"),
        ("CATALOG_CACHE_PAGES_BYTES", "0"),
    ]
}

/// A path as who serves many is asked for it.
fn of(namespace: &str, path: &str) -> String {
    format!("{path}{}namespace={namespace}", if path.contains('?') { '&' } else { '?' })
}

fn post(server: &Server, path: &str) -> Answer {
    let answer = server.ask("POST", path, &[], "");
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer
}

fn size(answer: &Answer) -> usize {
    answer.json()["items"].as_array().unwrap().len()
}

/// Whatever is there is one tenant's, and another finds what nobody has.
fn is_empty(many: &Server, namespace: &str) {
    for list in LISTS {
        assert!(many.get(&of(namespace, list)).names().is_empty(), "{list}");
    }
    for list in ["/api/model_catalog/v1alpha1/sources", "/api/jobs/v1alpha1/refresh", EVENTS] {
        assert_eq!(size(&many.get(&of(namespace, list))), 0, "{list}");
    }
    for (there, nowhere) in
        [(SOURCE, "/api/model_catalog/v1alpha1/sources/t"), (&asset("first"), &asset("fourth"))]
    {
        let [there, nowhere] = [there, nowhere].map(|path| many.get(&of(namespace, path)));
        assert_eq!((there.status, there.code()), (404, nowhere.code()));
    }
    assert_eq!(many.ask("POST", &of(namespace, &format!("{SOURCE}:disable")), &[], "").status, 404);
}

fn asset(name: &str) -> String {
    format!("{}/{name}", LISTS[0])
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn what_one_tenant_had_is_of_default_while_both_are_served() {
    let url = database("server_single");
    let single = Server::start(folder(), &env(&url, "single"));
    post(&single, &format!("{SOURCE}:disable"));
    post(&single, &format!("{SOURCE}:enable"));
    let job = post(&single, &format!("{SOURCE}:refresh")).json()["jobId"].as_str().unwrap().to_owned();
    let job = format!("/api/jobs/v1alpha1/refresh/{job}");
    single.answers(&job, |answer| answer.json()["state"] == "succeeded");
    let page = single.get(&format!("{}?pageSize=2", LISTS[0])).json();
    let first = single.get(&asset("first")).json();

    let many = Server::start(folder(), &env(&url, "namespace"));
    single.wait_until("/readyz", 200);
    assert_eq!(many.get(LISTS[0]).code(), "tenant_required");
    // all that was there, to the page and the token, and what was done and by which job
    let listed = many.get(&of("default", &format!("{}?pageSize=2", LISTS[0]))).json();
    assert_eq!(listed["items"], page["items"]);
    let token = page["nextPageToken"].as_str().unwrap();
    let next = format!("{}?pageSize=2&pageToken={token}", LISTS[0]);
    assert_eq!(many.get(&of("default", &next)).names(), ["third"]);
    assert_eq!(many.get(&of("default", &asset("first"))).json(), first);
    assert_eq!(many.get(&of("default", &job)).json(), single.get(&job).json());
    assert_eq!(size(&many.get(&of("default", EVENTS))), 2);

    // another tenant has none of it
    let made = command(many.folder.path(), &env(&url, "namespace"))
        .args(["namespaces", "create", "team-a"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    many.answers(&of("team-a", LISTS[0]), |answer| answer.status == 200);
    is_empty(&many, "team-a");
    assert_eq!(many.get(&of("team-a", &job)).status, 404);
    assert_ne!(many.get(&of("team-a", &next)).status, 200, "a token is of the tenant that got it");
    // and what it has is not served as the one tenant's
    run(
        &url,
        &[&[
            "insert into catalog_core_assets select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), ",
            "'namespace', 'team-a', 'name', 'theirs', 'document', replace(a.document, '\"first\"', '\"theirs\"')))).* ",
            "from catalog_core_assets a where a.name = 'first'",
        ]],
    );
    assert_eq!(many.get(&of("team-a", LISTS[0])).names(), ["theirs"]);
    for answer in [single.get(LISTS[0]), many.get(&of("default", LISTS[0]))] {
        assert_eq!(answer.names(), ["first", "second", "third"]);
    }
    assert_eq!(single.get(&asset("theirs")).status, 404);
    assert_eq!(single.get(&of("team-a", LISTS[0])).status, 400, "it has one tenant");

    // what is changed by the one is changed for the other
    Beside::open(&url).wait_until(UNDONE, |undone| undone == 0);
    let in_default = |path: &str| of("default", path);
    for (verb, enabled) in [("disable", false), ("enable", true)] {
        post(&single, &format!("{SOURCE}:{verb}"));
        assert_eq!(many.get(&in_default(SOURCE)).json()["enabled"], enabled);
    }
    for (verb, enabled) in [("disable", false), ("enable", true)] {
        post(&many, &in_default(&format!("{SOURCE}:{verb}")));
        assert_eq!(single.get(SOURCE).json()["enabled"], enabled);
    }
    for (lease, leads) in leaders(&[&single, &many]) {
        assert!(leads.len() <= 1, "{lease}: {leads:?}");
    }
    assert_eq!(size(&many.get(&in_default(EVENTS))), 6);
    let integrity = in_default("/api/audit/v1alpha1/integrity");
    many.answers(&integrity, |answer| {
        answer.json()["verified"] == true && answer.json()["to"].as_i64() >= Some(6)
    });

    // the one is gone, and the other goes on; a later start has what is configured in `default` as before
    single.kill();
    post(&many, &in_default(&format!("{SOURCE}:enable")));
    let later = Server::start(many.kill(), &env(&url, "namespace"));
    later.answers(&in_default(LISTS[0]), |answer| answer.names() == ["first", "second", "third"]);
    assert_eq!(later.get(&of("team-a", LISTS[0])).names(), ["theirs"]);
    assert_eq!(later.get(&in_default(SOURCE)).json()["enabled"], json!(true));
}

use std::time::{Duration, Instant};

use crate::fixture::{LISTS, SAMPLED, Server};

#[test]
fn it_is_ready_at_once_and_tells_what_to_try() {
    let start = Instant::now();
    let server = Server::demo();
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
    let out = server.out();
    assert!(out.contains("The data is in sqlite://./catalog-data/catalog.db."), "{out}");
    assert!(out.contains(&server.base) && out.contains("team-a, team-b"), "{out}");
    let tries: Vec<&str> = out.lines().filter_map(|line| line.trim().strip_prefix("curl -s ")).collect();
    assert_eq!(tries.len(), 4, "{out}");
    for token in ["demo-team-a-engineer", "demo-team-b-engineer", "demo-operator", "demo-auditor"] {
        assert!(out.contains(token), "{token}: {out}");
    }
    let report = server.get("/readyz").json();
    assert_eq!(report["status"], "ready");
    for component in ["database", "migrations", "initial_load", "plugins"] {
        assert_eq!(report["components"][component]["status"], "ok", "{report}");
    }
    for path in ["/livez", "/healthz"] {
        assert_eq!(server.get(path).text, r#"{"status":"ok"}"#);
    }
    assert_eq!(server.get("/version").json()["name"], "catalog-server");
}

#[test]
fn two_teams_have_disjoint_lists_in_every_plugin() {
    let server = Server::demo();
    for list in LISTS.into_iter().take(SAMPLED) {
        let a = server.get(&format!("{list}?namespace=team-a")).names();
        let b = server.get(&format!("{list}?namespace=team-b")).names();
        assert!(a.len() >= 6 && b.len() >= 6, "{list}");
        assert!(a.iter().all(|name| !b.contains(name)), "{list}");
        let all = server.get(&format!("{list}?namespace=*&includeTotal=true")).json();
        assert_eq!(all["totalSize"], a.len() + b.len());
        assert_eq!(server.get(&format!("{list}?allNamespaces=true")).names().len(), a.len() + b.len());
        assert_eq!(server.get(&format!("{list}?namespace=team-c")).code(), "namespace_not_found");
    }
}

#[test]
fn what_is_another_teams_answers_as_what_is_not_there() {
    let server = Server::demo();
    for list in LISTS.into_iter().take(SAMPLED) {
        let name =
            server.get(&format!("{list}?namespace=team-a&pageSize=1")).names().remove(0).replace('/', "%2F");
        let own = server.get(&format!("{list}/{name}?namespace=team-a"));
        assert_eq!((own.status, own.json()["namespace"].as_str()), (200, Some("team-a")));
        let same_length = "z".repeat(name.len());
        let foreign =
            server.ask("GET", &format!("{list}/{name}?namespace=team-b"), &[("x-request-id", "same")], "");
        let absent = server.ask(
            "GET",
            &format!("{list}/{same_length}?namespace=team-b"),
            &[("x-request-id", "same")],
            "",
        );
        assert_eq!((foreign.status, foreign.code().as_str()), (404, "not_found"));
        // but for the path that was asked for, and the date, the two are the same to the letter
        assert_eq!(foreign.text.replace(&name, &same_length), absent.text);
        let names = |answer: &crate::fixture::Answer| {
            answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&foreign), names(&absent));
    }
    let source = "/api/mcp_catalog/v1alpha1/sources";
    assert_eq!(
        server.get(&format!("{source}?namespace=team-a")).json()["sources"][0]["id"],
        "sample-mcp-servers"
    );
    let unknown = server.get(&format!("{source}/sample-mcp-servers?namespace=team-c"));
    assert_eq!(unknown.code(), "namespace_not_found");
}

#[test]
fn every_fault_of_a_request_is_a_problem() {
    let server = Server::demo();
    let models = LISTS[0];
    for (method, path, headers, status, code) in [
        ("GET", "/nope", &[][..], 404, "route_not_found"),
        ("GET", "/api/plugins/", &[], 404, "route_not_found"),
        ("GET", "/API/plugins", &[], 404, "route_not_found"),
        ("GET", "//api/plugins", &[], 404, "route_not_found"),
        ("GET", "/api/plugins/nope", &[], 404, "not_found"),
        ("DELETE", "/api/plugins", &[], 405, "method_not_allowed"),
        ("POST", "/livez", &[], 405, "method_not_allowed"),
        ("GET", "/api/plugins?x=1", &[], 400, "invalid_parameter"),
        ("GET", models, &[], 400, "tenant_required"),
        ("GET", &format!("{models}?namespace=Team-A"), &[], 400, "invalid_namespace"),
        ("GET", &format!("{models}?namespace=team-a&namespace=team-a"), &[], 400, "tenant_conflict"),
        ("GET", &format!("{models}?namespace=team-a"), &[("x-namespace", "team-b")], 400, "tenant_conflict"),
        ("GET", &format!("{models}/x?namespace=*"), &[], 400, "all_namespaces_not_served"),
        ("GET", &format!("{models}?namespace=team-a&pageSize=0"), &[], 400, "invalid_page_size"),
        ("GET", &format!("{models}?namespace=team-a&pageToken=x"), &[], 400, "invalid_page_token"),
        ("GET", &format!("{models}?namespace=team-a&orderBy=readme"), &[], 400, "invalid_order_by"),
        ("GET", &format!("{models}?namespace=team-a&sortOrder=up"), &[], 400, "invalid_order_by"),
        ("GET", &format!("{models}?namespace=team-a&filterQuery=name%3D"), &[], 400, "invalid_filter"),
        ("GET", &format!("{models}?namespace=team-a&includeTotal=yes"), &[], 400, "invalid_parameter"),
        ("GET", &format!("{models}?namespace=team-a&offset=3"), &[], 400, "invalid_parameter"),
        ("GET", &format!("{models}/%FF?namespace=team-a"), &[], 400, "invalid_parameter"),
        ("GET", "/api/plugins/%FF", &[], 400, "invalid_parameter"),
        ("GET", &format!("{models}?namespace=team-a&q={}", "x".repeat(17_000)), &[], 414, "uri_too_long"),
        ("GET", &format!("{models}/%00?namespace=team-a"), &[], 404, "not_found"),
        (
            "GET",
            &format!("{models}?namespace=team-a"),
            &[("authorization", "Bearer x")],
            401,
            "unauthenticated",
        ),
        ("POST", models, &[("expect", "100-continue")], 413, "body_too_large"),
    ] {
        // refused before it is sent: a client that sends on regardless may find the connection closed
        let body = if code == "body_too_large" { "x".repeat(1_048_577) } else { String::new() };
        let answer = server.ask(method, path, headers, &body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {answer:?}");
        match status {
            405 => assert!(!answer.header("allow").is_empty(), "{path}"),
            401 => assert!(answer.header("www-authenticate").starts_with("Bearer realm="), "{answer:?}"),
            _ => {}
        }
    }
    let broken = server.get(&format!("{models}/%FF?namespace=team-a")).json();
    assert_eq!(broken["errors"][0]["parameter"], "name");
    let filter =
        server.list(models, &[("namespace", "team-a"), ("filterQuery", "license = 'mit' AND toolcount > 3")]);
    let detail = &filter.json()["errors"][0];
    assert_eq!(
        (detail["parameter"].as_str(), detail["position"].as_u64()),
        (Some("filterQuery"), Some(20)),
        "{filter:?}"
    );
}

#[test]
fn ids_and_traces_go_through() {
    let server = Server::demo();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-request-id", "mine"), ("x-correlation-id", "ours"), ("traceparent", trace)];
    let answer = server.ask("GET", "/api/plugins", &headers, "");
    assert_eq!(
        ["x-request-id", "x-correlation-id", "traceparent"].map(|name| answer.header(name)),
        ["mine", "ours", trace]
    );
    assert!(server.log().contains("listening"));
    let replaced = server.ask("GET", "/api/plugins", &[("x-request-id", "not one")], "");
    assert_eq!(replaced.header("x-request-id").len(), 36);
}

#[test]
fn discovery_is_kept_and_told_apart_by_its_tag() {
    let server = Server::demo();
    for path in ["/api/plugins", "/api/plugins/mcp", "/api/plugins/mcp/capabilities", "/openapi.json"] {
        let first = server.get(path);
        let tag = first.header("etag").to_owned();
        assert!(
            tag.len() > 10 && first.header("cache-control").starts_with("private, max-age="),
            "{first:?}"
        );
        let again = server.ask("GET", path, &[("if-none-match", &tag)], "");
        assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", tag.as_str()));
        if path.starts_with("/api") {
            assert_eq!((first.header("x-cache"), again.header("x-cache")), ("MISS", "HIT"));
        }
    }
    let plugins = server.get("/api/plugins").json();
    assert_eq!((plugins["count"].as_u64(), plugins["plugins"][1]["name"].as_str()), (Some(8), Some("mcp")));
    let asset = format!("{}?namespace=team-a&pageSize=1", LISTS[1]);
    let name = server.get(&asset).names().remove(0);
    let found = server.get(&format!("{}/{name}?namespace=team-a", LISTS[1]));
    let again = server.ask(
        "GET",
        &format!("{}/{name}?namespace=team-a", LISTS[1]),
        &[("if-none-match", found.header("etag"))],
        "",
    );
    assert_eq!(again.status, 304);
}

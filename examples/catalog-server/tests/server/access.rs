//! Who may ask what: every route for every role of the demo.

use std::{
    fmt::Write,
    fs, thread,
    time::{Duration, Instant},
};

use crate::fixture::{Server, command, operator, run};

/// Each column of the table: a role, and what it shows.
const ROLES: [(&str, Option<&str>); 7] = [
    ("engineer-a", Some("Bearer demo-team-a-engineer")),
    ("viewer-a", Some("Bearer demo-team-a-viewer")),
    ("engineer-b", Some("Bearer demo-team-b-engineer")),
    ("operator", Some("Bearer demo-operator")),
    ("auditor", Some("Bearer demo-auditor")),
    ("nobody", None),
    ("unknown", Some("Bearer demo-team-c-engineer")),
];

/// The table that is expected: each route, asked for something of team-a's that is there, and the status for each role.
const TABLE: &str = include_str!("access.txt");

/// A token of ada's, who is an engineer of team-a, and its digest.
const TOKEN: &str = "a-token-of-ada-for-tests";
const DIGEST: &str = "70ec00023f166fa628e2876266bf809e44415f0b42fca1ad9f614795a7001771";
const ROLES_OF_THE_DEMO: &str = include_str!("../../sample/roles.yaml");

/// A path of the template that leads to something of team-a's.
fn path(template: &str, names: &dyn Fn(&str) -> String) -> String {
    let plugin = template.split('/').nth(2).and_then(|part| part.strip_suffix("_catalog")).unwrap_or("mcp");
    let path =
        template.replace("{plugin}", plugin).replace("{file}", "index.css").replace("{check}", "database");
    match path.split_once("{name}") {
        Some((list, rest)) => format!("{list}{}{rest}", names(list.trim_end_matches('/'))),
        None => path,
    }
}

#[test]
fn every_route_answers_every_role_as_the_table_says() {
    let mut server = Server::demo();
    server.token = None;
    let operator = [("authorization", "Bearer demo-operator")];
    let first = |list: &str, field: &str| {
        let answer = server.ask("GET", &format!("{list}?namespace=team-a&pageSize=1"), &operator, "");
        // a plugin without samples has nothing to name
        answer.json()["items"][0][field].as_str().unwrap_or("none").replace('/', "%2F")
    };
    let routes = String::from_utf8(run(&["routes"], &[]).stdout).unwrap();
    let mut table = format!("{:60}", "route");
    for (role, _) in ROLES {
        write!(table, " {role:>10}").unwrap();
    }
    for line in routes.lines() {
        let (method, template) = line.split_once(' ').unwrap();
        let template = template.split_whitespace().next().unwrap();
        let path = path(template, &|list| first(list, "name"));
        let path = match path.split_once("/sources/{id}") {
            Some((base, rest)) => format!("{base}/sources/{}{rest}", first(&format!("{base}/sources"), "id")),
            None => path,
        };
        let of_tenant = line.contains("(tenant") || template.ends_with("/rules");
        let target = if of_tenant { format!("{path}?namespace=team-a") } else { path };
        write!(table, "\n{:60}", format!("{method} {template}")).unwrap();
        for (_, shows) in ROLES {
            // of what is there nothing has that tag, so that nothing is changed
            let mut headers = vec![("if-match", "\"0-0\"")];
            headers.extend(shows.map(|token| ("authorization", token)));
            let answer = server.ask(method, &target, &headers, "");
            if answer.status == 403 {
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains("may not") && !detail.contains("RBAC"), "{detail}");
            }
            write!(table, " {:>10}", answer.status).unwrap();
        }
    }
    table.push('\n');
    if table != TABLE {
        let there = server.folder.path().join("access.txt");
        fs::write(&there, &table).unwrap();
        let wrong = table.lines().filter(|line| !TABLE.lines().any(|known| known == *line));
        let gone = TABLE.lines().filter(|line| !table.lines().any(|seen| seen == *line));
        panic!(
            "tests/server/access.txt says otherwise; seen:\n{}\nexpected:\n{}",
            wrong.collect::<Vec<_>>().join("\n"),
            gone.collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn each_caller_sees_the_tenants_that_are_theirs() {
    let server = Server::demo();
    let of = |token: &str| {
        let bearer = format!("Bearer {token}");
        let path = "/api/tenancy/v1alpha1/namespaces";
        server.ask("GET", path, &[("authorization", bearer.as_str())], "").json()
    };
    for (token, namespaces) in [
        ("demo-team-a-engineer", &["team-a"][..]),
        ("demo-team-b-engineer", &["team-b"]),
        ("demo-team-a-viewer", &["team-a"]),
        ("demo-operator", &["team-a", "team-b"]),
        ("demo-auditor", &["team-a", "team-b"]),
    ] {
        assert_eq!(of(token)["namespaces"], serde_json::json!(namespaces), "{token}");
    }
}

#[test]
fn callers_are_told_what_they_may_by_the_verdict_that_they_would_get() {
    let server = Server::demo();
    let post = |token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        server.ask("POST", "/api/authz/v1alpha1/can-i", &headers, body)
    };
    for (token, question, allowed) in [
        ("demo-team-a-engineer", r#"{"verb":"list","resource":"assets","namespace":"team-a"}"#, true),
        (
            "demo-team-a-engineer",
            r#"{"verb":"list","resource":"assets","plugin":"model","namespace":"team-a"}"#,
            true,
        ),
        ("demo-team-a-engineer", r#"{"verb":"list","resource":"assets","namespace":"team-b"}"#, false),
        ("demo-team-a-engineer", r#"{"verb":"list","resource":"assets"}"#, false),
        (
            "demo-team-a-engineer",
            r#"{"verb":"delete","resource":"catalogsources","namespace":"team-a"}"#,
            true,
        ),
        (
            "demo-team-a-viewer",
            r#"{"verb":"delete","resource":"catalogsources","namespace":"team-a"}"#,
            false,
        ),
        ("demo-team-a-viewer", r#"{"verb":"list","resource":"plugins"}"#, true),
        ("demo-operator", r#"{"verb":"approve","resource":"approvals"}"#, true),
        ("demo-auditor", r#"{"verb":"list","resource":"audit"}"#, true),
        ("demo-auditor", r#"{"verb":"list","resource":"assets"}"#, false),
    ] {
        let answer = post(token, question).json();
        assert_eq!(answer["allowed"], allowed, "{token} {question}: {answer}");
        assert_eq!(answer.get("reason").is_some(), allowed, "{answer}");
    }
    let reason = post("demo-auditor", r#"{"verb":"get","resource":"audit"}"#).json();
    let told = r#"RBAC: allowed by ClusterRoleBinding "catalog-auditors" of ClusterRole "catalog-auditor" to Group "auditors""#;
    assert_eq!(reason["reason"], told);
    let several = r#"{"questions":[{"verb":"list","resource":"audit"},{"verb":"list","resource":"jobs"}]}"#;
    let several = post("demo-auditor", several).json();
    assert_eq!(
        (&several["answers"][0]["allowed"], &several["answers"][1]["allowed"]),
        (&true.into(), &false.into())
    );
    for body in [
        "",
        "{}",
        "[]",
        r#"{"verb":"list"}"#,
        r#"{"verb":"fly","resource":"audit"}"#,
        r#"{"verb":"list","resource":"moons"}"#,
        r#"{"verb":"list","resource":"audit","namespace":"Bad"}"#,
        r#"{"verb":"list","resource":"audit","extra":1}"#,
    ] {
        assert_eq!(post("demo-auditor", body).code(), "invalid_body", "{body}");
    }

    let rules = |token: &str, query: &str| {
        let bearer = format!("Bearer {token}");
        server.ask(
            "GET",
            &format!("/api/authz/v1alpha1/rules{query}"),
            &[("authorization", bearer.as_str())],
            "",
        )
    };
    let viewer = rules("demo-team-a-viewer", "?namespace=team-a").json();
    assert_eq!((&viewer["namespace"], &viewer["incomplete"]), (&"team-a".into(), &false.into()));
    let told = |rules: &serde_json::Value, resource: &str| {
        rules["resourceRules"]
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| rule["resources"].to_string().contains(resource))
    };
    assert!(told(&viewer, "assets") && told(&viewer, "plugins") && !told(&viewer, "audit"), "{viewer}");
    let elsewhere = rules("demo-team-a-viewer", "?namespace=team-b").json();
    assert!(!told(&elsewhere, "assets") && told(&elsewhere, "plugins"), "{elsewhere}");
    assert_eq!(rules("demo-team-a-viewer", "").code(), "tenant_required");
    assert_eq!(rules("demo-team-a-viewer", "?namespace=Bad").code(), "invalid_namespace");
}

#[test]
fn a_server_of_tokens_and_roles_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    // of `s3cret`
    let digest = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
    write("tokens.yaml", &format!("- {{sha256: {digest}, user: jane, groups: [team]}}\n"));
    write(
        "roles.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n\
         rules: [{apiGroups: [catalog.kubeflow.org], resources: [assets/model], verbs: [list]}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: default}\n\
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}\n\
         subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team}]\n",
    );
    let env = [
        ("CATALOG_AUTH_MODE", "tokens,proxy,anonymous"),
        ("CATALOG_AUTH_TOKENS_FILE", "tokens.yaml"),
        ("CATALOG_AUTH_PROXY_SECRET", "a-secret-of-the-proxy"),
        ("CATALOG_AUTHZ_MODE", "rbac"),
        ("CATALOG_RBAC_FILES", "roles.yaml"),
        ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
    ];
    let mut server = Server::start(folder, &env);
    server.token = None;
    let models = "/api/model_catalog/v1alpha1/models";
    let servers = "/api/mcp_catalog/v1alpha1/mcpservers";
    let proven = ("x-proxy-secret", "a-secret-of-the-proxy");
    for (path, headers, status, code) in [
        (models, &[("authorization", "Bearer s3cret")][..], 200, ""),
        (servers, &[("authorization", "Bearer s3cret")], 403, "forbidden"),
        (models, &[("authorization", "Bearer demo-operator")], 401, "unauthenticated"),
        (models, &[], 403, "forbidden"),
        (models, &[proven, ("x-remote-user", "joe"), ("x-remote-group", "team")], 200, ""),
        (models, &[proven, ("x-remote-user", "joe"), ("x-remote-group", "other")], 403, "forbidden"),
        (models, &[proven, ("x-remote-user", "joe"), ("x-remote-group", "x,team")], 403, "forbidden"),
        (models, &[("x-remote-user", "joe"), ("x-remote-group", "team")], 403, "forbidden"),
        (models, &[("x-proxy-secret", "guess"), ("x-remote-user", "joe")], 401, "unauthenticated"),
        (models, &[proven, ("x-remote-user", "joe"), ("authorization", "Bearer s3cret")], 400, "bad_request"),
    ] {
        let answer = server.ask("GET", path, headers, "");
        let told = if status == 200 { String::new() } else { answer.code() };
        assert_eq!((answer.status, told.as_str()), (status, code), "{path} {headers:?}: {answer:?}");
    }

    // a right that is withdrawn is gone as soon as the file is read again, and a bad file takes and gives nothing
    let roles = server.folder.path().join("roles.yaml");
    let jane = [("authorization", "Bearer s3cret")];
    let good = fs::read_to_string(&roles).unwrap();
    fs::write(&roles, "kind: Nothing\n").unwrap();
    server.wait_for_component("policy", "degraded");
    assert_eq!(server.ask("GET", models, &jane, "").status, 200);
    fs::write(&roles, good.replace("name: team}", "name: others}")).unwrap();
    server.wait_for_component("policy", "ok");
    assert_eq!(server.ask("GET", models, &jane, "").status, 403);
}

#[test]
fn what_access_needs_and_has_not_is_told_at_the_start() {
    let base = [("CATALOG_SHUTDOWN_DELAY_SECONDS", "0")];
    for (env, part) in [
        (&[("CATALOG_AUTH_MODE", "tokens"), ("CATALOG_AUTHZ_MODE", "none")][..], "auth.tokens_file"),
        (&[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "rbac")], "rbac.files"),
        (&[("CATALOG_AUTH_MODE", "proxy"), ("CATALOG_AUTHZ_MODE", "none")], "auth.proxy_secret"),
        (
            &[("CATALOG_AUTH_MODE", "anonymous,anonymous"), ("CATALOG_AUTHZ_MODE", "none")],
            "names one way twice",
        ),
        (&[("CATALOG_AUTH_MODE", "magic"), ("CATALOG_AUTHZ_MODE", "none")], "unknown variant `magic`"),
        (
            &[
                ("CATALOG_AUTH_MODE", "anonymous"),
                ("CATALOG_AUTHZ_MODE", "rbac"),
                ("CATALOG_RBAC_FILES", "no.yaml"),
            ],
            "no.yaml",
        ),
    ] {
        let given: Vec<_> = base.iter().chain(env).copied().collect();
        let output = run(&["--listen", "127.0.0.1:0"], &given);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(part), "{env:?}: {error}");
    }
}

/// The events of a binding that was made and removed, once they are sealed.
fn of_engineers(server: &Server, env: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut export = command(server.folder.path(), env);
        let exported = export.args(["audit", "export", "--in", "team-a"]).output().unwrap();
        let lines = String::from_utf8(exported.stdout).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let own: Vec<_> = events
            .filter(|event| event["resourceType"] == "rolebindings" && event["resourceIds"][0] == "engineers")
            .collect();
        if own.len() > 1 {
            return own;
        }
        assert!(Instant::now() < deadline, "{lines}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn roles_in_the_database_are_changed_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("tokens.yaml"),
        format!("- {{sha256: {DIGEST}, user: ada, groups: [team-a-engineers]}}\n"),
    )
    .unwrap();
    fs::write(folder.path().join("roles.yaml"), ROLES_OF_THE_DEMO).unwrap();
    let env = [
        ("CATALOG_TENANCY_MODE", "namespace"),
        ("CATALOG_NAMESPACES", "team-a,team-b"),
        ("CATALOG_AUTH_MODE", "tokens"),
        ("CATALOG_AUTH_TOKENS_FILE", "tokens.yaml"),
        ("CATALOG_AUTHZ_MODE", "rbac"),
        ("CATALOG_RBAC_SOURCE", "database"),
        ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
    ];
    let mut server = Server::start(folder, &env);
    server.token = Some(TOKEN);
    let rbac = |args: &[&str]| {
        let output = command(server.folder.path(), &env).arg("rbac").args(args).output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        String::from_utf8(said).unwrap()
    };
    let list = "/api/model_catalog/v1alpha1/models?namespace=team-a";
    assert_eq!(server.get(list).code(), "forbidden");
    let applied = rbac(&["apply", "roles.yaml"]);
    assert!(
        applied.contains("RoleBinding team-a/engineers created\n") && applied.ends_with("0 unchanged\n"),
        "{applied}"
    );
    server.wait_until(list, 200);
    let ask =
        ["--user", "ada", "--group", "team-a-engineers", "--verb", "list", "--resource", "assets/model"];
    let why = rbac(&[&["explain"][..], &ask, &["--in", "team-a"]].concat());
    assert_eq!(
        why,
        "yes: RBAC: allowed by RoleBinding \"engineers/team-a\" of ClusterRole \"catalog-engineer\" to Group \"team-a-engineers\"\n"
    );
    assert!(rbac(&[&["explain"][..], &ask].concat()).starts_with("no: "));
    let exported = rbac(&["export"]);
    fs::write(server.folder.path().join("exported.json"), &exported).unwrap();
    let again = rbac(&["apply", "exported.json", "--prune"]);
    assert!(!again.contains("created") && !again.contains("removed"), "{again}");
    let exported: serde_json::Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(rbac(&["list"]).lines().count(), exported["items"].as_array().unwrap().len());
    assert_eq!(
        rbac(&["delete", "RoleBinding", "team-a/engineers"]),
        "RoleBinding team-a/engineers removed\n0 unchanged\n"
    );
    // what was changed is recorded, in the name of whoever ran the command
    let engineers = of_engineers(&server, &env);
    let [created, deleted] = engineers.as_slice() else { panic!("{engineers:#?}") };
    assert_eq!((&created["action"], &deleted["action"]), (&"create".into(), &"delete".into()));
    assert_eq!(created["newValue"], deleted["oldValue"]);
    assert_eq!(created["newValue"]["roleRef"]["name"], "catalog-engineer");
    assert_eq!(created["actor"]["user"], operator());
    server.wait_until(list, 403);
    for (args, part) in [
        (&["delete", "RoleBinding", "team-a/engineers"][..], "there is no RoleBinding `team-a/engineers`"),
        (&["delete", "RoleBinding", "engineers"], "a RoleBinding is named `NAMESPACE/NAME`"),
        (&["delete", "ClusterRole", "a/b"], "a ClusterRole has no namespace"),
        (&["delete", "Pod", "a"], "`Pod` is no kind of a role or binding"),
        (&["apply", "tokens.yaml"], "tokens.yaml"),
        (&["apply", "nothing.yaml"], "`nothing.yaml`"),
        (&["explain", "--user", "a", "--verb", "fly", "--resource", "assets"], "`fly` is no verb"),
        (&["list", "--rbac-source", "files", "--rbac-files", "roles.yaml"], "rbac.source: is not `database`"),
    ] {
        let said = rbac(args);
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

use std::{
    fs,
    io::Read,
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::fixture::{command, run};

fn stderr(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(args, env);
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn stdout(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(args, env);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_cannot_be_used_is_named() {
    for (args, env, part) in [
        (
            &["config"][..],
            &[("CATALOG_LISTN", "x")][..],
            "CATALOG_LISTN: there is no such setting; is `CATALOG_LISTEN` meant?",
        ),
        (
            &["config"],
            &[("CATALOG_HTTP_TIMEOUT_SECONDS", "soon")],
            "CATALOG_HTTP_TIMEOUT_SECONDS: `soon` is no whole number",
        ),
        (&["config"], &[("CATALOG_DATABASE_URL", "sqlite://x.db")], "CATALOG_AUTH_MODE or --auth-mode"),
        (&["--listen", "0.0.0.0:0"], &[], "--listen: the demo profile is served on loopback only"),
        (&["--listen", "nowhere"], &[], "--listen: "),
        (&["--listne", "x"], &[], "--listne"),
        (&["--config", "missing.yaml"], &[], "missing.yaml"),
        (&["--sources", "missing.yaml"], &[], "missing.yaml"),
        (
            &["--profile", "demo", "--database-url", "mysql://x"],
            &[],
            "--database-url: must begin with `sqlite:` or `postgres://`",
        ),
        (
            &["--profile", "demo", "--database-row-level-security", "on"],
            &[],
            "--database-row-level-security: is to be had on PostgreSQL only",
        ),
        (
            &["--profile", "demo", "--metrics-listen", "0.0.0.0:0"],
            &[],
            "--metrics-listen: the demo profile is served on loopback only",
        ),
        (
            &["--profile", "demo", "--page-token-keys", "short"],
            &[],
            "page token key 1 is shorter than 32 characters",
        ),
    ] {
        let told = stderr(args, env);
        assert!(told.contains(part), "{args:?} {env:?}: {told}");
    }
}

#[test]
fn a_file_is_read_and_its_faults_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), "profile: demo\nhttp:\n  timeout_seconds: 7\n").unwrap();
    let output = command(folder.path(), &[]).args(["config", "--config", "c.yaml"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("  timeout_seconds: 7  # c.yaml:3: `http.timeout_seconds`"), "{shown}");
    // what is printed can be read again, and says the same
    std::fs::write(folder.path().join("d.yaml"), &shown).unwrap();
    let again = command(folder.path(), &[]).args(["config", "--config", "d.yaml"]).output().unwrap();
    let values = |text: &str| {
        text.lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&String::from_utf8(again.stdout).unwrap()), values(&shown));
    std::fs::write(folder.path().join("c.yaml"), "profile: demo\nhttp:\n  timeout: 7\n").unwrap();
    let output = command(folder.path(), &[]).args(["config", "--config", "c.yaml"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("c.yaml:3: `http.timeout` is no setting"));
}

#[test]
fn every_setting_is_told_and_no_secret_is() {
    let keys = stdout(&["keys"], &[]);
    let config = stdout(
        &["config", "--page-token-keys", "a-secret-a-secret-a-secret-a-secret", "--profile", "demo"],
        &[],
    );
    assert!(!config.contains("a-secret") && config.contains("page_token_keys: \"**redacted**\""), "{config}");
    for part in ["CATALOG_LISTEN", "CATALOG_PAGE_TOKEN_KEYS", "in seconds", "in bytes", "127.0.0.1:8080"] {
        assert!(keys.contains(part), "{part}");
    }
    for part in [
        "text; default demo, or production where a setting is given that could matter; CATALOG_PROFILE",
        "list; required (production), default tokens (demo); CATALOG_AUTH_MODE",
        "text; required (production), default rbac (demo); CATALOG_AUTHZ_MODE",
        "text; no default; CATALOG_LISTEN_FILE",
        "list; default empty; CATALOG_PAGE_TOKEN_KEYS",
        "text; default single (production), default namespace (demo); CATALOG_TENANCY_MODE",
        "CATALOG_SERVICE_HOST",
    ] {
        assert!(keys.contains(part), "{part} is not in\n{keys}");
    }
    assert!(stdout(&["--help"], &[]).contains("--cache-discovery-ttl"));
}

#[test]
fn the_routes_and_what_they_ask_for_are_those_of_the_contract() {
    let routes = stdout(&["routes"], &[]);
    for line in [
        "GET     /api/plugins  list plugins (cluster)",
        "GET     /api/plugins/{plugin}/capabilities  get capabilities (cluster)",
        "GET     /api/model_catalog/v1alpha1/models  list assets/model (tenant or all)",
        "GET     /api/model_catalog/v1alpha1/models/{name}  get assets/model (tenant)",
        "GET     /api/model_catalog/v1alpha1/models/{name}/artifacts  get assets/model (tenant)",
        "GET     /api/skills_catalog/v1alpha1/sources  list catalogsources/skills (tenant or all)",
        "GET     /api/model_catalog/v1alpha1/filter_options  list assets/model (tenant)",
        "GET     /livez  public",
    ] {
        let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(routes.lines().any(|route| spaced(route) == spaced(line)), "{line} is not in\n{routes}");
    }
    let public: Vec<&str> = routes
        .lines()
        .filter(|line| line.ends_with(" public"))
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    let expected = [
        "/livez",
        "/healthz",
        "/readyz",
        "/readyz/{check}",
        "/metrics",
        "/version",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/docs/{file}",
    ];
    assert!(
        public.len() == expected.len() && expected.iter().all(|path| public.contains(path)),
        "{public:?}"
    );
}

#[test]
fn what_keeps_the_server_from_starting_is_told_with_setting_and_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("no-database"), "nothing of the sort ".repeat(100)).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    for (args, env, parts) in [
        (
            &["--database-url", "sqlite://no-database"][..],
            &[][..],
            &["database.url", "sqlite://no-database"][..],
        ),
        (
            &["--database-url", "sqlite://no-database/x/y.db"],
            &[],
            &["database.url", "sqlite://no-database/x/y.db"],
        ),
        (&["--database-url", "sqlite:%3Amemory%3A"], &[], &["database.url", "in memory"]),
        (&["--database-url", "sqlite://"], &[], &["database.url", "names no file"]),
        (
            &["--database-url", "postgres://bot:hunter2@127.0.0.1:1/x"],
            &[],
            &["database.url", "@127.0.0.1:1/x` cannot be used"],
        ),
        (&["--listen", &busy], &[], &["listen: ", &busy]),
        (&["--listen-file", "missing/address"], &[], &["listen_file: ", "missing/address"]),
        (&[], &[("CATALOG_SOURCES", "")], &["CATALOG_SOURCES: is empty"]),
        (&["--sources", "/dev/zero"], &[], &["/dev/zero", "no regular file"]),
        (&["--sources", "pipe"], &[], &["pipe", "no regular file"]),
        (&["--config", "pipe"], &[], &["pipe", "no regular file"]),
        (&["config", "--log-filter", "info,catalog=loud"], &[], &["--log-filter: "]),
        (&["config", "--page-token-keys", "short"], &[], &["--page-token-keys: ", "shorter than 32"]),
    ] {
        let output = command(folder.path(), env)
            .args(["--profile", "demo"])
            .args(if args.contains(&&*busy) { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(args)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?} {env:?}: {told}");
        for part in parts {
            assert!(told.contains(part) && !told.contains("hunter2"), "{args:?} {env:?}: {told}");
        }
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = command(folder.path(), &[])
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    process.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.is_empty(), "{told}");
}

#[test]
fn ways_to_be_known_and_allowed_are_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("none.yaml"), "[]\n").unwrap();
    std::fs::write(folder.path().join("odd.yaml"), "- issuer: https://op.example\n  audience: x\n").unwrap();
    std::fs::write(folder.path().join("plain.yaml"), "- {issuer: 'http://op.example', audiences: [x]}\n")
        .unwrap();
    let open = ("CATALOG_AUTHZ_MODE", "none");
    for (env, part) in [
        (
            &[("CATALOG_AUTH_MODE", "oidc"), open][..],
            "auth.oidc_file: goes with the modes `oidc` and `login`",
        ),
        (&[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTH_OIDC_FILE", "x.yaml"), open], "only with them"),
        (
            &[("CATALOG_AUTH_MODE", "oidc"), ("CATALOG_AUTH_OIDC_FILE", "x.yaml"), open],
            "`x.yaml`: No such file",
        ),
        (&[("CATALOG_AUTH_MODE", "oidc"), ("CATALOG_AUTH_OIDC_FILE", "none.yaml"), open], "names no issuer"),
        (
            &[("CATALOG_AUTH_MODE", "oidc"), ("CATALOG_AUTH_OIDC_FILE", "odd.yaml"), open],
            "`odd.yaml`: `[0].audience`: unknown field",
        ),
        (
            &[("CATALOG_AUTH_MODE", "oidc"), ("CATALOG_AUTH_OIDC_FILE", "plain.yaml"), open],
            "`issuer` is no https URL",
        ),
        (
            &[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTH_TOKENREVIEW_AUDIENCES", "x"), open],
            "goes only with the mode `tokenreview`",
        ),
        (&[("CATALOG_AUTH_MODE", "tokenreview"), open], "auth.mode: no Kubernetes cluster is known"),
        (
            &[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "sar")],
            "authz.mode: no Kubernetes cluster is known",
        ),
        (&[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "rbac")], "rbac.files: must be set"),
        (
            &[
                ("CATALOG_AUTH_MODE", "anonymous"),
                ("CATALOG_AUTHZ_MODE", "rbac"),
                ("CATALOG_RBAC_SOURCE", "database"),
                ("CATALOG_RBAC_FILES", "x"),
            ],
            "go with the source `files`",
        ),
        (
            &[("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_RBAC_SOURCE", "database"), open],
            "is not `rbac`, so `rbac.source`",
        ),
    ] {
        let output = command(folder.path(), env).args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(part), "{env:?}: {told}");
    }
}

#[test]
fn the_schema_is_planned_run_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "none")];
    let migrate = |task: &str| {
        let output = command(folder.path(), &env).args(["migrate", task]).output().unwrap();
        let said = if output.status.success() { &output.stdout } else { &output.stderr };
        (output.status.success(), String::from_utf8(said.clone()).unwrap())
    };
    let (_, plan) = migrate("plan");
    assert!(
        plan.contains("-- core 1: ") && plan.contains("-- audit 1: ") && plan.contains("create table"),
        "{plan}"
    );
    let (verified, why) = migrate("verify");
    assert!(!verified && why.contains("migrations are pending"), "{why}");
    let (done, said) = migrate("run");
    assert!(done && said.ends_with("the schema is current\n"), "{said}");
    assert_eq!(migrate("run"), (true, "0 applied\nthe schema is current\n".into()));
    assert_eq!(migrate("plan"), (true, String::new()));
    assert_eq!(migrate("verify"), (true, "the schema is current\n".into()));
    assert_eq!(migrate("status"), (true, "the schema is current\n".into()));
}

//! Browsers that log in.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use serde_json::json;
use tempfile::TempDir;

use crate::fixture::{Server, command};

/// An issuer that says where to log in and publishes no key; it lives as long as the test's process.
fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "keys": [],
        "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head).unwrap();
            let length = document.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
            stream.write_all(format!("{head}connection: close\r\n\r\n{document}").as_bytes()).unwrap();
        }
    });
    issuer
}

/// A folder with the file of an issuer.
fn folder(issuer: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "- issuer: https://other.example\n  audiences: [catalog]\n\
         - issuer: {issuer}\n  audiences: [catalog]\n  insecure_http: true\n"
    );
    fs::write(folder.path().join("issuers.yaml"), text).unwrap();
    folder
}

#[test]
fn a_browser_without_a_session_is_sent_to_the_issuer() {
    let issuer = issuer();
    let env = [
        ("CATALOG_AUTH_MODE", "login,anonymous"),
        ("CATALOG_AUTHZ_MODE", "none"),
        ("CATALOG_AUTH_OIDC_FILE", "issuers.yaml"),
        ("CATALOG_AUTH_LOGIN_ISSUER", issuer.as_str()),
        ("CATALOG_AUTH_LOGIN_CLIENT_ID", "catalog-web"),
        ("CATALOG_AUTH_LOGIN_URL", "https://catalog.example"),
    ];
    let mut server = Server::start(folder(&issuer), &env);
    server.token = None;
    let answer = server.get("/auth/login?return=/docs/");
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location");
    assert!(location.starts_with(&format!("{issuer}/authorize?")), "{location}");
    for part in [
        "client_id=catalog-web",
        "redirect_uri=https%3A%2F%2Fcatalog.example%2Fauth%2Fcallback",
        "code_challenge_method=S256",
        "nonce=",
    ] {
        assert!(location.contains(part), "{location}");
    }
    let attempt = answer.header("set-cookie").to_owned();
    assert!(attempt.starts_with("__Host-catalog-login="), "{attempt}");

    assert_eq!(server.get("/auth/callback?code=a&state=b").code(), "bad_request");
    let plugins = |headers: &[(&str, &str)]| server.ask("GET", "/api/plugins", headers, "").status;
    assert_eq!((plugins(&[]), plugins(&[("cookie", "__Host-catalog-session=x")])), (200, 401));
    let logout = |origin: &str| server.ask("POST", "/auth/logout", &[("origin", origin)], "").status;
    assert_eq!((logout("https://catalog.example"), logout("https://evil.example")), (204, 403));
    let document = server.get("/openapi.json").json();
    assert_eq!(document["components"]["securitySchemes"]["session"]["name"], "__Host-catalog-session");
    assert!(document["paths"]["/auth/login"]["get"]["responses"]["303"].is_object());

    // the key was stored: what was sealed before a restart still opens, and only the state is another's
    let mut server = Server::start(server.kill(), &env);
    server.token = None;
    let cookie = attempt.split(';').next().unwrap();
    let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let back = format!("/auth/callback?error=access_denied&state={state}");
    assert_eq!(server.ask("GET", &back, &[("cookie", cookie)], "").code(), "forbidden");
}

#[test]
fn what_a_login_lacks_is_told_by_its_key() {
    let login = ["--auth-mode", "login", "--authz-mode", "none"];
    let oidc = ["--auth-oidc-file", "issuers.yaml"];
    let (id, url) = (["--auth-login-client-id", "web"], ["--auth-login-url", "https://catalog.example"]);
    for (args, told) in [
        ([&login[..], &id, &url].concat(), "auth.oidc_file: goes with the modes `oidc` and `login`"),
        ([&login[..], &oidc, &url].concat(), "auth.login_client_id: must be set for the mode `login`"),
        ([&login[..], &oidc, &id].concat(), "auth.login_url: must be set for the mode `login`"),
        (
            [&login[..], &oidc, &id, &["--auth-login-url", "http://catalog.example"]].concat(),
            "auth.login_url: is no origin",
        ),
        (
            [&login[..], &oidc, &id, &url, &["--auth-login-keys", "short"]].concat(),
            "auth.login_keys: has number 1 shorter than 32 bytes",
        ),
        (
            [&login[..], &oidc, &id, &url, &["--auth-login-issuer", "https://nobody.example"]].concat(),
            "auth.login_issuer: is none of those of `auth.oidc_file`",
        ),
        (
            [&["--auth-mode", "anonymous", "--authz-mode", "none"][..], &url].concat(),
            "--auth-login-url: goes only with the mode `login`",
        ),
    ] {
        let folder = folder("http://127.0.0.1:9");
        let output =
            command(folder.path(), &[]).args(&args).args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{args:?}: {error}");
    }
    let folder = folder("http://127.0.0.1:9");
    let routes = [&["routes"][..], &login, &oidc, &id, &url].concat();
    let output = command(folder.path(), &[]).args(routes).output().unwrap();
    let routes = String::from_utf8(output.stdout).unwrap();
    for path in ["/auth/login", "/auth/callback", "/auth/logout"] {
        let line = routes.lines().find(|line| line.contains(path));
        assert!(line.is_some_and(|line| line.ends_with("public")), "{routes}");
    }
}

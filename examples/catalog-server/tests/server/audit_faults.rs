//! What clients were told, what was done and what is recorded agree, whatever happens to the server, its database or its clients.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Output,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    fixture::{Server, command},
    postgres::database,
    proxy::Proxy,
};

pub(crate) const SOURCES: &str = "/api/model_catalog/v1alpha1/sources";
pub(crate) const EVENTS: &str = "/api/audit/v1alpha1/events";

/// Begins a change, and leaves the connection to whoever wants to wait.
pub(crate) fn begin(base: &str, path: &str) -> std::io::Result<TcpStream> {
    begin_as("demo-operator", "", base, path)
}

/// Likewise in somebody's name, under that id unless it is empty.
pub(crate) fn begin_as(token: &str, id: &str, base: &str, path: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let id = if id.is_empty() { String::new() } else { format!("x-request-id: {id}\r\n") };
    let head = format!("authorization: Bearer {token}\r\n{id}content-length: 0\r\nconnection: close");
    write!(stream, "POST {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n")?;
    Ok(stream)
}

/// What the client is told: the status, and the id of the request; none if the answer does not come whole.
pub(crate) fn told(base: &str, path: &str) -> Option<(u16, String)> {
    heard(begin(base, path).ok()?)
}

/// Likewise, on a connection where the change was begun.
pub(crate) fn heard(mut stream: TcpStream) -> Option<(u16, String)> {
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "))?;
    Some((status, id.to_owned()))
}

pub(crate) fn source(server: &Server) -> String {
    let list = server.get(&format!("{SOURCES}?namespace=team-a")).json();
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

/// The path that switches a source on or off.
pub(crate) fn switch(source: &str, on: bool) -> String {
    format!("{SOURCES}/{source}:{}?namespace=team-a", if on { "enable" } else { "disable" })
}

/// The tenant's events, the newest first.
pub(crate) fn events(server: &Server) -> Vec<Value> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{EVENTS}?namespace=team-a&pageSize=500&pageToken={token}"));
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        page["nextPageToken"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return all;
        }
    }
}

/// Each revision of the source is of one event, none is of none, and the last is that of the source as it is.
pub(crate) fn each_change_has_its_event(server: &Server, source: &str) {
    let events = events(server);
    let mut revisions: Vec<(i64, i64)> = events
        .iter()
        .filter(|event| event["resourceType"] == "catalogsources" && event["resourceIds"][0] == source)
        .filter_map(|event| {
            let new = event["newRevision"].as_i64()?;
            assert_eq!(event["outcome"], "success", "{event}");
            Some((event["oldRevision"].as_i64().unwrap_or(0), new))
        })
        .collect();
    revisions.sort_unstable();
    let mut at = 0;
    for (old, new) in &revisions {
        assert_eq!(*old, at, "{revisions:?}");
        at = *new;
    }
    let now = server.get(&format!("{SOURCES}/{source}?namespace=team-a"));
    assert_eq!(now.json()["revision"].as_i64(), Some(at), "{now:?}");
}

/// What `catalog-server audit` says, beside that server.
pub(crate) fn audit(server: &Server, env: &[(&str, &str)], args: &[&str]) -> Output {
    command(server.folder.path(), env).arg("audit").args(args).output().unwrap()
}

/// Clients that switch a source on and off until nobody answers, and tell of what they were told.
pub(crate) fn clients(base: &str, source: &str) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    for client in 0..4_u32 {
        let (sender, base, source) = (sender.clone(), base.to_owned(), source.to_owned());
        thread::spawn(move || {
            for number in client.. {
                match told(&base, &switch(&source, number % 2 == 0)) {
                    None => return,
                    Some((200, id)) => drop(sender.send(id)),
                    Some((429, _)) => {}
                    Some(other) => panic!("{other:?}"),
                }
            }
        });
    }
    receiver
}

fn killed_again_and_again(env: &[(&str, &str)]) {
    let mut server = Server::start(tempfile::tempdir().unwrap(), env);
    let source = source(&server);
    let mut acknowledged: Vec<String> = Vec::new();
    for answers in [1, 3, 10, 30, 2, 50] {
        let clients = clients(&server.base, &source);
        acknowledged.extend(clients.iter().take(answers));
        // four more are under way, wherever they are
        let folder = server.kill();
        // what was told before is told, until the last of them finds nobody
        acknowledged.extend(clients);
        server = Server::start(folder, env);
        each_change_has_its_event(&server, &source);
    }
    let events = events(&server);
    assert!(acknowledged.len() >= 96);
    for id in &acknowledged {
        let of = |event: &&Value| event["requestId"] == *id && event["eventType"] == "request";
        let own: Vec<&Value> = events.iter().filter(of).collect();
        assert_eq!(own.len(), 1, "{id}: {own:?}");
        assert_eq!(own[0]["outcome"], "success");
    }
    let verified = audit(&server, env, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn what_clients_were_told_is_stored_once_when_the_server_is_killed() {
    killed_again_and_again(&[]);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn what_clients_were_told_is_stored_once_when_the_server_on_postgres_is_killed() {
    let url = database("server_audit_killed");
    killed_again_and_again(&[("CATALOG_PROFILE", "demo"), ("CATALOG_DATABASE_URL", url.as_str())]);
}

#[test]
fn a_client_that_leaves_takes_no_change_nor_its_event_along() {
    let server = Server::demo();
    let source = source(&server);
    let before = events(&server).len();
    for number in 0..40_u32 {
        let stream = begin(&server.base, &switch(&source, number % 2 == 1)).unwrap();
        // some of them before the request is read, some of them in the middle of it
        if number % 4 > 1 {
            stream.set_read_timeout(Some(Duration::from_micros(u64::from(number) * 50 + 1))).unwrap();
            let _ = (&stream).read(&mut [0]);
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
    // one that waits comes after all that have begun
    assert_eq!(told(&server.base, &switch(&source, true)).unwrap().0, 200);
    let mut folder = server;
    folder.signal("TERM");
    assert_eq!(folder.process.wait().unwrap().code(), Some(0), "{}", folder.log());
    let server = Server::start(folder.kill(), &[]);
    each_change_has_its_event(&server, &source);
    let events = events(&server);
    assert!(events.len() > before);
    let mut ids: Vec<&str> = events
        .iter()
        .filter(|event| event["eventType"] == "request")
        .map(|event| event["requestId"].as_str().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each request has one event");
}

/// How many requests were refused since they could not be recorded.
fn refused(server: &Server) -> u64 {
    let metrics = server.get("/metrics").text;
    let value = metrics.lines().find_map(|line| line.strip_prefix("catalog_audit_refused_total "));
    value.map_or(0, |value| value.parse().unwrap())
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn while_the_database_stands_still_nothing_is_changed_and_reading_goes_on() {
    let url = database("server_audit_stopped");
    let (proxy, url) = Proxy::before(&url);
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_DATABASE_URL", url.as_str()),
        ("CATALOG_DATABASE_ACQUIRE_TIMEOUT_MS", "300"),
        ("CATALOG_DATABASE_STATEMENT_TIMEOUT_MS", "500"),
        ("CATALOG_HTTP_HANDLER_TIMEOUT_SECONDS", "1"),
    ];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    let source = source(&server);
    assert_eq!(told(&server.base, &switch(&source, false)).unwrap().0, 200);
    assert!(proxy.passed() > 0);
    proxy.stop(true);
    let change = |on| server.ask("POST", &switch(&source, on), &[], "");
    let deadline = Instant::now() + Duration::from_secs(20);
    let begun = Instant::now();
    let first = change(true);
    let took_first = begun.elapsed();
    // once for a connection and its statement, 300 ms and 500 ms, and not again for its event
    assert!(took_first < Duration::from_millis(1_600), "{took_first:?}");
    assert_eq!((first.status, first.header("retry-after")), (503, "1"), "{first:?}");
    let counted = refused(&server);
    let (known, mut took) = (Instant::now(), Vec::new());
    // for longer than the pause after which the database is tried
    while known.elapsed() < Duration::from_secs(2) {
        let begun = Instant::now();
        let refused = change(true);
        took.push(begun.elapsed());
        assert_eq!(refused.code(), "audit_unavailable", "{refused:?}");
        assert_eq!(refused.header("retry-after"), "1", "{refused:?}");
        thread::sleep(Duration::from_millis(20));
    }
    took.sort_unstable();
    assert!(took[took.len() * 9 / 10] < Duration::from_millis(100), "{took:?}");
    // none waits for a connection and its statement
    assert!(took[took.len() - 1] < Duration::from_millis(800), "{took:?}");
    assert_eq!(refused(&server), counted + took.len() as u64);
    server.wait_until("/readyz", 503);
    for path in ["/livez", "/api/plugins", "/api/plugins/mcp"] {
        let begun = Instant::now();
        assert_eq!(server.get(path).status, 200, "{path}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{path}");
    }
    proxy.stop(false);
    server.wait_until("/readyz", 200);
    while change(true).status != 200 {
        assert!(Instant::now() < deadline + Duration::from_secs(20), "it does not come back");
        thread::sleep(Duration::from_millis(20));
    }
    each_change_has_its_event(&server, &source);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn a_change_whose_commit_is_not_answered_is_told_as_what_it_was() {
    let url = database("server_audit_commit");
    let (proxy, url) = Proxy::before(&url);
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_DATABASE_URL", url.as_str()),
        ("CATALOG_DATABASE_ACQUIRE_TIMEOUT_MS", "300"),
        ("CATALOG_DATABASE_STATEMENT_TIMEOUT_MS", "500"),
    ];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    let source = source(&server);
    proxy.hold_commits(true);
    let begun = Instant::now();
    let headers = [("x-request-id", "not-answered")];
    let answer = server.ask("POST", &switch(&source, false), &headers, "");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    proxy.hold_commits(false);
    server.wait_until("/readyz", 200);
    let of = |event: &Value| event["requestId"] == "not-answered";
    let deadline = Instant::now() + Duration::from_secs(20);
    while told(&server.base, &switch(&source, true)).is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "it does not come back");
        thread::sleep(Duration::from_millis(20));
    }
    let own: Vec<Value> = events(&server).into_iter().filter(of).collect();
    let [event] = own.as_slice() else { panic!("{own:#?}") };
    assert_eq!((&event["outcome"], &event["newValue"]["enabled"]), (&"success".into(), &false.into()));
    each_change_has_its_event(&server, &source);
}

#[test]
fn a_secret_that_a_client_sends_is_found_nowhere() {
    let server = Server::start(
        tempfile::tempdir().unwrap(),
        &[("CATALOG_PROFILE", "demo"), ("CATALOG_LOG_FILTER", "debug")],
    );
    let source = source(&server);
    let canary = "kanarienvogel7Q";
    let of_path = "zeisig4K";
    let secret = format!("Bearer {canary}");
    let path = switch(&source, false);
    let body = format!(r#"{{"password": "{canary}", "apiKey": "{canary}"}}"#);
    for (method, path, headers) in [
        (
            "POST",
            path.clone(),
            vec![("cookie", canary), ("x-api-key", canary), ("proxy-authorization", &secret)],
        ),
        ("POST", path.clone(), vec![("authorization", secret.as_str())]),
        (
            "POST",
            format!("{path}&apiKey={canary}&token={canary}"),
            vec![("content-type", "application/json")],
        ),
        ("GET", format!("{EVENTS}?namespace=team-a&token={canary}"), vec![]),
        ("POST", format!("/api/{of_path}/v1alpha1/sources"), vec![]),
        ("GET", format!("/api/mcp_catalog/v1alpha1/mcpservers/{of_path}?namespace=team-a"), vec![]),
        ("DELETE", format!("/api/authz/v1alpha1/can-i?token={canary}"), vec![("x-forwarded-for", canary)]),
        ("POST", "/api/authz/v1alpha1/can-i".into(), vec![("content-type", "application/json")]),
    ] {
        let status = server.ask(method, &path, &headers, &body).status;
        assert!((200..500).contains(&status), "{method} {path}: {status}");
    }
    // it was recorded all the same, of whom it was a denied attempt too
    let recorded = events(&server);
    assert!(recorded.iter().any(|event| event["outcome"] == "success" && event["action"] == "disable"));
    let exported = audit(&server, &[], &["export"]);
    assert!(exported.status.success() && !exported.stdout.is_empty(), "{exported:?}");
    let finds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    let holds = |bytes: &[u8]| finds(bytes, canary) || finds(bytes, of_path);
    assert!(holds(format!("a {canary}").as_bytes()) && !holds(&exported.stdout), "the export holds it");
    let mut folders = vec![server.folder.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let bytes = fs::read(&path).unwrap();
                assert!(!holds(&bytes), "{} holds it", path.display());
            }
        }
    }
    assert!(files >= 4, "the database, its log, and what the server says");
}

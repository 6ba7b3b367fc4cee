//! What clients were told, what was done and what is recorded agree, whatever happens to the server, its database or its clients.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    fixture::{Server, command},
    postgres::database,
};

const SOURCES: &str = "/api/model_catalog/v1alpha1/sources";
const EVENTS: &str = "/api/audit/v1alpha1/events";

/// Begins a change, and leaves the connection to whoever wants to wait.
fn begin(base: &str, path: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let head = "authorization: Bearer demo-operator\r\ncontent-length: 0\r\nconnection: close";
    write!(stream, "POST {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n")?;
    Ok(stream)
}

/// What the client is told: the status, and the id of the request; none if the answer does not come whole.
fn told(base: &str, path: &str) -> Option<(u16, String)> {
    let mut text = String::new();
    begin(base, path).ok()?.read_to_string(&mut text).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "))?;
    Some((status, id.to_owned()))
}

fn source(server: &Server) -> String {
    let list = server.get(&format!("{SOURCES}?namespace=team-a")).json();
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

/// The path that switches a source on or off.
fn switch(source: &str, on: bool) -> String {
    format!("{SOURCES}/{source}:{}?namespace=team-a", if on { "enable" } else { "disable" })
}

/// The tenant's events, the newest first.
fn events(server: &Server) -> Vec<Value> {
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
fn each_change_has_its_event(server: &Server, source: &str) {
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
fn audit(server: &Server, env: &[(&str, &str)], args: &[&str]) -> Output {
    command(server.folder.path(), env).arg("audit").args(args).output().unwrap()
}

/// Clients that switch a source on and off until nobody answers, and tell of what they were told.
fn clients(base: &str, source: &str) -> mpsc::Receiver<String> {
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

/// Passes bytes on to a server, unless it is stopped.
struct Proxy {
    port: u16,
    is_stopped: Arc<AtomicBool>,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_stopped, passed) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let proxy = Self { port, is_stopped: Arc::clone(&is_stopped), passed: Arc::clone(&passed) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                for (from, to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    let (is_stopped, passed) = (Arc::clone(&is_stopped), Arc::clone(&passed));
                    thread::spawn(move || pass_on(from, to, &is_stopped, &passed));
                }
            }
        });
        proxy
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_stopped: &AtomicBool, passed: &AtomicUsize) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while is_stopped.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
        passed.fetch_add(read, Ordering::Relaxed);
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn while_the_database_stands_still_nothing_is_changed_and_reading_goes_on() {
    let url = database("server_audit_stopped");
    let (user, place) = url.rsplit_once('@').unwrap();
    let (host, name) = place.rsplit_once('/').unwrap();
    let proxy = Proxy::to(host.to_owned());
    let url = format!("{user}@127.0.0.1:{}/{name}", proxy.port);
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
    assert!(proxy.passed.load(Ordering::Relaxed) > 0);
    proxy.is_stopped.store(true, Ordering::Release);
    let change = |on| server.ask("POST", &switch(&source, on), &[], "");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = change(true);
        assert_eq!(answer.status, 503, "{answer:?}");
        if answer.code() == "audit_unavailable" {
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
    }
    let mut took = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        let refused = change(true);
        took.push(begun.elapsed());
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
    }
    // none waits for longer than twice for a connection, and its statement
    assert!(took.iter().all(|took| *took < Duration::from_secs(2)), "{took:?}");
    for path in ["/livez", "/api/plugins", "/api/plugins/mcp"] {
        let begun = Instant::now();
        assert_eq!(server.get(path).status, 200, "{path}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{path}");
    }
    proxy.is_stopped.store(false, Ordering::Release);
    server.wait_until("/readyz", 200);
    while change(true).status != 200 {
        assert!(Instant::now() < deadline + Duration::from_secs(20), "it does not come back");
        thread::sleep(Duration::from_millis(20));
    }
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
    // the log of requests tells of paths
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
                let found = finds(&bytes, canary) || !path.ends_with("log") && finds(&bytes, of_path);
                assert!(!found, "{} holds it", path.display());
            }
        }
    }
    assert!(files >= 4, "the database, its log, and what the server says");
}

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::fixture::{LISTS, Server};

#[test]
fn asked_to_leave_it_is_not_ready_first_serves_on_and_leaves_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut server =
        Server::start(folder, &[("CATALOG_PROFILE", "demo"), ("CATALOG_SHUTDOWN_DELAY_SECONDS", "1")]);
    // a request that is under way when the signal comes: its last line is sent later
    let mut slow = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    slow.write_all(b"GET /api/plugins/mcp HTTP/1.1\r\nhost: x\r\n").unwrap();
    let start = Instant::now();
    server.signal("TERM");
    server.wait_until("/readyz", 503);
    let report = server.get("/readyz").json();
    assert_eq!(report["status"], "not_ready");
    assert_eq!(report["components"]["shutdown"]["status"], "failed");
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/api/plugins").status, 200, "requests are served until others have heard");
    slow.write_all(b"connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let status = server.process.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn what_was_loaded_survives_the_process_being_killed() {
    let server = Server::demo();
    let list = format!("{}?namespace=team-a&pageSize=2", LISTS[0]);
    let before = server.get(&list).json();
    let folder = server.kill();
    let server = Server::start(folder, &[]);
    assert_eq!(
        server.get(&list).json(),
        before,
        "ids, revisions, times and even the page token are the same"
    );
    let token = before["nextPageToken"].as_str().unwrap();
    assert_eq!(server.get(&format!("{list}&pageToken={token}")).status, 200);
}

#[test]
fn killed_while_it_first_loads_it_starts_anew() {
    let mut folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        folder = Server::spawn(folder, &[]).kill();
    }
    let server = Server::start(folder, &[]);
    assert!(server.get(&format!("{}?namespace=team-b", LISTS[4])).names().len() >= 6);
}

#[test]
fn two_servers_on_one_database_agree() {
    let first = Server::demo();
    let url = format!("sqlite://{}", first.folder.path().join("catalog-data/catalog.db").display());
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_DATABASE_URL", url.as_str())];
    let second = Server::start(tempfile::tempdir().unwrap(), &env);
    let list = format!("{}?namespace=team-a&pageSize=2", LISTS[1]);
    let page = first.get(&list).json();
    assert_eq!(second.get(&list).json(), page);
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(second.get(&format!("{list}&pageToken={token}")).status, 200, "page token keys are shared");
}

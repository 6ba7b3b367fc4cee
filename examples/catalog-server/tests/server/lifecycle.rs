use std::{
    fs,
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
    slow.write_all(b"authorization: Bearer demo-operator\r\nconnection: close\r\n\r\n").unwrap();
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

/// A connection that has said nothing yet.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    bytes
}

fn demo(env: &[(&str, &str)]) -> Server {
    let env: Vec<_> = [("CATALOG_PROFILE", "demo")].iter().chain(env).copied().collect();
    Server::start(tempfile::tempdir().unwrap(), &env)
}

#[test]
fn connections_without_a_request_do_not_keep_it_when_it_leaves() {
    let mut server = demo(&[]);
    let (_silent, mut half, mut idle) = (connect(&server), connect(&server), connect(&server));
    half.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n").unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_connection_that_brings_no_request_is_closed() {
    let server = demo(&[("CATALOG_HTTP_HEADER_TIMEOUT_SECONDS", "1")]);
    let start = Instant::now();
    for begun in ["", "P", "GET /livez HTTP/1.1\r\nhost: x\r\n", "GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET"]
    {
        let mut stream = connect(&server);
        stream.write_all(begun.as_bytes()).unwrap();
        let answered = String::from_utf8(rest(&mut stream)).unwrap();
        assert_eq!(
            answered.matches("200 OK").count(),
            begun.matches("\r\n\r\n").count(),
            "{begun:?}: {answered}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn so_many_connections_are_open_and_others_wait_for_one_to_end() {
    let server = demo(&[("CATALOG_HTTP_MAX_CONNECTIONS", "2")]);
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).map(|()| answer)
    };
    let (mut one, mut two, mut three) = (connect(&server), connect(&server), connect(&server));
    assert!(ask(&mut one).is_ok() && ask(&mut two).is_ok());
    three.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(ask(&mut three).is_err(), "it is not taken while two are open");
    drop(one);
    three.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 12];
    three.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn a_client_that_takes_no_answer_is_cut_off() {
    let server = demo(&[("CATALOG_HTTP_WRITE_TIMEOUT_SECONDS", "1")]);
    let length = server.get("/openapi.json").text.len();
    let mut stream = connect(&server);
    // more than the system keeps for both sides
    let requests = 64 * 1_024 * 1_024 / length;
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(requests);
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = stream.write_all(&request);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server.log().contains("a client that takes no answer was cut off") {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(rest(&mut stream).len() < requests * length);
    assert_eq!(server.get("/livez").status, 200);
}

/// Begins HTTP/2 with those settings, and asks for a path on stream 1.
fn ask_http_2(stream: &mut TcpStream, settings: &[u8], path: &[u8]) {
    let length = |part: &[u8]| u8::try_from(part.len()).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&[0, 0, length(settings), 4, 0, 0, 0, 0, 0]).unwrap();
    stream.write_all(settings).unwrap();
    // HEADERS that end the stream: GET, http, the path, `:authority: x`
    let block = [&[0x82, 0x86, 0x04, length(path)][..], path, &[0x01, 1], b"x"].concat();
    stream.write_all(&[0, 0, length(&block), 1, 5, 0, 0, 0, 1]).unwrap();
    stream.write_all(&block).unwrap();
}

#[test]
fn a_client_whose_http_2_window_stays_shut_is_cut_off() {
    let server = demo(&[("CATALOG_HTTP_WRITE_TIMEOUT_SECONDS", "1")]);
    let mut stream = connect(&server);
    // SETTINGS_INITIAL_WINDOW_SIZE 0: whatever the socket takes, no byte of an answer may be sent
    ask_http_2(&mut stream, &[0, 4, 0, 0, 0, 0], b"/version");
    rest(&mut stream);
    assert!(server.log().contains("a client that takes no answer was cut off"), "{}", server.log());
}

#[test]
fn http_2_is_spoken_to_who_begins_with_it() {
    let server = demo(&[]);
    let mut stream = connect(&server);
    ask_http_2(&mut stream, &[], b"/version");
    let frame = |stream: &mut TcpStream| {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).unwrap();
        (head[3], payload)
    };
    loop {
        match frame(&mut stream) {
            // HEADERS: `:status: 200` is one byte of HPACK's table
            (1, payload) => assert_eq!(payload[0], 0x88),
            (0, payload) => {
                assert!(String::from_utf8(payload).unwrap().contains("catalog-server"));
                break;
            }
            _ => {}
        }
    }
}

#[test]
fn a_source_that_is_still_being_read_does_not_keep_it_when_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let sources =
        "catalogs: {models: {sources: [{id: a, type: yaml, properties: {yamlCatalogPath: m.yaml}}]}}";
    fs::write(folder.path().join("sources.yaml"), sources).unwrap();
    let items = "- {name: a, labels: {a: b, c: d}, tags: [a, b, c, d]}\n".repeat(280_000);
    fs::write(folder.path().join("m.yaml"), format!("models:\n{items}")).unwrap();
    let env = [("CATALOG_SOURCES", "sources.yaml"), ("CATALOG_SHUTDOWN_GRACE_SECONDS", "1")];
    let env: Vec<_> = env.into_iter().chain([("CATALOG_PROFILE", "demo")]).collect();
    let mut server = Server::spawn(folder, &env);
    server.wait_until("/livez", 200);
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

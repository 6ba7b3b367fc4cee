//! The server is killed at the worst moments, which locks and a proxy hold open.

use std::{
    collections::BTreeSet,
    net::TcpStream,
    process::Output,
    thread,
    time::{Duration, Instant},
};

use catalog_core::store::{
    database::{Database, DatabaseOptions, Transaction},
    statement::{Dialect, Statement},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    audit_faults::{
        EVENTS, SOURCES, audit, begin, begin_as, clients, each_change_has_its_event, events, heard, source,
        switch,
    },
    fixture::Server,
    postgres::database,
    proxy::Proxy,
    receiver::{Behavior, Receiver},
};

/// A database of the test's own, beside the server.
pub(crate) struct Beside {
    runtime: Runtime,
    database: Database,
}

/// What keeps others from writing, until it is dropped.
struct Hold<'a>(&'a Beside, Option<Transaction>);

impl Beside {
    pub(crate) fn open(url: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(async {
            if url.starts_with("sqlite") {
                Database::sqlite(url, DatabaseOptions::default()).await
            } else {
                Database::postgres(url, DatabaseOptions::default()).await
            }
        });
        Self { database: database.unwrap(), runtime }
    }

    /// On SQLite nobody writes anything meanwhile, on PostgreSQL nobody into that table.
    fn hold(&self, table: &'static str) -> Hold<'_> {
        let transaction = self.runtime.block_on(async {
            let mut transaction = self.database.begin().await.unwrap();
            if transaction.dialect() == Dialect::Postgres {
                let mut lock = Statement::new(transaction.dialect());
                lock.push("lock table ").push(table).push(" in exclusive mode");
                transaction.execute(lock).await.unwrap();
            }
            transaction
        });
        Hold(self, Some(transaction))
    }

    fn number(&self, text: &'static str) -> i64 {
        let mut select = Statement::new(self.database.dialect());
        select.push(text);
        let rows = self.runtime.block_on(self.database.fetch(select));
        rows.unwrap().first_mut().unwrap().integer(0).unwrap()
    }

    pub(crate) fn wait_until(&self, text: &'static str, wanted: impl Fn(i64) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !wanted(self.number(text)) {
            assert!(Instant::now() < deadline, "{text}: {}", self.number(text));
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Hold<'_> {
    /// Waits until somebody waits for it, where one can see that.
    fn is_waited_for(&self) {
        if self.0.database.dialect() == Dialect::Postgres {
            let waits = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                         where d.datname = current_database() and not l.granted";
            self.0.wait_until(waits, |waiting| waiting > 0);
        }
    }

    /// Checks that who began that, and has to wait for it, has no answer.
    fn keeps(&self, stream: &TcpStream) {
        self.is_waited_for();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(stream.peek(&mut [0]).is_err(), "it is answered");
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let transaction = self.1.take().unwrap();
        self.0.runtime.block_on(transaction.rollback()).unwrap();
    }
}

fn sqlite() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    (folder, url)
}

/// The demo in that database; nobody has to wait for the lease of who was killed.
fn env(url: &str) -> [(&str, &str); 3] {
    [("CATALOG_PROFILE", "demo"), ("CATALOG_DATABASE_URL", url), ("CATALOG_LEADER_ELECTION", "off")]
}

/// The events of a request, of whatever tenant.
fn of_request(server: &Server, id: &str) -> Vec<Value> {
    let list = server.get(&format!("{EVENTS}?namespace=*&requestId={id}")).json();
    list["items"].as_array().unwrap().clone()
}

fn verifies(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn killed_before_the_commit(url: &str) {
    let server = Server::start(tempfile::tempdir().unwrap(), &env(url));
    let (source, beside) = (source(&server), Beside::open(url));
    let hold = beside.hold("catalog_audit_events");
    let stream = begin_as("demo-operator", "killed-before", &server.base, &switch(&source, false)).unwrap();
    hold.keeps(&stream);
    let folder = server.kill();
    drop(hold);
    assert_eq!(heard(stream), None);
    let server = Server::start(folder, &env(url));
    let now = server.get(&format!("{SOURCES}/{source}?namespace=team-a")).json();
    assert_eq!((&now["enabled"], &now["revision"]), (&true.into(), &1.into()));
    assert_eq!(of_request(&server, "killed-before"), Vec::<Value>::new());
    each_change_has_its_event(&server, &source);
}

#[test]
fn killed_before_its_commit_a_change_never_was() {
    let (_folder, url) = sqlite();
    killed_before_the_commit(&url);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn killed_before_its_commit_a_change_on_postgres_never_was() {
    killed_before_the_commit(&database("server_killed_before"));
}

const REVISION: &str = "select max(revision) from catalog_core_sources where namespace = 'team-a'";

/// `held` keeps the server from hearing of its commit, where that can be.
fn killed_after_the_commit(url: &str, reached_by: &str, held: Option<&Proxy>) {
    let server = Server::start(tempfile::tempdir().unwrap(), &env(reached_by));
    let (source, beside) = (source(&server), Beside::open(url));
    if let Some(proxy) = held {
        proxy.hold_commits(true);
    }
    let stream = begin_as("demo-operator", "killed-after", &server.base, &switch(&source, false)).unwrap();
    beside.wait_until(REVISION, |revision| revision == 2);
    let folder = server.kill();
    if held.is_some() {
        assert_eq!(heard(stream), None);
    }
    let server = Server::start(folder, &env(url));
    let own = of_request(&server, "killed-after");
    let [event] = own.as_slice() else { panic!("{own:#?}") };
    assert_eq!((&event["outcome"], &event["newRevision"]), (&"success".into(), &2.into()));
    each_change_has_its_event(&server, &source);
}

#[test]
fn killed_after_its_commit_a_change_and_its_event_are_there() {
    let (_folder, url) = sqlite();
    killed_after_the_commit(&url, &url, None);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn killed_after_its_commit_a_change_on_postgres_and_its_event_are_there() {
    let url = database("server_killed_after");
    let (proxy, reached_by) = Proxy::before(&url);
    killed_after_the_commit(&url, &reached_by, Some(&proxy));
}

/// Refusals, whose events the writer gathers.
fn killed_with_many_waiting(url: &str) {
    let server = Server::start(tempfile::tempdir().unwrap(), &env(url));
    let (source, beside) = (source(&server), Beside::open(url));
    let refused = |id: String| {
        let stream = begin_as("demo-team-a-viewer", &id, &server.base, &switch(&source, false)).unwrap();
        (id, stream)
    };
    let answered: Vec<String> = (0..20)
        .map(|number| {
            let (id, stream) = refused(format!("answered-{number}"));
            assert_eq!(heard(stream), Some((403, id.clone())));
            id
        })
        .collect();
    let hold = beside.hold("catalog_audit_events");
    let waiting: Vec<(String, TcpStream)> =
        (0..200).map(|number| refused(format!("waiting-{number}"))).collect();
    hold.keeps(&waiting[0].1);
    let folder = server.kill();
    drop(hold);
    // what one was told is stored; the database may have gone on alone with what it was given when the server died
    let mut told: BTreeSet<String> = answered.into_iter().collect();
    told.extend(waiting.into_iter().filter_map(|(_, stream)| Some(heard(stream)?.1)));
    let server = Server::start(folder, &env(url));
    let denied = events(&server).into_iter().filter(|event| event["outcome"] == "denied");
    let stored: Vec<String> = denied.map(|event| event["requestId"].as_str().unwrap().to_owned()).collect();
    let once: BTreeSet<String> = stored.iter().cloned().collect();
    assert_eq!(stored.len(), once.len(), "each once");
    assert!(told.is_subset(&once), "{:?}", told.difference(&once));
}

#[test]
fn of_many_that_wait_for_the_writer_when_it_is_killed_none_was_told() {
    let (_folder, url) = sqlite();
    killed_with_many_waiting(&url);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn of_many_that_wait_for_the_writer_on_postgres_when_it_is_killed_none_was_told() {
    killed_with_many_waiting(&database("server_killed_writer"));
}

fn killed_while_sealing_and_sending(url: &str) {
    let receiver = Receiver::new();
    let mut env = env(url).to_vec();
    env.push(("CATALOG_AUDIT_WEBHOOK_URL", receiver.url.as_str()));
    env.push(("CATALOG_AUDIT_WEBHOOK_SECRET", "a secret of more than 24 bytes"));
    let mut server = Server::start(tempfile::tempdir().unwrap(), &env);
    let (source, beside) = (source(&server), Beside::open(url));
    for round in 0..6 {
        let in_silence = round % 2 == 0;
        receiver.behave(if in_silence { Behavior::TakeInSilence } else { Behavior::Take });
        let asked = receiver.asked();
        let clients = clients(&server.base, &source);
        assert_eq!(clients.iter().take(10).count(), 10);
        if in_silence {
            // it has sent, and does not know that it arrived
            let deadline = Instant::now() + Duration::from_secs(20);
            while receiver.asked() == asked {
                assert!(Instant::now() < deadline, "nothing is sent: {}", server.log());
                thread::sleep(Duration::from_millis(5));
            }
            server = Server::start(server.kill(), &env);
        } else {
            // in the middle of sealing, on PostgreSQL
            let hold = beside.hold("catalog_audit_blocks");
            let _ = begin(&server.base, &switch(&source, true)).unwrap();
            hold.is_waited_for();
            let folder = server.kill();
            drop(hold);
            server = Server::start(folder, &env);
        }
        drop(clients);
    }
    receiver.behave(Behavior::Take);
    let last = events(&server)[0]["id"].as_str().unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !receiver.taken().contains_key(&last) {
        assert!(Instant::now() < deadline, "the last is not sent: {}", server.log());
        thread::sleep(Duration::from_millis(20));
    }
    verifies(&audit(&server, &env, &["verify"]));
    let taken = receiver.taken();
    assert!(taken.values().any(|(times, _)| *times > 1), "what nobody heard of is sent again");
    // every place of the chain came, in order, and nothing else
    let mut next = 1;
    for id in receiver.order() {
        let event = &taken[&id].1["data"];
        if event["namespace"] == "team-a" {
            assert_eq!(event["sequence"], next, "{event}");
            next += 1;
        }
    }
    let exported = audit(&server, &env, &["export", "--in", "team-a"]);
    assert_eq!(String::from_utf8(exported.stdout).unwrap().lines().count() + 1, next);
    each_change_has_its_event(&server, &source);
}

#[test]
fn killed_while_it_seals_and_sends_the_server_goes_on_from_there() {
    let (_folder, url) = sqlite();
    killed_while_sealing_and_sending(&url);
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn killed_while_it_seals_and_sends_the_server_on_postgres_goes_on_from_there() {
    killed_while_sealing_and_sending(&database("server_killed_sealing"));
}

//! The database goes away for a while: workers go on when it is back, no effect is lost or there twice, and nothing piles up.

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    hook::Unaudited,
    sql::migrate,
    statement::Statement,
};
use catalog_jobs::{
    Attempt, ClaimRequest, JobError, NewJob, QueueName, Rotation, Worker, WorkerConfig,
    store::{ClaimStore, EnqueueStore, MIGRATIONS, SqlJobStore},
    testing::{LEASE, Say, say},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::sql::empty;

/// How connections through the proxy are at the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    Up,
    /// Connections are cut, and new ones end at once.
    Cut,
    /// Nothing goes through, and nobody is told.
    Still,
}

/// The line, and how often it was cut.
type Lines = watch::Receiver<(Line, usize)>;

/// Passes bytes on to a server, unless it is cut off or stands still.
struct Proxy {
    port: u16,
    line: watch::Sender<(Line, usize)>,
}

impl Proxy {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, watched) = watch::channel((Line::Up, 0));
        tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass_on(client, server.clone(), watched.clone()));
                while passing.try_join_next().is_some() {}
            }
        });
        Self { port, line }
    }

    fn set(&self, line: Line) {
        self.line.send_modify(|(now, cuts)| {
            *cuts += usize::from(line == Line::Cut);
            *now = line;
        });
    }
}

async fn pass_on(client: TcpStream, server: String, mut line: Lines) {
    let (now, begun) = *line.borrow();
    if now == Line::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, line.clone()) => {}
        () = pump(from_server, to_client, line.clone()) => {}
        _ = line.wait_for(|(_, cuts)| *cuts != begun) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: Lines) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let is_up = line.wait_for(|(now, _)| *now != Line::Still).await.is_ok();
        if !is_up || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

fn seconds() -> u64 {
    std::env::var("CATALOG_TEST_OUTAGE_SECONDS").map_or(4, |seconds| seconds.parse().unwrap())
}

/// What this process has in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

async fn count(database: &Database, text: &'static str) -> i64 {
    let mut select = Statement::new(database.dialect());
    select.push(text);
    database.fetch(select).await.unwrap().remove(0).integer(0).unwrap()
}

/// A database behind a proxy, and the same without.
async fn through_a_proxy(name: &'static str) -> (Proxy, Database, Database) {
    let url = empty(name).await;
    let (user, place) = url.rsplit_once('@').unwrap();
    let (host, name) = place.rsplit_once('/').unwrap();
    let direct = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    migrate(&direct, MIGRATIONS).await.unwrap();
    let proxy = Proxy::to(host.to_owned()).await;
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_millis(1_500),
        ..DatabaseOptions::default()
    };
    let url = format!("{user}@127.0.0.1:{}/{name}", proxy.port);
    let database = Database::postgres(&url, options).await.unwrap();
    (proxy, database, direct)
}

async fn workers_outlive(outage: Line, name: &'static str) {
    const JOBS: usize = 3_000;
    let (proxy, database, direct) = through_a_proxy(name).await;
    let mut create = direct.begin().await.unwrap();
    create.execute_script("create table effects (id text primary key)").await.unwrap();
    create.commit().await.unwrap();
    let jobs: Vec<NewJob> = (0..JOBS)
        .map(|number| say(["a", "b"][number % 2], &number.to_string()).with_max_attempts(1_000).unwrap())
        .collect();
    SqlJobStore::new(direct.clone(), Unaudited).enqueue(&jobs).await.unwrap();
    let store = SqlJobStore::new(database, Unaudited);
    let of = store.clone();
    let handler = service_fn(move |attempt: Attempt<Say>| {
        let store = of.clone();
        async move {
            let mut transaction = store.database().begin().await?;
            let mut insert = Statement::new(transaction.dialect());
            insert.push("insert into effects (id) values (").bind(attempt.job.0.as_str()).push(")");
            transaction.execute(insert).await?;
            attempt.context.complete_in(&store, &mut transaction, &()).await?;
            transaction.commit().await?;
            Ok::<_, JobError>(())
        }
    });
    let mut config = WorkerConfig { concurrency: 4, lease_seconds: 2, ..WorkerConfig::default() };
    (config.retry.first_ms, config.retry.max_ms) = (10, 500);
    let worker = Worker::new(store, QueueName::default(), "one").with_config(config).unwrap();
    let worker = worker.with_handler::<Say, _>(handler).unwrap();
    let leave = CancellationToken::new();
    let working = tokio::spawn(worker.run(leave.clone()));
    let effects = async || count(&direct, "select count(*) from effects").await;
    let patience = Instant::now() + Duration::from_mins(2);
    while effects().await < 300 {
        assert!(Instant::now() < patience, "nothing is done");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.set(outage);
    let (before, mut most) = (resident(), 0);
    let over = Instant::now() + Duration::from_secs(seconds());
    while Instant::now() < over {
        tokio::time::sleep(Duration::from_millis(50)).await;
        most = resident().max(most);
    }
    let done = effects().await;
    assert!(done < i64::try_from(JOBS).unwrap(), "the outage came too late");
    proxy.set(Line::Up);
    let back = Instant::now();
    while effects().await == done {
        assert!(back.elapsed() < Duration::from_secs(30), "nobody goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let resumed = back.elapsed();
    while count(&direct, "select count(*) from catalog_jobs_live").await > 0 {
        assert!(back.elapsed() < Duration::from_mins(3), "not everything is done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    leave.cancel();
    working.await.unwrap();
    let grown = most.saturating_sub(before);
    println!("{outage:?} for {} s: resumed after {resumed:?}, memory grew by {grown} bytes", seconds());
    let mut select = Statement::new(direct.dialect());
    select.push("select state || ': ' || coalesce(error, '') from catalog_jobs_records where state <> 1");
    let otherwise = direct.fetch(select).await.unwrap();
    assert!(otherwise.is_empty(), "{otherwise:?}");
    assert_eq!(effects().await, i64::try_from(JOBS).unwrap());
    let succeeded = count(&direct, "select count(*) from catalog_jobs_records where state = 1").await;
    assert_eq!(succeeded, i64::try_from(JOBS).unwrap());
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn workers_outlive_a_database_that_is_gone() {
    workers_outlive(Line::Cut, "jobs_outage_cut").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn workers_outlive_a_database_that_stands_still() {
    workers_outlive(Line::Still, "jobs_outage_still").await;
}

/// Connections that nobody used meanwhile are dead, and whoever uses one next is not told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn dead_connections_are_nobodys_error() {
    let (proxy, database, _direct) = through_a_proxy("jobs_outage_idle").await;
    let store = SqlJobStore::new(database.clone(), Unaudited);
    for round in 0..5 {
        // several connections are opened, and idle
        let many = (0..4).map(|_| database.begin());
        for transaction in futures_util::future::join_all(many).await {
            transaction.unwrap().rollback().await.unwrap();
        }
        proxy.set(Line::Cut);
        proxy.set(Line::Up);
        let request = ClaimRequest::new(QueueName::default(), "test", 9, LEASE);
        match round {
            0 => drop(store.enqueue(&[say("a", "x"), say("a", "y")]).await.unwrap()),
            _ => drop(store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap()),
        }
    }
}

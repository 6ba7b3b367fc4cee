//! What the children do.

use std::time::Duration;

use catalog_core::store::{
    StoreError, StoreErrorKind,
    database::{Database, DatabaseOptions, Transaction},
    statement::Statement,
};
use catalog_ha::{
    Drain, Phase, Shutdown,
    elector::{Elector, ElectorConfig, LeaderGuard, WorkError},
    fence::DatabaseFenceStore,
    lease::{DatabaseLeaseStore, LeaseName},
    migrate::Migrator,
};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    migrate::SET,
    notes,
    process::{MARK, PART, URL},
};

/// The times of the leaders.
pub(crate) const TIMES: ElectorConfig =
    ElectorConfig { lease_seconds: 2, renew_deadline_seconds: 1.8, retry_seconds: 0.3, grace_seconds: 5.0 };

pub(crate) fn tell(text: &str) {
    println!("{MARK}{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(part) = std::env::var(PART) else { return };
    let url = std::env::var(URL).unwrap();
    match part.as_str() {
        "write" => campaign(&url, true).await,
        "lead" => campaign(&url, false).await,
        "migrate" => migrate(&url).await,
        "leave" => leave().await,
        "expand" | "contract" => notes::migrate(&url, &part).await,
        "serve one" | "serve two" => notes::serve(&url, &part).await,
        other => panic!("no part is called `{other}`"),
    }
}

pub(crate) async fn open(url: &str) -> Database {
    let options = DatabaseOptions::default();
    if url.starts_with("sqlite:") {
        return Database::sqlite(url, options).await.unwrap();
    }
    Database::postgres(url, options).await.unwrap()
}

/// What the test says, line by line.
pub(crate) fn words() -> mpsc::UnboundedReceiver<String> {
    let (say, said) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = say.send(line);
        }
    });
    said
}

/// Campaigns until it is killed; who leads writes all the time, or what the test says.
async fn campaign(url: &str, writes: bool) {
    let database = open(url).await;
    let fences = DatabaseFenceStore::open(database.clone()).await.unwrap();
    let leases = DatabaseLeaseStore::new(database.clone());
    let who = format!("process {}", std::process::id());
    let elector = Elector::new(LeaseName::new("test").unwrap(), leases, fences, &who, TIMES).unwrap();
    let mut status = elector.status();
    tokio::spawn(async move {
        let mut was_broken = false;
        while status.changed().await.is_ok() {
            let is_broken = status.borrow_and_update().problem.is_some();
            if is_broken != was_broken {
                tell(if is_broken { "problem" } else { "well" });
            }
            was_broken = is_broken;
        }
    });
    let words = std::sync::Arc::new(Mutex::new(words()));
    tell("campaigns");
    let work = |guard: LeaderGuard| {
        let (database, words) = (database.clone(), words.clone());
        async move {
            tell(&format!("led {}", guard.token().number));
            if writes {
                let ended = write_on(&database, &guard).await;
                tell(&format!("ended {ended:?}"));
            } else {
                obey(&database, &guard, &words).await?;
            }
            tell(&format!("lost {}", guard.token().number));
            Ok::<_, WorkError>(())
        }
    };
    elector.run(&CancellationToken::new(), work).await.unwrap();
}

/// A row of this leader, whose time is the database's.
async fn begin(database: &Database, guard: &LeaderGuard) -> Result<Transaction, StoreError> {
    let mut transaction = database.begin().await?;
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into written (token, at) values (").bind(guard.token().number);
    insert.push(", clock_timestamp())");
    transaction.execute(insert).await?;
    Ok(transaction)
}

async fn write_on(database: &Database, guard: &LeaderGuard) -> Result<(), StoreErrorKind> {
    let mut is_first = true;
    loop {
        let wrote = async {
            let mut transaction = begin(database, guard).await?;
            guard.fenced(&mut transaction).await?;
            transaction.commit().await
        };
        wrote.await.map_err(|error| error.kind())?;
        if std::mem::take(&mut is_first) {
            tell("writes");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Does what the test says, one word at a time, also when it was stopped in between.
async fn obey(
    database: &Database,
    guard: &LeaderGuard,
    words: &Mutex<mpsc::UnboundedReceiver<String>>,
) -> Result<(), StoreError> {
    let mut words = words.lock().await;
    let mut under_way: Option<Transaction> = None;
    loop {
        let word = tokio::select! {
            biased;
            Some(word) = words.recv() => word,
            () = guard.cancelled(), if under_way.is_none() => return Ok(()),
        };
        match (word.as_str(), under_way.take()) {
            ("begin", None) => under_way = Some(begin(database, guard).await?),
            ("begin fenced", None) => {
                let mut transaction = begin(database, guard).await?;
                guard.fenced(&mut transaction).await?;
                under_way = Some(transaction);
            }
            ("leads?", transaction) => {
                tell(&format!("leads: {}", guard.is_leading()));
                under_way = transaction;
                continue;
            }
            ("fence and commit", Some(mut transaction)) => {
                let done = async {
                    guard.fenced(&mut transaction).await?;
                    transaction.commit().await
                };
                tell(&format!("committed: {:?}", done.await.map_err(|error| error.kind())));
                continue;
            }
            ("commit", Some(transaction)) => {
                let done = transaction.commit().await;
                tell(&format!("committed: {:?}", done.map_err(|error| error.kind())));
                continue;
            }
            (other, _) => panic!("`{other}` is not understood"),
        }
        tell("begun");
    }
}

async fn migrate(url: &str) {
    let migrator = Migrator::new(open(url).await, "1.0.0").with_set(SET).with_set(catalog_ha::MIGRATIONS);
    let status = migrator.run().await.unwrap();
    assert!(status.is_usable());
    tell("migrated");
}

/// Leaves in order; what is under way ends when the test says so.
async fn leave() {
    let mut words = words();
    let drain = Drain::new();
    let shutdown = Shutdown::new(drain.clone(), Duration::from_millis(50))
        .with_step(Phase::Close, "database", Duration::from_secs(20), async { tell("closed") })
        .with_step(Phase::Drain, "requests", Duration::from_secs(20), async move {
            tell("draining");
            words.recv().await;
        });
    let running = tokio::spawn(shutdown.run());
    // the signals are listened to before the first time that it waits
    tokio::task::yield_now().await;
    while !is_listening() {
        tokio::task::yield_now().await;
    }
    tell("serves");
    let report = running.await.unwrap().unwrap();
    tell(&format!("left, clean: {}, forced: {}", report.is_clean(), report.is_forced));
    assert!(drain.has_begun());
    // threads that wait for a word would keep the runtime
    std::process::exit(i32::from(!report.is_clean()));
}

/// Whether SIGTERM is caught: bit 14 of what Linux tells of the process.
fn is_listening() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
}

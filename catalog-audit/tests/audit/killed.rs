//! A process that is killed: what it was told is durable is there, once.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use catalog_audit::{
    AuditWriter, WriterConfig,
    event::Record,
    seal::Sealer,
    store::{AuditQuery, AuditStore, MIGRATIONS, SqlAuditStore},
    testing::event,
};
use catalog_core::{
    page::PageSize,
    store::{
        database::{Database, DatabaseOptions},
        hook::Unfenced,
        sql::migrate,
    },
    testing::scope,
};
use tokio::task::JoinSet;

use crate::{
    fixture::postgres,
    seal::{key, verify},
};

/// Says to a child of this very program where to write.
const CHILD: &str = "CATALOG_TEST_AUDIT_CHILD";

async fn open(url: &str) -> Database {
    let options = DatabaseOptions::default();
    let opened = if url.starts_with("sqlite:") {
        Database::sqlite(url, options).await
    } else {
        Database::postgres(url, options).await
    };
    opened.unwrap()
}

/// What the child does until it is killed: many write and tell of what was acknowledged, and one seals.
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = SqlAuditStore::new(open(&url).await);
    let writer = AuditWriter::spawn(store.clone(), WriterConfig::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for of in 0..64 {
        let writer = writer.clone();
        tasks.spawn(async move {
            for second in (of * 100_000).. {
                let record = Record::of(event("a", second));
                let id = record.id;
                writer.append(record).await.unwrap();
                println!("acknowledged {id}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Kills the child after so many acknowledgements, a few times over one database.
async fn nothing_that_was_acknowledged_is_lost(url: &str) {
    let mut acknowledged = BTreeSet::new();
    for until in [1, 300, 700] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::child", "--exact", "--nocapture"])
            .env(CHILD, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // what it wrote before it was killed counts, and its last line may be half of one
            let id = line.split_once("acknowledged ").and_then(|(_, id)| id.trim().parse().ok());
            if let Some(id) = id {
                acknowledged.insert(id);
                told += 1;
                if told == until {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(told >= until, "the child ended by itself");
    }
    let store = SqlAuditStore::new(open(url).await);
    let (mut query, mut stored) = (AuditQuery::default(), BTreeSet::new());
    query.size = PageSize::new(1_000).unwrap();
    loop {
        let page = store.list(&scope("a").await, &query).await.unwrap();
        query.after = page.last().map(|last| last.record.id);
        let more = page.len() > 1_000;
        stored.extend(page.into_iter().map(|stored| stored.record.id));
        if !more {
            break;
        }
    }
    assert!(acknowledged.len() >= 1_001 && acknowledged.is_subset(&stored));
    // and another one seals on from where the killed one was
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let verified = verify(&store, "a").await;
    assert_eq!((verified.to, verified.first_broken), (i64::try_from(stored.len()).unwrap(), None));
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    let database = open(&url).await;
    migrate(&database, MIGRATIONS).await.unwrap();
    database.close().await;
    nothing_that_was_acknowledged_is_lost(&url).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn nothing_that_was_acknowledged_is_lost_on_postgres() {
    let fixture = postgres("killed").await;
    let server = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = server.rsplit_once('/').unwrap();
    fixture.database().close().await;
    nothing_that_was_acknowledged_is_lost(&format!("{place}/audit_killed")).await;
}

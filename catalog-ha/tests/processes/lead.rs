//! Leaders that are killed, stopped and cut off from their database.

use std::time::{Duration, Instant};

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    statement::Statement,
};

use crate::{
    databases::postgres,
    process::{Process, Told},
};

/// A database for leaders to write to, and its URL.
async fn database(test: &str) -> (Database, String) {
    let database = postgres(&format!("processes_{test}")).await;
    let mut transaction = database.begin().await.unwrap();
    transaction
        .execute_script("create table written (token bigint not null, at timestamptz not null)")
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let server = server();
    let (place, _) = server.rsplit_once('/').unwrap();
    (database, format!("{place}/ha_processes_{test}"))
}

fn server() -> String {
    std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap()
}

/// How many rows each token wrote. Whoever came later wrote later, without exception.
async fn written(database: &Database) -> Vec<(i64, i64)> {
    let mut overlaps = Statement::new(database.dialect());
    overlaps.push(
        "select count(*) from (select token, max(token) over (order by at rows unbounded preceding) as newest from written) as w where token < newest",
    );
    assert_eq!(database.fetch(overlaps).await.unwrap()[0].integer(0).unwrap(), 0, "no two lead at once");
    let mut select = Statement::new(database.dialect());
    select.push("select token, count(*) from written group by token order by token");
    let rows = database.fetch(select).await.unwrap();
    rows.into_iter().map(|mut row| (row.integer(0).unwrap(), row.integer(1).unwrap())).collect()
}

fn token(text: &str) -> i64 {
    text.parse().unwrap()
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_leader_that_is_killed_is_followed_within_the_lease() {
    let (database, url) = database("killed").await;
    let told = Told::new();
    let mut candidates: Vec<Process> = (0..4).map(|number| told.start(number, "write", &url)).collect();
    let (mut leader, _, mut last) = told.wait("led ");
    for round in 4..7 {
        told.wait("writes");
        let killed = Instant::now();
        candidates[leader].kill();
        let (next, at, text) = told.wait("led ");
        let gap = at - killed;
        println!("led again after {gap:?}");
        // a lease of 2 s that was renewed at most 0.4 s ago, candidates that look as often, and a machine that is busy
        assert!((Duration::from_millis(1_300)..Duration::from_secs(4)).contains(&gap), "{gap:?}");
        assert!(next != leader && token(&text) > token(&last), "{text} after {last}");
        // the dead one begins anew, as one more candidate
        candidates.push(told.start(round, "write", &url));
        (leader, last) = (next, text);
    }
    told.wait("writes");
    for candidate in &mut candidates {
        candidate.kill();
    }
    let written = written(&database).await;
    assert_eq!(written.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_leader_that_was_stopped_knows_it_at_once_and_its_write_is_refused() {
    let (database, url) = database("stopped").await;
    let told = Told::new();
    let mut first = told.start(0, "lead", &url);
    assert_eq!(told.wait("led ").2, "1");
    let _second = told.start(1, "lead", &url);
    told.wait("campaigns");
    first.say("begin");
    told.wait("begun");
    first.stop();
    // said while it cannot hear, and so what it does first
    first.say("leads?");
    first.say("fence and commit");
    assert_eq!(told.wait("led ").2, "2");
    first.signal("CONT");
    assert_eq!(told.wait("leads: ").2, "false");
    assert_eq!(told.wait("committed: ").2, "Err(Fenced)");
    assert_eq!(told.wait("lost ").2, "1");
    assert_eq!(written(&database).await, []);
}

/// Whoever has checked its token holds up the next leader, but not for ever.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_leader_that_was_stopped_before_its_commit_cannot_commit() {
    let (database, url) = database("fenced").await;
    let told = Told::new();
    let mut first = told.start(0, "lead", &url);
    assert_eq!(told.wait("led ").2, "1");
    let mut second = told.start(1, "lead", &url);
    told.wait("campaigns");
    first.say("begin fenced");
    told.wait("begun");
    first.stop();
    first.say("commit");
    // it made some while it waited whose making nobody waited for any more
    let second_token = token(&told.wait("led ").2);
    assert!(second_token > 1);
    first.signal("CONT");
    assert_eq!(told.wait("committed: ").2, "Err(Unavailable)");
    second.say("begin fenced");
    told.wait("begun");
    second.say("commit");
    assert_eq!(told.wait("committed: ").2, "Ok(())");
    assert_eq!(written(&database).await, [(second_token, 1)]);
}

/// Ends all connections to the database, and lets none in.
async fn cut(server: &Database, name: &'static str) {
    allow(server, name, false).await;
    let mut end = Statement::new(server.dialect());
    end.push("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = ").bind(name);
    server.fetch(end).await.unwrap();
}

async fn allow(server: &Database, name: &'static str, allowed: bool) {
    let mut alter = Statement::new(server.dialect());
    alter.push("alter database ").push(name).push(" allow_connections ");
    alter.push(if allowed { "true" } else { "false" });
    server.fetch(alter).await.unwrap();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_database_that_is_gone_shorter_than_the_lease_keeps_its_leader_and_longer_does_not() {
    const NAME: &str = "ha_processes_cut";
    let (database, url) = database("cut").await;
    database.close().await;
    let server = Database::postgres(&server(), DatabaseOptions::default()).await.unwrap();
    let told = Told::new();
    let _leader = told.start(0, "lead", &url);
    assert_eq!((told.next().as_str(), told.next().as_str()), ("campaigns", "led 1"));
    cut(&server, NAME).await;
    assert_eq!(told.next(), "problem");
    allow(&server, NAME, true).await;
    assert_eq!(told.next(), "well", "and not lost");

    cut(&server, NAME).await;
    assert_eq!(told.wait("lost ").2, "1");
    allow(&server, NAME, true).await;
    assert_eq!(told.wait("led ").2, "2", "a token is not used twice");
}

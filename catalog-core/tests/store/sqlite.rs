use std::time::Duration;

use catalog_core::{
    store::{
        StoreErrorKind,
        database::{Database, DatabaseOptions},
        hook::{Unaudited, Unqueued},
        sql::{MIGRATIONS, SqlAssetStore, SqlSourceStore, migrate},
        statement::Statement,
    },
    testing,
};
use tempfile::TempDir;

use crate::sql::{Fixture, contracts};

/// An empty database in a folder of its own.
async fn empty() -> Fixture<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("made/on/the/way/catalog.db").display());
    let database = Database::sqlite(&url, DatabaseOptions::default()).await.unwrap();
    Fixture { database, guard: folder }
}

pub(crate) async fn migrated(_: &str) -> Fixture<TempDir> {
    let fixture = empty().await;
    migrate(&fixture.database, MIGRATIONS).await.unwrap();
    fixture
}

contracts!(migrated);

#[tokio::test]
async fn a_database_of_the_first_release_keeps_its_rows_and_serves_both() {
    crate::upgrade::a_database_of_the_first_release_keeps_its_rows_and_serves_both(&empty().await.database)
        .await;
}

#[tokio::test]
async fn transactions_keep_all_or_nothing() {
    testing::transactions_keep_all_or_nothing(&empty().await.database).await;
}

#[tokio::test]
async fn a_session_goes_with_what_it_holds() {
    testing::a_session_goes_with_what_it_holds(&empty().await.database).await;
}

#[tokio::test]
async fn two_migrations_at_once_are_one() {
    testing::two_migrations_at_once_are_one(&empty().await.database, MIGRATIONS).await;
}

#[tokio::test]
async fn what_sqlite_cannot_do_is_refused() {
    for url in [
        "sqlite::memory:",
        "sqlite:%3Amemory%3A",
        "sqlite://%3amemory%3a",
        "sqlite://x?mode=memory",
        "sqlite:",
        "sqlite://",
        "sqlite://?mode=rwc",
        "postgres://localhost/x",
    ] {
        assert!(Database::sqlite(url, DatabaseOptions::default()).await.is_err(), "{url}");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    let secured = DatabaseOptions { row_level_security: true, ..DatabaseOptions::default() };
    assert!(Database::sqlite(&url, secured).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_or_is_no_longer_waited_for_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    let options = DatabaseOptions {
        connections: 1,
        statement_timeout: Duration::from_millis(300),
        acquire_timeout: Duration::from_secs(2),
        ..DatabaseOptions::default()
    };
    let database = Database::sqlite(&url, options).await.unwrap();
    let endless = || {
        let mut statement = Statement::new(database.dialect());
        statement
            .push("with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n");
        statement
    };
    assert_eq!(database.fetch(endless()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    // the one thread is free again as soon as nobody waits, and others need not wait for the rest of the time
    let abandoned = tokio::time::timeout(Duration::from_millis(20), database.fetch(endless())).await;
    assert!(abandoned.is_err());
    for _ in 0..20 {
        database.ping().await.unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_that_is_made_is_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = empty().await;
    let mode = std::fs::metadata(fixture.guard.path().join("made/on")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

//! Databases of a test's own.

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::migrate,
    statement::Statement,
};
use catalog_ha::MIGRATIONS;

/// One that has been migrated.
pub(crate) async fn sqlite() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&sqlite_url(&folder), DatabaseOptions::default()).await.unwrap();
    migrate(&database, MIGRATIONS).await.unwrap();
    (database, folder)
}

pub(crate) fn sqlite_url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("catalog.db").display())
}

/// One that has been migrated.
pub(crate) async fn postgres(test: &str) -> Database {
    let url = empty_postgres(test).await;
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    migrate(&database, MIGRATIONS).await.unwrap();
    database
}

/// The URL of one that is empty.
pub(crate) async fn empty_postgres(test: &str) -> String {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    // copying a template can take its time on a busy machine
    let patient = DatabaseOptions { statement_timeout: Duration::from_mins(2), ..DatabaseOptions::default() };
    let server = Database::postgres(&url, patient).await.unwrap();
    let name: &'static str = format!("ha_{test}").leak();
    for (text, rest) in [("drop database if exists ", " with (force)"), ("create database ", "")] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name).push(rest);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    format!("{place}/{name}")
}

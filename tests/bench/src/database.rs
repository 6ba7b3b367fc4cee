//! Databases to measure on.

use catalog_core::store::{
    database::Database,
    statement::{Dialect, Statement},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::AnyError;

/// An empty database of that name on that server; another that was there is dropped. Gives its URL.
#[expect(clippy::disallowed_methods, reason = "the names are the benchmark's own")]
pub(crate) async fn create(server: &str, name: &'static str) -> Result<String, AnyError> {
    let mut connection = PgConnection::connect(server).await?;
    for text in [format!("drop database if exists {name}"), format!("create database {name}")] {
        sqlx::query(AssertSqlSafe(text)).execute(&mut connection).await?;
    }
    let (base, _) = server.rsplit_once('/').ok_or("the URL names no database")?;
    Ok(format!("{base}/{name}"))
}

/// Lets the engine do now what it would do soon: gather statistics, take out the dead, write the log back.
pub(crate) async fn settle(database: &Database) -> Result<(), AnyError> {
    let mut statement = Statement::new(database.dialect());
    statement.push(match database.dialect() {
        Dialect::Sqlite => "pragma wal_checkpoint(truncate)",
        Dialect::Postgres => "vacuum analyze",
    });
    database.fetch(statement).await?;
    Ok(())
}

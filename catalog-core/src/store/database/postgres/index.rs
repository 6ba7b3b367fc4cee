//! Indexes that are made while others read and write.

use std::time::Duration;

use sqlx::{PgConnection, Postgres};

use crate::store::{
    StoreError,
    database::driver::{Driver, store_error},
    sql::Index,
};

/// Of the lock that one replica at a time makes indexes under: the letters `indexes`.
const INDEX_LOCK: i64 = 29_676_202_051_462_515;
/// How often another one asks whether it is free: waiting within a statement, it would hold up the index that is being made.
const INDEX_POLL: Duration = Duration::from_millis(250);

pub(super) async fn create_indexes(
    connection: &mut PgConnection,
    indexes: Vec<Index>,
) -> Result<usize, StoreError> {
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.map_err(store_error)?;
    while !sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(INDEX_LOCK)
        .fetch_one(&mut *connection)
        .await
        .map_err(store_error)?
    {
        tokio::time::sleep(INDEX_POLL).await;
    }
    let there: Vec<(String, bool)> = sqlx::query_as(
        "select c.relname::text, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid \
         where i.indrelid = 'catalog_core_assets'::regclass",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let mut made = 0;
    for index in indexes {
        match there.iter().find(|(name, _)| *name == index.name) {
            Some((_, true)) => continue,
            // somebody died over it
            Some((_, false)) => {
                Postgres::bind(index.drop).execute(&mut *connection).await.map_err(store_error)?;
            }
            None => {}
        }
        Postgres::bind(index.create).execute(&mut *connection).await.map_err(store_error)?;
        Postgres::bind(index.statistics).execute(&mut *connection).await.map_err(store_error)?;
        made += 1;
    }
    if made > 0 {
        // the planner knows nothing of an expression before it has looked
        let analyze = sqlx::raw_sql("analyze catalog_core_assets");
        analyze.execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(made)
}

//! The least that must be done: the same rows into a table with the same indexes, by the driver alone.

use catalog_audit::event::Record;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    postgres::{PgArguments, PgPoolOptions},
    query::Query,
};
use tokio::sync::{mpsc, oneshot};

use super::fixture::Place;
use crate::AnyError;

/// Refuses a server that does not wait for its disk: a figure of such a one says nothing.
pub(super) async fn is_durable(server: &str) -> Result<(), AnyError> {
    let mut connection = PgConnection::connect(server).await?;
    let on: String =
        sqlx::query_scalar("select current_setting('fsync') || current_setting('synchronous_commit')")
            .fetch_one(&mut connection)
            .await?;
    if on == "onon" {
        Ok(())
    } else {
        Err("the server has `fsync` or `synchronous_commit` switched off".into())
    }
}

/// The table of the limit, and connections to it.
pub(super) async fn table(place: &Place, connections: u32) -> Result<PgPool, AnyError> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .test_before_acquire(false)
        .connect(&place.url)
        .await?;
    for text in [
        "drop table if exists bench_events",
        "create table bench_events (like catalog_audit_events including all)",
    ] {
        sqlx::query(text).execute(&pool).await?;
    }
    Ok(pool)
}

/// One row in a transaction of its own.
pub(super) async fn insert(pool: &PgPool, record: &Record) -> Result<(), AnyError> {
    let text = "insert into bench_events (id, namespace, time_ms, event_type, actor, plugin, resource_type, action, outcome, request_id, \
                details, digest) values ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let query = sqlx::query(text).bind(record.id.to_string()).bind(&record.namespace).bind(record.time_ms);
    let query = query.bind(&record.event_type).bind(&record.actor).bind(&record.plugin);
    let query = query.bind(&record.resource_type).bind(&record.action).bind(&record.outcome);
    let query = query.bind(&record.request_id).bind(&record.details).bind(record.digest.to_vec());
    query.execute(pool).await?;
    Ok(())
}

/// A row, and who waits for it.
type Waiting = (Record, oneshot::Sender<()>);

/// One writer that puts all that waits into one statement.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    pub(super) fn spawn(pool: PgPool) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Waiting>(8_192);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, 512).await > 0 {
                let (records, told): (Vec<Record>, Vec<_>) = batch.drain(..).unzip();
                // who was not told sees that the other end is gone
                if arrays(&records).execute(&pool).await.is_ok() {
                    for done in told {
                        let _ = done.send(());
                    }
                }
            }
        });
        Self(sender)
    }

    pub(super) async fn write(&self, record: Record) -> Result<(), AnyError> {
        let (done, told) = oneshot::channel();
        self.0.send((record, done)).await.map_err(|_| "the writer has ended")?;
        Ok(told.await?)
    }
}

fn arrays(records: &[Record]) -> Query<'static, Postgres, PgArguments> {
    let text = "insert into bench_events (id, namespace, time_ms, event_type, actor, plugin, resource_type, action, outcome, request_id, \
                details, digest) select * from unnest($1::text[]::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
                $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[])";
    let column = |text: fn(&Record) -> &String| -> Vec<String> {
        records.iter().map(|record| text(record).clone()).collect()
    };
    let query = sqlx::query(text)
        .bind(records.iter().map(|record| record.id.to_string()).collect::<Vec<_>>())
        .bind(column(|record| &record.namespace))
        .bind(records.iter().map(|record| record.time_ms).collect::<Vec<_>>());
    let query = query.bind(column(|record| &record.event_type)).bind(column(|record| &record.actor));
    let query = query.bind(column(|record| &record.plugin)).bind(column(|record| &record.resource_type));
    let query = query.bind(column(|record| &record.action)).bind(column(|record| &record.outcome));
    let query = query.bind(column(|record| &record.request_id)).bind(column(|record| &record.details));
    query.bind(records.iter().map(|record| record.digest.to_vec()).collect::<Vec<_>>())
}

//! Events of many requests at once, on PostgreSQL.

use std::sync::Arc;

use catalog_audit::{
    AuditWriter, WriterConfig,
    event::Record,
    seal::{SealKey, Sealer},
    testing::event,
};
use catalog_core::store::hook::Unfenced;

use super::{
    Plan,
    fixture::{Load, Place, load, records},
    limit,
};
use crate::{
    AnyError,
    table::{Goal, Line},
};

/// As many requests as there are connections, beside an insert of each in a transaction of its own.
pub(super) async fn single(plan: &Plan, server: &str) -> Result<Vec<Line>, AnyError> {
    let place = Place::postgres(server, "catalog_bench_audit").await?;
    let mut lines = Vec::new();
    for waiting in [1, 8, 32] {
        let pool = limit::table(&place, u32::try_from(waiting)?).await?;
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            limits.push({
                let (pool, record) = (pool.clone(), template());
                let work = move || {
                    let (pool, record) = (pool.clone(), fresh(&record));
                    async move { limit::insert(&pool, &record).await }
                };
                load(waiting, plan.time, work, async { Ok(()) }).await?
            });
            ours.push(written(plan, &place, waiting, false).await?);
        }
        let what = format!("{waiting} waiting, group commit / one durable insert per commit");
        lines.push(line("A1", what, &limits, &ours, Goal::AtLeast(0.8)));
    }
    Ok(lines)
}

/// Many more requests than connections, beside one writer that does nothing else.
pub(super) async fn waiting(plan: &Plan, server: &str) -> Result<Vec<Line>, AnyError> {
    let place = Place::postgres(server, "catalog_bench_audit").await?;
    let mut lines = Vec::new();
    for waiting in [32, 256, 1_024] {
        let pool = limit::table(&place, 1).await?;
        let writer = limit::Writer::spawn(pool);
        let (mut limits, mut ours, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            limits.push({
                let (writer, record) = (writer.clone(), template());
                let work = move || {
                    let (writer, record) = (writer.clone(), fresh(&record));
                    async move { writer.write(record).await }
                };
                load(waiting, plan.time, work, async { Ok(()) }).await?
            });
            ours.push(written(plan, &place, waiting, false).await?);
            sealed.push(written(plan, &place, waiting, true).await?);
        }
        let what = format!("{waiting} waiting, group commit / one writer by unnest");
        lines.push(line("A2", what, &limits, &ours, Goal::AtLeast(0.8)));
        let what = format!("{waiting} waiting, the same until all is sealed");
        lines.push(line("A2", what, &limits, &sealed, Goal::AtLeast(0.8)));
    }
    Ok(lines)
}

/// What is the same in all: to make it is no part of what is measured, of either.
fn template() -> Arc<Record> {
    Arc::new(records("a", 1).remove(0))
}

/// A row like it with an id of its own.
fn fresh(record: &Record) -> Record {
    let mut record = record.clone();
    record.id = uuid::Uuid::now_v7();
    record
}

/// By the audit trail's writer, from the event on; until all is sealed, if that is asked for, while it is written.
async fn written(plan: &Plan, place: &Place, waiting: usize, until_sealed: bool) -> Result<Load, AnyError> {
    let writer = AuditWriter::spawn(place.store.clone(), WriterConfig::default());
    let sealer = Sealer::new(place.store.clone(), SealKey::parse(&SealKey::generate()?)?);
    sealer.seal(&Unfenced).await?;
    let sealing = until_sealed.then(|| {
        let sealer = sealer.clone();
        tokio::spawn(async move { sealer.run(&Unfenced).await })
    });
    let event = event("a", 1);
    let work = move || {
        let (writer, mut event) = (writer.clone(), event.clone());
        event.id = uuid::Uuid::now_v7();
        async move { Ok(writer.append(Record::of(event)).await?) }
    };
    let rest = async {
        if let Some(sealing) = sealing {
            sealing.abort();
            sealer.seal(&Unfenced).await?;
        }
        Ok(())
    };
    load(waiting, plan.time, work, rest).await
}

fn line(id: &'static str, what: String, limits: &[Load], ours: &[Load], goal: Goal) -> Line {
    let rates = |loads: &[Load]| loads.iter().map(|load| load.per_second).collect::<Vec<_>>();
    let latencies = ours.iter().flat_map(|load| load.latencies.iter().copied()).collect();
    Line::beside(id, what, "events/s", goal, &rates(limits), &rates(ours)).with_latencies(latencies)
}

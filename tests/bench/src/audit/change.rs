//! A change with its event beside the change alone.

use std::time::Instant;

use catalog_audit::AuditRecorder;
use catalog_core::{
    store::{
        SourceStore,
        database::Transaction,
        hook::{Recorder, Unaudited, Unqueued},
        sql::SqlSourceStore,
    },
    tenant::TenantScope,
    testing::scope,
};
use serde_json::json;

use super::{Plan, fixture::Place};
use crate::{
    AnyError,
    seed::BENCH,
    table::{Goal, Line},
};

/// Changes in one round of one side, before it is the other's turn.
const TURN: u32 = 50;

pub(super) async fn measure(plan: &Plan) -> Result<Vec<Line>, AnyError> {
    let mut lines = Vec::new();
    let scope = scope("a").await;
    for place in Place::all(plan, "catalog_bench_change").await? {
        let alone = SqlSourceStore::new(place.database.clone(), Unaudited, Unqueued);
        let recorder = AuditRecorder::new(place.store.clone());
        let audited = SqlSourceStore::new(place.database.clone(), recorder, Unqueued);
        let (mut limits, mut ours, mut number) = (Vec::new(), Vec::new(), 0);
        for _ in 0..plan.rounds {
            let (mut without, mut with, mut turns) = (0.0, 0.0, 0_u32);
            let begun = Instant::now();
            while begun.elapsed() < 2 * plan.time {
                without += changes(&alone, &scope, &mut number).await?;
                with += changes(&audited, &scope, &mut number).await?;
                turns += 1;
            }
            limits.push(without / f64::from(turns));
            ours.push(with / f64::from(turns));
        }
        let what = format!("{}: change with its event / the change alone", place.engine);
        lines.push(Line::beside("A4", what, "us", Goal::AtMost(1.15), &limits, &ours));
    }
    Ok(lines)
}

/// What one of some changes took, in microseconds.
async fn changes<R: Recorder<Transaction>>(
    sources: &SqlSourceStore<R, Unqueued>,
    scope: &TenantScope,
    number: &mut u64,
) -> Result<f64, AnyError> {
    let (begun, plugin) = (Instant::now(), "mcp".parse()?);
    for _ in 0..TURN {
        *number += 1;
        let spec = json!({"id": "docs", "type": "yaml", "enabled": false, "properties": {"number": *number}});
        sources.apply(scope, &BENCH, &plugin, &serde_json::from_value(spec)?).await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(TURN))
}

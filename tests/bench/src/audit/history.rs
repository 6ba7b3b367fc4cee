//! Adding events where there are many, beside adding them where there are few.

use std::time::Instant;

use catalog_audit::store::AuditStore;

use super::{
    Plan,
    fixture::{Place, records},
};
use crate::{
    AnyError,
    table::{Goal, Line},
};

const BATCH: u32 = 256;

pub(super) async fn measure(plan: &Plan) -> Result<Vec<Line>, AnyError> {
    let few = Place::all(plan, "catalog_bench_few").await?;
    let many = Place::all(plan, "catalog_bench_many").await?;
    let mut lines = Vec::new();
    for (few, many) in few.into_iter().zip(many) {
        many.fill("a", plan.history).await?;
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let (mut with_few, mut with_many, mut turns) = (0.0, 0.0, 0_u32);
            let begun = Instant::now();
            while begun.elapsed() < 2 * plan.time {
                with_few += append(&few).await?;
                with_many += append(&many).await?;
                turns += 1;
            }
            limits.push(with_few / f64::from(turns));
            ours.push(with_many / f64::from(turns));
        }
        let what = format!("{}: append, {} events before / few", many.engine, plan.history);
        lines.push(Line::beside("A6", what, "us/event", Goal::AtMost(1.2), &limits, &ours));
    }
    Ok(lines)
}

/// What one event of a batch took, in microseconds.
async fn append(place: &Place) -> Result<f64, AnyError> {
    let records = records("a", usize::try_from(BATCH)?);
    let begun = Instant::now();
    place.store.append(&records).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH))
}

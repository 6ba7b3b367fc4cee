//! How many events are verified in a second.

use std::time::Instant;

use catalog_audit::{
    event::Record,
    seal::{Ledger, Range, SealKey, Sealer, TrustedKeys, Verifier},
    store::{AuditStore, MemoryAuditStore, SealStore},
};
use catalog_core::{store::hook::Unfenced, testing::scope};

use super::{
    Plan,
    fixture::{Place, records},
};
use crate::{
    AnyError,
    database::settle,
    table::{Goal, Line},
};

/// What is wanted.
const WANTED: f64 = 500_000.0;

pub(super) async fn measure(plan: &Plan) -> Result<Vec<Line>, AnyError> {
    let records = records("a", plan.events);
    let digests = digests(plan, &records);
    let mut lines = vec![Line::beside(
        "A5",
        "digests of the events, one thread / 500,000 a second".into(),
        "events/s",
        Goal::None,
        &vec![WANTED; plan.rounds],
        &digests,
    )];
    let memory = MemoryAuditStore::new();
    for part in records.chunks(4_096) {
        memory.append(part).await?;
    }
    drop(records);
    lines.push(line("memory", &verified(plan, &memory).await?));
    for place in Place::all(plan, "catalog_bench_verify").await? {
        place.fill("a", plan.events).await?;
        lines.push(line(place.engine, &{
            Sealer::new(place.store.clone(), key()?).seal(&Unfenced).await?;
            settle(&place.database).await?;
            verified(plan, &place.store).await?
        }));
    }
    Ok(lines)
}

fn key() -> Result<SealKey, AnyError> {
    // the same for all, so that what was sealed with it is trusted
    Ok(SealKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?)
}

fn digests(plan: &Plan, records: &[Record]) -> Vec<f64> {
    let once = || {
        let begun = Instant::now();
        let right = records.iter().filter(|record| record.compute_digest() == record.digest).count();
        f64::from(u32::try_from(right).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64()
    };
    (0..plan.rounds).map(|_| once()).collect()
}

async fn verified<S: SealStore + Clone>(plan: &Plan, store: &S) -> Result<Vec<f64>, AnyError> {
    let key = key()?;
    Sealer::new(store.clone(), key.clone()).seal(&Unfenced).await?;
    let ledger = Ledger::within(&scope("a").await, Some(&"a".parse()?)).ok_or("out of scope")?;
    let verifier = Verifier::new(store.clone(), TrustedKeys::new().with_key(&key));
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let begun = Instant::now();
        let found = verifier.verify(&ledger, Range::default(), None).await?;
        let count = u32::try_from(found.to)?;
        if found.first_broken.is_some() || usize::try_from(count)? != plan.events {
            return Err("what was verified is broken".into());
        }
        rates.push(f64::from(count) / begun.elapsed().as_secs_f64());
    }
    Ok(rates)
}

fn line(engine: &str, rates: &[f64]) -> Line {
    let what = format!("{engine}: verified / 500,000 a second");
    Line::beside("A5", what, "events/s", Goal::AtLeast(1.0), &vec![WANTED; rates.len()], rates)
}

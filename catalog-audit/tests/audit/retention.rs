//! Old events go, and what is left still verifies.

use std::{sync::Arc, time::Duration};

use catalog_audit::{
    Retention, RetentionConfig,
    seal::{Fault, Sealer},
    store::{AuditQuery, AuditStore, Cursor, OutboxStore, RetentionStore, SealStore},
    testing::noon,
};
use catalog_core::{
    clock::ManualClock,
    store::{StoreErrorKind, hook::Unfenced},
    testing::{LostFence, scope},
};

use crate::{
    fixture::{Fixture, over_every_store, postgres, sqlite},
    seal::{key, ledger, put, tamper, verify},
};

const DAY: Duration = Duration::from_hours(24);

fn config() -> RetentionConfig {
    serde_json::from_str(r#"{"days": 30, "tenants": {"b": 5, "kept": 0}}"#).unwrap()
}

/// One day after another, ten events of each tenant a day.
async fn days<S: AuditStore + SealStore + Clone>(store: &S, clock: &ManualClock, days: u64) {
    let sealer = Sealer::new(store.clone(), key()).with_clock(Arc::new(clock.clone()));
    for day in 0..days {
        let from = clock.now_days() * 1_000 + day * 10;
        for tenant in ["a", "b", "kept", ""] {
            put(store, tenant, from..from + 10).await;
        }
        sealer.seal(&Unfenced).await.unwrap();
        clock.advance(DAY);
    }
}

trait Days {
    fn now_days(&self) -> u64;
}

impl Days for ManualClock {
    fn now_days(&self) -> u64 {
        catalog_core::clock::Clock::now(self).saturating_since(noon()).as_secs() / DAY.as_secs()
    }
}

async fn old_events_go_and_the_rest_verifies<S>(fixture: &Fixture<S>)
where
    S: AuditStore + RetentionStore + OutboxStore + Clone,
{
    let (store, clock) = (&fixture.store, ManualClock::new(noon()));
    let retention = Retention::new(store.clone(), key(), config()).with_clock(Arc::new(clock.clone()));
    let (all, sealer) =
        (scope("*").await, Sealer::new(store.clone(), key()).with_clock(Arc::new(clock.clone())));
    days(store, &clock, 10).await;
    let refused = retention.expire(&all, &LostFence).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Fenced);
    // sealed at noon of days 0 to 9; it is noon of day 10
    assert_eq!(retention.expire(&all, &Unfenced).await.unwrap(), 50);
    assert_eq!(retention.expire(&all, &Unfenced).await.unwrap(), 0);
    for (tenant, from, to) in [("a", 1, 100), ("b", 51, 100), ("kept", 1, 100), ("", 1, 100)] {
        let verified = verify(store, tenant).await;
        assert_eq!((verified.from, verified.to, verified.first_broken), (from, to, None), "{tenant:?}");
    }
    sealer.seal(&Unfenced).await.unwrap();
    days(store, &clock, 28).await;
    // noon of day 38: all of b but five days, and eight days of a and of nobody
    let removed = retention.expire(&all, &Unfenced).await.unwrap();
    assert_eq!(removed, 5 * 10 + 28 * 10 - 5 * 10 + 1 + 2 * 8 * 10);
    sealer.seal(&Unfenced).await.unwrap();
    for (tenant, from) in [("a", 81), ("kept", 1), ("", 81)] {
        let verified = verify(store, tenant).await;
        assert_eq!((verified.from, verified.first_broken), (from, None), "{tenant:?}");
    }
    assert_eq!(verify(store, "b").await.first_broken, None);
    let told = AuditQuery::default();
    let told = store.list(&scope("b").await, &told).await.unwrap();
    let told = told.iter().find(|stored| stored.record.event_type == "retention").unwrap();
    assert!(told.record.details.contains("\"from\":51"), "{}", told.record.details);
}

async fn what_a_sink_has_not_had_stays<S>(fixture: &Fixture<S>)
where
    S: AuditStore + RetentionStore + OutboxStore + Clone,
{
    let (store, clock) = (&fixture.store, ManualClock::new(noon()));
    let retention = Retention::new(store.clone(), key(), config()).with_clock(Arc::new(clock.clone()));
    let all = scope("*").await;
    store.set_cursor("archive", &Cursor::default()).await.unwrap();
    days(store, &clock, 2).await;
    clock.advance(40 * DAY);
    assert_eq!(retention.expire(&all, &Unfenced).await.unwrap(), 0);
    let first = store.outbox_any_tenant(0, 40).await.unwrap();
    assert_eq!((first.len(), first.is_sorted_by_key(|(position, _)| *position)), (40, true));
    let cursor = Cursor { position: first[39].0, parked: Some("why".into()) };
    store.set_cursor("archive", &cursor).await.unwrap();
    assert_eq!(store.cursor("archive").await.unwrap(), cursor);
    assert_eq!(store.outbox_any_tenant(cursor.position, 100).await.unwrap().len(), 40);
    // blocks go in whole steps, and this one reaches past the cursor
    assert_eq!(retention.expire(&all, &Unfenced).await.unwrap(), 0);
    store.forget("archive").await.unwrap();
    assert_eq!(retention.expire(&all, &Unfenced).await.unwrap(), 60);
    assert_eq!(store.cursor("archive").await.unwrap(), Cursor::default());
}

over_every_store! {
    old_events_go_and_the_rest_verifies
    what_a_sink_has_not_had_stays
}

/// Whoever removes more than was signed for is found.
async fn a_removal_that_was_not_signed_is_found(fixture: &Fixture) {
    let (store, clock) = (&fixture.store, ManualClock::new(noon()));
    days(store, &clock, 10).await;
    let retention = Retention::new(store.clone(), key(), config()).with_clock(Arc::new(clock.clone()));
    retention.expire(&scope("*").await, &Unfenced).await.unwrap();
    assert_eq!(verify(store, "b").await.first_broken, None);
    let removal = store.removal(&ledger("b").await).await.unwrap().unwrap();
    assert_eq!((removal.terms.first_sequence, removal.terms.last_sequence), (1, 50));
    let database = fixture.database();
    tamper(&database, "update catalog_audit_blocks set last_sequence = 60, anchor = 6 where namespace = 'b' and kind = 'removal'").await;
    assert_eq!(verify(store, "b").await.first_broken.unwrap().fault, Fault::Forged);
    tamper(&database, "delete from catalog_audit_blocks where namespace = 'b' and kind = 'removal'").await;
    assert_eq!(verify(store, "b").await.first_broken.unwrap().fault, Fault::Removed);
}

#[tokio::test]
async fn a_removal_that_was_not_signed_is_found_on_sqlite() {
    a_removal_that_was_not_signed_is_found(&sqlite("").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_removal_that_was_not_signed_is_found_on_postgres() {
    a_removal_that_was_not_signed_is_found(&postgres("unsigned").await).await;
}

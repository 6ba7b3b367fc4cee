//! Seals: every event has its place, and what is tampered with is found.

use std::{sync::Arc, time::Duration};

use catalog_audit::{
    event::Record,
    seal::{Broken, Checkpoint, Fault, Ledger, Range, SealKey, Sealer, TrustedKeys, Verified, Verifier},
    store::{AppendWithin, AuditQuery, AuditStore, SealStore, SqlAuditStore},
    testing::{event, noon},
};
use catalog_core::{
    clock::ManualClock,
    page::PageSize,
    store::{
        StoreErrorKind,
        database::Database,
        hook::{Fence, Unfenced},
        statement::{Dialect, Statement},
    },
    testing::{LostFence, scope},
};

use crate::fixture::{Fixture, over_every_store, postgres, sqlite};

pub(crate) fn key() -> SealKey {
    SealKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
}

pub(crate) async fn ledger(tenant: &str) -> Ledger {
    let namespace = tenant.parse().ok();
    Ledger::within(&scope("*").await, namespace.as_ref()).unwrap()
}

pub(crate) async fn put<S: AuditStore>(store: &S, tenant: &str, seconds: std::ops::Range<u64>) {
    let records: Vec<Record> = seconds.map(|second| Record::of(event(tenant, second))).collect();
    store.append(&records).await.unwrap();
}

pub(crate) async fn verify<S: SealStore + Clone>(store: &S, tenant: &str) -> Verified {
    let verifier = Verifier::new(store.clone(), TrustedKeys::new().with_key(&key()));
    verifier.verify(&ledger(tenant).await, Range::default(), None).await.unwrap()
}

async fn every_event_has_its_place<S: AuditStore + SealStore + Clone>(fixture: &Fixture<S>) {
    let store = &fixture.store;
    let sealer = Sealer::new(store.clone(), key());
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 0);
    let empty = verify(store, "a").await;
    assert_eq!((empty.from, empty.to, empty.sealed, empty.first_broken), (1, 0, 0, None));
    put(store, "a", 0..2_500).await;
    put(store, "b", 0..3).await;
    put(store, "", 0..2).await;
    let fenced = store.seal(&LostFence, &key(), noon(), 10).await.unwrap_err();
    assert_eq!(fenced.kind(), StoreErrorKind::Fenced);
    assert_eq!(store.seal(&Unfenced, &key(), noon(), 10).await.unwrap(), 10);
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 2_495);
    put(store, "a", 2_500..2_510).await;
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 10);
    assert!(sealer.lag().await.unwrap().is_zero());
    put(store, "a", 2_510..2_515).await;
    let clock = noon().saturating_add(Duration::from_secs(2_517));
    let late = sealer.clone().with_clock(Arc::new(ManualClock::new(clock)));
    assert_eq!(late.lag().await.unwrap(), Duration::from_secs(7));
    for (tenant, sealed) in [("a", 2_510), ("b", 3), ("", 2)] {
        let verified = verify(store, tenant).await;
        assert_eq!(
            (verified.from, verified.to, verified.sealed, verified.first_broken),
            (1, sealed, sealed, None)
        );
    }
    let ledgers = store.ledgers(&scope("*").await).await.unwrap();
    assert_eq!(ledgers.iter().map(Ledger::as_str).collect::<Vec<_>>(), ["", "a", "b"]);
    let own = store.ledgers(&scope("b").await).await.unwrap();
    assert_eq!(own.iter().map(Ledger::as_str).collect::<Vec<_>>(), ["b"]);

    let mut query = AuditQuery::default();
    query.size = PageSize::new(1_000).unwrap();
    let (mut after, mut walked) = ((String::new(), i64::MAX), Vec::new());
    loop {
        let page = store.walk(&scope("a").await, &query, &after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.record.namespace.clone(), last.place.as_ref().unwrap().sequence);
        walked.extend(page.iter().map(|stored| stored.place.as_ref().unwrap().sequence));
    }
    assert!(walked.iter().copied().eq(1..=2_510), "no gap and none twice");
    let unsealed = store.list(&scope("a").await, &query).await.unwrap();
    assert_eq!(unsealed.iter().filter(|stored| stored.place.is_none()).count(), 5);
    let part = Range { from: Some(2_505), to: None };
    let verifier = Verifier::new(store.clone(), TrustedKeys::new().with_key(&key()));
    let verified = verifier.verify(&ledger("a").await, part, None).await.unwrap();
    assert_eq!((verified.from, verified.to, verified.first_broken), (2_501, 2_510, None));
    let part = Range { from: None, to: Some(1) };
    let verified = verifier.verify(&ledger("a").await, part, None).await.unwrap();
    assert!(verified.to < 2_510 && verified.first_broken.is_none(), "{verified:?}");
}

async fn nobody_else_s_signature_counts<S: AuditStore + SealStore + Clone>(fixture: &Fixture<S>) {
    let store = &fixture.store;
    put(store, "a", 0..3).await;
    let stranger = SealKey::parse(&SealKey::generate().unwrap()).unwrap();
    Sealer::new(store.clone(), stranger.clone()).seal(&Unfenced).await.unwrap();
    let broken = verify(store, "a").await.first_broken.unwrap();
    assert_eq!((broken.sequence, broken.fault), (1, Fault::Forged));
    // both count while keys are changed
    put(store, "a", 3..6).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let keys = TrustedKeys::new().with_key(&key()).with(&stranger.public_key()).unwrap();
    let verified =
        Verifier::new(store.clone(), keys).verify(&ledger("a").await, Range::default(), None).await;
    assert_eq!(verified.unwrap().first_broken, None);
}

over_every_store! {
    every_event_has_its_place
    nobody_else_s_signature_counts
}

/// Does to the database what the crate never would.
pub(crate) async fn tamper(database: &Database, text: &str) {
    let mut transaction = database.begin().await.unwrap();
    for text in text.split(';') {
        let mut statement = Statement::new(database.dialect());
        statement.push(String::from(text).leak());
        transaction.execute(statement).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

/// The event at that place of team a's chain.
const AT: &str = "(select id from catalog_audit_chain where namespace = 'a' and sequence = ";

async fn what_is_tampered_with_is_found(engine: impl AsyncFn(&str) -> Fixture) {
    let zeros = |database: &Database| match database.dialect() {
        Dialect::Sqlite => format!("x'{}'", "00".repeat(32)),
        Dialect::Postgres => format!("'\\x{}'::bytea", "00".repeat(32)),
    };
    let cases = [
        (format!("update catalog_audit_events set actor = 'nobody' where id = {AT}7)"), 7, Fault::Altered),
        (format!("update catalog_audit_events set details = '{{}}' where id = {AT}7)"), 7, Fault::Altered),
        (
            format!("update catalog_audit_events set outcome = 'denied', digest = ZEROS where id = {AT}7)"),
            7,
            Fault::Altered,
        ),
        (format!("delete from catalog_audit_events where id = {AT}8)"), 8, Fault::Removed),
        ("delete from catalog_audit_chain where namespace = 'a' and sequence = 8".into(), 8, Fault::Removed),
        (
            "update catalog_audit_chain set sequence = 99 where namespace = 'a' and sequence = 3;\
             update catalog_audit_chain set sequence = 3 where namespace = 'a' and sequence = 9;\
             update catalog_audit_chain set sequence = 9 where namespace = 'a' and sequence = 99"
                .into(),
            3,
            Fault::Replaced,
        ),
        (
            "update catalog_audit_chain set hash = ZEROS where namespace = 'a' and sequence = 6".into(),
            6,
            Fault::Replaced,
        ),
        (format!("delete from catalog_audit_events where id = {AT}20)"), 20, Fault::Removed),
        (
            "delete from catalog_audit_events where id in (select id from catalog_audit_chain where namespace = 'a' and \
                 sequence > 15); delete from catalog_audit_chain where namespace = 'a' and sequence > 15"
                .into(),
            16,
            Fault::Removed,
        ),
        (
            "delete from catalog_audit_chain where namespace = 'a' and sequence > 10;\
             delete from catalog_audit_blocks where namespace = 'a' and number > 1"
                .into(),
            11,
            Fault::Truncated,
        ),
        (
            "delete from catalog_audit_blocks where namespace = 'a'; delete from catalog_audit_heads where namespace = 'a'"
                .into(),
            1,
            Fault::Forged,
        ),
        ("delete from catalog_audit_blocks where namespace = 'a' and number = 1".into(), 1, Fault::Removed),
        (
            "update catalog_audit_blocks set time_ms = 1 where namespace = 'a' and number = 2".into(),
            11,
            Fault::Forged,
        ),
        (
            "update catalog_audit_blocks set last_sequence = 9 where namespace = 'a' and number = 1".into(),
            1,
            Fault::Forged,
        ),
        (
            "update catalog_audit_blocks set signature = ZEROS where namespace = 'a' and number = 2".into(),
            11,
            Fault::Forged,
        ),
        (
            "update catalog_audit_events set namespace = 'a', position = 1 where namespace = 'late'".into(),
            21,
            Fault::Added,
        ),
    ];
    let fixture = engine("tampered").await;
    let (store, database) = (&fixture.store, fixture.database());
    let sealer = Sealer::new(store.clone(), key());
    put(store, "z", 0..1).await;
    for (text, sequence, fault) in cases {
        tamper(&database, CLEAR).await;
        put(store, "a", 0..10).await;
        sealer.seal(&Unfenced).await.unwrap();
        put(store, "a", 10..20).await;
        put(store, "b", 0..5).await;
        sealer.seal(&Unfenced).await.unwrap();
        assert_eq!(verify(store, "a").await.first_broken, None);
        put(store, "late", 0..1).await;
        tamper(&database, &text.replace("ZEROS", &zeros(&database))).await;
        let broken = verify(store, "a").await.first_broken;
        let found = broken.map(|Broken { sequence, fault, .. }| (sequence, fault));
        assert_eq!(found, Some((sequence, fault)), "{text}");
    }
}

const CLEAR: &str = "delete from catalog_audit_events; delete from catalog_audit_chain; \
                     delete from catalog_audit_blocks; delete from catalog_audit_heads";

#[tokio::test]
async fn what_is_tampered_with_on_sqlite_is_found() {
    what_is_tampered_with_is_found(sqlite).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_is_tampered_with_on_postgres_is_found() {
    what_is_tampered_with_is_found(postgres).await;
}

#[tokio::test]
async fn a_store_that_was_set_back_is_found_by_a_checkpoint() {
    let fixture = sqlite("").await;
    let (store, database) = (&fixture.store, fixture.database());
    let sealer = Sealer::new(store.clone(), key());
    put(store, "a", 0..10).await;
    sealer.seal(&Unfenced).await.unwrap();
    let old = store.head(&ledger("a").await).await.unwrap().unwrap();
    put(store, "a", 10..20).await;
    sealer.seal(&Unfenced).await.unwrap();
    let last = store.entries(&ledger("a").await, 19, 1).await.unwrap().remove(0);
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let checkpoint = Checkpoint { sequence: 20, hash: hex(&last.place.hash) };
    let verifier = Verifier::new(store.clone(), TrustedKeys::new().with_key(&key()));
    let verify =
        async || verifier.verify(&ledger("a").await, Range::default(), Some(&checkpoint)).await.unwrap();
    assert_eq!(verify().await.first_broken, None);
    let text = format!(
        "delete from catalog_audit_events where id in (select id from catalog_audit_chain where sequence > 10);\
         delete from catalog_audit_chain where sequence > 10; delete from catalog_audit_blocks where number > 1;\
         update catalog_audit_heads set sequence = 10, number = 1, hash = x'{}', block_hash = x'{}'",
        hex(&old.hash),
        hex(&old.block_hash)
    );
    tamper(&database, &text).await;
    assert_eq!(super::seal::verify(store, "a").await.first_broken, None, "by itself it is sound");
    let broken = verify().await.first_broken.unwrap();
    assert_eq!((broken.sequence, broken.fault), (11, Fault::Truncated));
    // and one that went on otherwise from there
    put(store, "a", 30..40).await;
    sealer.seal(&Unfenced).await.unwrap();
    let broken = verify().await.first_broken.unwrap();
    assert_eq!((broken.sequence, broken.fault), (20, Fault::Forged));
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn nothing_is_sealed_before_what_may_still_come_before_it() {
    let fixture = postgres("horizon").await;
    let (store, database) = (fixture.store.clone(), fixture.database());
    let sealer = Sealer::new(store.clone(), key());
    let mut slow = database.begin().await.unwrap();
    assert!(store.append_within(&mut slow, Record::of(event("a", 0))).await.unwrap());
    put(&store, "a", 1..5).await;
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 0, "the slow one may still be committed");
    slow.commit().await.unwrap();
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 5);
    let mut given_up = database.begin().await.unwrap();
    store.append_within(&mut given_up, Record::of(event("a", 5))).await.unwrap();
    put(&store, "a", 6..8).await;
    given_up.rollback().await.unwrap();
    assert_eq!(sealer.seal(&Unfenced).await.unwrap(), 2);
    assert_eq!(verify(&store, "a").await.to, 7);
}

/// Sealers that race give each event one place.
async fn sealers_that_race_leave_no_gap(store: SqlAuditStore) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..30 {
                // one of them waits for the other, or is refused
                let _ = Sealer::new(store.clone(), key()).seal(&Unfenced).await;
            }
        });
    }
    for batch in 0..20 {
        put(&store, "a", batch * 10..(batch + 1) * 10).await;
    }
    // what is sealed meanwhile is no fault
    for _ in 0..10 {
        assert_eq!(verify(&store, "a").await.first_broken, None);
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let verified = verify(&store, "a").await;
    assert_eq!((verified.to, verified.first_broken), (200, None));
}

#[tokio::test]
async fn sealers_that_race_on_sqlite_leave_no_gap() {
    let fixture = sqlite("").await;
    sealers_that_race_leave_no_gap(fixture.store.clone()).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn sealers_that_race_on_postgres_leave_no_gap() {
    sealers_that_race_leave_no_gap(postgres("race").await.store).await;
}

/// The fence's kind is the store's, whatever it is.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn any_fence_will_do<F: Fence<catalog_core::store::database::Transaction>>(store: SqlAuditStore, fence: F) {
    drop(async move { Sealer::new(store, key()).seal(&fence).await });
}

//! The contract of a store, over each of them.

use std::time::Duration;

use catalog_audit::{
    event::Record,
    seal::Sealer,
    store::{AppendWithin, AuditQuery, AuditStore, IntentStore, MemoryAuditStore, TENANT_TABLES},
    testing::{self, event, noon},
};
use catalog_core::{
    store::{StoreErrorKind, hook::Unfenced, statement::Statement},
    testing::scope,
};

use crate::{
    fixture::{Fixture, over_every_store, secured},
    seal::{key, put},
};

async fn an_event_is_kept_once<S: AuditStore>(fixture: &Fixture<S>) {
    testing::an_event_is_kept_once(&fixture.store).await;
}

async fn lists_are_filtered_and_paged<S: AuditStore>(fixture: &Fixture<S>) {
    testing::lists_are_filtered_and_paged(&fixture.store).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_statement_that_forgot_its_tenant_sees_no_event() {
    let fixture = secured("forgetful").await;
    let (store, database) = (&fixture.store, fixture.database());
    put(store, "a", 0..3).await;
    put(store, "b", 0..4).await;
    put(store, "", 0..2).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    for table in TENANT_TABLES.iter().filter(|table| !table.ends_with("_intents")) {
        let count = || {
            let mut statement = Statement::new(database.dialect());
            statement.push("select count(*) from ").push(table);
            statement
        };
        assert_eq!(database.fetch(count()).await.unwrap().remove(0).integer(0).unwrap(), 0, "{table}");
        let mut seen = Vec::new();
        for tenant in ["a", "b", "c", "*"] {
            let mut statement = count();
            statement.within(&scope(tenant).await);
            seen.push(database.fetch(statement).await.unwrap().remove(0).integer(0).unwrap());
        }
        let each =
            if table.ends_with("_events") || table.ends_with("_chain") { [3, 4, 0, 9] } else { [1, 1, 0, 3] };
        assert_eq!(seen, each, "{table}");
    }
    let mut transaction = database.begin_within(&scope("a").await).await.unwrap();
    let other = store.append_within(&mut transaction, Record::of(event("b", 9))).await;
    assert!(other.is_err(), "nor is one of another's written");
}

#[tokio::test]
async fn memory_that_is_full_takes_no_more_and_forgets_nothing() {
    let store = MemoryAuditStore::new().with_capacity(2_000);
    put(&store, "a", 0..2).await;
    let more = [Record::of(event("a", 2)), Record::of(event("a", 3))];
    for full in [store.append(&more).await, store.intend(&more).await] {
        assert_eq!(full.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(store.list(&scope("a").await, &AuditQuery::default()).await.unwrap().len(), 2);
    // an intent counts, and makes room for another when it is swept
    store.intend(&more[1..]).await.unwrap();
    assert!(store.append(&more[..1]).await.is_err());
    let (late, small) = (noon().saturating_add(Duration::from_hours(1)), store.clone().with_capacity(0));
    assert_eq!(store.sweep(late, 10).await.unwrap().orphans, 1);
    assert_eq!(store.list(&scope("a").await, &AuditQuery::default()).await.unwrap().len(), 3);
    assert!(small.append(&more[..1]).await.is_err());
}

over_every_store! {
    an_event_is_kept_once
    lists_are_filtered_and_paged
}

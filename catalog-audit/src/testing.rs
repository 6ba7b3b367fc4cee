//! The contract of a store of events, as functions over an empty one.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a contract that does not hold panics")]

use std::time::Duration;

use catalog_core::{clock::Timestamp, page::PageSize, tenant::TenantScope, testing::scope};
use serde_json::json;
use uuid::Uuid;

use crate::{
    event::{Event, EventType, Outcome, Record},
    store::{AuditQuery, AuditStore},
};

/// Noon of some day.
pub fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// An event of that second after [`noon`]; nobody's where the tenant is empty.
pub fn event(tenant: &str, second: u64) -> Event {
    let mut event = Event::of_system(
        EventType::Request,
        "test",
        "update",
        noon().saturating_add(Duration::from_secs(second)),
    );
    event.namespace = tenant.parse().ok();
    event.resource_type = "catalogsources".into();
    event.actor = format!("user-{}", second % 3);
    event.request_id = format!("request-{second}");
    event.details.new_value = Some(json!({"second": second}));
    event
}

async fn seconds<S: AuditStore>(store: &S, scope: &TenantScope, query: &AuditQuery) -> Vec<i64> {
    let found = store.list(scope, query).await.unwrap();
    found.iter().map(|stored| (stored.record.time_ms - noon().unix_ms()) / 1_000).collect()
}

/// What is there under an id stays as it is, and what is stored reads back as it was.
pub async fn an_event_is_kept_once<S: AuditStore>(store: &S) {
    let first = Record::of(event("a", 1));
    let mut other = event("a", 1);
    other.id = first.id;
    other.outcome = Outcome::Failure;
    store.append(std::slice::from_ref(&first)).await.unwrap();
    store.append(&[Record::of(other), Record::of(event("a", 2)), first.clone()]).await.unwrap();
    let found = store.find(&scope("a").await, first.id).await.unwrap().unwrap();
    assert_eq!((found.record.clone(), found.place), (first.clone(), None));
    assert_eq!(found.record.compute_digest(), first.digest);
    assert_eq!(found.record.into_event().unwrap().outcome, Outcome::Success);
    let all = AuditQuery::default();
    assert_eq!(seconds(store, &scope("a").await, &all).await, [2, 1]);
    assert_eq!(store.find(&scope("b").await, first.id).await.unwrap(), None, "another tenant's is as none");
    assert_eq!(store.find(&scope("a").await, Uuid::now_v7()).await.unwrap(), None);
    store.append(&[]).await.unwrap();
}

/// Every filter narrows, pages follow each other, and no tenant sees another's or nobody's.
pub async fn lists_are_filtered_and_paged<S: AuditStore>(store: &S) {
    let mut records: Vec<Record> = (0..300).map(|second| Record::of(event("a", second))).collect();
    records.extend((300..303).map(|second| Record::of(event("b", second))));
    let mut denied = event("", 400);
    denied.outcome = Outcome::Denied;
    denied.plugin = "mcp".parse().ok();
    denied.resource_type = "assets".into();
    denied.action = "execute".into();
    denied.event_type = EventType::System;
    records.push(Record::of(denied));
    // not in the order of their ids
    records.reverse();
    store.append(&records).await.unwrap();

    let (a, b, all) = (scope("a").await, scope("b").await, scope("*").await);
    let mut query = AuditQuery { size: PageSize::new(70).unwrap(), ..AuditQuery::default() };
    let mut walked = Vec::new();
    loop {
        let mut page = store.list(&a, &query).await.unwrap();
        let more = page.len() > 70;
        page.truncate(70);
        query.after = page.last().map(|last| last.record.id);
        walked.extend(page.into_iter().map(|stored| stored.record.id));
        if !more {
            break;
        }
    }
    assert_eq!(walked.len(), 300);
    assert!(walked.is_sorted_by(|one, next| one > next));

    let at = |second: u64| Some(noon().saturating_add(Duration::from_secs(second)));
    let some = |text: &str| Some(String::from(text));
    let none = AuditQuery::default;
    for (scope, query, expected) in [
        (&b, none(), vec![302, 301, 300]),
        (&all, AuditQuery { since: at(300), ..none() }, vec![400, 302, 301, 300]),
        (&a, AuditQuery { since: at(297), until: at(299), ..none() }, vec![298, 297]),
        (&a, AuditQuery { actor: some("user-1"), until: at(7), ..none() }, vec![4, 1]),
        (&a, AuditQuery { request_id: some("request-17"), ..none() }, vec![17]),
        (&b, AuditQuery { request_id: some("request-17"), ..none() }, vec![]),
        (&all, AuditQuery { outcome: Some(Outcome::Denied), ..none() }, vec![400]),
        (&all, AuditQuery { plugin: some("mcp"), ..none() }, vec![400]),
        (&all, AuditQuery { resource_type: some("assets"), ..none() }, vec![400]),
        (&all, AuditQuery { action: some("execute"), ..none() }, vec![400]),
        (&all, AuditQuery { event_type: Some(EventType::System), ..none() }, vec![400]),
        (&a, AuditQuery { outcome: Some(Outcome::Denied), ..none() }, vec![]),
        (&a, AuditQuery { actor: some("' or 1 = 1 --"), ..none() }, vec![]),
        (&TenantScope::none(), none(), vec![]),
    ] {
        assert_eq!(seconds(store, scope, &query).await, expected, "{query:?}");
    }
    let both = a.union(&b);
    assert_eq!(seconds(store, &both, &AuditQuery { since: at(299), ..none() }).await, [302, 301, 300, 299]);
}

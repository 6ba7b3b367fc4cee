//! The contract of the directory in a database, as functions over an empty one.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a contract that does not hold panics")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use catalog_core::{
    directory::{NamespaceDirectory, Peeked, Phase},
    name::Namespace,
    store::{
        Attribution, StoreError, StoreErrorKind,
        database::Database,
        hook::{Admission, Purge, Stock, Unaudited},
    },
    tenant::TenantScope,
    testing::{TEST, scope},
};
use tokio::sync::Mutex;

use crate::{
    directory::{CachedDirectory, Deleted, NamespaceChange, SqlNamespaceStore},
    quota::{Quotas, QuotasInForce, TenantAdmission},
};

fn name(name: &str) -> Namespace {
    name.parse().unwrap()
}

async fn names(
    directory: &impl NamespaceDirectory,
    scope: &TenantScope,
    after: Option<&str>,
    most: usize,
) -> String {
    let after = after.map(name);
    let found = directory.list(scope, after.as_ref(), most).await.unwrap();
    found.iter().map(|record| record.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Tenants are made once, changed in part, listed within a scope, and told of.
pub async fn tenants_are_made_changed_and_listed(store: &SqlNamespaceStore<Unaudited>) {
    assert_eq!(store.find(&name("team-a")).await.unwrap(), None);
    assert_eq!(store.change(&TEST, &name("team-a"), &NamespaceChange::default()).await.unwrap(), None);
    for tenant in ["team-b", "team-a", "team-c"] {
        assert_eq!(store.create(&TEST, &name(tenant)).await.unwrap().phase, Phase::Active);
    }
    let change = NamespaceChange {
        display_name: Some("Team A".into()),
        labels: [("tier".into(), Some("gold".into())), ("none".into(), None)].into(),
        phase: Some(Phase::Suspended),
    };
    let changed = store.change(&TEST, &name("team-a"), &change).await.unwrap().unwrap();
    assert_eq!(changed.phase, Phase::Suspended);
    assert_eq!(store.create(&TEST, &name("team-a")).await.unwrap(), changed, "it is there, as it is");
    let back = NamespaceChange {
        display_name: Some(String::new()),
        labels: [("tier".into(), None), ("x".into(), Some("y'\"".into()))].into(),
        phase: Some(Phase::Active),
    };
    let back = store.change(&TEST, &name("team-a"), &back).await.unwrap().unwrap();
    assert_eq!((back.display_name.as_deref(), back.labels.len(), back.phase), (None, 1, Phase::Active));
    assert_eq!(store.find(&name("team-a")).await.unwrap().as_deref(), Some(&back));

    let all = scope("*").await;
    let two = scope("team-c").await.union(&scope("team-a").await).union(&scope("unknown").await);
    assert_eq!(names(store, &all, None, 9).await, "team-a team-b team-c");
    assert_eq!(names(store, &all, Some("team-a"), 1).await, "team-b");
    assert_eq!(names(store, &two, None, 9).await, "team-a team-c");
    assert_eq!(names(store, &two, Some("team-a"), 9).await, "team-c");
    assert_eq!(names(store, &scope("team-b").await, None, 9).await, "team-b");
    assert_eq!(names(store, &scope("team-b").await, Some("team-b"), 9).await, "");
    assert_eq!(names(store, &TenantScope::none(), None, 9).await, "");
}

/// Twelve rows of some store.
#[derive(Debug)]
struct Rows(Mutex<usize>);

#[async_trait]
impl Purge for Rows {
    async fn purge(&self, _: &TenantScope, _: &Attribution, most: usize) -> Result<usize, StoreError> {
        let mut left = self.0.lock().await;
        let removed = (*left).min(most).min(5);
        *left -= removed;
        Ok(removed)
    }
}

/// A store that fails once, as if the process had ended there.
#[derive(Debug)]
struct Broken(Mutex<bool>);

#[async_trait]
impl Purge for Broken {
    async fn purge(&self, _: &TenantScope, _: &Attribution, _: usize) -> Result<usize, StoreError> {
        if std::mem::take(&mut *self.0.lock().await) {
            Err(StoreErrorKind::Unavailable.into())
        } else {
            Ok(0)
        }
    }
}

/// A tenant is removed with what it has; should that break off, nothing can be done in it until it has been done again.
pub async fn a_removal_goes_on_where_it_broke_off(store: &SqlNamespaceStore<Unaudited>) {
    let (rows, broken) = (Rows(Mutex::new(12)), Broken(Mutex::new(true)));
    let (team_a, stores) = (scope("team-a").await, [&rows as &dyn Purge, &broken]);
    assert_eq!(store.delete(&team_a, &TEST, &stores).await.unwrap(), None);
    store.create(&TEST, &name("team-a")).await.unwrap();
    store.create(&TEST, &name("team-b")).await.unwrap();
    assert_eq!(
        store.delete(&scope("*").await, &TEST, &stores).await.unwrap_err().kind(),
        StoreErrorKind::ScopeTooWide
    );
    assert_eq!(store.delete(&team_a, &TEST, &stores).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let left = store.find(&name("team-a")).await.unwrap().unwrap();
    assert_eq!(left.phase, Phase::Terminating);
    let revived = NamespaceChange { phase: Some(Phase::Active), ..NamespaceChange::default() };
    for refused in [
        store.create(&TEST, &name("team-a")).await.err(),
        store.change(&TEST, &name("team-a"), &revived).await.err(),
    ] {
        assert_eq!(refused.unwrap().kind(), StoreErrorKind::NotAdmitted);
    }
    *rows.0.lock().await = 7;
    let deleted = store.delete(&team_a, &TEST, &stores).await.unwrap().unwrap();
    assert_eq!(deleted, Deleted { rows: 7, steps: 2 });
    assert_eq!(names(store, &scope("*").await, None, 9).await, "team-b");
    assert_eq!(
        store.create(&TEST, &name("team-a")).await.unwrap().phase,
        Phase::Active,
        "the name is free again"
    );
}

/// Within a transaction only the active are admitted, and stay so until it ends.
pub async fn only_the_active_are_admitted_within_a_transaction(
    store: &SqlNamespaceStore<Unaudited>,
    database: &Database,
) {
    let quotas: Quotas = serde_json::from_str(
        r#"{"tenant": {"assets": 10, "sources": 1}, "tenants": {"team-a": {"assets": 99}}}"#,
    )
    .unwrap();
    let admission = TenantAdmission::new(Arc::new(store.clone()), QuotasInForce::new(quotas));
    assert_eq!(admission.limit(&name("team-a"), Stock::Assets), Some(99));
    assert_eq!(admission.limit(&name("team-a"), Stock::Sources), Some(1));
    assert_eq!(admission.limit(&name("team-b"), Stock::LiveJobs), None);
    store.create(&TEST, &name("team-a")).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    admission.admit(&mut transaction, &name("team-a")).await.unwrap();
    let refused = admission.admit(&mut transaction, &name("team-b")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::NotAdmitted);
    let suspend = NamespaceChange { phase: Some(Phase::Suspended), ..NamespaceChange::default() };
    let mut suspended = tokio::spawn({
        let (store, suspend) = (store.clone(), suspend.clone());
        async move { store.change(&TEST, &name("team-a"), &suspend).await.unwrap() }
    });
    let meanwhile = tokio::time::timeout(Duration::from_millis(50), &mut suspended).await;
    assert!(meanwhile.is_err(), "it waits for the change that is under way");
    transaction.commit().await.unwrap();
    suspended.await.unwrap().unwrap();
    let mut transaction = database.begin().await.unwrap();
    let refused = admission.admit(&mut transaction, &name("team-a")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::NotAdmitted);
}

/// What is kept of a directory is forgotten when it changes.
pub async fn what_is_kept_is_forgotten_when_it_changes(
    store: &SqlNamespaceStore<Unaudited>,
    changes: &catalog_core::store::Changes,
) {
    let cached = CachedDirectory::new(store.clone(), Duration::from_hours(1)).hearing(changes);
    assert_eq!(cached.peek(&name("team-a")), Peeked::Unsure);
    assert_eq!(cached.find(&name("team-a")).await.unwrap(), None);
    assert_eq!(cached.peek(&name("team-a")), Peeked::Absent);
    store.create(&TEST, &name("team-a")).await.unwrap();
    assert!(cached.find(&name("team-a")).await.unwrap().is_some(), "also that there was none");
    assert!(matches!(cached.peek(&name("team-a")), Peeked::Found(_)));
    let suspend = NamespaceChange { phase: Some(Phase::Suspended), ..NamespaceChange::default() };
    store.change(&TEST, &name("team-a"), &suspend).await.unwrap();
    assert_eq!(cached.find(&name("team-a")).await.unwrap().unwrap().phase, Phase::Suspended);
    store.delete(&scope("team-a").await, &TEST, &[]).await.unwrap();
    assert_eq!(cached.find(&name("team-a")).await.unwrap(), None);
}

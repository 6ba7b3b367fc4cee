//! A change and its event are one.

use std::sync::Arc;

use async_trait::async_trait;
use catalog_audit::{
    AuditRecorder,
    event::{EventType, Outcome},
    store::{AuditQuery, AuditStore, MemoryAuditStore, SqlAuditStore},
};
use catalog_core::{
    context::{RequestContext, RouteInfo},
    identity::{Authenticator, Identity},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    source::SourceSpec,
    store::{
        Attribution, IfTag, MemorySourceStore, SourceKey, SourceStore, StoreError, StoreErrorKind,
        database::Transaction,
        hook::{Admission, Stock, Unqueued},
        sql::SqlSourceStore,
    },
    testing::{TEST, scope},
};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::fixture::{Fixture, over_every_store};

/// A request of Jane's to change a source of team-a.
pub(crate) fn request() -> RequestContext {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", "browser/1".parse().unwrap());
    headers.insert("x-request-id", "request-1".parse().unwrap());
    let context = RequestContext::new("/api/mcp_catalog/v1alpha1/sources/docs", &headers, None);
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant).of_plugin("mcp");
    let route = RouteInfo::new("/api/mcp_catalog/v1alpha1/sources/{id}", permission.into());
    context.set_route(Arc::new(route.audited().answering(StatusCode::ACCEPTED))).unwrap();
    context.set_identity(Identity::new("jane", Authenticator::Oidc).with_group("devs")).unwrap();
    context
}

fn spec(name: &str) -> SourceSpec {
    let properties = json!({"url": "https://bot:hunter2@example.com", "apiKey": "hunter2"});
    serde_json::from_value(json!({"id": "docs", "name": name, "type": "yaml", "properties": properties}))
        .unwrap()
}

/// Something that keeps sources and records what is done to them in the store of a fixture.
trait Recorded: AuditStore + Sized {
    type Sources: SourceStore;
    fn sources(fixture: &Fixture<Self>) -> Self::Sources;
}

impl Recorded for MemoryAuditStore {
    type Sources = MemorySourceStore<AuditRecorder<Self>, Unqueued>;

    fn sources(fixture: &Fixture<Self>) -> Self::Sources {
        MemorySourceStore::new(AuditRecorder::new(fixture.store.clone()), Unqueued)
    }
}

impl Recorded for SqlAuditStore {
    type Sources = SqlSourceStore<AuditRecorder<Self>, Unqueued>;

    fn sources(fixture: &Fixture<Self>) -> Self::Sources {
        SqlSourceStore::new(fixture.database(), AuditRecorder::new(fixture.store.clone()), Unqueued)
    }
}

async fn a_change_has_one_event_and_what_it_entails_another<S: Recorded>(fixture: &Fixture<S>) {
    let (sources, team_a, context) = (S::sources(fixture), scope("team-a").await, request());
    let by = Attribution::Request(context.clone());
    let mcp = "mcp".parse().unwrap();
    sources.apply(&team_a, &by, &mcp, &spec("Docs")).await.unwrap();
    assert!(context.is_recorded());
    sources.apply(&team_a, &by, &mcp, &spec("Docs")).await.unwrap();
    let stored = fixture.store.find(&team_a, context.event_id()).await.unwrap().unwrap();
    assert!(!stored.record.details.contains("hunter2"), "{}", stored.record.details);
    let event = stored.record.into_event().unwrap();
    assert_eq!(
        (event.actor.as_str(), event.action.as_str(), event.outcome),
        ("jane", "update", Outcome::Success)
    );
    assert_eq!((event.resource_type.as_str(), event.request_id.as_str()), ("catalogsources", "request-1"));
    assert_eq!(event.plugin.as_ref(), Some(&mcp));
    let details = &event.details;
    assert_eq!((details.status_code, details.new_revision, details.old_revision), (202, Some(1), None));
    assert_eq!(
        (&details.resource_ids[..], &details.groups[..]),
        (&["docs".into()][..], &["devs".into()][..])
    );
    assert_eq!((details.authenticator.as_str(), details.user_agent.as_deref()), ("oidc", Some("browser/1")));

    // a second change of one request is told beside it, and so is what the program does by itself
    sources.apply(&team_a, &by, &mcp, &spec("Documents")).await.unwrap();
    let key = SourceKey { plugin: mcp, id: "docs".parse().unwrap() };
    sources.remove(&team_a, &TEST, &key, &IfTag::ANY).await.unwrap();
    let all = fixture.store.list(&team_a, &AuditQuery::default()).await.unwrap();
    let kinds: Vec<_> = all.into_iter().map(|stored| stored.record.into_event().unwrap()).collect();
    let count = |kind| kinds.iter().filter(|event| event.event_type == kind).count();
    assert_eq!(
        (count(EventType::Request), count(EventType::Consequence), count(EventType::System)),
        (1, 1, 1)
    );
    let removed = kinds.iter().find(|event| event.event_type == EventType::System).unwrap();
    assert_eq!((removed.actor.as_str(), removed.action.as_str()), ("system:catalog:test", "delete"));
    let second = kinds.iter().find(|event| event.event_type == EventType::Consequence).unwrap();
    assert_eq!(second.details.metadata["requestEvent"], json!(context.event_id()));
    assert_eq!(second.details.new_value.as_ref().unwrap()["name"], "Documents");
}

over_every_store! {
    a_change_has_one_event_and_what_it_entails_another
}

/// Refuses after the event was written.
#[derive(Debug)]
struct Full;

#[async_trait]
impl Admission<Transaction> for Full {
    async fn admit(&self, _: &mut Transaction, _: &Namespace) -> Result<(), StoreError> {
        Ok(())
    }

    fn limit(&self, _: &Namespace, _: Stock) -> Option<u64> {
        Some(0)
    }
}

#[tokio::test]
async fn a_change_that_is_not_made_has_no_event() {
    let fixture = crate::fixture::sqlite("").await;
    let sources = SqlAuditStore::sources(&fixture).with_admission(Arc::new(Full));
    let (team_a, context) = (scope("team-a").await, request());
    let by = Attribution::Request(context.clone());
    let refused = sources.apply(&team_a, &by, &"mcp".parse().unwrap(), &spec("Docs")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::QuotaExceeded);
    assert_eq!(fixture.store.find(&team_a, context.event_id()).await.unwrap(), None);
}

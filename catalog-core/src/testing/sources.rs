use serde_json::json;

use super::{TEST, scope};
use crate::{
    name::PluginName,
    page::PageSize,
    source::{SourceSpec, SourceState, SourceStatus},
    store::{SourceKey, SourceQuery, SourceStore, StoreErrorKind},
};

fn spec(id: &str, name: &str) -> SourceSpec {
    serde_json::from_value(
        json!({"id": id, "name": name, "type": "yaml", "properties": {"yamlCatalogPath": "a.yaml"}}),
    )
    .unwrap()
}

/// Sources are one tenant's, change only when their specification does, and are listed page by page.
pub async fn sources_are_applied_listed_and_removed<S: SourceStore>(store: &S) {
    let plugin = |name: &str| -> PluginName { name.parse().unwrap() };
    let (a, b, all) = (scope("a").await, scope("b").await, scope("*").await);
    let made = store.apply(&a, &TEST, &plugin("mcp"), &spec("s", "One")).await.unwrap();
    assert_eq!((made.revision, made.status.state), (1, SourceState::Loading));
    let same = store.apply(&a, &TEST, &plugin("mcp"), &spec("s", "One")).await.unwrap();
    assert_eq!(same, made);
    let changed = store.apply(&a, &TEST, &plugin("mcp"), &spec("s", "Two")).await.unwrap();
    assert_eq!((changed.revision, changed.create_time), (2, made.create_time));

    let key = SourceKey { plugin: plugin("mcp"), id: "s".parse().unwrap() };
    assert_eq!(store.find(&a, &key).await.unwrap().unwrap().spec.name, "Two");
    assert_eq!(store.find(&b, &key).await.unwrap(), None, "another tenant's is as none");
    let status = SourceStatus { state: SourceState::Available, entity_count: 3, ..SourceStatus::default() };
    store.note_status(&b, &key, &status).await.unwrap();
    assert_eq!(store.find(&a, &key).await.unwrap().unwrap().status.entity_count, 0, "nor can it be written");
    store.note_status(&a, &key, &status).await.unwrap();
    assert_eq!(store.find(&a, &key).await.unwrap().unwrap().status, status);

    for id in ["p", "q", "r"] {
        store.apply(&a, &TEST, &plugin("mcp"), &spec(id, id)).await.unwrap();
    }
    store.apply(&a, &TEST, &plugin("model"), &spec("s", "M")).await.unwrap();
    store.apply(&b, &TEST, &plugin("mcp"), &spec("s", "B")).await.unwrap();
    assert_eq!(store.find(&all, &key).await.unwrap(), None, "two tenants have it, so it is neither's");
    for (scope, of, expected) in [(&a, Some("mcp"), 4), (&a, None, 5), (&b, None, 1), (&all, None, 6)] {
        let mut query = SourceQuery { plugin: of.map(plugin), after: None, size: PageSize::new(2).unwrap() };
        let mut seen = Vec::new();
        loop {
            let mut page = store.list(scope, &query).await.unwrap();
            let more = page.len() > 2;
            page.truncate(2);
            seen.extend(page.into_iter().map(|source| {
                (source.namespace.to_string(), source.plugin.to_string(), source.spec.id.to_string())
            }));
            query.after = seen.last().cloned();
            if !more {
                break;
            }
        }
        assert_eq!(seen.len(), expected);
        assert!(seen.is_sorted(), "{seen:?}");
    }

    for outcome in [
        store.apply(&all, &TEST, &plugin("mcp"), &spec("s", "x")).await.map(drop),
        store.remove(&all, &TEST, &key).await,
    ] {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::ScopeTooWide);
    }
    store.remove(&b, &TEST, &key).await.unwrap();
    store.remove(&b, &TEST, &key).await.unwrap();
    assert_eq!(store.find(&b, &key).await.unwrap(), None);
    assert!(store.find(&a, &key).await.unwrap().is_some());
}

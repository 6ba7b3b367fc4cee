use serde_json::json;

use super::{TEST, scope};
use crate::{
    name::PluginName,
    page::PageSize,
    source::{SourceSpec, SourceState, SourceStatus},
    store::{IfTag, SourceKey, SourceQuery, SourceStore, StoreErrorKind},
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
        store.remove(&all, &TEST, &key, &IfTag::ANY).await.map(drop),
        store.change(&all, &TEST, &key, &IfTag::ANY, |_| {}).await.map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::ScopeTooWide);
    }
    assert!(store.remove(&b, &TEST, &key, &IfTag::ANY).await.unwrap());
    assert!(!store.remove(&b, &TEST, &key, &IfTag::ANY).await.unwrap());
    assert_eq!(store.find(&b, &key).await.unwrap(), None);
    assert!(store.find(&a, &key).await.unwrap().is_some());
}

/// A source is changed only while it is what the change was meant for, and nobody else's is.
pub async fn sources_change_only_as_they_are_known<S: SourceStore>(store: &S) {
    let plugin: PluginName = "mcp".parse().unwrap();
    let (a, b) = (scope("a").await, scope("b").await);
    let key = SourceKey { plugin: plugin.clone(), id: "s".parse().unwrap() };
    let switch = |spec: &mut SourceSpec| spec.enabled = false;
    assert_eq!(store.change(&a, &TEST, &key, &IfTag::ANY, switch).await.unwrap(), None);
    let made = store.apply(&a, &TEST, &plugin, &spec("s", "One")).await.unwrap();
    let known = IfTag::of([made.tag()]);
    assert_eq!(
        store.change(&b, &TEST, &key, &IfTag::ANY, switch).await.unwrap(),
        None,
        "another tenant's is as none"
    );
    assert!(!store.remove(&b, &TEST, &key, &IfTag::ANY).await.unwrap());
    let same = store.change(&a, &TEST, &key, &known, |_| {}).await.unwrap().unwrap();
    assert_eq!(same, made);
    let changed = store
        .change(&a, &TEST, &key, &known, |spec| {
            spec.enabled = false;
            spec.id = "other".parse().unwrap();
        })
        .await;
    let changed = changed.unwrap().unwrap();
    assert_eq!((changed.revision, changed.status.state), (2, SourceState::Disabled));
    assert_eq!(changed.spec.id, key.id, "its id is not for change");
    assert_ne!(changed.tag(), made.tag());
    for refused in [
        store.change(&a, &TEST, &key, &known, |spec| spec.enabled = true).await.map(drop),
        store.remove(&a, &TEST, &key, &known).await.map(drop),
        store.remove(&a, &TEST, &key, &IfTag::of(Vec::<String>::new())).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Stale);
    }
    assert_eq!(store.find(&a, &key).await.unwrap().unwrap(), changed);
    assert!(store.remove(&a, &TEST, &key, &IfTag::of([changed.tag()])).await.unwrap());
    let again = store.apply(&a, &TEST, &plugin, &spec("s", "One")).await.unwrap();
    assert_eq!(again.revision, 1);
}

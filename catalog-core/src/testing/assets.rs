use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{LostFence, TEST, scope};
use crate::{
    asset::{AssetDraft, AssetKey, CollectionKey},
    filter::Filter,
    name::AssetName,
    order::OrderBy,
    page::PageSize,
    schema::EntitySchema,
    source::RefreshFigures,
    store::{AssetQuery, AssetStore, Found, SourceKey, StoreErrorKind, hook::Unfenced},
    tenant::TenantScope,
};

/// The entity that the contracts store.
pub fn schema() -> EntitySchema {
    let field = |name: &str, kind: &str| {
        let sortable = kind != "strings";
        json!({"name": name, "displayName": name, "type": kind, "filterable": true, "sortable": sortable, "searchable": kind == "string"})
    };
    serde_json::from_value(json!({
        "kind": "Thing", "plural": "things", "displayName": "Thing", "artifacts": "artifacts", "fields": [
            field("word", "string"), field("count", "integer"), field("score", "number"), field("open", "boolean"),
            field("seen", "timestamp"), field("parts", "strings"),
        ]
    }))
    .unwrap()
}

pub(super) fn collection() -> CollectionKey {
    CollectionKey { plugin: "test".parse().unwrap(), kind: schema().kind }
}

fn source(id: &str) -> SourceKey {
    SourceKey { plugin: "test".parse().unwrap(), id: id.parse().unwrap() }
}

/// Drafts of those items.
pub fn assets(items: impl IntoIterator<Item = Value>) -> Vec<AssetDraft> {
    let schema = schema();
    items.into_iter().map(|item| AssetDraft::from_item(&schema, item).unwrap()).collect()
}

pub(super) async fn replace<S: AssetStore>(
    store: &S,
    tenant: &str,
    of: &str,
    items: impl IntoIterator<Item = Value>,
) -> RefreshFigures {
    let drafts = vec![(schema().kind, assets(items))];
    store.replace(&scope(tenant).await, &TEST, &source(of), drafts, &Unfenced).await.unwrap()
}

async fn documents<S: AssetStore>(store: &S, scope: &TenantScope, query: &AssetQuery) -> Vec<Value> {
    let page = store.list(scope, query).await.unwrap();
    page.documents.iter().map(|document| serde_json::from_str(document).unwrap()).collect()
}

pub(super) async fn names<S: AssetStore>(store: &S, tenant: &str, query: &AssetQuery) -> Vec<String> {
    let documents = documents(store, &scope(tenant).await, query).await;
    documents.iter().map(|document| document["name"].as_str().unwrap().into()).collect()
}

fn key(name: &str, of: Option<&str>) -> AssetKey {
    AssetKey { name: AssetName::new(name).unwrap(), source: of.map(|id| id.parse().unwrap()) }
}

/// Only what differs is written; what is as before keeps its id and revision, what changed keeps its id.
pub async fn replacing_is_a_set_difference<S: AssetStore>(store: &S) {
    let thing = |name: &str, count: i64| json!({"name": name, "count": count, "artifacts": [{"uri": name}]});
    let first = replace(store, "a", "s", [thing("x", 1), thing("y", 1), thing("z", 1)]).await;
    assert_eq!(first, RefreshFigures { loaded: 3, ..RefreshFigures::default() });
    let all = AssetQuery::new(collection());
    let before = documents(store, &scope("a").await, &all).await;

    let again = replace(store, "a", "s", [thing("x", 1), thing("y", 2), thing("w", 1)]).await;
    assert_eq!(again, RefreshFigures { loaded: 1, updated: 1, unchanged: 1, removed: 1, rejected: 0 });
    let after = documents(store, &scope("a").await, &all).await;
    let of = |documents: &[Value], name: &str| {
        let found = documents.iter().find(|document| document["name"] == name).unwrap();
        (
            found["id"].clone(),
            found["revision"].as_i64().unwrap(),
            found["createTime"].clone(),
            found["count"].clone(),
        )
    };
    assert_eq!(names(store, "a", &all).await, ["w", "x", "y"]);
    assert_eq!(of(&before, "x"), of(&after, "x"));
    let (y, changed) = (of(&before, "y"), of(&after, "y"));
    assert_eq!((&y.0, &y.2), (&changed.0, &changed.2));
    assert_eq!((y.1, changed.1, changed.3), (1, 2, json!(2)));

    // another source of the tenant, and another tenant, are not touched
    replace(store, "a", "other", [thing("x", 5)]).await;
    replace(store, "b", "s", [thing("x", 6)]).await;
    let emptied = replace(store, "a", "s", []).await;
    assert_eq!(emptied.removed, 3);
    assert_eq!(names(store, "a", &all).await, ["x"]);
    assert_eq!(names(store, "b", &all).await, ["x"]);

    let mut fewer = all.clone();
    (fewer.size, fewer.count) = (PageSize::new(1).unwrap(), true);
    let page = store.list(&scope("*").await, &fewer).await.unwrap();
    assert_eq!((page.documents.len(), page.total, page.next.is_some()), (1, Some(2), true));
}

/// Whatever order and page size, and while others come and go, every row that stays is seen once, in order.
pub async fn walks_miss_and_repeat_nothing<S: AssetStore>(store: &S) {
    let word =
        |i: i64| ["", "b", "a", "B", "é", "%", "\u{10ffff}"].get(usize::try_from(i % 7).unwrap()).copied();
    let staying = (0..120).map(|i| {
        let mut item = json!({"name": format!("stay-{:03}", (i * 37) % 120), "word": word(i), "count": i % 5 - 2, "open": i % 2 == 0});
        match i % 4 {
            0 => item["score"] = json!(f64::from(i32::try_from(i).unwrap()) / 3.0),
            1 => item["seen"] = json!(format!("2025-01-{:02}T00:00:00Z", i % 28 + 1)),
            2 => item["count"] = Value::Null,
            _ => item["word"] = Value::Null,
        }
        item
    });
    replace(store, "a", "staying", staying).await;
    let entity = schema();
    let mut round = 0;
    for field in OrderBy::sortable(&entity).collect::<Vec<_>>() {
        for direction in ["ASC", "DESC"] {
            let order = OrderBy::parse(Some(field), Some(direction), &entity).unwrap();
            for size in [1, 7, 100] {
                let mut query = AssetQuery {
                    order: order.clone(),
                    size: PageSize::new(size).unwrap(),
                    ..AssetQuery::new(collection())
                };
                let (mut seen, mut last) = (BTreeMap::new(), None);
                for page_number in 0.. {
                    // a page of one is walked in full only once: it is the slowest
                    if page_number % 25 == 0 {
                        round += 1;
                        let passing = (0..round % 9).map(
                            |i| json!({"name": format!("pass-{round}-{i}"), "count": i, "word": word(i)}),
                        );
                        replace(store, "a", "passing", passing).await;
                    }
                    let page = store.list(&scope("a").await, &query).await.unwrap();
                    for document in page.documents.iter() {
                        let document: Value = serde_json::from_str(document).unwrap();
                        let name = document["name"].as_str().unwrap().to_owned();
                        if name.starts_with("stay") {
                            *seen.entry(name).or_insert(0) += 1;
                        }
                    }
                    let Some(next) = page.next else { break };
                    if let Some(last) = &last {
                        assert_ne!(last, &next, "{field} {direction} {size}: the walk stands still");
                    }
                    last = Some(next.clone());
                    query.after = Some(next);
                }
                let off: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
                assert!(
                    seen.len() == 120 && off.is_empty(),
                    "{field} {direction} {size}: {} seen, {off:?}",
                    seen.len()
                );
            }
        }
    }
}

/// A scope sees its tenants and nothing else: lists, counts, look-ups, filters and positions included.
pub async fn tenants_do_not_see_each_other<S: AssetStore>(store: &S) {
    let things = |tenant: &str| {
        (0..30)
            .map(move |i| json!({"name": format!("thing-{i:02}"), "word": format!("of-{tenant}")}))
            .collect::<Vec<_>>()
    };
    replace(store, "a", "s", things("a")).await;
    replace(store, "b", "s", things("b")).await;
    replace(store, "b", "s2", [json!({"name": "only-b"})]).await;
    let entity = schema();
    let all = AssetQuery { count: true, size: PageSize::new(1000).unwrap(), ..AssetQuery::new(collection()) };
    for (tenant, other) in [("a", "b"), ("b", "a")] {
        let own = scope(tenant).await;
        let seen = documents(store, &own, &all).await;
        assert!(seen.iter().all(|document| document["namespace"] == tenant));
        assert_eq!(store.list(&own, &all).await.unwrap().total, Some(seen.len() as u64));
        for text in [
            &format!("word = 'of-{other}'"),
            "NOT word = 'x' OR name LIKE '%'",
            "sourceId = 's' OR name IS NOT NULL",
        ] {
            let query = AssetQuery { filter: Some(Filter::parse(text, &entity).unwrap()), ..all.clone() };
            let seen = documents(store, &own, &query).await;
            assert!(seen.iter().all(|document| document["namespace"] == tenant), "{text}");
        }
        // a position is no right: one that another tenant was given leads through the caller's own rows
        let first = AssetQuery { size: PageSize::new(10).unwrap(), ..AssetQuery::new(collection()) };
        let foreign = store.list(&scope(other).await, &first).await.unwrap().next;
        let seen = documents(store, &own, &AssetQuery { after: foreign, ..all.clone() }).await;
        assert!(seen.iter().all(|document| document["namespace"] == tenant));
    }
    assert_eq!(
        store.find(&scope("a").await, &collection(), &key("only-b", None)).await.unwrap(),
        Found::Nothing
    );
    assert_eq!(
        store.find(&scope("a").await, &collection(), &key("only-b", Some("s2"))).await.unwrap(),
        Found::Nothing
    );
    assert!(matches!(
        store.find(&scope("b").await, &collection(), &key("only-b", None)).await.unwrap(),
        Found::One { .. }
    ));
    assert_eq!(store.list(&scope("c").await, &all).await.unwrap().total, Some(0));
    assert_eq!(store.list(&scope("*").await, &all).await.unwrap().total, Some(61));
}

/// Two sources may use one name; then the source must be named.
pub async fn a_name_may_be_of_several_sources<S: AssetStore>(store: &S) {
    for of in ["two", "one"] {
        replace(store, "a", of, [json!({"name": "acme/x", "word": of, "artifacts": [{"uri": of}]})]).await;
    }
    let own = scope("a").await;
    let found = store.find(&own, &collection(), &key("acme/x", None)).await.unwrap();
    assert_eq!(found, Found::Ambiguous(["one", "two"].map(|id| id.parse().unwrap()).into()));
    let found = store.find(&own, &collection(), &key("acme/x", Some("two"))).await.unwrap();
    let Found::One { document, artifacts, revision, .. } = found else { panic!("{found:?}") };
    assert!(document.contains("\"word\":\"two\""), "{document}");
    assert_eq!((artifacts.as_str(), revision), (r#"[{"uri":"two"}]"#, 1));
    assert_eq!(store.find(&own, &collection(), &key("acme", None)).await.unwrap(), Found::Nothing);
}

/// Filter, words and source narrow a list, each and together.
pub async fn filters_words_and_sources_narrow<S: AssetStore>(store: &S) {
    let items = [
        json!({"name": "a", "word": "Red Car", "count": 3, "parts": ["wheel", "door"], "tags": ["new"], "labels": {"tier": "1"}}),
        json!({"name": "b", "word": "blue car", "count": 7, "score": 2, "description": "A BLUE one", "customProperties": {"k": 5}}),
        json!({"name": "c", "provider": "Acme", "open": true, "seen": "2025-01-01T00:00:00Z"}),
    ];
    replace(store, "a", "s", items).await;
    replace(store, "a", "t", [json!({"name": "d", "word": "100%_car"})]).await;
    let entity = schema();
    for (filter, words, of, expected) in [
        ("", "", None, "a b c d"),
        ("count > 3", "", None, "b"),
        ("score = 2", "", None, "b"),
        ("open = true", "", None, "c"),
        ("seen >= '2024-12-31T23:00:00-01:00'", "", None, "c"),
        ("parts = 'door' OR tags = 'new'", "", None, "a"),
        ("labels.tier = '1'", "", None, "a"),
        ("customProperties.k.int_value = 5", "", None, "b"),
        ("word IS NULL", "", None, "c"),
        ("word LIKE '%\\%\\_car'", "", None, "d"),
        ("", "car", None, "a b d"),
        ("", "car red", None, "a"),
        ("", "blue one", None, "b"),
        ("", "acme", None, "c"),
        ("", "100%_", None, "d"),
        ("", "car' or '1'='1", None, ""),
        ("", "", Some("t"), "d"),
        ("count < 100", "car", Some("s"), "a b"),
    ] {
        let query = AssetQuery {
            filter: (!filter.is_empty()).then(|| Filter::parse(filter, &entity).unwrap()),
            words: crate::search::words(words),
            source: of.map(|id| id.parse().unwrap()),
            ..AssetQuery::new(collection())
        };
        assert_eq!(names(store, "a", &query).await.join(" "), expected, "{filter:?} {words:?} {of:?}");
    }
}

/// A scope of several tenants, and a fence that is lost, change nothing.
pub async fn a_change_needs_one_tenant_and_a_fence_that_holds<S: AssetStore>(store: &S) {
    replace(store, "a", "s", [json!({"name": "before"})]).await;
    let drafts = || vec![(schema().kind, assets([json!({"name": "after"})]))];
    let wide = store.replace(&scope("*").await, &TEST, &source("s"), drafts(), &Unfenced).await.unwrap_err();
    assert_eq!(wide.kind(), StoreErrorKind::ScopeTooWide);
    let fenced =
        store.replace(&scope("a").await, &TEST, &source("s"), drafts(), &LostFence).await.unwrap_err();
    assert_eq!(fenced.kind(), StoreErrorKind::Fenced);
    assert_eq!(names(store, "*", &AssetQuery::new(collection())).await, ["before"]);
    // what failed left nothing behind that stands in the way of the next
    let many: BTreeSet<String> = (0..700).map(|i| format!("thing-{i:03}")).collect();
    let figures = replace(store, "a", "s", many.iter().map(|name| json!({"name": name}))).await;
    assert_eq!((figures.loaded, figures.removed), (700, 1));
}

/// A store whose recorder is a [`BrokenRecorder`](super::BrokenRecorder) makes no change.
pub async fn a_change_is_recorded_or_not_made<S: AssetStore>(store: &S) {
    let drafts = vec![(schema().kind, assets([json!({"name": "x"})]))];
    let refused = store.replace(&scope("a").await, &TEST, &source("s"), drafts, &Unfenced).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert_eq!(names(store, "*", &AssetQuery::new(collection())).await, [""; 0]);
    // a replacement that changes nothing has nothing to record
    assert_eq!(replace(store, "a", "s", []).await, RefreshFigures::default());
}

/// Who keeps a copy can tell by the generation that it is old, and is told of each change.
pub async fn a_generation_is_another_after_each_change<S: AssetStore>(store: &S) {
    let (a, b, plugin) = (scope("a").await, scope("b").await, source("s").plugin);
    let generation = async |scope: &TenantScope| store.generation(scope, &plugin).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    store.changes().subscribe({
        let told = Arc::clone(&told);
        move |changed| told.lock().unwrap().push(format!("{changed:?}"))
    });
    assert_eq!(generation(&scope("*").await).await, None, "a list of several tenants has none");
    let mut seen = vec![generation(&a).await.unwrap()];
    for items in [vec![json!({"name": "x"})], vec![json!({"name": "x", "count": 1})], vec![]] {
        replace(store, "a", "s", items.clone()).await;
        seen.push(generation(&a).await.unwrap());
        replace(store, "a", "s", items).await;
        assert_eq!(generation(&a).await.as_ref(), seen.last(), "nothing was changed");
    }
    let before = generation(&b).await;
    replace(store, "b", "s", [json!({"name": "x"})]).await;
    assert_ne!(generation(&b).await, before);
    let different: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!(different.len(), 4, "{seen:?}");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("\"a\"") && told[3].contains("\"b\""), "{told:?}");
}

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use serde_json::json;

use super::{
    TEST,
    assets::{collection, names, replace, schema},
    scope,
};
use crate::{
    name::Namespace,
    source::SourceSpec,
    store::{
        AssetQuery, AssetStore, IfTag, SourceKey, SourceQuery, SourceStore, StoreError, StoreErrorKind,
        hook::{Admission, Purge, Stock, Unfenced},
    },
};

/// Admits every tenant but `closed`, and lets each keep three assets and two sources.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frugal;

#[async_trait]
impl<T: Send> Admission<T> for Frugal {
    async fn admit(&self, _: &mut T, namespace: &Namespace) -> Result<(), StoreError> {
        if namespace.as_str() == "closed" { Err(StoreErrorKind::NotAdmitted.into()) } else { Ok(()) }
    }

    fn limit(&self, _: &Namespace, stock: Stock) -> Option<u64> {
        match stock {
            Stock::Assets => Some(3),
            Stock::Sources => Some(2),
            Stock::LiveJobs => None,
        }
    }
}

fn source(plugin: &str, id: &str) -> SourceKey {
    SourceKey { plugin: plugin.parse().unwrap(), id: id.parse().unwrap() }
}

fn spec(id: &str) -> SourceSpec {
    serde_json::from_value(json!({"id": id, "name": id, "type": "yaml"})).unwrap()
}

/// Stores whose admission is [`Frugal`] keep no more than it allows, of all plugins and sources together, and a tenant that is not
/// admitted changes nothing.
pub async fn quotas_are_exact_and_the_closed_change_nothing<A, S>(assets: &A, sources: &S)
where
    A: AssetStore,
    S: SourceStore,
{
    let put = async |tenant: &str, key: SourceKey, items: &[&str]| {
        let items = items.iter().map(|name| json!({"name": name}));
        let drafts = vec![(schema().kind, super::assets(items))];
        assets
            .replace(&scope(tenant).await, &TEST, &key, drafts, &Unfenced)
            .await
            .map_err(|error| error.kind())
    };
    let refused = Err(StoreErrorKind::QuotaExceeded);
    assert_eq!(put("a", source("test", "s"), &["1", "2"]).await.unwrap().loaded, 2);
    assert_eq!(put("a", source("other", "s"), &["3", "4"]).await, refused, "of all plugins together");
    assert_eq!(put("a", source("other", "s"), &["3"]).await.unwrap().loaded, 1);
    assert_eq!(put("a", source("test", "t"), &["4"]).await, refused);
    assert_eq!(put("a", source("test", "s"), &["1", "2", "x"]).await, refused);
    let same = put("a", source("test", "s"), &["1", "5"]).await.unwrap();
    assert_eq!((same.loaded, same.removed), (1, 1), "as much as before is no more");
    assert_eq!(
        names(assets, "a", &AssetQuery::new(collection())).await,
        ["1", "5"],
        "what was refused left nothing"
    );
    assert_eq!(put("b", source("test", "s"), &["1", "2", "3"]).await.unwrap().loaded, 3);
    put("a", source("test", "s"), &[]).await.unwrap();
    assert_eq!(put("a", source("test", "t"), &["4", "5"]).await.unwrap().loaded, 2, "what went makes room");

    let (a, b, closed) = (scope("a").await, scope("b").await, scope("closed").await);
    let (test, other) = (source("test", "x").plugin, source("other", "x").plugin);
    sources.apply(&a, &TEST, &test, &spec("one")).await.unwrap();
    sources.apply(&a, &TEST, &other, &spec("one")).await.unwrap();
    let full = sources.apply(&a, &TEST, &test, &spec("two")).await.unwrap_err();
    assert_eq!(full.kind(), StoreErrorKind::QuotaExceeded);
    assert!(std::error::Error::source(&full).unwrap().to_string().contains("may have 2 sources"), "{full:?}");
    sources.apply(&b, &TEST, &test, &spec("two")).await.unwrap();
    sources.remove(&a, &TEST, &source("other", "one"), &IfTag::ANY).await.unwrap();
    sources.apply(&a, &TEST, &test, &spec("two")).await.unwrap();

    assert_eq!(put("closed", source("test", "s"), &["1"]).await, Err(StoreErrorKind::NotAdmitted));
    let refused = sources.apply(&closed, &TEST, &test, &spec("one")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::NotAdmitted);
    let all = SourceQuery { plugin: None, after: None, size: crate::page::PageSize::DEFAULT };
    assert!(sources.list(&closed, &all).await.unwrap().is_empty());
}

/// A tenant's assets and sources go in steps of a bounded size until there are none, and no other tenant's do.
pub async fn a_tenant_is_purged_in_steps<A, S>(assets: &A, sources: &S)
where
    A: AssetStore + Purge,
    S: SourceStore + Purge,
{
    for tenant in ["a", "b"] {
        for of in ["s", "t"] {
            let items = (0..7).map(|i| json!({"name": format!("{of}-{i}"), "word": tenant}));
            replace(assets, tenant, of, items).await;
            let scope = scope(tenant).await;
            sources.apply(&scope, &TEST, &source("test", of).plugin, &spec(of)).await.unwrap();
        }
    }
    let (a, plugin) = (scope("a").await, source("test", "s").plugin);
    let generation = assets.generation(&a, &plugin).await.unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    assets.changes().subscribe({
        let told = Arc::clone(&told);
        move |_| {
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut steps = Vec::new();
    loop {
        match assets.purge(&a, &TEST, 5).await.unwrap() {
            0 => break,
            removed => steps.push(removed),
        }
    }
    assert!(steps.iter().all(|removed| *removed <= 5) && steps.iter().sum::<usize>() == 14, "{steps:?}");
    assert_eq!(told.load(Ordering::Relaxed), steps.len());
    assert_ne!(assets.generation(&a, &plugin).await.unwrap(), generation, "caches hear of it");
    assert_eq!(
        (sources.purge(&a, &TEST, 1).await.unwrap(), sources.purge(&a, &TEST, 9).await.unwrap()),
        (1, 1)
    );
    assert_eq!(sources.purge(&a, &TEST, 9).await.unwrap(), 0);
    let everything = AssetQuery { count: true, ..AssetQuery::new(collection()) };
    assert_eq!(assets.list(&a, &everything).await.unwrap().total, Some(0));
    assert_eq!(assets.list(&scope("b").await, &everything).await.unwrap().total, Some(14));
    let wide = assets.purge(&scope("*").await, &TEST, 5).await.unwrap_err();
    assert_eq!(wide.kind(), StoreErrorKind::ScopeTooWide);
}

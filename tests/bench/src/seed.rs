//! Data to measure on: assets that look like real ones, the same at each run.

use catalog_core::{
    asset::AssetDraft,
    plugin::builtin,
    schema::{EntitySchema, FieldSchema, FieldType, PluginDefinition},
    store::{
        AssetStore, Attribution, SourceKey, SourceStore,
        database::{Database, DatabaseOptions},
        hook::{Unaudited, Unfenced, Unqueued},
        sql::{MIGRATIONS, SqlAssetStore, SqlSourceStore, index_declared_fields, migrate},
    },
    testing::scope,
};
use serde_json::{Map, Value, json};

use crate::AnyError;

/// On whose account data is written.
pub(crate) const BENCH: Attribution = Attribution::system("bench");

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) tenants: usize,
    pub(crate) plugins: usize,
    pub(crate) assets: usize,
}

/// The database of that URL, migrated, with the indexes of the built-in plugins.
pub(crate) async fn open(url: &str) -> Result<Database, AnyError> {
    let options = DatabaseOptions {
        statement_timeout: std::time::Duration::from_mins(10),
        ..DatabaseOptions::default()
    };
    let database = if url.starts_with("sqlite:") {
        Database::sqlite(url, options).await?
    } else {
        Database::postgres(url, options).await?
    };
    migrate(&database, MIGRATIONS).await?;
    index_declared_fields(&database, &builtin()?).await?;
    Ok(database)
}

/// Fills it; what is there already and the same is not written again.
pub(crate) async fn fill(database: &Database, size: Size) -> Result<usize, AnyError> {
    let assets = SqlAssetStore::new(database.clone(), Unaudited);
    let sources = SqlSourceStore::new(database.clone(), Unaudited, Unqueued);
    let mut rows = 0;
    for plugin in builtin()?.into_iter().take(size.plugins) {
        let Some(entity) = plugin.entities.first() else { continue };
        for tenant in 0..size.tenants {
            let scope = scope(&format!("t{tenant}")).await;
            let source = source(&plugin)?;
            let spec = serde_json::from_value(
                json!({"id": source.id, "name": "Seeded", "type": "seed", "enabled": false}),
            )?;
            sources.apply(&scope, &BENCH, &plugin.name, &spec).await?;
            // the second has one that the first has not
            let drafts = drafts(entity, size.assets + usize::from(tenant == 1))?;
            rows += drafts.len();
            assets.replace(&scope, &BENCH, &source, vec![(entity.kind.clone(), drafts)], &Unfenced).await?;
        }
    }
    Ok(rows)
}

/// The source that everything comes from.
pub(crate) fn source(plugin: &PluginDefinition) -> Result<SourceKey, AnyError> {
    Ok(SourceKey { plugin: plugin.name.clone(), id: "seed".parse()? })
}

/// So many assets of an entity.
pub(crate) fn drafts(entity: &EntitySchema, count: usize) -> Result<Vec<AssetDraft>, AnyError> {
    (0..count).map(|i| draft(entity, i)).collect()
}

fn draft(entity: &EntitySchema, i: usize) -> Result<AssetDraft, AnyError> {
    AssetDraft::from_item(entity, item(entity, i))
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ").into())
}

const WORDS: [&str; 12] = [
    "fraud",
    "vision",
    "speech",
    "search",
    "ledger",
    "triage",
    "routing",
    "billing",
    "weather",
    "genome",
    "logistics",
    "support",
];

/// The name of the `i`-th asset.
pub(crate) fn name(i: usize) -> String {
    let word = |n: usize| WORDS.get(n % WORDS.len()).copied().unwrap_or_default();
    format!("{}-labs/{}-{i:06}", word(i / 7), word(i))
}

/// The `i`-th asset, as a catalog file would have it.
pub(crate) fn item(entity: &EntitySchema, i: usize) -> Value {
    let word = |n: usize| WORDS.get(n % WORDS.len()).copied().unwrap_or_default();
    let mut item = Map::new();
    item.insert("name".into(), name(i).into());
    item.insert("displayName".into(), format!("{} {} {i}", word(i), word(i / 3)).into());
    item.insert(
        "description".into(),
        format!("Helps with {} and {}, made for tests of speed.", word(i), word(i / 5)).into(),
    );
    item.insert("provider".into(), format!("{} labs", word(i / 7)).into());
    item.insert("tags".into(), json!([word(i), word(i / 2)]));
    item.insert("labels".into(), json!({"tier": (i % 3).to_string()}));
    for field in &entity.fields {
        if let Some(value) = value(field, i) {
            item.insert(field.name.to_string(), value);
        }
    }
    item.into()
}

fn value(field: &FieldSchema, i: usize) -> Option<Value> {
    Some(match field.field_type {
        // what is only read would make a document longer and nothing else
        FieldType::String if !field.filterable && !field.sortable => return None,
        FieldType::String if field.options.is_empty() => format!("{}-{}", field.name, i % 40).into(),
        FieldType::String => field.options.get(i % field.options.len())?.as_str().into(),
        FieldType::Integer => (i % 1_000).into(),
        FieldType::Number => (f64::from(u32::try_from(i % 10_000).ok()?) / 16.0).into(),
        FieldType::Boolean => i.is_multiple_of(3).into(),
        FieldType::Timestamp => format!("2026-{:02}-{:02}T00:00:00Z", i % 12 + 1, i % 28 + 1).into(),
        FieldType::Strings => json!([WORDS.get(i % WORDS.len())?]),
        FieldType::Object | FieldType::Objects => return None,
    })
}

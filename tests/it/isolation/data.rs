//! Two tenants, one of whom has a canary in every field.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use catalog_core::{
    plugin::builtin,
    source::{SourceSpec, SourceState, SourceStatus},
    store::{
        AssetStore, SourceKey, SourceStore,
        database::{Database, DatabaseOptions},
        hook::{Unaudited, Unqueued},
        sql::{MIGRATIONS, SqlAssetStore, SqlSourceStore, index_declared_fields, migrate},
    },
    testing::{TEST, scope},
};
use catalog_tenancy::http::TenancyMode;
use catalog_tests::Stack;
use serde_json::{Value, json};

/// In every field of team-b, and in nothing of team-a's.
pub(super) const CANARY: &str = "canary-4711";
/// As long as it, and nobody's.
pub(super) const NOBODY: &str = "nobody-4711";

pub(super) const PLUGINS: [&str; 2] = ["model", "mcp"];

fn thing(plugin: &str, name: &str, word: &str) -> Value {
    let mut thing = json!({
        "name": name, "displayName": word, "description": word, "provider": word, "lifecycle": word, "tags": [word],
        "labels": {word: word}, "annotations": {word: word}, "customProperties": {word: word}, "extra": {word: [word]},
        "license": word, "category": word, "image": word, "toolCount": 7,
    });
    if plugin == "model" {
        thing["artifacts"] = json!([{"uri": word, word: word}]);
    }
    thing
}

/// Fills both tenants; some names are in both, and some in one.
pub(super) async fn fill<A: AssetStore + Clone, S: SourceStore + Clone>(stack: &Stack<A, S>) {
    for plugin in PLUGINS {
        let own = (0..40).map(|i| thing(plugin, &format!("thing-{i:02}"), "own"));
        let foreign = (0..40)
            .map(|i| thing(plugin, &format!("thing-{:02}", i * 2), CANARY))
            .chain([thing(plugin, CANARY, CANARY)]);
        stack.put("team-a", plugin, "src", own).await;
        stack.put("team-b", plugin, "src", foreign).await;
        let spec: SourceSpec = serde_json::from_value(json!({
            "id": CANARY, "name": CANARY, "type": CANARY, "labels": [CANARY], "include": [CANARY], "exclude": [CANARY],
            "properties": {CANARY: CANARY, "nested": {CANARY: [CANARY]}},
        }))
        .unwrap();
        let (b, plugin) = (scope("team-b").await, plugin.parse().unwrap());
        stack.sources.apply(&b, &TEST, &plugin, &spec).await.unwrap();
        let status =
            SourceStatus { state: SourceState::Error, error: Some(CANARY.into()), ..SourceStatus::default() };
        let key = SourceKey { plugin, id: CANARY.parse().unwrap() };
        stack.sources.note_status(&b, &key, &status).await.unwrap();
    }
}

/// The stack over a database that is empty.
pub(super) async fn over(
    database: &Database,
) -> Stack<SqlAssetStore<Unaudited>, SqlSourceStore<Unaudited, Unqueued>> {
    migrate(database, MIGRATIONS).await.unwrap();
    let definitions = builtin().unwrap();
    index_declared_fields(database, &definitions).await.unwrap();
    let assets = SqlAssetStore::new(database.clone(), Unaudited);
    let sources = SqlSourceStore::new(database.clone(), Unaudited, Unqueued);
    let stack = Stack::over(assets, sources, definitions, TenancyMode::Namespace).await;
    fill(&stack).await;
    stack
}

pub(super) async fn sqlite(folder: &tempfile::TempDir) -> Database {
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    Database::sqlite(&url, DatabaseOptions::default()).await.unwrap()
}

pub(super) async fn postgres() -> Database {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let server = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    for text in ["drop database if exists isolation", "create database isolation"] {
        let mut statement = catalog_core::store::statement::Statement::new(server.dialect());
        server.fetch(statement.push(text).clone()).await.unwrap();
    }
    server.close().await;
    let url = format!("{}/isolation", url.rsplit_once('/').unwrap().0);
    Database::postgres(&url, DatabaseOptions::default()).await.unwrap()
}

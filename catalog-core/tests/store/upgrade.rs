//! A database of the first release, whose rows are one tenant's, and what comes after it.

use catalog_core::{
    asset::CollectionKey,
    store::{
        AssetQuery, AssetStore, IfTag, SourceKey, SourceStore,
        database::Database,
        hook::{Unaudited, Unfenced, Unqueued},
        sql::{MIGRATIONS, MigrationSet, SqlAssetStore, SqlSourceStore, migrate},
        statement::Statement,
    },
    testing::{TEST, assets, schema, scope},
};
use serde_json::{Value, json};

const FIRST: MigrationSet =
    MigrationSet { owner: MIGRATIONS.owner, migrations: MIGRATIONS.migrations.split_at(1).0 };

/// The table that the second step makes. The stores of today do not write without it.
const USAGE: &str = "create table catalog_core_usage (namespace text, stock text, used bigint, primary key (namespace, stock))";

const USED: &str = "select used from catalog_core_usage where namespace = 'default' order by stock";

async fn run(database: &Database, text: &'static str) {
    let mut transaction = database.begin().await.unwrap();
    transaction.execute_script(text).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn numbers(database: &Database, text: &'static str) -> Vec<i64> {
    let mut select = Statement::new(database.dialect());
    select.push(text);
    let rows = database.fetch(select).await.unwrap();
    rows.into_iter().map(|mut row| row.integer(0).unwrap()).collect()
}

async fn documents(store: &impl AssetStore) -> Vec<Value> {
    let query = AssetQuery::new(CollectionKey { plugin: "test".parse().unwrap(), kind: schema().kind });
    let page = store.list(&scope("default").await, &query).await.unwrap();
    page.documents.iter().map(|document| serde_json::from_str(document).unwrap()).collect()
}

fn source() -> SourceKey {
    SourceKey { plugin: "test".parse().unwrap(), id: "s".parse().unwrap() }
}

/// What the first release reads and writes, by its own statements.
async fn first_release_goes_on(database: &Database) {
    let before = numbers(database, "select revision from catalog_core_assets order by namespace, name").await;
    run(
        database,
        "update catalog_core_assets set revision = revision + 1, update_time_ms = update_time_ms + 1 where namespace = 'default';
         update catalog_core_sources set revision = revision + 1, update_time_ms = update_time_ms + 1 where namespace = 'default';
         insert into catalog_core_generations (namespace, plugin, generation) values ('default', 'test', 1)
            on conflict (namespace, plugin) do update set generation = catalog_core_generations.generation + 1;
         insert into catalog_core_settings (key, value) values ('first release', '1')
            on conflict (key) do update set value = excluded.value",
    )
    .await;
    let after = numbers(database, "select revision from catalog_core_assets order by namespace, name").await;
    assert_eq!(after, before.iter().map(|revision| revision + 1).collect::<Vec<_>>());
}

/// The rows are kept, under the one tenant that there was, and both releases work on them.
pub(crate) async fn a_database_of_the_first_release_keeps_its_rows_and_serves_both(database: &Database) {
    let drafts = |names: &[&str]| {
        vec![(
            schema().kind,
            assets(names.iter().map(|name| json!({"name": name, "word": name, "count": 1}))),
        )]
    };
    let asset_store = SqlAssetStore::new(database.clone(), Unaudited);
    let source_store = SqlSourceStore::new(database.clone(), Unaudited, Unqueued);
    let tenant = scope("default").await;
    let spec = serde_json::from_value(
        json!({"id": "s", "name": "One", "type": "yaml", "properties": {"yamlCatalogPath": "a.yaml"}}),
    )
    .unwrap();

    // what the first release left: its schema alone, with rows
    assert_eq!(migrate(database, FIRST).await.unwrap().version, 1);
    run(database, USAGE).await;
    source_store.apply(&tenant, &TEST, &source().plugin, &spec).await.unwrap();
    asset_store.replace(&tenant, &TEST, &source(), drafts(&["x", "y", "z"]), &Unfenced).await.unwrap();
    run(database, "drop table catalog_core_usage").await;
    first_release_goes_on(database).await;
    let (left, kept) = (documents(&asset_store).await, source_store.find(&tenant, &source()).await.unwrap());
    assert_eq!((left.len(), kept.is_some()), (3, true));

    let migrated = migrate(database, MIGRATIONS).await.unwrap();
    assert_eq!(migrated.applied, MIGRATIONS.migrations.len() - 1);
    assert_eq!(documents(&asset_store).await, left);
    assert_eq!(source_store.find(&tenant, &source()).await.unwrap(), kept);
    assert_eq!(numbers(database, USED).await, [3, 1], "what was there is counted");

    // side by side: either goes on with what the other one wrote
    first_release_goes_on(database).await;
    let figures =
        asset_store.replace(&tenant, &TEST, &source(), drafts(&["w", "x"]), &Unfenced).await.unwrap();
    assert_eq!((figures.loaded, figures.unchanged, figures.removed), (1, 1, 2));
    first_release_goes_on(database).await;
    assert!(source_store.remove(&tenant, &TEST, &source(), &IfTag::ANY).await.unwrap());
    let names: Vec<Value> =
        documents(&asset_store).await.iter().filter_map(|found| found.get("name").cloned()).collect();
    assert_eq!(names, ["w", "x"]);
    assert_eq!(numbers(database, USED).await, [2, 0]);
}

use catalog_core::{
    page::Position,
    store::{
        database::Database,
        hook::{Unaudited, Unqueued},
        page_tokens,
        sql::{MIGRATIONS, SqlAssetStore, SqlSettingStore, SqlSourceStore, migrate},
    },
    testing,
};
use tempfile::TempDir;

/// An empty database in a folder of its own, which goes with the first part.
async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("made/on/the/way/catalog.db").display());
    let database = Database::sqlite(&url).await.unwrap();
    (folder, database)
}

async fn migrated() -> (TempDir, Database) {
    let (folder, database) = database().await;
    migrate(&database, MIGRATIONS).await.unwrap();
    (folder, database)
}

macro_rules! asset_contract {
    ($($name:ident with $recorder:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let (_folder, database) = migrated().await;
            testing::$name(&SqlAssetStore::new(database, $recorder)).await;
        }
    )*};
}

asset_contract! {
    replacing_is_a_set_difference with Unaudited;
    walks_miss_and_repeat_nothing with Unaudited;
    tenants_do_not_see_each_other with Unaudited;
    a_name_may_be_of_several_sources with Unaudited;
    filters_words_and_sources_narrow with Unaudited;
    a_change_needs_one_tenant_and_a_fence_that_holds with Unaudited;
    a_change_is_recorded_or_not_made with testing::BrokenRecorder;
}

#[tokio::test]
async fn sources_are_applied_listed_and_removed() {
    let (_folder, database) = migrated().await;
    testing::sources_are_applied_listed_and_removed(&SqlSourceStore::new(database, Unaudited, Unqueued))
        .await;
}

#[tokio::test]
async fn transactions_keep_all_or_nothing() {
    testing::transactions_keep_all_or_nothing(&database().await.1).await;
}

#[tokio::test]
async fn two_migrations_at_once_are_one() {
    let (_folder, database) = database().await;
    testing::two_migrations_at_once_are_one(&database, MIGRATIONS).await;
}

#[tokio::test]
async fn a_page_token_key_is_made_once_and_kept() {
    let (_folder, database) = migrated().await;
    let position = Position { key: catalog_core::order::SortKey::Integer(1), id: uuid::Uuid::nil() };
    let first = page_tokens(&SqlSettingStore::new(database.clone())).await.unwrap();
    let second = page_tokens(&SqlSettingStore::new(database)).await.unwrap();
    let token = first.encode(&position, &["a"]);
    assert_eq!(second.decode(&token, &["a"]).unwrap(), position);
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://x?mode=memory", "postgres://localhost/x"] {
        assert!(Database::sqlite(url).await.is_err(), "{url}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_that_is_made_is_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _database) = database().await;
    let mode = std::fs::metadata(folder.path().join("made/on")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

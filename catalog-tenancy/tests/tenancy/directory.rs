//! Directories: the contract over both engines, and those that need none.

use catalog_core::{
    directory::{NamespaceDirectory, Peeked},
    name::Namespace,
    store::{
        Changes,
        database::{Database, DatabaseOptions},
        hook::Unaudited,
        sql::migrate,
    },
    testing::{TEST, scope},
};
use catalog_tenancy::{
    directory::{ConfiguredDirectory, MIGRATIONS, SqlNamespaceStore},
    testing,
};

struct Fixture {
    store: SqlNamespaceStore<Unaudited>,
    database: Database,
    changes: Changes,
    _folder: Option<tempfile::TempDir>,
}

async fn fixture(database: Database, folder: Option<tempfile::TempDir>) -> Fixture {
    migrate(&database, MIGRATIONS).await.unwrap();
    let changes = Changes::default();
    let store = SqlNamespaceStore::new(database.clone(), Unaudited, changes.clone());
    Fixture { store, database, changes, _folder: folder }
}

async fn sqlite(_: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    fixture(Database::sqlite(&url, DatabaseOptions::default()).await.unwrap(), Some(folder)).await
}

async fn postgres(test: &str) -> Fixture {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    let server = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let name: &'static str = format!("tenancy_{test}").leak();
    for text in ["drop database if exists ", "create database "] {
        let mut statement = catalog_core::store::statement::Statement::new(server.dialect());
        statement.push(text).push(name);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    let database = Database::postgres(&format!("{place}/{name}"), DatabaseOptions::default()).await.unwrap();
    fixture(database, None).await
}

macro_rules! contracts {
    ($engine:ident $(, #[$attribute:meta])*) => {
        mod $engine {
            use super::*;

            #[tokio::test]
            $(#[$attribute])*
            async fn tenants_are_made_changed_and_listed() {
                testing::tenants_are_made_changed_and_listed(&super::$engine("made").await.store).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_removal_goes_on_where_it_broke_off() {
                testing::a_removal_goes_on_where_it_broke_off(&super::$engine("removal").await.store).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn only_the_active_are_admitted_within_a_transaction() {
                let Fixture { store, database, .. } = &super::$engine("admitted").await;
                testing::only_the_active_are_admitted_within_a_transaction(store, database).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn what_is_kept_is_forgotten_when_it_changes() {
                let Fixture { store, changes, .. } = &super::$engine("kept").await;
                testing::what_is_kept_is_forgotten_when_it_changes(store, changes).await;
            }
        }
    };
}

contracts!(sqlite);
contracts!(postgres, #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]);

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn another_replica_hears_of_a_change() {
    let fixture = postgres("heard").await;
    let elsewhere = Changes::default();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    elsewhere.subscribe(move |changed| drop(tell.send(format!("{changed:?}"))));
    let listening = tokio::spawn({
        let database = fixture.database.clone();
        async move { database.listen(&elsewhere).await.map(drop) }
    });
    assert_eq!(told.recv().await.unwrap(), "Unknown", "what came before it listened is not known");
    fixture.store.create(&TEST, &"team-a".parse().unwrap()).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), r#"Namespace { namespace: "team-a" }"#);
    listening.abort();
}

#[tokio::test]
async fn a_configured_directory_knows_what_it_was_told() {
    let names = ["b", "a", "c"].map(|name| name.parse::<Namespace>().unwrap());
    let directory = ConfiguredDirectory::of_names(names);
    assert!(matches!(directory.peek(&"a".parse().unwrap()), Peeked::Found(_)));
    assert_eq!(directory.peek(&"d".parse().unwrap()), Peeked::Absent);
    let set = scope("c").await.union(&scope("a").await).union(&scope("x").await);
    for (scope, after, most, expected) in [
        (scope("*").await, None, 9, "a b c"),
        (scope("*").await, Some("a"), 1, "b"),
        (scope("b").await, None, 9, "b"),
        (scope("b").await, Some("b"), 9, ""),
        (scope("x").await, None, 9, ""),
        (set.clone(), None, 9, "a c"),
        (set, Some("a"), 9, "c"),
    ] {
        let after = after.map(|name: &str| name.parse::<Namespace>().unwrap());
        let found = directory.list(&scope, after.as_ref(), most).await.unwrap();
        let found: Vec<_> = found.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(found.join(" "), expected);
    }
}

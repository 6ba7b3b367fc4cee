use std::{future::poll_fn, task::Poll, time::Duration};

use catalog_core::{
    name::Namespace,
    store::{
        AssetStore, Changed, Changes, StoreErrorKind,
        database::{Database, DatabaseOptions},
        hook::{Unaudited, Unfenced, Unqueued},
        sql::{MIGRATIONS, SqlAssetStore, SqlSourceStore, TENANT_TABLES, migrate, secure_rows},
        statement::Statement,
    },
    testing,
};

use crate::sql::{Fixture, contracts};

/// The server that the task runner started, as its superuser.
async fn server() -> (String, Database) {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    (url, database)
}

async fn run(database: &Database, texts: &[&'static str]) {
    let mut statement = Statement::new(database.dialect());
    for text in texts {
        statement.push(text);
    }
    database.fetch(statement).await.unwrap();
}

/// A name that is nobody else's, for the life of the process.
fn unique(prefix: &str, test: &str) -> &'static str {
    format!("{prefix}_{test}").chars().take(63).collect::<String>().leak()
}

/// An empty database of the test's own.
async fn empty(prefix: &str, test: &str) -> (String, Database) {
    let (url, server) = server().await;
    let name = unique(prefix, test);
    run(&server, &["drop database if exists ", name]).await;
    run(&server, &["create database ", name]).await;
    server.close().await;
    let url = format!("{}/{name}", url.rsplit_once('/').unwrap().0);
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    (url, database)
}

pub(crate) async fn migrated(test: &str) -> Fixture<()> {
    let (_, database) = empty("plain", test).await;
    migrate(&database, MIGRATIONS).await.unwrap();
    Fixture { database, guard: () }
}

contracts!(migrated, #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]);

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_database_of_the_first_release_keeps_its_rows_and_serves_both() {
    let (_, database) = empty("plain", "first_release").await;
    crate::upgrade::a_database_of_the_first_release_keeps_its_rows_and_serves_both(&database).await;
}

/// Who gives up while a transaction begins leaves nothing behind: what the same connection changes next is changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_transaction_that_nobody_waits_for_takes_no_change_with_it() {
    let (url, other) = empty("plain", "abandoned").await;
    let one = DatabaseOptions { connections: 1, ..DatabaseOptions::default() };
    let database = Database::postgres(&url, one).await.unwrap();
    run(&database, &["create table changes (number bigint primary key)"]).await;
    for number in 0..100 {
        let mut begin = Box::pin(database.begin());
        // given up each time a little later: somewhere in between the server has begun and nobody knows
        for _ in 0..number {
            if poll_fn(|context| Poll::Ready(begin.as_mut().poll(context).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        let mut insert = Statement::new(database.dialect());
        insert.push("insert into changes (number) values (").bind(number).push(")");
        database.change(insert).await.unwrap();
        let mut select = Statement::new(other.dialect());
        select.push("select count(*) from changes");
        let seen = other.fetch(select).await.unwrap().remove(0).integer(0).unwrap();
        assert_eq!(seen, number + 1, "what was told to be changed is not");
    }
}

/// The same behind the second wall, by a user who owns the tables and is no superuser.
mod secured {
    use super::*;

    pub(super) async fn migrated(test: &str) -> Fixture<()> {
        let (url, database) = empty("secured", test).await;
        let role = unique("owner", test);
        run(&database, &["drop role if exists ", role]).await;
        run(&database, &["create role ", role, " login password 'tenants'"]).await;
        run(&database, &["grant create on schema public to ", role]).await;
        database.close().await;
        let (_, place) = url.rsplit_once('@').unwrap();
        let options = DatabaseOptions { row_level_security: true, ..DatabaseOptions::default() };
        let database =
            Database::postgres(&format!("postgres://{role}:tenants@{place}"), options).await.unwrap();
        migrate(&database, MIGRATIONS).await.unwrap();
        for _ in 0..2 {
            secure_rows(&database, TENANT_TABLES).await.unwrap();
        }
        Fixture { database, guard: () }
    }

    contracts!(migrated, #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]);

    #[tokio::test]
    #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
    async fn a_statement_that_forgot_its_tenant_sees_and_changes_nothing() {
        let database = migrated("forgetful").await.database;
        let store = SqlAssetStore::new(database.clone(), Unaudited);
        testing::tenants_do_not_see_each_other(&store).await;
        let count = || {
            let mut statement = Statement::new(database.dialect());
            statement.push("select count(*) from catalog_core_assets");
            statement
        };
        let seen = async |statement| database.fetch(statement).await.unwrap().remove(0).integer(0).unwrap();
        assert_eq!(seen(count()).await, 0, "without a scope");
        for (tenant, expected) in [("a", 30), ("b", 31), ("c", 0), ("*", 61)] {
            let mut statement = count();
            statement.within(&testing::scope(tenant).await);
            assert_eq!(seen(statement).await, expected, "{tenant}");
        }
        let mut transaction = database.begin_within(&testing::scope("a").await).await.unwrap();
        let mut statement = Statement::new(database.dialect());
        statement.push("delete from catalog_core_assets");
        assert_eq!(transaction.execute(statement).await.unwrap(), 30, "nor does it change another's rows");
        let mut statement = Statement::new(database.dialect());
        statement.push(
            "insert into catalog_core_generations (namespace, plugin, generation) values ('b', 'x', 1)",
        );
        assert!(transaction.execute(statement).await.is_err(), "nor makes rows of another");
    }
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn transactions_keep_all_or_nothing() {
    testing::transactions_keep_all_or_nothing(&empty("empty", "transactions").await.1).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_session_goes_with_what_it_holds() {
    testing::a_session_goes_with_what_it_holds(&empty("empty", "sessions").await.1).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn two_migrations_at_once_are_one() {
    testing::two_migrations_at_once_are_one(&empty("empty", "migrations").await.1, MIGRATIONS).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_server_that_is_not_there_is_unavailable() {
    let error = Database::postgres("postgres://nobody@127.0.0.1:1/none", DatabaseOptions::default()).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_takes_too_long_or_finds_no_connection_is_refused() {
    let (url, _) = empty("empty", "limits").await;
    let options = DatabaseOptions {
        connections: 1,
        acquire_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_millis(200),
        ..DatabaseOptions::default()
    };
    let database = Database::postgres(&url, options).await.unwrap();
    let mut slow = Statement::new(database.dialect());
    slow.push("select pg_sleep(60)::text");
    assert_eq!(database.fetch(slow).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let held = database.begin().await.unwrap();
    assert_eq!(database.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    held.rollback().await.unwrap();
    database.ping().await.unwrap();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_database_that_only_reads_is_still_read() {
    let (url, database) = empty("empty", "read_only").await;
    migrate(&database, MIGRATIONS).await.unwrap();
    let store = SqlAssetStore::new(database.clone(), Unaudited);
    testing::a_name_may_be_of_several_sources(&store).await;
    run(
        &database,
        &["alter database ", unique("empty", "read_only"), " set default_transaction_read_only = on"],
    )
    .await;
    database.close().await;
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let store = SqlAssetStore::new(database, Unaudited);
    let query = catalog_core::store::AssetQuery::new(catalog_core::asset::CollectionKey {
        plugin: "test".parse().unwrap(),
        kind: testing::schema().kind,
    });
    let scope = testing::scope("a").await;
    assert_eq!(store.list(&scope, &query).await.unwrap().documents.len(), 2);
    let source =
        catalog_core::store::SourceKey { plugin: "test".parse().unwrap(), id: "one".parse().unwrap() };
    let refused = store.replace(&scope, &testing::TEST, &source, Vec::new(), &Unfenced).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn another_process_hears_of_a_change() {
    let fixture = migrated("news").await;
    let (changes, heard) = (Changes::default(), tokio::sync::mpsc::unbounded_channel());
    let (tell, mut heard) = heard;
    changes.subscribe(move |changed| {
        let tenant = match changed {
            Changed::Assets { namespace, .. } => Some(Namespace::clone(namespace)),
            Changed::Namespace { .. } | Changed::Policy | Changed::Unknown => None,
        };
        let _ = tell.send(tenant);
    });
    let listening = tokio::spawn({
        let database = fixture.database.clone();
        async move { database.listen(&changes).await }
    });
    assert_eq!(heard.recv().await, Some(None), "what came before is not known");
    let store = SqlAssetStore::new(fixture.database.clone(), Unaudited);
    testing::a_name_may_be_of_several_sources(&store).await;
    for _ in 0..2 {
        assert_eq!(heard.recv().await, Some(Some("a".parse().unwrap())));
    }
    listening.abort();
}

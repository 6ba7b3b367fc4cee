//! Databases of a test's own.

use std::time::Duration;

use catalog_audit::store::{MIGRATIONS, MemoryAuditStore, SqlAuditStore, TENANT_TABLES};
use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::{self, migrate, secure_rows},
    statement::Statement,
};

/// A store of events, and what goes when it does.
pub(crate) struct Fixture<S = SqlAuditStore> {
    pub(crate) store: S,
    pub(crate) database: Option<Database>,
    _folder: Option<tempfile::TempDir>,
}

impl<S> Fixture<S> {
    pub(crate) fn database(&self) -> Database {
        self.database.clone().unwrap()
    }
}

async fn fixture(database: Database, folder: Option<tempfile::TempDir>) -> Fixture {
    migrate(&database, sql::MIGRATIONS).await.unwrap();
    migrate(&database, MIGRATIONS).await.unwrap();
    Fixture { store: SqlAuditStore::new(database.clone()), database: Some(database), _folder: folder }
}

#[expect(clippy::unused_async, reason = "as the others")]
pub(crate) async fn memory(_: &str) -> Fixture<MemoryAuditStore> {
    Fixture { store: MemoryAuditStore::new(), database: None, _folder: None }
}

pub(crate) async fn sqlite(_: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
    fixture(Database::sqlite(&url, DatabaseOptions::default()).await.unwrap(), Some(folder)).await
}

pub(crate) async fn postgres(test: &str) -> Fixture {
    let url = empty(format!("audit_{test}").leak()).await;
    fixture(Database::postgres(&url, DatabaseOptions::default()).await.unwrap(), None).await
}

/// With row-level security, for a user whom it binds.
pub(crate) async fn secured(test: &str) -> Fixture {
    let name: &'static str = format!("audit_secured_{test}").leak();
    let url = empty(name).await;
    let server = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    for texts in [
        ["drop role if exists ", name, ""],
        ["create role ", name, " login password 'tenants'"],
        ["grant create on schema public to ", name, ""],
    ] {
        let mut statement = Statement::new(server.dialect());
        for text in texts {
            statement.push(text);
        }
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    let (_, place) = url.rsplit_once('@').unwrap();
    let options = DatabaseOptions { row_level_security: true, ..DatabaseOptions::default() };
    let database = Database::postgres(&format!("postgres://{name}:tenants@{place}"), options).await.unwrap();
    let fixture = fixture(database, None).await;
    for tables in [sql::TENANT_TABLES, TENANT_TABLES] {
        secure_rows(&fixture.database(), tables).await.unwrap();
    }
    fixture
}

/// An empty database of that name, as its URL.
async fn empty(name: &'static str) -> String {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    // to make a database takes long where many are made at once
    let patient = DatabaseOptions { statement_timeout: Duration::from_mins(5), ..DatabaseOptions::default() };
    let server = Database::postgres(&url, patient).await.unwrap();
    // another template than that which others who connect may be using
    for (text, template) in [("drop database if exists ", ""), ("create database ", " template template0")] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name).push(template);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    format!("{place}/{name}")
}

/// Each of those contracts, over each kind of store.
macro_rules! over_every_store {
    ($($contract:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $contract() {
                super::$contract(&crate::fixture::memory("").await).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $contract() {
                super::$contract(&crate::fixture::sqlite("").await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
            async fn $contract() {
                super::$contract(&crate::fixture::postgres(stringify!($contract)).await).await;
            })*
        }

        mod secured {
            $(#[tokio::test]
            #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
            async fn $contract() {
                super::$contract(&crate::fixture::secured(stringify!($contract)).await).await;
            })*
        }
    };
}

pub(crate) use over_every_store;

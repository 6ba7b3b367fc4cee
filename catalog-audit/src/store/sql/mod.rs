//! Events in a SQL database: the text is the same for both engines where they agree.

mod append;
mod chain;
mod entries;
mod expiry;
mod horizon;
mod intent;
mod outbox;
mod partition;
mod read;
mod retention;
mod seal;

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Transaction},
        sql::{Migration, MigrationSet},
        statement::{Dialect, Statement},
    },
    tenant::{ScopeView, TenantScope},
};
use uuid::Uuid;

use super::{AppendWithin, AuditQuery, AuditStore, IntentStore, Stored, Swept};
use crate::event::Record;

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "audit",
    migrations: &[Migration {
        version: 1,
        name: "create events",
        sqlite: include_str!("../../../migrations/sqlite/0001_create_events.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_create_events.sql"),
    }],
};

/// Those of them that hold what is a tenant's, for [`secure_rows`](catalog_core::store::sql::secure_rows). What is nobody's is seen by
/// what spans all tenants alone.
pub const TENANT_TABLES: &[&str] = &[
    "catalog_audit_events",
    "catalog_audit_intents",
    "catalog_audit_chain",
    "catalog_audit_blocks",
    "catalog_audit_heads",
];

/// Events in a SQL database, which has been [migrated](MIGRATIONS). Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqlAuditStore {
    database: Database,
}

impl SqlAuditStore {
    /// In that database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl AuditStore for SqlAuditStore {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let dialect = self.database.dialect();
        if records.len() <= append::batch(dialect) {
            // one round trip, where the engine commits by itself
            match self.database.change_any_tenant(append::events(dialect, records)).await {
                // by a connection that died while it was idle, perhaps: what is there already stays as it is
                Err(error) if error.kind() == StoreErrorKind::Unavailable && dialect == Dialect::Postgres => {
                }
                done => return done.map(drop),
            }
        }
        let mut transaction = self.database.begin_any_tenant().await?;
        append::append(&mut transaction, records).await?;
        transaction.commit().await
    }

    async fn list(&self, scope: &TenantScope, query: &AuditQuery) -> Result<Vec<Stored>, StoreError> {
        let rows = self.database.fetch(read::list(self.database.dialect(), scope, query)).await?;
        rows.into_iter().map(read::stored).collect()
    }

    async fn walk(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
        after: &(String, i64),
    ) -> Result<Vec<Stored>, StoreError> {
        let rows = self.database.fetch(read::walk(self.database.dialect(), scope, query, after)).await?;
        rows.into_iter().map(read::stored).collect()
    }

    async fn find(&self, scope: &TenantScope, id: Uuid) -> Result<Option<Stored>, StoreError> {
        let rows = self.database.fetch(read::find(self.database.dialect(), scope, id)).await?;
        rows.into_iter().next().map(read::stored).transpose()
    }
}

impl IntentStore for SqlAuditStore {
    async fn intend(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        append::intend(&mut transaction, records).await?;
        transaction.commit().await
    }

    async fn sweep(&self, before: Timestamp, most: usize) -> Result<Swept, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let swept = intent::sweep(&mut transaction, before, most).await?;
        transaction.commit().await?;
        Ok(swept)
    }
}

impl AppendWithin<Transaction> for SqlAuditStore {
    async fn append_within(&self, transaction: &mut Transaction, record: Record) -> Result<bool, StoreError> {
        append::append(transaction, std::slice::from_ref(&record)).await.map(|added| added > 0)
    }
}

/// Binds an id and appends its placeholder, of the type of the column.
fn bind_id(statement: &mut Statement, id: Uuid) -> &mut Statement {
    match statement.dialect() {
        Dialect::Sqlite => statement.bind(id.as_bytes().to_vec()),
        Dialect::Postgres => statement.bind(id.to_string()).push("::text::uuid"),
    }
}

/// Appends a column of ids, which are read as bytes.
fn push_id<'s>(statement: &'s mut Statement, column: &'static str) -> &'s mut Statement {
    match statement.dialect() {
        Dialect::Sqlite => statement.push(column),
        Dialect::Postgres => statement.push("uuid_send(").push(column).push(")"),
    }
}

/// Appends the predicate that keeps a statement within the scope.
fn push_scope(statement: &mut Statement, scope: &TenantScope, column: &'static str) {
    statement.within(scope);
    match scope.view() {
        ScopeView::One(namespace) => {
            statement.push(column).push(" = ").bind(namespace.as_str());
        }
        ScopeView::Set(namespaces) => {
            // `in ()` is no SQL of PostgreSQL, and an empty name is nobody's
            statement.push("(").push(column).push(" <> '' and ").push(column).push(" in (''");
            for namespace in namespaces {
                statement.push(", ").bind(namespace.as_str());
            }
            statement.push("))");
        }
        ScopeView::All => {
            statement.push("1 = 1");
        }
    }
}

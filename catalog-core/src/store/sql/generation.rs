//! The row that is another whenever what a plugin lists for a tenant has changed: the version that caches go by.

use super::dialect::push_scope;
use crate::{
    clock::Timestamp,
    name::{Namespace, PluginName},
    store::{
        Changed, StoreError,
        database::{Database, Transaction},
        notify,
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};

/// Locks the row until the transaction ends, having made it where there was none.
///
/// It begins at the milliseconds of the day it was made: a database that was made anew does not repeat the numbers of the old one.
pub(super) async fn lock(
    transaction: &mut Transaction,
    namespace: &Namespace,
    plugin: &PluginName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut insert = Statement::new(transaction.dialect());
    insert.push("insert into catalog_core_generations (namespace, plugin, generation) values (");
    insert.bind(namespace.as_str()).push(", ").bind(plugin.as_str()).push(", ").bind(now.unix_ms());
    insert.push(") on conflict (namespace, plugin) do nothing");
    transaction.execute(insert).await?;
    if transaction.dialect() == Dialect::Postgres {
        let mut select = Statement::new(transaction.dialect());
        select.push("select 1 from catalog_core_generations a");
        push_key(&mut select, namespace, plugin).push(" for update");
        transaction.fetch(select).await?;
    }
    Ok(())
}

/// Makes the number another one, and has PostgreSQL tell the other replicas when the transaction is committed.
pub(super) async fn advance(
    transaction: &mut Transaction,
    namespace: &Namespace,
    plugin: &PluginName,
) -> Result<(), StoreError> {
    let mut update = Statement::new(transaction.dialect());
    update.push("update catalog_core_generations as a set generation = generation + 1");
    push_key(&mut update, namespace, plugin);
    transaction.execute(update).await?;
    notify(transaction, &Changed::Assets { namespace, plugin }).await
}

/// The number of the scope's one tenant; 0 where nothing was ever listed.
pub(super) async fn current(
    database: &Database,
    scope: &TenantScope,
    plugin: &PluginName,
) -> Result<i64, StoreError> {
    let mut select = Statement::new(database.dialect());
    select.push("select a.generation from catalog_core_generations a where ");
    push_scope(&mut select, scope);
    select.push(" and a.plugin = ").bind(plugin.as_str());
    let mut rows = database.fetch(select).await?;
    rows.first_mut().map_or(Ok(0), |row| row.integer(0))
}

fn push_key<'s>(
    statement: &'s mut Statement,
    namespace: &Namespace,
    plugin: &PluginName,
) -> &'s mut Statement {
    statement.push(" where a.namespace = ").bind(namespace.as_str());
    statement.push(" and a.plugin = ").bind(plugin.as_str())
}

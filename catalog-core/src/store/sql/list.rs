//! The statements of lists.

use super::dialect::{bind_id, push_collection, push_filter, push_key, push_order_key, push_scope};
use crate::{
    asset::{CollectionKey, CommonField, FieldRef},
    name::Namespace,
    order::{Direction, OrderKey},
    page::Position,
    store::{
        AssetQuery,
        search::{collection_token, query, tenant_token},
        statement::{Dialect, Statement},
    },
    tenant::{ScopeView, TenantScope},
};

/// The documents of a page, and one more if there is a next page.
pub(super) fn list(dialect: Dialect, scope: &TenantScope, query: &AssetQuery) -> Statement {
    let mut statement = Statement::new(dialect);
    statement.push("select a.document as document");
    push_from(&mut statement, scope, query);
    let key = query.order.key();
    let (greater, direction) = match query.order.direction() {
        Direction::Ascending => (" > ", " asc"),
        Direction::Descending => (" < ", " desc"),
    };
    // an id is a key of its own, and nothing comes after it
    let is_id = *key == OrderKey::Field(FieldRef::Common(CommonField::Id));
    if let Some(Position { key: at, name, id }) = &query.after {
        // as one row value, which an index serves from where it stands
        statement.push(" and (");
        if !is_id {
            push_order_key(&mut statement, key, &query.words);
            statement.push(if key.then_by_name() { ", a.name, " } else { ", " });
        }
        statement.push("a.id)").push(greater).push("(");
        if !is_id {
            push_key(&mut statement, at);
            statement.push(", ");
        }
        if key.then_by_name() {
            statement.bind(name.as_str()).push(", ");
        }
        bind_id(&mut statement, *id).push(")");
    }
    statement.push(" order by ");
    if !is_id {
        push_order_key(&mut statement, key, &query.words);
        statement.push(direction).push(", ");
    }
    if key.then_by_name() {
        statement.push("a.name").push(direction).push(", ");
    }
    statement.push("a.id").push(direction);
    // written out: of a limit that it does not know PostgreSQL takes the worst, and plans the statement anew each time
    statement.push(" limit ").push_count(query.size.get() + 1);
    statement
}

/// How many assets the whole list holds.
pub(super) fn count(dialect: Dialect, scope: &TenantScope, query: &AssetQuery) -> Statement {
    let mut statement = Statement::new(dialect);
    statement.push("select count(*)");
    push_from(&mut statement, scope, query);
    statement
}

/// Appends the table and what narrows it, the scope first.
fn push_from(statement: &mut Statement, scope: &TenantScope, query: &AssetQuery) {
    statement.push(" from ");
    if query.words.is_empty() {
        statement.push("catalog_core_assets a where ");
    } else {
        push_found(statement, scope, query);
    }
    push_scope(statement, scope);
    push_collection(statement, &query.collection);
    if let Some(source) = &query.source {
        statement.push(" and a.source = ").bind(source.as_str());
    }
    if let Some(filter) = &query.filter {
        push_filter(statement, filter);
    }
}

/// Appends the table, narrowed to what each word finds. The full-text index is not led by the tenant as others are; so the tenant is a
/// word, too.
fn push_found(statement: &mut Statement, scope: &TenantScope, asked: &AssetQuery) {
    let collection: &CollectionKey = &asked.collection;
    let tokens: Vec<String> = match scope.view() {
        ScopeView::All => vec![collection_token(collection)],
        ScopeView::One(namespace) => vec![tenant_token(namespace, collection)],
        ScopeView::Set(namespaces) => {
            namespaces.iter().map(|namespace: &Namespace| tenant_token(namespace, collection)).collect()
        }
    };
    let text = query(statement.dialect(), &tokens, &asked.words);
    match statement.dialect() {
        Dialect::Sqlite => {
            // crossed, since the planner would rather walk through all of the tenant's assets and look each up among those found
            statement.push("catalog_core_search cross join catalog_core_assets a on a.seq = catalog_core_search.rowid where ");
            statement.push("catalog_core_search match ").bind(text).push(" and ");
        }
        Dialect::Postgres => {
            statement
                .push("catalog_core_assets a where a.search @@ ")
                .bind(text)
                .push("::text::tsquery and ");
        }
    }
}

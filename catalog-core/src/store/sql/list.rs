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
    let list = List { scope, query };
    match &query.after {
        Some(after) if list.needs_two_parts(dialect) => {
            // what is left of the key that the page before ended with, and then what comes after that key
            statement.push("select document from (");
            list.push_rest_of_key(&mut statement, after);
            statement.push(") union all select document from (");
            list.push_page(&mut statement, Some(Start::Key(after)));
            statement.push(")").push(" limit ").push_count(query.size.get() + 1);
        }
        after => list.push_page(&mut statement, after.as_ref().map(Start::Row)),
    }
    statement
}

/// Where a page begins.
#[derive(Clone, Copy)]
enum Start<'a> {
    /// After that row.
    Row(&'a Position),
    /// After all rows of that one's key.
    Key(&'a Position),
}

/// A list, of which a page is asked for.
struct List<'a> {
    scope: &'a TenantScope,
    query: &'a AssetQuery,
}

impl List<'_> {
    fn key(&self) -> &OrderKey {
        self.query.order.key()
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.query.order.direction() {
            Direction::Ascending => (" > ", " asc"),
            Direction::Descending => (" < ", " desc"),
        }
    }

    /// SQLite looks up a row value in an index of columns; in one over an expression it would walk to it from the beginning.
    fn needs_two_parts(&self, dialect: Dialect) -> bool {
        let expression = match self.key() {
            OrderKey::Field(FieldRef::Common(field)) => {
                matches!(field, CommonField::DisplayName | CommonField::Provider)
            }
            OrderKey::Field(_) => true,
            // no index is over it
            OrderKey::Relevance => false,
        };
        dialect == Dialect::Sqlite && expression && self.query.words.is_empty()
    }

    /// The assets of the key of `after` that come after it.
    fn push_rest_of_key(&self, statement: &mut Statement, after: &Position) {
        let (greater, direction) = self.words();
        self.push_select(statement);
        statement.push(" and ");
        push_order_key(statement, self.key(), &self.query.words);
        push_key(statement.push(" = "), &after.key);
        statement.push(" and (a.name, a.id)").push(greater).push("(").bind(after.name.as_str());
        bind_id(statement.push(", "), after.id).push(")");
        statement.push(" order by a.name").push(direction).push(", a.id").push(direction);
        self.push_limit(statement);
    }

    fn push_page(&self, statement: &mut Statement, start: Option<Start<'_>>) {
        let (key, words) = (self.key(), &self.query.words);
        let (greater, direction) = self.words();
        // an id is a key of its own, and nothing comes after it
        let is_id = *key == OrderKey::Field(FieldRef::Common(CommonField::Id));
        self.push_select(statement);
        match start {
            None => {}
            Some(Start::Key(after)) => {
                statement.push(" and ");
                push_order_key(statement, key, words);
                push_key(statement.push(greater), &after.key);
            }
            Some(Start::Row(after)) => {
                // as one row value, which an index serves from where it stands
                statement.push(" and (");
                if !is_id {
                    push_order_key(statement, key, words);
                    statement.push(if key.then_by_name() { ", a.name, " } else { ", " });
                }
                statement.push("a.id)").push(greater).push("(");
                if !is_id {
                    push_key(statement, &after.key);
                    statement.push(", ");
                }
                if key.then_by_name() {
                    statement.bind(after.name.as_str()).push(", ");
                }
                bind_id(statement, after.id).push(")");
            }
        }
        statement.push(" order by ");
        if !is_id {
            push_order_key(statement, key, words);
            statement.push(direction).push(", ");
        }
        if key.then_by_name() {
            statement.push("a.name").push(direction).push(", ");
        }
        statement.push("a.id").push(direction);
        self.push_limit(statement);
    }

    fn push_select(&self, statement: &mut Statement) {
        statement.push("select a.document as document");
        push_from(statement, self.scope, self.query);
    }

    fn push_limit(&self, statement: &mut Statement) {
        // written out: of a limit that it does not know PostgreSQL takes the worst
        statement.push(" limit ").push_count(self.query.size.get() + 1);
    }
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

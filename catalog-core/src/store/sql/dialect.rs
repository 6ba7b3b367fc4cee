//! Fragments that more than one statement uses, or that the engines write differently.

use crate::{
    asset::{AttributeValue, CollectionKey, CommonField, FieldRef},
    filter::{Bound, Filter},
    name::FieldName,
    order::{OrderKey, SortKey},
    schema::FieldType,
    store::statement::{Dialect, Statement},
    tenant::{ScopeView, TenantScope},
};

/// Appends the predicate that keeps a statement within the scope; the table's alias is `a`.
pub(super) fn push_scope(statement: &mut Statement, scope: &TenantScope) {
    statement.within(scope);
    match scope.view() {
        ScopeView::One(namespace) => {
            statement.push("a.namespace = ").bind(namespace.as_str());
        }
        ScopeView::Set(namespaces) if namespaces.is_empty() => {
            statement.push("1 = 0");
        }
        ScopeView::Set(namespaces) => {
            statement.push("a.namespace in (");
            for (index, namespace) in namespaces.iter().enumerate() {
                statement.push(if index == 0 { "" } else { ", " }).bind(namespace.as_str());
            }
            statement.push(")");
        }
        ScopeView::All => {
            statement.push("1 = 1");
        }
    }
}

/// Appends what narrows a statement to one list.
pub(super) fn push_collection(statement: &mut Statement, collection: &CollectionKey) {
    statement.push(" and a.plugin = ").push_plugin(&collection.plugin);
    statement.push(" and a.kind = ").push_kind(&collection.kind);
}

/// Appends an asset's id as text.
pub(super) fn push_id(statement: &mut Statement) -> &mut Statement {
    statement.push(match statement.dialect() {
        Dialect::Sqlite => "a.id",
        Dialect::Postgres => "a.id::text",
    })
}

/// Binds an id and appends its placeholder, of the type of the column.
pub(super) fn bind_id(statement: &mut Statement, id: uuid::Uuid) -> &mut Statement {
    statement.bind(id.to_string());
    match statement.dialect() {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement.push("::text::uuid"),
    }
}

/// Appends what a list is ordered by: never NULL, so that the order is total. `words` are what the list is searched for.
pub(super) fn push_order_key(statement: &mut Statement, key: &OrderKey, words: &[String]) {
    match key {
        OrderKey::Field(field) => push_sort_expression(statement, field),
        OrderKey::Relevance => push_relevance(statement, words),
    }
}

/// What the names hold all words of comes first, by name; then the rest, by name.
fn push_relevance(statement: &mut Statement, words: &[String]) {
    let (open, between, close) = match statement.dialect() {
        Dialect::Sqlite => ("instr(' ' || a.title, ' ' || ", "", ") > 0"),
        Dialect::Postgres => ("strpos(' ' || a.title, ' ' || ", "::text", ") > 0"),
    };
    statement.push("(case when 1 = 1");
    for word in words {
        statement.push(" and ").push(open).bind(word.as_str()).push(between).push(close);
    }
    statement.push(" then '0' else '1' end || a.name");
    statement.push(match statement.dialect() {
        Dialect::Sqlite => ")",
        Dialect::Postgres => ") collate \"C\"",
    });
}

/// Appends the expression that a field's index is over, and that lists are ordered by.
pub(super) fn push_sort_expression(statement: &mut Statement, field: &FieldRef) {
    match field {
        FieldRef::Common(common) => {
            statement.push(match common {
                CommonField::Id => "a.id",
                CommonField::DisplayName => "coalesce(a.display_name, '')",
                CommonField::Provider => "coalesce(a.provider, '')",
                CommonField::Lifecycle => "a.lifecycle",
                CommonField::SourceId => "a.source",
                CommonField::CreateTime => "a.create_time_ms",
                CommonField::LastUpdateTime => "a.update_time_ms",
                CommonField::Description => "coalesce(a.description, '')",
                CommonField::Name | CommonField::Tags => "a.name",
            });
        }
        FieldRef::Declared(name, field_type) => push_declared(statement, "a.", name, *field_type),
        // an order is made of a sortable field only, and these are not
        FieldRef::Custom(..) | FieldRef::Label(_) => {
            statement.push("a.name");
        }
    }
}

/// A declared field's text is indexed as far as this, in characters, since an index takes only so many bytes of a row. Texts that
/// lists are ordered by are not longer.
const INDEXED_CHARS: usize = SortKey::MAX_TEXT;

/// Appends a declared field's sort expression; `table` is how the table is called, with a dot.
pub(super) fn push_declared(
    statement: &mut Statement,
    table: &'static str,
    name: &FieldName,
    field_type: FieldType,
) {
    let absent = SortKey::absent(field_type);
    let is_text = matches!(absent, SortKey::Text(_));
    match statement.dialect() {
        Dialect::Sqlite => {
            statement.push(if is_text { "substr(coalesce(" } else { "coalesce(" });
            statement
                .push("json_extract(")
                .push(table)
                .push("attributes, '$.fields.")
                .push_field(name)
                .push("')");
        }
        Dialect::Postgres => {
            statement.push(if is_text { "left(coalesce(" } else { "coalesce(" });
            statement.push("(").push(table).push("attributes->'fields'->>'").push_field(name).push("')");
            statement.push(match field_type {
                FieldType::Integer | FieldType::Timestamp => "::bigint",
                FieldType::Boolean => "::boolean::int::bigint",
                FieldType::Number => "::float8",
                _ => " collate \"C\"",
            });
        }
    }
    const { assert!(INDEXED_CHARS == 512) };
    statement.push(match (absent, statement.dialect()) {
        (SortKey::Text(_), Dialect::Sqlite) => ", ''), 1, 512)",
        (SortKey::Text(_), Dialect::Postgres) => ", ''), 512)",
        (SortKey::Integer(_), _) => ", -9223372036854775808)",
        (SortKey::Number(_), _) => ", -1.7976931348623157e308)",
    });
}

/// Appends a key, to compare a sort expression with.
pub(super) fn push_key<'s>(statement: &'s mut Statement, key: &SortKey) -> &'s mut Statement {
    match key {
        SortKey::Text(text) => statement.bind(text.as_str()),
        SortKey::Integer(number) => statement.bind(*number),
        SortKey::Number(number) => statement.bind_json_number(*number),
    }
}

/// Appends the filter. What it demands of a field that has an index stands there in the index's own terms: beside what the filter
/// says, or in place of it where the two are the same.
pub(super) fn push_filter(statement: &mut Statement, filter: &Filter) {
    for conjunct in filter.conjuncts() {
        let demand = conjunct
            .bound()
            .filter(|(field, bound)| is_indexed(field) && is_worth_it(statement.dialect(), bound));
        if let Some((field, bound)) = &demand {
            push_bound(statement, field, bound);
        }
        if !demand.is_some_and(|(field, bound)| is_exact(field, &bound)) {
            statement.push(" and ");
            conjunct.write_sql(statement);
        }
    }
}

/// Whether the engine should hear of it. SQLite knows nothing of how many values lie within a range, and would read and sort all of
/// them where the first hundred by name are near.
fn is_worth_it(dialect: Dialect, bound: &Bound<'_>) -> bool {
    dialect == Dialect::Postgres || !matches!(bound, Bound::AtLeast(_) | Bound::AtMost(_))
}

/// Whether the index holds just the wanted assets at those values: each stands there whole, and is not what stands for none.
fn is_exact(field: &FieldRef, bound: &Bound<'_>) -> bool {
    let Bound::OneOf(values) = bound else { return false };
    let absent = SortKey::absent(field.field_type());
    let is_whole = |key: &SortKey| match key {
        SortKey::Text(text) => text.chars().nth(INDEXED_CHARS - 1).is_none(),
        SortKey::Integer(_) | SortKey::Number(_) => true,
    };
    values.iter().map(indexed).all(|key| key != absent && is_whole(&key))
}

/// Whether there is an index over the field's sort expression that is written otherwise than the field in a filter.
fn is_indexed(field: &FieldRef) -> bool {
    match field {
        FieldRef::Common(common) => matches!(
            common,
            CommonField::Name | CommonField::DisplayName | CommonField::Provider | CommonField::Lifecycle
        ),
        FieldRef::Declared(_, field_type) => has_index(*field_type),
        FieldRef::Custom(..) | FieldRef::Label(_) => false,
    }
}

/// Whether declared fields of that type, if they are sorted or filtered by, have an index.
pub(super) fn has_index(field_type: FieldType) -> bool {
    match field_type {
        FieldType::String
        | FieldType::Integer
        | FieldType::Number
        | FieldType::Boolean
        | FieldType::Timestamp => true,
        FieldType::Strings | FieldType::Object | FieldType::Objects => false,
    }
}

fn push_bound(statement: &mut Statement, field: &FieldRef, bound: &Bound<'_>) {
    let mut compare = |operator, key: &SortKey| {
        statement.push(" and ");
        push_sort_expression(statement, field);
        statement.push(operator);
        push_key(statement, key);
    };
    match bound {
        Bound::Absent => compare(" = ", &SortKey::absent(field.field_type())),
        Bound::AtLeast(value) => compare(" >= ", &indexed(value)),
        Bound::AtMost(value) => compare(" <= ", &indexed(value)),
        Bound::OneOf([value]) => compare(" = ", &indexed(value)),
        Bound::OneOf(values) => {
            statement.push(" and ");
            push_sort_expression(statement, field);
            statement.push(" in (");
            for (index, value) in values.iter().enumerate() {
                statement.push(if index == 0 { "" } else { ", " });
                push_key(statement, &indexed(value));
            }
            statement.push(")");
        }
        Bound::Prefix(prefix) => {
            let prefix = cut(prefix);
            let end = after_prefix(&prefix);
            compare(" >= ", &SortKey::Text(prefix));
            if let Some(end) = end {
                compare(" < ", &SortKey::Text(end));
            }
        }
    }
}

/// Where the value stands in the field's index.
fn indexed(value: &AttributeValue) -> SortKey {
    match value {
        AttributeValue::String(text) => SortKey::Text(cut(text)),
        AttributeValue::Integer(number) => SortKey::Integer(*number),
        AttributeValue::Number(number) => SortKey::Number(*number),
        AttributeValue::Boolean(truth) => SortKey::Integer((*truth).into()),
        AttributeValue::Timestamp(time) => SortKey::Integer(time.unix_ms()),
        // no literal is a list
        AttributeValue::Strings(_) => SortKey::Text(String::new()),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(INDEXED_CHARS).collect()
}

/// The least text that is above all that begin with `prefix`; none if there is no such.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // the characters' numbers have a gap, which the range steps over
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_above_all_that_begin_with_it() {
        for (prefix, end) in [
            ("acme/", Some("acme0")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}

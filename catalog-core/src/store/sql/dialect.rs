//! Fragments that more than one statement uses, or that the engines write differently.

use crate::{
    asset::{CommonField, FieldRef},
    order::SortKey,
    schema::FieldType,
    store::statement::{Dialect, SqlValue, Statement},
    tenant::{ScopeView, TenantScope},
};

/// Appends the predicate that keeps a statement within the scope; the table's alias is `a`.
pub(super) fn push_scope(statement: &mut Statement, scope: &TenantScope) {
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

/// Appends the expression that a list is ordered by: never NULL, so that the order is total.
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
        FieldRef::Declared(name, field_type) => {
            statement.push("coalesce(");
            match statement.dialect() {
                Dialect::Sqlite => {
                    statement.push("json_extract(a.attributes, '$.fields.").push_field(name).push("')");
                }
                Dialect::Postgres => {
                    statement.push("(a.attributes->'fields'->>'").push_field(name).push("')");
                    statement.push(match field_type {
                        FieldType::Integer | FieldType::Timestamp => "::bigint",
                        FieldType::Boolean => "::boolean::int::bigint",
                        FieldType::Number => "::float8",
                        _ => " collate \"C\"",
                    });
                }
            }
            statement.push(match SortKey::absent(*field_type) {
                SortKey::Text(_) => ", '')",
                SortKey::Integer(_) => ", -9223372036854775808)",
                SortKey::Number(_) => ", -1.7976931348623157e308)",
            });
        }
        // an order is made of a sortable field only, and these are not
        FieldRef::Custom(..) | FieldRef::Label(_) => {
            statement.push("a.name");
        }
    }
}

/// The key, as a value to compare the sort expression with.
pub(super) fn sort_value(key: &SortKey) -> SqlValue {
    match key {
        SortKey::Text(text) => text.as_str().into(),
        SortKey::Integer(number) => (*number).into(),
        SortKey::Number(number) => (*number).into(),
    }
}

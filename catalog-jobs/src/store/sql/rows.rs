//! Many rows bound to one statement.

use catalog_core::store::{
    StoreError, StoreErrorKind,
    statement::{Dialect, SqlValue, Statement},
};
use serde_json::Value;

/// A column of rows that are bound: what it is called and what an item puts there.
pub(super) struct Column<T> {
    name: &'static str,
    value: Cell<T>,
}

enum Cell<T> {
    Id(fn(&T) -> uuid::Uuid),
    Text(fn(&T) -> Option<String>),
    Integer(fn(&T) -> i64),
}

impl<T> Column<T> {
    pub(super) const fn id(name: &'static str, value: fn(&T) -> uuid::Uuid) -> Self {
        Self { name, value: Cell::Id(value) }
    }

    pub(super) const fn text(name: &'static str, value: fn(&T) -> Option<String>) -> Self {
        Self { name, value: Cell::Text(value) }
    }

    pub(super) const fn integer(name: &'static str, value: fn(&T) -> i64) -> Self {
        Self { name, value: Cell::Integer(value) }
    }
}

/// Appends a table of the items, called `d`: on PostgreSQL of one array a column, on SQLite of one JSON text.
pub(super) fn push_rows<T>(
    statement: &mut Statement,
    columns: &[Column<T>],
    items: &[T],
) -> Result<(), StoreError> {
    match statement.dialect() {
        Dialect::Postgres => push_arrays(statement, columns, items),
        Dialect::Sqlite => push_json(statement, columns, items)?,
    }
    Ok(())
}

fn push_arrays<T>(statement: &mut Statement, columns: &[Column<T>], items: &[T]) {
    statement.push("(select ");
    for (index, column) in columns.iter().enumerate() {
        statement.push(if index == 0 { "u." } else { ", u." }).push(column.name);
        if matches!(column.value, Cell::Id(_)) {
            statement.push("::uuid as ").push(column.name);
        }
    }
    statement.push(" from unnest(");
    for (index, column) in columns.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " });
        match &column.value {
            Cell::Id(value) => {
                let list: Vec<Option<String>> =
                    items.iter().map(|item| Some(value(item).to_string())).collect();
                statement.bind(list).push("::text[]");
            }
            Cell::Text(value) => {
                let list: Vec<Option<String>> = items.iter().map(value).collect();
                statement.bind(list).push("::text[]");
            }
            Cell::Integer(value) => {
                let list: Vec<i64> = items.iter().map(value).collect();
                statement.bind(list).push("::bigint[]");
            }
        }
    }
    statement.push(") as u (");
    for (index, column) in columns.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " }).push(column.name);
    }
    statement.push(")) as d");
}

/// Where the columns are in a row of JSON.
const PLACES: [&str; 20] = [
    "'$[0]'", "'$[1]'", "'$[2]'", "'$[3]'", "'$[4]'", "'$[5]'", "'$[6]'", "'$[7]'", "'$[8]'", "'$[9]'",
    "'$[10]'", "'$[11]'", "'$[12]'", "'$[13]'", "'$[14]'", "'$[15]'", "'$[16]'", "'$[17]'", "'$[18]'",
    "'$[19]'",
];

fn push_json<T>(statement: &mut Statement, columns: &[Column<T>], items: &[T]) -> Result<(), StoreError> {
    let row = |item: &T| {
        let cell = |column: &Column<T>| match &column.value {
            Cell::Id(value) => Value::from(value(item).to_string()),
            Cell::Text(value) => Value::from(value(item)),
            Cell::Integer(value) => Value::from(value(item)),
        };
        columns.iter().map(cell).collect::<Value>()
    };
    let json = serde_json::to_string(&items.iter().map(row).collect::<Vec<_>>());
    let json = json.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
    statement.push("(select ");
    for (index, (column, place)) in columns.iter().zip(PLACES).enumerate() {
        statement.push(if index == 0 { "value ->> " } else { ", value ->> " });
        statement.push(place).push(" as ").push(column.name);
    }
    statement.push(" from json_each(").bind(SqlValue::from(json)).push(")) as d");
    Ok(())
}

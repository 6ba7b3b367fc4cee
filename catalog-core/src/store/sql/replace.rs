//! The statements of a refresh: what is there, what goes, what is written.

use std::collections::HashMap;

use uuid::Uuid;

use super::{asset::uuid, dialect::push_id};
use crate::{
    asset::AssetRecord,
    clock::Timestamp,
    name::Namespace,
    store::{
        SourceKey, StoreError, StoreErrorKind,
        asset::Known,
        database::{Row, Transaction},
        search,
        statement::{Dialect, SqlValue, Statement},
    },
};

/// So many rows go into one statement: large enough that the cost of a statement vanishes, small enough for SQLite's limit of 32,766
/// bound values.
const BATCH: usize = 256;

pub(super) async fn known(
    transaction: &mut Transaction,
    namespace: &Namespace,
    source: &SourceKey,
) -> Result<HashMap<(String, String), Known>, StoreError> {
    let mut statement = Statement::new(transaction.dialect());
    push_id(statement.push("select "));
    statement.push(", a.kind, a.name, a.revision, a.create_time_ms, a.digest from catalog_core_assets a where a.namespace = ");
    statement.bind(namespace.as_str()).push(" and a.plugin = ").bind(source.plugin.as_str());
    statement.push(" and a.source = ").bind(source.id.as_str());
    let corrupt = |error| StoreError::new(StoreErrorKind::Corrupt, error);
    let rows = transaction.fetch(statement).await?;
    let known = |mut row: Row| {
        let create_time = Timestamp::from_unix_ms(row.integer(4)?).map_err(corrupt)?;
        let known =
            Known { id: uuid(&row.text(0)?)?, revision: row.integer(3)?, create_time, digest: row.bytes(5)? };
        Ok(((row.text(1)?, row.text(2)?), known))
    };
    rows.into_iter().map(known).collect()
}

pub(super) async fn remove(
    transaction: &mut Transaction,
    namespace: &Namespace,
    ids: &[Uuid],
) -> Result<(), StoreError> {
    for ids in ids.chunks(BATCH) {
        let mut statement = Statement::new(transaction.dialect());
        statement.push("delete from catalog_core_assets where namespace = ").bind(namespace.as_str());
        match transaction.dialect() {
            Dialect::Sqlite => {
                statement.push(" and id in (");
                for (index, id) in ids.iter().enumerate() {
                    statement.push(if index == 0 { "" } else { ", " }).bind(id.to_string());
                }
                statement.push(")");
            }
            Dialect::Postgres => {
                let ids: Vec<Option<String>> = ids.iter().map(|id| Some(id.to_string())).collect();
                statement.push(" and id = any(").bind(ids).push("::text[]::uuid[])");
            }
        }
        transaction.execute(statement).await?;
    }
    Ok(())
}

/// A source that has assets of the tenant.
pub(super) async fn any_source(
    transaction: &mut Transaction,
    namespace: &Namespace,
) -> Result<Option<SourceKey>, StoreError> {
    let mut statement = Statement::new(transaction.dialect());
    statement.push("select plugin, source from catalog_core_assets where namespace = ");
    statement.bind(namespace.as_str()).push(" limit 1");
    let mut rows = transaction.fetch(statement).await?;
    let Some(row) = rows.first_mut() else { return Ok(None) };
    let corrupt = |error| StoreError::new(StoreErrorKind::Corrupt, error);
    let plugin = row.text(0)?.parse().map_err(corrupt)?;
    Ok(Some(SourceKey { plugin, id: row.text(1)?.parse().map_err(corrupt)? }))
}

/// Removes at most `most` assets of a source, and gives how many.
pub(super) async fn remove_some(
    transaction: &mut Transaction,
    namespace: &Namespace,
    source: &SourceKey,
    most: usize,
) -> Result<u64, StoreError> {
    let mut statement = Statement::new(transaction.dialect());
    statement.push("delete from catalog_core_assets where namespace = ").bind(namespace.as_str());
    statement.push(" and id in (select id from catalog_core_assets where namespace = ");
    statement.bind(namespace.as_str()).push(" and plugin = ").bind(source.plugin.as_str());
    statement.push(" and source = ").bind(source.id.as_str()).push(" limit ").push_count(most).push(")");
    transaction.execute(statement).await
}

/// Writes rows that are new or have changed.
pub(super) async fn write(transaction: &mut Transaction, records: &[AssetRecord]) -> Result<(), StoreError> {
    for records in records.chunks(BATCH) {
        let mut statement = Statement::new(transaction.dialect());
        statement.push("insert into catalog_core_assets (");
        for (index, column) in COLUMNS.iter().enumerate() {
            statement.push(if index == 0 { "" } else { ", " }).push(column.name);
        }
        match transaction.dialect() {
            Dialect::Sqlite => push_rows(&mut statement, records)?,
            Dialect::Postgres => push_arrays(&mut statement, records)?,
        }
        statement.push(" on conflict (id) do update set ");
        for (index, column) in COLUMNS.iter().filter(|column| column.changes).enumerate() {
            statement.push(if index == 0 { "" } else { ", " });
            statement.push(column.name).push(" = excluded.").push(column.name);
        }
        transaction.execute(statement).await?;
    }
    Ok(())
}

/// One row of placeholders an asset.
fn push_rows(statement: &mut Statement, records: &[AssetRecord]) -> Result<(), StoreError> {
    statement.push(") values ");
    for (row, record) in records.iter().enumerate() {
        statement.push(if row == 0 { "(" } else { ", (" });
        for (index, column) in COLUMNS.iter().enumerate() {
            statement.push(if index == 0 { "" } else { ", " }).bind((column.value)(record)?);
        }
        statement.push(")");
    }
    Ok(())
}

/// One array a column: the statement is the same however many rows there are, and its values are few.
fn push_arrays(statement: &mut Statement, records: &[AssetRecord]) -> Result<(), StoreError> {
    statement.push(") select ");
    for (index, column) in COLUMNS.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " });
        // what an array cannot hold is made of text
        match column.postgres {
            Some((open, close)) => statement.push(open).push("r.").push(column.name).push(close),
            None => statement.push("r.").push(column.name),
        };
    }
    statement.push(" from unnest(");
    for (index, column) in COLUMNS.iter().enumerate() {
        let values = records.iter().map(|record| (column.value)(record)).collect::<Result<Vec<_>, _>>()?;
        let (list, array) = list(values)?;
        statement.push(if index == 0 { "" } else { ", " }).bind(list).push(array);
    }
    statement.push(") as r (");
    for (index, column) in COLUMNS.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " }).push(column.name);
    }
    statement.push(")");
    Ok(())
}

/// Values of one column as one value, and the array's type.
fn list(values: Vec<SqlValue>) -> Result<(SqlValue, &'static str), StoreError> {
    let mixed = || StoreError::new(StoreErrorKind::Internal, "a column's values are of several types");
    Ok(match values.first() {
        Some(SqlValue::Integer(_)) => {
            let each = |value| match value {
                SqlValue::Integer(Some(number)) => Ok(number),
                _ => Err(mixed()),
            };
            (SqlValue::Integers(values.into_iter().map(each).collect::<Result<_, _>>()?), "::bigint[]")
        }
        Some(SqlValue::Bytes(_)) => {
            let each = |value| match value {
                SqlValue::Bytes(Some(bytes)) => Ok(bytes),
                _ => Err(mixed()),
            };
            (SqlValue::ByteStrings(values.into_iter().map(each).collect::<Result<_, _>>()?), "::bytea[]")
        }
        _ => {
            let each = |value| match value {
                SqlValue::Text(text) => Ok(text),
                _ => Err(mixed()),
            };
            (SqlValue::Texts(values.into_iter().map(each).collect::<Result<_, _>>()?), "::text[]")
        }
    })
}

/// A column of the table of assets, and what a record puts there.
struct Column {
    name: &'static str,
    /// A refresh may change it.
    changes: bool,
    /// What PostgreSQL makes of the text.
    postgres: Option<(&'static str, &'static str)>,
    value: fn(&AssetRecord) -> Result<SqlValue, StoreError>,
}

const fn key(name: &'static str, value: fn(&AssetRecord) -> Result<SqlValue, StoreError>) -> Column {
    Column { name, changes: false, postgres: None, value }
}

const fn column(name: &'static str, value: fn(&AssetRecord) -> Result<SqlValue, StoreError>) -> Column {
    Column { name, changes: true, postgres: None, value }
}

const COLUMNS: [Column; 19] = [
    Column { postgres: Some(("", "::uuid")), ..key("id", |record| Ok(record.id.to_string().into())) },
    key("namespace", |record| Ok(record.namespace.as_str().into())),
    key("plugin", |record| Ok(record.collection.plugin.as_str().into())),
    key("kind", |record| Ok(record.collection.kind.as_str().into())),
    key("source", |record| Ok(record.source.as_str().into())),
    key("name", |record| Ok(record.draft.name.as_str().into())),
    column("display_name", |record| Ok(record.draft.display_name.clone().into())),
    column("description", |record| Ok(record.draft.description.clone().into())),
    column("provider", |record| Ok(record.draft.provider.clone().into())),
    column("lifecycle", |record| Ok(record.draft.lifecycle.as_str().into())),
    column("revision", |record| Ok(record.revision.into())),
    column("create_time_ms", |record| Ok(record.create_time.unix_ms().into())),
    column("update_time_ms", |record| Ok(record.last_update_time.unix_ms().into())),
    column("document", |record| Ok(record.document().into())),
    Column {
        postgres: Some(("", "::jsonb")),
        ..column("attributes", |record| json(serde_json::to_string(&record.draft.attributes)))
    },
    column("title", |record| Ok(record.draft.search.title().into())),
    column("digest", |record| Ok(record.draft.digest().to_vec().into())),
    Column {
        postgres: Some(("array_to_tsvector(string_to_array(", ", ' '))")),
        ..column("search", |record| Ok(search::tokens(record).into()))
    },
    column("artifacts", |record| json(serde_json::to_string(&record.draft.artifacts))),
];

fn json(text: serde_json::Result<String>) -> Result<SqlValue, StoreError> {
    text.map(SqlValue::from).map_err(|error| StoreError::new(StoreErrorKind::Internal, error))
}

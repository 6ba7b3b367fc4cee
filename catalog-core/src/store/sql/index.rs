//! Indexes over declared fields: made from the entities' schemas, since those are data and no migration knows them.

use sha2::{Digest, Sha256};

use super::dialect::{has_index, push_declared};
use crate::{
    schema::{EntitySchema, FieldSchema, PluginDefinition},
    store::{
        StoreError,
        database::Database,
        statement::{Dialect, Statement},
    },
};

/// Makes the indexes that the sortable and filterable fields of `plugins` need and that are not there yet; gives how many it made.
///
/// Each serves the order by its field, and the usual order by name of what a filter finds by its field's value. Lists are right
/// without them, and slow. On PostgreSQL each is made beside the work of others (`concurrently`), by one replica at a
/// time; where another one is at it, this waits for it. An index of a definition that is no longer served stays: an older replica may
/// need it.
///
/// # Errors
/// By kind: `Unavailable`, `Internal`. Those that were made until then are kept.
pub async fn index_declared_fields(
    database: &Database,
    plugins: &[PluginDefinition],
) -> Result<usize, StoreError> {
    let mut indexes = Vec::new();
    for plugin in plugins {
        for entity in &plugin.entities {
            for field in entity.fields.iter().filter(|field| wants_index(field)) {
                indexes.push(create(database.dialect(), plugin, entity, field));
            }
        }
    }
    database.create_indexes(indexes).await
}

fn wants_index(field: &FieldSchema) -> bool {
    (field.sortable || field.filterable) && has_index(field.field_type)
}

/// An index that may have to be made.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, reason = "what is made of it is each engine's affair")
)]
pub(in crate::store) struct Index {
    /// Its name, which changes with what it is over.
    pub(in crate::store) name: String,
    /// `create index …`, which does nothing where it is there.
    pub(in crate::store) create: Statement,
    /// `drop index …`, for one that was left unfinished.
    pub(in crate::store) drop: Statement,
    /// `create statistics …`, by which PostgreSQL tells a value that most assets have from a rare one: of an index over a part of the
    /// rows it would know nothing.
    pub(in crate::store) statistics: Statement,
}

const PREFIX: &str = "catalog_core_assets_x_";

fn create(dialect: Dialect, plugin: &PluginDefinition, entity: &EntitySchema, field: &FieldSchema) -> Index {
    let push_field = |statement: &mut Statement| push_declared(statement, "", &field.name, field.field_type);
    let push_over = |statement: &mut Statement| {
        statement.push(" on catalog_core_assets (namespace, ");
        if dialect == Dialect::Sqlite {
            // without statistics SQLite takes the index of which it knows the most columns
            statement.push("plugin, kind, ");
        }
        statement.push("(");
        push_field(statement);
        statement.push("), name, id) where plugin = ").push_plugin(&plugin.name);
        statement.push(" and kind = ").push_kind(&entity.kind);
    };
    let mut over = Statement::new(dialect);
    push_over(&mut over);
    let digest = Sha256::digest(over.text());
    let digest = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let named = |before: &'static str| {
        let mut statement = Statement::new(dialect);
        statement.push(before).push(PREFIX).push_hex(digest);
        statement
    };
    let mut create = named(match dialect {
        Dialect::Sqlite => "create index if not exists ",
        Dialect::Postgres => "create index concurrently if not exists ",
    });
    push_over(&mut create);
    let mut statistics = named("create statistics if not exists ");
    statistics.push(" (mcv) on plugin, kind, (");
    push_field(&mut statistics);
    statistics.push(") from catalog_core_assets");
    Index { name: format!("{PREFIX}{digest:016x}"), create, drop: named("drop index if exists "), statistics }
}

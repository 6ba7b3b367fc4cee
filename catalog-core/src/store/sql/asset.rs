use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::dialect::{push_scope, push_sort_expression, sort_value};
use crate::{
    asset::{AssetDraft, AssetKey, AssetRecord, CollectionKey},
    clock::{Clock, SystemClock, Timestamp},
    name::{KindName, Namespace, SourceId},
    order::{Direction, SortKey},
    page::Position,
    source::RefreshFigures,
    store::{
        AssetPage, AssetQuery, AssetStore, Found, SourceKey, StoreError, StoreErrorKind,
        asset::{Known, Replacement},
        database::{Database, Row, Transaction},
        hook::{Change, Fence, Recorder},
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};

/// Assets in a SQL database. Each change is told to the recorder `R` in its own transaction.
#[derive(Clone, Debug)]
pub struct SqlAssetStore<R> {
    database: Database,
    recorder: Arc<R>,
    clock: Arc<dyn Clock>,
}

/// So many rows go into one statement: large enough that the cost of a statement vanishes, small enough for every engine's limit
/// on bound values.
const BATCH: usize = 256;

impl<R> SqlAssetStore<R> {
    /// In that database, which has been [migrated](super::migrate).
    pub fn new(database: Database, recorder: R) -> Self {
        Self { database, recorder: Arc::new(recorder), clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl<R: Recorder<Transaction>> AssetStore for SqlAssetStore<R> {
    type Transaction = Transaction;

    async fn list(&self, scope: &TenantScope, query: &AssetQuery) -> Result<AssetPage, StoreError> {
        let total = if query.count { Some(self.count(scope, query).await?) } else { None };
        let mut statement = Statement::new(self.database.dialect());
        statement.push("select a.document, a.id, ");
        push_sort_expression(&mut statement, query.order.field());
        push_from(&mut statement, scope, query);
        let (greater, direction) = match query.order.direction() {
            Direction::Ascending => (") > (", " asc"),
            Direction::Descending => (") < (", " desc"),
        };
        if let Some(after) = &query.after {
            statement.push(" and (");
            push_sort_expression(&mut statement, query.order.field());
            statement.push(", a.id").push(greater).bind(sort_value(&after.key)).push(", ");
            statement.bind(after.id.to_string()).push(")");
        }
        statement.push(" order by ");
        push_sort_expression(&mut statement, query.order.field());
        statement.push(direction).push(", a.id").push(direction);
        // one more than asked for: that it is there says that there is a next page
        let size = query.size.get();
        statement.push(" limit ").bind(i64::try_from(size + 1).unwrap_or(i64::MAX));

        let mut rows = self.database.fetch(statement).await?;
        let more = rows.len() > size;
        rows.truncate(size);
        let next = match rows.last_mut() {
            Some(last) if more => Some(position(last, query)?),
            _ => None,
        };
        let documents = rows.iter_mut().map(|row| row.text(0)).collect::<Result<_, _>>()?;
        Ok(AssetPage { documents, next, total })
    }

    async fn find(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        key: &AssetKey,
    ) -> Result<Found, StoreError> {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(
            "select a.id, a.revision, a.document, a.artifacts, a.source from catalog_core_assets a where ",
        );
        push_scope(&mut statement, scope);
        statement.push(" and a.plugin = ").bind(collection.plugin.as_str());
        statement.push(" and a.kind = ").bind(collection.kind.as_str());
        statement.push(" and a.name = ").bind(key.name.as_str());
        if let Some(source) = &key.source {
            statement.push(" and a.source = ").bind(source.as_str());
        }
        statement.push(" order by a.source");
        let mut rows = self.database.fetch(statement).await?;
        match rows.as_mut_slice() {
            [] => Ok(Found::Nothing),
            [row] => Ok(Found::One {
                id: uuid(&row.text(0)?)?,
                revision: row.integer(1)?,
                document: row.text(2)?,
                artifacts: row.text(3)?,
            }),
            rows => rows
                .iter_mut()
                .map(|row| source_id(&row.text(4)?))
                .collect::<Result<_, _>>()
                .map(Found::Ambiguous),
        }
    }

    async fn replace<F: Fence<Transaction>>(
        &self,
        scope: &TenantScope,
        source: &SourceKey,
        drafts: Vec<(KindName, Vec<AssetDraft>)>,
        fence: &F,
    ) -> Result<RefreshFigures, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin().await?;
        fence.check(&mut transaction).await?;
        let known = known(&mut transaction, namespace, source).await?;
        let replacement = Replacement::plan(known, drafts, namespace, source, self.clock.now());
        for ids in replacement.removed.chunks(BATCH) {
            transaction.execute(delete(transaction.dialect(), namespace, ids)).await?;
        }
        for records in replacement.written.chunks(BATCH) {
            let statement = upsert(transaction.dialect(), records)?;
            transaction.execute(statement).await?;
        }
        if replacement.changes_something() {
            let change = Change::of_assets(namespace, source, replacement.figures);
            self.recorder.record(&mut transaction, &change).await?;
        }
        transaction.commit().await?;
        Ok(replacement.figures)
    }
}

impl<R> SqlAssetStore<R> {
    async fn count(&self, scope: &TenantScope, query: &AssetQuery) -> Result<u64, StoreError> {
        let mut statement = Statement::new(self.database.dialect());
        statement.push("select count(*)");
        push_from(&mut statement, scope, query);
        let mut rows = self.database.fetch(statement).await?;
        let count = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
        u64::try_from(count).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
    }
}

/// Appends the table and what narrows it, the scope first.
fn push_from(statement: &mut Statement, scope: &TenantScope, query: &AssetQuery) {
    statement.push(" from catalog_core_assets a where ");
    push_scope(statement, scope);
    statement.push(" and a.plugin = ").bind(query.collection.plugin.as_str());
    statement.push(" and a.kind = ").bind(query.collection.kind.as_str());
    if let Some(source) = &query.source {
        statement.push(" and a.source = ").bind(source.as_str());
    }
    for word in &query.words {
        statement.push(" and instr(a.search, ").bind(word.as_str()).push(") > 0");
    }
    if let Some(filter) = &query.filter {
        statement.push(" and ");
        filter.write_sql(statement);
    }
}

fn position(row: &mut Row, query: &AssetQuery) -> Result<Position, StoreError> {
    let id = uuid(&row.text(1)?)?;
    let key = match SortKey::absent(query.order.field().field_type()) {
        SortKey::Text(_) => SortKey::Text(row.text(2)?),
        SortKey::Integer(_) => SortKey::Integer(row.integer(2)?),
        SortKey::Number(_) => SortKey::Number(row.number(2)?),
    };
    Ok(Position { key, id })
}

fn uuid(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
}

fn source_id(text: &str) -> Result<SourceId, StoreError> {
    SourceId::new(text).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
}

async fn known(
    transaction: &mut Transaction,
    namespace: &Namespace,
    source: &SourceKey,
) -> Result<HashMap<(String, String), Known>, StoreError> {
    let mut statement = Statement::new(transaction.dialect());
    statement.push(
        "select kind, name, id, revision, create_time_ms, digest from catalog_core_assets where namespace = ",
    );
    statement.bind(namespace.as_str()).push(" and plugin = ").bind(source.plugin.as_str());
    statement.push(" and source = ").bind(source.id.as_str());
    let corrupt = |error| StoreError::new(StoreErrorKind::Corrupt, error);
    let rows = transaction.fetch(statement).await?;
    let known = |mut row: Row| {
        let create_time = Timestamp::from_unix_ms(row.integer(4)?).map_err(corrupt)?;
        let known =
            Known { id: uuid(&row.text(2)?)?, revision: row.integer(3)?, create_time, digest: row.bytes(5)? };
        Ok(((row.text(0)?, row.text(1)?), known))
    };
    rows.into_iter().map(known).collect()
}

fn delete(dialect: Dialect, namespace: &Namespace, ids: &[Uuid]) -> Statement {
    let mut statement = Statement::new(dialect);
    statement
        .push("delete from catalog_core_assets where namespace = ")
        .bind(namespace.as_str())
        .push(" and id in (");
    for (index, id) in ids.iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " }).bind(id.to_string());
    }
    statement.push(")");
    statement
}

fn upsert(dialect: Dialect, records: &[AssetRecord]) -> Result<Statement, StoreError> {
    let json = |error| StoreError::new(StoreErrorKind::Internal, error);
    let mut statement = Statement::new(dialect);
    statement.push(
        "insert into catalog_core_assets (id, namespace, plugin, kind, source, name, display_name, description, provider, \
         lifecycle, revision, create_time_ms, update_time_ms, digest, search, attributes, document, artifacts) values ",
    );
    for (index, record) in records.iter().enumerate() {
        let draft = &record.draft;
        statement.push(if index == 0 { "(" } else { ", (" }).bind(record.id.to_string());
        statement.push(", ").bind(record.namespace.as_str());
        statement.push(", ").bind(record.collection.plugin.as_str());
        statement.push(", ").bind(record.collection.kind.as_str());
        statement.push(", ").bind(record.source.as_str());
        statement.push(", ").bind(draft.name.as_str());
        statement.push(", ").bind(draft.display_name.clone());
        statement.push(", ").bind(draft.description.clone());
        statement.push(", ").bind(draft.provider.clone());
        statement.push(", ").bind(draft.lifecycle.as_str());
        statement.push(", ").bind(record.revision);
        statement.push(", ").bind(record.create_time.unix_ms());
        statement.push(", ").bind(record.last_update_time.unix_ms());
        statement.push(", ").bind(draft.digest().to_vec());
        statement.push(", ").bind(draft.search.as_str());
        statement.push(", ").bind(serde_json::to_string(&draft.attributes).map_err(json)?);
        statement.push(", ").bind(record.document());
        statement.push(", ").bind(serde_json::to_string(&draft.artifacts).map_err(json)?).push(")");
    }
    statement.push(
        " on conflict (id) do update set display_name = excluded.display_name, description = excluded.description, \
         provider = excluded.provider, lifecycle = excluded.lifecycle, revision = excluded.revision, \
         create_time_ms = excluded.create_time_ms, update_time_ms = excluded.update_time_ms, digest = excluded.digest, \
         search = excluded.search, attributes = excluded.attributes, document = excluded.document, \
         artifacts = excluded.artifacts",
    );
    Ok(statement)
}

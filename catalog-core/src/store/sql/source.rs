use std::sync::Arc;

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};

use super::{dialect::push_scope, generation, usage};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    name::{Namespace, PluginName},
    page::PageSize,
    source::{Source, SourceSpec, SourceStatus},
    store::{
        Attribution, IfTag, SourceKey, SourceQuery, SourceStore, StoreError, StoreErrorKind,
        database::{Database, Row, Transaction},
        hook::{Admission, Change, Enqueue, JobRequest, Purge, Recorder, Stock, Unlimited},
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};

/// Sources in a SQL database. Each change is told to the recorder `R`, and a refresh asked of the queue `Q`, in the change's own
/// transaction.
#[derive(Clone, Debug)]
pub struct SqlSourceStore<R, Q> {
    database: Database,
    recorder: Arc<R>,
    queue: Arc<Q>,
    clock: Arc<dyn Clock>,
    admission: Arc<dyn Admission<Transaction>>,
}

impl<R, Q> SqlSourceStore<R, Q> {
    /// In that database, which has been [migrated](super::migrate).
    pub fn new(database: Database, recorder: R, queue: Q) -> Self {
        Self {
            database,
            recorder: Arc::new(recorder),
            queue: Arc::new(queue),
            clock: Arc::new(SystemClock),
            admission: Arc::new(Unlimited),
        }
    }

    /// With what says who may change anything, and how much a tenant may keep.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission<Transaction>>) -> Self {
        self.admission = admission;
        self
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

const SELECT: &str = "select a.namespace, a.plugin, a.spec, a.status, a.revision, a.create_time_ms, a.update_time_ms \
                      from catalog_core_sources a where ";

impl<R: Recorder<Transaction>, Q: Enqueue<Transaction>> SourceStore for SqlSourceStore<R, Q> {
    async fn list(&self, scope: &TenantScope, query: &SourceQuery) -> Result<Vec<Source>, StoreError> {
        let mut statement = Statement::new(self.database.dialect());
        statement.push(SELECT);
        push_scope(&mut statement, scope);
        if let Some(plugin) = &query.plugin {
            statement.push(" and a.plugin = ").bind(plugin.as_str());
        }
        if let Some((namespace, plugin, id)) = &query.after {
            statement.push(" and (a.namespace, a.plugin, a.id) > (").bind(namespace.as_str());
            statement.push(", ").bind(plugin.as_str()).push(", ").bind(id.as_str()).push(")");
        }
        statement.push(" order by a.namespace, a.plugin, a.id limit ");
        statement.bind(i64::try_from(query.size.get() + 1).unwrap_or(i64::MAX));
        self.database.fetch(statement).await?.into_iter().map(source).collect()
    }

    async fn find(&self, scope: &TenantScope, key: &SourceKey) -> Result<Option<Source>, StoreError> {
        let rows = self.database.fetch(by_key(self.database.dialect(), scope, key)).await?;
        one(rows)
    }

    async fn apply(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginName,
        spec: &SourceSpec,
    ) -> Result<Source, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let key = SourceKey { plugin: plugin.clone(), id: spec.id.clone() };
        let mut transaction = self.database.begin_within(scope).await?;
        self.admission.admit(&mut transaction, namespace).await?;
        generation::lock(&mut transaction, namespace, plugin, self.clock.now()).await?;
        let statement = by_key(transaction.dialect(), scope, &key);
        let before = one(transaction.fetch(statement).await?)?;
        if let Some(before) = before.as_ref().filter(|before| before.spec == *spec) {
            return Ok(before.clone());
        }
        let after = Source::applied(before.as_ref(), namespace, plugin, spec, self.clock.now());
        self.put(transaction, by, before.as_ref(), &after).await?;
        Ok(after)
    }

    async fn change(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
        change: impl FnOnce(&mut SourceSpec) + Send,
    ) -> Result<Option<Source>, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        self.admission.admit(&mut transaction, namespace).await?;
        generation::lock(&mut transaction, namespace, &key.plugin, self.clock.now()).await?;
        let statement = by_key(transaction.dialect(), scope, key);
        let Some(before) = one(transaction.fetch(statement).await?)? else { return Ok(None) };
        expected.check(&before)?;
        let mut spec = before.spec.clone();
        change(&mut spec);
        spec.id.clone_from(&key.id);
        if spec == before.spec {
            return Ok(Some(before));
        }
        let after = Source::applied(Some(&before), namespace, &key.plugin, &spec, self.clock.now());
        self.put(transaction, by, Some(&before), &after).await?;
        Ok(Some(after))
    }

    async fn remove(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
    ) -> Result<bool, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        generation::lock(&mut transaction, namespace, &key.plugin, self.clock.now()).await?;
        let statement = by_key(transaction.dialect(), scope, key);
        let Some(before) = one(transaction.fetch(statement).await?)? else { return Ok(false) };
        expected.check(&before)?;
        let mut statement = Statement::new(transaction.dialect());
        statement.push("delete from catalog_core_sources where namespace = ").bind(namespace.as_str());
        statement.push(" and plugin = ").bind(key.plugin.as_str()).push(" and id = ").bind(key.id.as_str());
        transaction.execute(statement).await?;
        self.recorder.record(&mut transaction, &Change::of_removed_source(by, &before)).await?;
        usage::count(&mut transaction, namespace, Stock::Sources, -1, &Unlimited).await?;
        if before.spec.schedule_in_force().is_some() {
            let job =
                JobRequest::Schedule { namespace, plugin: &key.plugin, source: &key.id, schedule: None };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn note_status(
        &self,
        scope: &TenantScope,
        key: &SourceKey,
        status: &SourceStatus,
    ) -> Result<(), StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        let mut statement = Statement::new(transaction.dialect());
        statement.push("update catalog_core_sources set status = ").bind(to_json(status)?);
        statement.push(" where namespace = ").bind(namespace.as_str());
        statement.push(" and plugin = ").bind(key.plugin.as_str()).push(" and id = ").bind(key.id.as_str());
        transaction.execute(statement).await?;
        transaction.commit().await
    }
}

impl<R: Recorder<Transaction>, Q: Enqueue<Transaction>> SqlSourceStore<R, Q> {
    /// Writes what a source has become, with its record, its count and its job.
    async fn put(
        &self,
        mut transaction: Transaction,
        by: &Attribution,
        before: Option<&Source>,
        after: &Source,
    ) -> Result<(), StoreError> {
        let Source { namespace, plugin, spec, .. } = after;
        let statement = upsert(transaction.dialect(), after)?;
        transaction.execute(statement).await?;
        self.recorder.record(&mut transaction, &Change::of_source(by, before, after)).await?;
        if before.is_none() {
            usage::count(&mut transaction, namespace, Stock::Sources, 1, &*self.admission).await?;
        }
        if spec.enabled {
            let job = JobRequest::Refresh { namespace, plugin, source: &spec.id };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        let schedule = spec.schedule_in_force();
        if schedule != before.and_then(|before| before.spec.schedule_in_force()) {
            let job = JobRequest::Schedule { namespace, plugin, source: &spec.id, schedule };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        transaction.commit().await
    }
}

#[async_trait]
impl<R: Recorder<Transaction>, Q: Enqueue<Transaction>> Purge for SqlSourceStore<R, Q> {
    async fn purge(&self, scope: &TenantScope, by: &Attribution, most: usize) -> Result<usize, StoreError> {
        scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let size = PageSize::new(most.max(1) as u64).unwrap_or_default();
        let mut sources = self.list(scope, &SourceQuery { plugin: None, after: None, size }).await?;
        sources.truncate(most);
        for source in &sources {
            let key = SourceKey { plugin: source.plugin.clone(), id: source.spec.id.clone() };
            self.remove(scope, by, &key, &IfTag::ANY).await?;
        }
        Ok(sources.len())
    }
}

fn by_key(dialect: Dialect, scope: &TenantScope, key: &SourceKey) -> Statement {
    let mut statement = Statement::new(dialect);
    statement.push(SELECT);
    push_scope(&mut statement, scope);
    statement.push(" and a.plugin = ").bind(key.plugin.as_str()).push(" and a.id = ").bind(key.id.as_str());
    statement.push(" limit 2");
    statement
}

fn one(rows: Vec<Row>) -> Result<Option<Source>, StoreError> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => source(row).map(Some),
        _ => Ok(None),
    }
}

fn source(mut row: Row) -> Result<Source, StoreError> {
    let namespace = Namespace::new(row.text(0)?).map_err(corrupt)?;
    let plugin = PluginName::new(row.text(1)?).map_err(corrupt)?;
    Ok(Source {
        namespace,
        plugin,
        spec: from_json(&row.text(2)?)?,
        status: from_json(&row.text(3)?)?,
        revision: row.integer(4)?,
        create_time: Timestamp::from_unix_ms(row.integer(5)?).map_err(corrupt)?,
        last_update_time: Timestamp::from_unix_ms(row.integer(6)?).map_err(corrupt)?,
    })
}

fn upsert(dialect: Dialect, source: &Source) -> Result<Statement, StoreError> {
    let mut statement = Statement::new(dialect);
    statement.push(
        "insert into catalog_core_sources (namespace, plugin, id, spec, status, revision, create_time_ms, update_time_ms) values (",
    );
    statement.bind(source.namespace.as_str()).push(", ").bind(source.plugin.as_str());
    statement.push(", ").bind(source.spec.id.as_str()).push(", ").bind(to_json(&source.spec)?);
    statement.push(", ").bind(to_json(&source.status)?).push(", ").bind(source.revision);
    statement
        .push(", ")
        .bind(source.create_time.unix_ms())
        .push(", ")
        .bind(source.last_update_time.unix_ms());
    statement.push(
        ") on conflict (namespace, plugin, id) do update set spec = excluded.spec, status = excluded.status, \
         revision = excluded.revision, update_time_ms = excluded.update_time_ms",
    );
    Ok(statement)
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::new(StoreErrorKind::Internal, error))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(corrupt)
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    dialect::{push_collection, push_id, push_scope},
    generation, list, options, replace, usage,
};
use crate::{
    asset::{AssetDraft, AssetKey, CollectionKey, FieldRef},
    clock::{Clock, SystemClock},
    name::{KindName, PluginName, SourceId},
    source::RefreshFigures,
    store::{
        AssetPage, AssetQuery, AssetStore, Attribution, Changed, Changes, FieldOptions, Found, SourceKey,
        StoreError, StoreErrorKind,
        asset::Replacement,
        database::{Database, Transaction},
        hook::{Admission, Change, Fence, Purge, Recorder, Stock, Unlimited},
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
    changes: Changes,
    admission: Arc<dyn Admission<Transaction>>,
}

impl<R> SqlAssetStore<R> {
    /// In that database, which has been [migrated](super::migrate).
    pub fn new(database: Database, recorder: R) -> Self {
        Self {
            database,
            recorder: Arc::new(recorder),
            clock: Arc::new(SystemClock),
            changes: Changes::default(),
            admission: Arc::new(Unlimited),
        }
    }

    /// Telling its changes there.
    #[must_use]
    pub fn with_changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
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

impl<R> SqlAssetStore<R> {
    /// How the engine would read a page of a list: its plan, line by line, in its own words.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    pub async fn explain(&self, scope: &TenantScope, query: &AssetQuery) -> Result<Vec<String>, StoreError> {
        let dialect = self.database.dialect();
        let (explain, column) = match dialect {
            Dialect::Sqlite => ("explain query plan ", 3),
            Dialect::Postgres => ("explain ", 0),
        };
        let rows = self.database.fetch(list::list(dialect, scope, query).between(explain, "")).await?;
        rows.into_iter().map(|mut row| row.text(column)).collect()
    }
}

impl<R: Recorder<Transaction>> AssetStore for SqlAssetStore<R> {
    type Transaction = Transaction;

    async fn list(&self, scope: &TenantScope, query: &AssetQuery) -> Result<AssetPage, StoreError> {
        let dialect = self.database.dialect();
        let total =
            if query.count { Some(self.count(list::count(dialect, scope, query)).await?) } else { None };
        let documents = self.database.fetch_documents(list::list(dialect, scope, query)).await?;
        AssetPage::of(documents, query, total)
    }

    async fn find(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        key: &AssetKey,
    ) -> Result<Found, StoreError> {
        let mut statement = Statement::new(self.database.dialect());
        push_id(statement.push("select "));
        statement.push(", a.revision, a.document, a.artifacts, a.source from catalog_core_assets a where ");
        push_scope(&mut statement, scope);
        push_collection(&mut statement, collection);
        statement.push(" and a.name = ").bind(key.name.as_str());
        if let Some(source) = &key.source {
            statement.push(" and a.source = ").bind(source.as_str());
        }
        let mut rows = self.database.fetch(statement).await?;
        match rows.as_mut_slice() {
            [] => Ok(Found::Nothing),
            [row] => Ok(Found::One {
                id: uuid(&row.text(0)?)?,
                revision: row.integer(1)?,
                document: row.text(2)?,
                artifacts: row.text(3)?,
            }),
            rows => {
                let sources = rows.iter_mut().map(|row| source_id(&row.text(4)?));
                let mut sources = sources.collect::<Result<Vec<_>, _>>()?;
                // here, since an order would have an engine look for an index that gives it
                sources.sort();
                Ok(Found::Ambiguous(sources))
            }
        }
    }

    async fn replace<F: Fence<Transaction>>(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        source: &SourceKey,
        drafts: Vec<(KindName, Vec<AssetDraft>)>,
        fence: &F,
    ) -> Result<RefreshFigures, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let now = self.clock.now();
        let mut transaction = self.database.begin_within(scope).await?;
        fence.check(&mut transaction).await?;
        self.admission.admit(&mut transaction, namespace).await?;
        // two replacements of one tenant's plugin come one after the other, or both would plan from what the other is changing
        generation::lock(&mut transaction, namespace, &source.plugin, now).await?;
        let known = replace::known(&mut transaction, namespace, source).await?;
        let replacement = Replacement::plan(known, drafts, namespace, source, now);
        replace::remove(&mut transaction, namespace, &replacement.removed).await?;
        replace::write(&mut transaction, &replacement.written).await?;
        if replacement.changes_something() {
            let change = Change::of_assets(by, namespace, source, replacement.figures);
            self.recorder.record(&mut transaction, &change).await?;
            generation::advance(&mut transaction, namespace, &source.plugin).await?;
            let growth = replacement.figures.growth();
            usage::count(&mut transaction, namespace, Stock::Assets, growth, &*self.admission).await?;
        }
        // a right that is for a while begins anew, however long this took
        fence.check(&mut transaction).await?;
        transaction.commit().await?;
        if replacement.changes_something() {
            self.changes.tell(&Changed::Assets { namespace, plugin: &source.plugin });
        }
        Ok(replacement.figures)
    }

    async fn options(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        fields: &[FieldRef],
    ) -> Result<Vec<FieldOptions>, StoreError> {
        let mut all = Vec::with_capacity(fields.len());
        for field in fields {
            let values = options::values(&self.database, scope, collection, field).await?;
            all.push(FieldOptions { field: field.clone(), values });
        }
        Ok(all)
    }

    async fn generation(&self, scope: &TenantScope, plugin: &PluginName) -> Result<Option<i64>, StoreError> {
        match scope.single() {
            Some(_) => generation::current(&self.database, scope, plugin).await.map(Some),
            None => Ok(None),
        }
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }
}

#[async_trait]
impl<R: Recorder<Transaction>> Purge for SqlAssetStore<R> {
    async fn purge(&self, scope: &TenantScope, by: &Attribution, most: usize) -> Result<usize, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        let Some(source) = replace::any_source(&mut transaction, namespace).await? else { return Ok(0) };
        generation::lock(&mut transaction, namespace, &source.plugin, self.clock.now()).await?;
        let removed = replace::remove_some(&mut transaction, namespace, &source, most).await?;
        let figures = RefreshFigures { removed, ..RefreshFigures::default() };
        self.recorder.record(&mut transaction, &Change::of_assets(by, namespace, &source, figures)).await?;
        generation::advance(&mut transaction, namespace, &source.plugin).await?;
        usage::count(&mut transaction, namespace, Stock::Assets, figures.growth(), &Unlimited).await?;
        transaction.commit().await?;
        self.changes.tell(&Changed::Assets { namespace, plugin: &source.plugin });
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }
}

impl<R> SqlAssetStore<R> {
    async fn count(&self, statement: Statement) -> Result<u64, StoreError> {
        let mut rows = self.database.fetch(statement).await?;
        let count = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
        u64::try_from(count).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
    }
}

pub(super) fn uuid(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
}

fn source_id(text: &str) -> Result<SourceId, StoreError> {
    SourceId::new(text).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
}

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use catalog_core::{
    clock::{Clock, SystemClock},
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord, Phase},
    name::Namespace,
    store::{
        Attribution, Changed, Changes, StoreError, StoreErrorKind,
        database::{Database, Row, Transaction},
        hook::{Change, Purge, Recorder},
        notify,
        sql::{Migration, MigrationSet},
        statement::{Dialect, Statement},
    },
    tenant::{ScopeView, TenantScope},
};

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "tenancy",
    migrations: &[Migration {
        version: 1,
        name: "create namespaces",
        sqlite: include_str!("../../migrations/sqlite/0001_create_namespaces.sql"),
        postgres: include_str!("../../migrations/postgres/0001_create_namespaces.sql"),
    }],
};

/// The directory of tenants in a SQL database. It alone can make and remove tenants. Each change is told to the recorder `R` in the
/// change's own transaction.
#[derive(Clone, Debug)]
pub struct SqlNamespaceStore<R> {
    database: Database,
    recorder: Arc<R>,
    changes: Changes,
    clock: Arc<dyn Clock>,
}

/// What is to be changed of a tenant; what is absent stays as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamespaceChange {
    /// How people call it; an empty text takes the name away.
    pub display_name: Option<String>,
    /// Labels; none takes the label away.
    pub labels: BTreeMap<String, Option<String>>,
    /// Active or suspended. A tenant that is being removed stays so.
    pub phase: Option<Phase>,
}

/// What the removal of a tenant took with it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deleted {
    /// So many rows, of all its stores.
    pub rows: usize,
    /// In so many transactions.
    pub steps: usize,
}

/// So many rows go in one transaction of a removal: a fraction of a second, so that others who write need not wait long.
const STEP: usize = 500;

impl<R: Recorder<Transaction>> SqlNamespaceStore<R> {
    /// In that database, which has been [migrated](MIGRATIONS); its changes are told to `changes`, too.
    pub fn new(database: Database, recorder: R, changes: Changes) -> Self {
        Self { database, recorder: Arc::new(recorder), changes, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes an active tenant of that name. One that is there stays as it is, and is what is given.
    ///
    /// # Errors
    /// By kind: `NotAdmitted` while one of that name is being removed, `Unavailable`, `Corrupt`, `Internal`.
    pub async fn create(&self, by: &Attribution, name: &Namespace) -> Result<NamespaceRecord, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let record = NamespaceRecord::new(name.clone());
        let now = self.clock.now().unix_ms();
        let mut insert = Statement::new(transaction.dialect());
        insert.push("insert into catalog_tenancy_namespaces (name, labels, phase, create_time_ms, update_time_ms) values (");
        insert.bind(name.as_str()).push(", '{}', ").bind(record.phase.as_str());
        insert.push(", ").bind(now).push(", ").bind(now).push(") on conflict (name) do nothing");
        if transaction.execute(insert).await? == 0 {
            let there = locked(&mut transaction, name).await?.ok_or(StoreErrorKind::Conflict)?;
            return if there.phase == Phase::Terminating { Err(terminating(name)) } else { Ok(there) };
        }
        self.commit(transaction, &Change::of_namespace(by, None, &record)).await?;
        Ok(record)
    }

    /// Changes a tenant, and gives it as it is then; none if there is none.
    ///
    /// # Errors
    /// By kind: `NotAdmitted` while it is being removed, `Unavailable`, `Corrupt`, `Internal`.
    pub async fn change(
        &self,
        by: &Attribution,
        name: &Namespace,
        change: &NamespaceChange,
    ) -> Result<Option<NamespaceRecord>, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let Some(mut record) = locked(&mut transaction, name).await? else { return Ok(None) };
        if record.phase == Phase::Terminating {
            return Err(terminating(name));
        }
        let before = record.clone();
        if let Some(display_name) = &change.display_name {
            record.display_name = Some(display_name.clone()).filter(|text| !text.is_empty());
        }
        for (key, value) in &change.labels {
            match value {
                Some(value) => record.labels.insert(key.clone(), value.clone()),
                None => record.labels.remove(key),
            };
        }
        record.phase = change.phase.unwrap_or(record.phase);
        self.write(&mut transaction, &record).await?;
        self.commit(transaction, &Change::of_namespace(by, Some(&before), &record)).await?;
        Ok(Some(record))
    }

    /// Removes a tenant with what each of `stores` holds of it, in many small transactions; none if there is none. From the first
    /// on it is [`Terminating`](Phase::Terminating) and nobody may do anything in it; should the process end before the last, the
    /// same call goes on where it was.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn delete(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        stores: &[&dyn Purge],
    ) -> Result<Option<Deleted>, StoreError> {
        let name = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        let Some(before) = locked(&mut transaction, name).await? else { return Ok(None) };
        let record = NamespaceRecord { phase: Phase::Terminating, ..before.clone() };
        let consequence = by.consequence();
        if before == record {
            transaction.rollback().await?;
        } else {
            self.write(&mut transaction, &record).await?;
            let change = Change::of_namespace(&consequence, Some(&before), &record);
            self.commit(transaction, &change).await?;
        }
        let mut deleted = Deleted::default();
        for store in stores {
            loop {
                let rows = store.purge(scope, &consequence, STEP).await?;
                if rows == 0 {
                    break;
                }
                deleted.rows += rows;
                deleted.steps += 1;
            }
        }
        let mut transaction = self.database.begin_within(scope).await?;
        let mut delete = Statement::new(transaction.dialect());
        delete.push("delete from catalog_tenancy_namespaces where name = ").bind(name.as_str());
        delete.push(" and phase = ").bind(Phase::Terminating.as_str());
        if transaction.execute(delete).await? > 0 {
            self.commit(transaction, &Change::of_removed_namespace(by, &record)).await?;
        }
        Ok(Some(deleted))
    }

    /// Checks within a change's own transaction that the tenant is active, and keeps it so until the transaction ends.
    ///
    /// # Errors
    /// By kind: `NotAdmitted` unless it is, `Unavailable`, `Corrupt`, `Internal`.
    pub async fn admit_within(
        &self,
        transaction: &mut Transaction,
        name: &Namespace,
    ) -> Result<(), StoreError> {
        let mut select = select(transaction.dialect());
        select.push(" where name = ").bind(name.as_str());
        if transaction.dialect() == Dialect::Postgres {
            select.push(" for share");
        }
        let found = transaction.fetch(select).await?.into_iter().next().map(record).transpose()?;
        match found.map(|found| found.phase) {
            Some(Phase::Active) => Ok(()),
            phase => {
                let is = phase.map_or("not there", Phase::as_str);
                Err(StoreError::new(StoreErrorKind::NotAdmitted, format!("the namespace `{name}` is {is}")))
            }
        }
    }

    async fn write(&self, transaction: &mut Transaction, record: &NamespaceRecord) -> Result<(), StoreError> {
        let labels = serde_json::to_string(&record.labels);
        let labels = labels.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        let mut update = Statement::new(transaction.dialect());
        update
            .push("update catalog_tenancy_namespaces set display_name = ")
            .bind(record.display_name.clone());
        update.push(", labels = ").bind(labels).push(", phase = ").bind(record.phase.as_str());
        update.push(", update_time_ms = ").bind(self.clock.now().unix_ms());
        update.push(" where name = ").bind(record.name.as_str());
        transaction.execute(update).await.map(drop)
    }

    async fn commit(&self, mut transaction: Transaction, change: &Change<'_>) -> Result<(), StoreError> {
        self.recorder.record(&mut transaction, change).await?;
        let changed = change.namespace.map(|namespace| Changed::Namespace { namespace });
        if let Some(changed) = &changed {
            notify(&mut transaction, changed).await?;
        }
        transaction.commit().await?;
        if let Some(changed) = &changed {
            self.changes.tell(changed);
        }
        Ok(())
    }
}

#[async_trait]
impl<R: Recorder<Transaction> + fmt::Debug> NamespaceDirectory for SqlNamespaceStore<R> {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        let mut select = select(self.database.dialect());
        select.push(" where name = ").bind(name.as_str());
        let rows = self.database.fetch(select).await.map_err(DirectoryError::new)?;
        let found = rows.into_iter().next().map(record).transpose();
        Ok(found.map_err(DirectoryError::new)?.map(Arc::new))
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        let mut select = select(self.database.dialect());
        select.push(" where name > ").bind(after.map_or("", Namespace::as_str));
        match scope.view() {
            ScopeView::All => {}
            ScopeView::One(one) => {
                select.push(" and name = ").bind(one.as_str());
            }
            ScopeView::Set(names) => {
                // `in ()` is no SQL of PostgreSQL
                select.push(" and name in (''");
                for name in names {
                    select.push(", ").bind(name.as_str());
                }
                select.push(")");
            }
        }
        select.push(" order by name limit ").push_count(most);
        let rows = self.database.fetch(select).await.map_err(DirectoryError::new)?;
        let records = rows.into_iter().map(|row| record(row).map(Arc::new).map_err(DirectoryError::new));
        records.collect()
    }
}

fn select(dialect: Dialect) -> Statement {
    let mut select = Statement::new(dialect);
    select.push("select name, display_name, labels, phase from catalog_tenancy_namespaces");
    select
}

/// The tenant, which nobody else changes until the transaction ends.
async fn locked(
    transaction: &mut Transaction,
    name: &Namespace,
) -> Result<Option<NamespaceRecord>, StoreError> {
    let mut select = select(transaction.dialect());
    select.push(" where name = ").bind(name.as_str());
    if transaction.dialect() == Dialect::Postgres {
        select.push(" for update");
    }
    transaction.fetch(select).await?.into_iter().next().map(record).transpose()
}

fn record(mut row: Row) -> Result<NamespaceRecord, StoreError> {
    let corrupt =
        |error: Box<dyn std::error::Error + Send + Sync>| StoreError::new(StoreErrorKind::Corrupt, error);
    let phase = match row.text(3)?.as_str() {
        "active" => Phase::Active,
        "suspended" => Phase::Suspended,
        "terminating" => Phase::Terminating,
        other => return Err(corrupt(format!("`{other}` is no phase of a namespace").into())),
    };
    Ok(NamespaceRecord {
        name: row.text(0)?.parse().map_err(|error| corrupt(Box::new(error) as _))?,
        display_name: row.take_text(1)?,
        labels: serde_json::from_str(&row.text(2)?).map_err(|error| corrupt(Box::new(error) as _))?,
        phase,
    })
}

fn terminating(name: &Namespace) -> StoreError {
    StoreError::new(StoreErrorKind::NotAdmitted, format!("the namespace `{name}` is being deleted"))
}

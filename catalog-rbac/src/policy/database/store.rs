use std::sync::Arc;

use catalog_core::store::{
    Changed, Changes, StoreError, StoreErrorKind,
    database::{Database, Row, Transaction},
    notify,
    sql::{Migration, MigrationSet},
    statement::Statement,
};
use serde::de::DeserializeOwned;

use super::{PolicyChange, PolicyRecorder, SqlPolicyError};
use crate::engine::{
    Change, Policy,
    object::{Object, ObjectKey, ObjectKind},
};

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "rbac",
    migrations: &[Migration {
        version: 1,
        name: "create policy",
        sqlite: include_str!("../../../migrations/sqlite/0001_create_policy.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_create_policy.sql"),
    }],
};

/// Roles and bindings in a SQL database. Cheap to clone.
///
/// It asks nobody whether its caller may write them: that what is written gives no more than the writer has, says
/// [`uncovered`](crate::engine::uncovered).
#[derive(Clone, Debug)]
pub struct SqlPolicyStore {
    database: Database,
    changes: Changes,
    recorder: Option<Arc<dyn PolicyRecorder>>,
}

/// What a change of a policy came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Applied {
    /// What was not there before.
    pub created: Vec<ObjectKey>,
    /// What was there and has changed.
    pub changed: Vec<ObjectKey>,
    /// What was there and is gone.
    pub removed: Vec<ObjectKey>,
    /// How many objects are as they were.
    pub unchanged: usize,
}

impl Applied {
    fn is_nothing(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl SqlPolicyStore {
    /// In that database, which has been [migrated](MIGRATIONS); its changes are told to `changes`, too.
    pub fn new(database: Database, changes: Changes) -> Self {
        Self { database, changes, recorder: None }
    }

    /// With what records each change in its own transaction.
    #[must_use]
    pub fn with_recorder(mut self, recorder: impl PolicyRecorder) -> Self {
        self.recorder = Some(Arc::new(recorder));
        self
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The policy, with the number that grows when it is changed.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    pub async fn load(&self) -> Result<(Policy, u64), SqlPolicyError> {
        // the number first: what is read with it may be newer, and never older
        let version = self.version().await?;
        let rows = self.database.fetch(self.select()).await?;
        Ok((policy(rows)?, version))
    }

    /// The number that grows when the policy is changed.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    pub async fn version(&self) -> Result<u64, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        select.push("select version from catalog_rbac_version where id = 1");
        let mut row = self.database.fetch(select).await?.into_iter().next().ok_or_else(no_version)?;
        u64::try_from(row.integer(0)?).map_err(corrupt)
    }

    /// Writes every object of `wanted`; others stay as they are.
    ///
    /// # Errors
    /// [`SqlPolicyError::Policy`] if Kubernetes would not store one of them, such as a binding whose role is another; nothing is
    /// changed. Else by kind: `Unavailable`, `Corrupt`, `Internal`.
    pub async fn apply(&self, wanted: &Policy) -> Result<Applied, SqlPolicyError> {
        self.write(wanted, |_| false).await
    }

    /// Makes the policy what `wanted` is: what it has no more is removed.
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply).
    pub async fn replace(&self, wanted: &Policy) -> Result<Applied, SqlPolicyError> {
        self.write(wanted, |key| wanted.get(key).is_none()).await
    }

    /// Removes objects; that one is not there is no fault.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    pub async fn remove(&self, keys: &[ObjectKey]) -> Result<Applied, SqlPolicyError> {
        self.write(&Policy::new(), |key| keys.contains(key)).await
    }

    async fn write(
        &self,
        wanted: &Policy,
        is_removed: impl Fn(&ObjectKey) -> bool,
    ) -> Result<Applied, SqlPolicyError> {
        // its record may be of any tenant
        let mut transaction = self.database.begin_any_tenant().await?;
        let mut lock = Statement::new(transaction.dialect());
        lock.push("update catalog_rbac_version set version = version + 1 where id = 1");
        if transaction.execute(lock).await? != 1 {
            return Err(no_version().into());
        }
        let mut now = policy(transaction.fetch(self.select()).await?)?;
        let mut applied = Applied::default();
        let gone: Vec<ObjectKey> = now.entries().map(|(key, _)| key).filter(&is_removed).collect();
        for key in gone {
            let before = now.apply(Change::Remove(key.clone()))?;
            delete(&mut transaction, &key).await?;
            let change = PolicyChange { key: &key, before: before.as_ref(), after: None };
            self.record(&mut transaction, change).await?;
            applied.removed.push(key);
        }
        for (key, object) in wanted.entries() {
            match now.apply(Change::Put(object.clone()))? {
                Some(before) if before == object => applied.unchanged += 1,
                before => {
                    upsert(&mut transaction, &key, &object).await?;
                    let change = PolicyChange { key: &key, before: before.as_ref(), after: Some(&object) };
                    self.record(&mut transaction, change).await?;
                    if before.is_some() { &mut applied.changed } else { &mut applied.created }.push(key);
                }
            }
        }
        if applied.is_nothing() {
            transaction.rollback().await?;
            return Ok(applied);
        }
        notify(&mut transaction, &Changed::Policy).await?;
        transaction.commit().await?;
        self.changes.tell(&Changed::Policy);
        Ok(applied)
    }

    async fn record(
        &self,
        transaction: &mut Transaction,
        change: PolicyChange<'_>,
    ) -> Result<(), StoreError> {
        match &self.recorder {
            Some(recorder) => recorder.record(transaction, change).await,
            None => Ok(()),
        }
    }

    fn select(&self) -> Statement {
        let mut select = Statement::new(self.database.dialect());
        select.push("select kind, document from catalog_rbac_objects");
        select
    }
}

async fn upsert(transaction: &mut Transaction, key: &ObjectKey, object: &Object) -> Result<(), StoreError> {
    let document = match object {
        Object::Role(role) => serde_json::to_string(role),
        Object::ClusterRole(role) => serde_json::to_string(role),
        Object::RoleBinding(binding) => serde_json::to_string(binding),
        Object::ClusterRoleBinding(binding) => serde_json::to_string(binding),
    };
    let document = document.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
    let mut upsert = Statement::new(transaction.dialect());
    upsert.push("insert into catalog_rbac_objects (kind, namespace, name, document) values (");
    upsert.bind(key.kind.as_str()).push(", ").bind(namespace(key)).push(", ").bind(key.name.as_str());
    upsert.push(", ").bind(document);
    upsert.push(") on conflict (kind, namespace, name) do update set document = excluded.document");
    transaction.execute(upsert).await.map(drop)
}

async fn delete(transaction: &mut Transaction, key: &ObjectKey) -> Result<(), StoreError> {
    let mut delete = Statement::new(transaction.dialect());
    delete.push("delete from catalog_rbac_objects where kind = ").bind(key.kind.as_str());
    delete.push(" and namespace = ").bind(namespace(key)).push(" and name = ").bind(key.name.as_str());
    transaction.execute(delete).await.map(drop)
}

fn namespace(key: &ObjectKey) -> &str {
    key.namespace.as_ref().map_or("", |namespace| namespace.as_str())
}

fn policy(rows: Vec<Row>) -> Result<Policy, StoreError> {
    let mut policy = Policy::new();
    for mut row in rows {
        let (kind, document) = (row.text(0)?, row.text(1)?);
        let object = match ObjectKind::from_name(&kind) {
            Some(ObjectKind::Role) => Object::Role(read(&document)?),
            Some(ObjectKind::ClusterRole) => Object::ClusterRole(read(&document)?),
            Some(ObjectKind::RoleBinding) => Object::RoleBinding(read(&document)?),
            Some(ObjectKind::ClusterRoleBinding) => Object::ClusterRoleBinding(read(&document)?),
            None => return Err(corrupt(format!("`{kind}` is no kind of a policy's objects"))),
        };
        // checked when it was written
        policy.apply(Change::Stored(object)).map_err(corrupt)?;
    }
    Ok(policy)
}

fn read<T: DeserializeOwned>(document: &str) -> Result<std::sync::Arc<T>, StoreError> {
    serde_json::from_str(document).map(std::sync::Arc::new).map_err(corrupt)
}

fn no_version() -> StoreError {
    corrupt("the policy has no version")
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

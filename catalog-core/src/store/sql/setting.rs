use crate::store::{
    SettingStore, StoreError, StoreErrorKind,
    database::Database,
    statement::{Dialect, Statement},
};

/// Settings in a SQL database.
#[derive(Clone, Debug)]
pub struct SqlSettingStore {
    database: Database,
}

impl SqlSettingStore {
    /// In that database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl SettingStore for SqlSettingStore {
    async fn get_or_insert(&self, key: &'static str, fresh: String) -> Result<String, StoreError> {
        let mut transaction = self.database.begin().await?;
        let mut insert = Statement::new(transaction.dialect());
        insert
            .push("insert into catalog_core_settings (key, value) values (")
            .bind(key)
            .push(", ")
            .bind(fresh);
        insert.push(") on conflict (key) do nothing");
        transaction.execute(insert).await?;
        let mut rows = transaction.fetch(select(transaction.dialect(), key)).await?;
        transaction.commit().await?;
        rows.first_mut().ok_or(StoreErrorKind::Internal)?.text(0)
    }

    async fn get(&self, key: &'static str) -> Result<Option<String>, StoreError> {
        let mut rows = self.database.fetch(select(self.database.dialect(), key)).await?;
        let value = rows.first_mut().map(|row| row.text(0)).transpose()?;
        Ok(value.filter(|value| !value.is_empty()))
    }

    async fn change(
        &self,
        key: &'static str,
        change: impl FnOnce(Option<&str>) -> Option<String> + Send,
    ) -> Result<Option<String>, StoreError> {
        let mut transaction = self.database.begin().await?;
        // a row to lock, on both engines by writing it; without a value it is as none
        let mut lock = Statement::new(transaction.dialect());
        lock.push("insert into catalog_core_settings (key, value) values (").bind(key);
        lock.push(", '') on conflict (key) do update set value = catalog_core_settings.value");
        transaction.execute(lock).await?;
        let mut rows = transaction.fetch(select(transaction.dialect(), key)).await?;
        let before = rows.first_mut().ok_or(StoreErrorKind::Internal)?.text(0)?;
        let Some(after) = change(Some(before.as_str()).filter(|value| !value.is_empty())) else {
            return Ok(None);
        };
        let mut update = Statement::new(transaction.dialect());
        update.push("update catalog_core_settings set value = ").bind(after.as_str());
        update.push(" where key = ").bind(key);
        transaction.execute(update).await?;
        transaction.commit().await?;
        Ok(Some(after))
    }
}

fn select(dialect: Dialect, key: &'static str) -> Statement {
    let mut select = Statement::new(dialect);
    select.push("select value from catalog_core_settings where key = ").bind(key);
    select
}

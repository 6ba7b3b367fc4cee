use crate::store::{SettingStore, StoreError, StoreErrorKind, database::Database, statement::Statement};

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
        let mut select = Statement::new(transaction.dialect());
        select.push("select value from catalog_core_settings where key = ").bind(key);
        let mut rows = transaction.fetch(select).await?;
        transaction.commit().await?;
        rows.first_mut().ok_or(StoreErrorKind::Internal)?.text(0)
    }
}

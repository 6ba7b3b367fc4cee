//! The second wall: PostgreSQL's row-level security.

use crate::store::{StoreError, StoreErrorKind, database::Database, statement::Dialect};

const POLICIES: &str = include_str!("../../../migrations/postgres/row_level_security.sql");

/// Switches row-level security on for the tables of tenants: from then on a transaction sees and changes the rows of those tenants
/// only that it says it is for, the tables' owner included, and none where it says nothing. Replicas must be connected with
/// [`row_level_security`](crate::store::database::DatabaseOptions::row_level_security), before and after. Doing it again changes
/// nothing.
///
/// # Errors
/// By kind: `Schema` on an engine without it, `Unavailable`, `Internal`.
pub async fn secure_rows(database: &Database) -> Result<(), StoreError> {
    if database.dialect() != Dialect::Postgres {
        return Err(StoreError::new(StoreErrorKind::Schema, "the engine has no row-level security"));
    }
    let mut transaction = database.begin().await?;
    transaction.execute_script(POLICIES).await?;
    transaction.commit().await
}

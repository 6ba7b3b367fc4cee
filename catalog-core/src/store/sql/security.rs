//! The second wall: PostgreSQL's row-level security.

use crate::store::{
    StoreError, StoreErrorKind,
    database::Database,
    statement::{Dialect, Statement},
};

/// The tables of tenants that this crate has. Each other crate that has some names its own, likewise.
pub const TENANT_TABLES: &[&str] =
    &["catalog_core_assets", "catalog_core_generations", "catalog_core_sources", "catalog_core_usage"];

/// What a transaction is for: names of tenants with commas between them, or a star; without one it is for nobody.
const POLICY: &str = " using ((select current_setting('catalog.scope', true)) = '*' or \
                      namespace = any (string_to_array((select current_setting('catalog.scope', true)), ',')))";

/// Switches row-level security on for those tables of tenants: from then on a transaction sees and changes the rows of those tenants
/// only that it says it is for, the tables' owner included, and none where it says nothing. Their partitions are read by way of them
/// alone. Replicas must be connected with
/// [`row_level_security`](crate::store::database::DatabaseOptions::row_level_security), before and after. Doing it again changes
/// nothing.
///
/// # Errors
/// By kind: `Schema` on an engine without it, `Unavailable`, `Internal`.
pub async fn secure_rows(database: &Database, tables: &[&'static str]) -> Result<(), StoreError> {
    if database.dialect() != Dialect::Postgres {
        return Err(StoreError::new(StoreErrorKind::Schema, "the engine has no row-level security"));
    }
    let mut transaction = database.begin().await?;
    for table in tables {
        for [before, after] in [
            ["alter table ", " enable row level security"],
            ["alter table ", " force row level security"],
            ["drop policy if exists catalog_core_tenant on ", ""],
            ["create policy catalog_core_tenant on ", POLICY],
        ] {
            let mut statement = Statement::new(Dialect::Postgres);
            statement.push(before).push(table).push(after);
            transaction.execute(statement).await?;
        }
        let ([before, after], mut statement) = (PARTITIONS, Statement::new(Dialect::Postgres));
        statement.push(before).push(table).push(after);
        transaction.execute(statement).await?;
    }
    transaction.commit().await
}

/// Partitions have no policy, and so no rows for whoever asks for them by their own names: the table's is asked where they are reached
/// by way of it.
const PARTITIONS: [&str; 2] = [
    "do $$ declare part regclass; begin for part in select inhrelid from pg_inherits where inhparent = '",
    "'::regclass loop execute format('alter table %s enable row level security, force row level security', part); end loop; end $$",
];

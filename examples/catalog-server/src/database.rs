//! The database: opened, migrated, indexed, and listened to.

use std::time::Duration;

use catalog_core::{
    schema::PluginDefinition,
    source::redact,
    store::{
        Changes, Listened, StoreError,
        database::{Database, DatabaseOptions},
        sql::{MIGRATIONS, MigrationSet, TENANT_TABLES, index_declared_fields, secure_rows},
    },
};
use catalog_ha::migrate::Migrator;
use catalog_rbac::policy::database as policy;
use catalog_tenancy::directory;

use crate::{
    AnyError,
    config::{self, ConfigError, Switch, milliseconds},
};

pub(crate) async fn connect(config: &config::Database) -> Result<Database, AnyError> {
    let options = DatabaseOptions {
        connections: config.connections,
        acquire_timeout: milliseconds(config.acquire_timeout_ms),
        statement_timeout: milliseconds(config.statement_timeout_ms),
        row_level_security: config.row_level_security == Switch::On,
    };
    let opened = if config.url.starts_with("sqlite:") {
        Database::sqlite(&config.url, options).await
    } else {
        Database::postgres(&config.url, options).await
    };
    Ok(opened.map_err(|error| unfit(config).caused_by(error))?)
}

/// Does one piece of work of the command line with the database, on a runtime of its own.
pub(crate) fn with<T>(
    config: &config::Database,
    work: impl AsyncFnOnce(Database) -> Result<T, AnyError>,
) -> Result<T, AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let database = connect(config).await?;
        let done = work(database.clone()).await;
        database.close().await;
        done
    })
}

/// The tables of all crates.
const SETS: [MigrationSet; 6] = [
    MIGRATIONS,
    directory::MIGRATIONS,
    policy::MIGRATIONS,
    catalog_audit::store::MIGRATIONS,
    catalog_jobs::store::MIGRATIONS,
    catalog_ha::MIGRATIONS,
];

/// What brings the tables of all crates to their newest versions: of several processes that begin at once, one does.
pub(crate) fn migrator(database: &Database) -> Migrator {
    SETS.into_iter().fold(Migrator::new(database.clone(), env!("CARGO_PKG_VERSION")), Migrator::with_set)
}

/// Switches row-level security on for the tables of tenants of all crates.
pub(crate) async fn secure(database: &Database) -> Result<(), StoreError> {
    let of_crates = [TENANT_TABLES, catalog_audit::store::TENANT_TABLES, catalog_jobs::store::TENANT_TABLES];
    for of_crate in of_crates {
        secure_rows(database, of_crate).await?;
    }
    Ok(())
}

/// An error of the database, which is named as far as it may be shown.
pub(crate) fn unfit(config: &config::Database) -> ConfigError {
    ConfigError::new("database.url", format!("the database `{}` cannot be used", shown(config)))
}

/// The database's URL without user and password.
pub(crate) fn shown(config: &config::Database) -> String {
    redact("", &config.url.as_str().into()).as_str().map(String::from).unwrap_or_default()
}

/// Makes the indexes that the plugins' fields need. Without them lists are slow and right, so the server serves meanwhile.
pub(crate) async fn index(database: &Database, definitions: &[PluginDefinition]) {
    match index_declared_fields(database, definitions).await {
        Ok(0) => {}
        Ok(made) => tracing::info!(made, "indexes of declared fields were made"),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "indexes of declared fields are missing"
            );
        }
    }
}

/// Hears what other replicas change, for as long as the process lives.
pub(crate) async fn listen(database: Database, changes: Changes) {
    loop {
        match database.listen(&changes).await {
            Ok(Listened::Unsupported) => return,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "news of other replicas are lost for now"
                );
                tokio::time::sleep(RELISTEN).await;
            }
        }
    }
}

/// How long after a lost connection another one is tried.
const RELISTEN: Duration = Duration::from_secs(1);

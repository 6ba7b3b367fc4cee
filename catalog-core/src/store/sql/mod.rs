//! The stores on a SQL engine. The text is the same for every engine where they agree; where not, `dialect` has both forms side
//! by side.

mod asset;
mod dialect;
mod generation;
mod index;
mod list;
mod migration;
mod options;
mod replace;
mod security;
mod setting;
mod source;
mod usage;

pub(super) use self::index::Index;

pub use self::{
    asset::SqlAssetStore,
    index::index_declared_fields,
    migration::{LOCK_KEY, MIGRATIONS, Migrated, Migration, MigrationKind, MigrationSet, ledger, migrate},
    security::{TENANT_TABLES, secure_rows},
    setting::SqlSettingStore,
    source::SqlSourceStore,
};

//! The stores on a SQL engine. The text is the same for every engine where they agree; where not, `dialect` has both forms side
//! by side.

mod asset;
mod dialect;
mod migration;
mod setting;
mod source;

pub use self::{
    asset::SqlAssetStore,
    migration::{MIGRATIONS, Migrated, Migration, MigrationSet, migrate},
    setting::SqlSettingStore,
    source::SqlSourceStore,
};

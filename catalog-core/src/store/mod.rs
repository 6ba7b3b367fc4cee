//! Where assets and sources are kept: the traits, and stores in memory, on SQLite and on PostgreSQL.
//!
//! Every method takes a [`TenantScope`](crate::tenant::TenantScope) and the store itself places the predicate on the namespace, so
//! that no filter, position or name can reach another tenant. What must be atomic is one method.

mod asset;
pub mod database;
mod error;
pub mod hook;
mod memory;
mod setting;
mod source;
pub mod sql;
pub mod statement;

#[cfg(feature = "_sql")]
mod driver;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use self::{
    asset::{AssetPage, AssetQuery, AssetStore, Found},
    error::{StoreError, StoreErrorKind},
    memory::{MemoryAssetStore, MemorySourceStore, MemoryTransaction},
    setting::{SettingStore, page_tokens},
    source::{SourceKey, SourceQuery, SourceStore},
};

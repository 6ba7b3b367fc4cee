//! Where assets and sources are kept: the traits, and stores in memory, on SQLite and on PostgreSQL.
//!
//! Every method takes a [`TenantScope`](crate::tenant::TenantScope) and the store itself places the predicate on the namespace, so
//! that no filter, position or name can reach another tenant. What must be atomic is one method.

mod asset;
mod attribution;
mod changes;
pub mod database;
mod documents;
mod error;
pub mod hook;
mod listen;
mod memory;
mod options;
mod position;
mod search;
mod setting;
mod source;
pub mod sql;
pub mod statement;

pub use self::{
    asset::{AssetPage, AssetQuery, AssetStore, Found},
    attribution::Attribution,
    changes::{Changed, Changes},
    database::{Notifications, Session},
    documents::Documents,
    error::{StoreError, StoreErrorKind},
    listen::{Listened, notify},
    memory::{MemoryAssetStore, MemorySourceStore, MemoryTransaction},
    options::{FieldOptions, MAX_OPTIONS, OptionValues},
    setting::{SettingStore, page_tokens},
    source::{IfTag, SourceKey, SourceQuery, SourceStore},
};

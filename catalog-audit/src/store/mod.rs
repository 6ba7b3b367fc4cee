//! Where events are kept: the traits, and stores in memory and in a SQL database.

mod memory;
mod query;
#[cfg(feature = "_sql")]
mod sql;

use std::future::Future;

use catalog_core::{clock::Timestamp, store::StoreError, tenant::TenantScope};
use uuid::Uuid;

#[cfg(feature = "_sql")]
pub use self::sql::{MIGRATIONS, SqlAuditStore};
pub use self::{memory::MemoryAuditStore, query::AuditQuery};
use crate::event::Record;

/// A record and its place in the chain of its tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// None as long as it is not sealed.
    pub place: Option<Place>,
}

/// A place in a chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// 1 is the first; none is left out.
    pub sequence: i64,
    /// Of the place before.
    pub previous_hash: [u8; 32],
    /// Of the place before, of this place, and of what the record says.
    pub hash: [u8; 32],
}

/// Keeps events. None is ever changed.
pub trait AuditStore: Send + Sync + 'static {
    /// Adds records, all or none. What is there under the same id stays as it is.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn append(&self, records: &[Record]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists the events within the scope, the newest first; one more than asked for, if there are more. What is nobody's is within
    /// the scope of all tenants only.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn list(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// Lists the sealed events within the scope in the order of their chains, from just after that place; as many as asked for at
    /// most. Of the query, where the page begins is left out of account.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn walk(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
        after: &(String, i64),
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// Finds one event within the scope.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn find(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;
}

/// Keeps what is about to be done, until its event is there.
pub trait IntentStore: Send + Sync + 'static {
    /// Adds intents, all or none: each is the event to be told should nothing more be heard of the request.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn intend(&self, records: &[Record]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes at most `most` intents from before that time, and gives how many were there and of how many the event was not, which
    /// then is the intent's.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn sweep(&self, before: Timestamp, most: usize)
    -> impl Future<Output = Result<Swept, StoreError>> + Send;
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Swept {
    /// So many intents.
    pub intents: usize,
    /// So many of them without an event.
    pub orphans: usize,
}

/// Adds a record within a transaction of type `T`.
pub trait AppendWithin<T> {
    /// Adds it, and says whether it was added: what is there under the same id stays as it is.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn append_within(
        &self,
        transaction: &mut T,
        record: Record,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

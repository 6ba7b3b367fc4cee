//! Where events are kept: the traits, and stores in memory and in a SQL database.

mod memory;
mod query;
#[cfg(feature = "_sql")]
mod sql;

use std::future::Future;

use catalog_core::{
    clock::Timestamp,
    store::{StoreError, hook::Fence},
    tenant::TenantScope,
};
use uuid::Uuid;

#[cfg(feature = "_sql")]
pub use self::sql::{MIGRATIONS, SqlAuditStore, TENANT_TABLES};
pub use self::{memory::MemoryAuditStore, query::AuditQuery};
use crate::{
    event::Record,
    seal::{Block, Head, Ledger, SealKey},
};

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

/// Keeps the chains of events.
pub trait SealStore: Send + Sync + 'static {
    /// The transaction that sealing runs in.
    type Transaction: Send;

    /// Seals at most `most` events, the oldest of those that are committed and behind which none can appear, and gives how many.
    ///
    /// # Errors
    /// By kind: `Fenced` when the fence does not hold, `Unavailable`, `Conflict`, `Corrupt`, `Internal`. Nothing was changed then.
    fn seal<F: Fence<Self::Transaction>>(
        &self,
        fence: &F,
        key: &SealKey,
        now: Timestamp,
        most: usize,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// The chains within the scope, by tenant.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`; and so of all that only read.
    fn ledgers(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<Ledger>, StoreError>> + Send;

    /// How far a chain is; none where there is none.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn head(&self, ledger: &Ledger) -> impl Future<Output = Result<Option<Head>, StoreError>> + Send;

    /// The blocks after that number, in order, at most so many.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn blocks(
        &self,
        ledger: &Ledger,
        after: i64,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Block>, StoreError>> + Send;

    /// The block that sealed that place.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn block_of(
        &self,
        ledger: &Ledger,
        sequence: i64,
    ) -> impl Future<Output = Result<Option<Block>, StoreError>> + Send;

    /// The block of the last removal.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn removal(&self, ledger: &Ledger) -> impl Future<Output = Result<Option<Block>, StoreError>> + Send;

    /// The places after that one, in order, at most so many, each with the digests of its record, if that is there.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn entries(
        &self,
        ledger: &Ledger,
        after: i64,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// The event that has waited longest to be sealed, of all tenants; none if all are.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn first_unsealed_any_tenant(&self) -> impl Future<Output = Result<Option<Uuid>, StoreError>> + Send;

    /// An event that has no place though the sealer is past it. Where it is known that each place has its event, events and places
    /// need only be counted.
    ///
    /// # Errors
    /// As [`ledgers`](Self::ledgers).
    fn stray(
        &self,
        ledger: &Ledger,
        each_place_has_its_event: bool,
    ) -> impl Future<Output = Result<Option<Uuid>, StoreError>> + Send;
}

/// Removes old events.
pub trait RetentionStore: SealStore {
    /// Removes whole blocks of a chain that were sealed before that time, the oldest first, and gives how many events that were: about
    /// `most`, and none if nothing is left to be removed, or some sink has not had it yet. What verifies them stays: a block that
    /// says so. An event tells of it, in the same transaction.
    ///
    /// # Errors
    /// By kind: `Fenced` when the fence does not hold, `Unavailable`, `Conflict`, `Corrupt`, `Internal`. Nothing was changed then.
    fn expire<F: Fence<Self::Transaction>>(
        &self,
        fence: &F,
        ledger: &Ledger,
        key: &SealKey,
        expiry: Expiry,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Makes the partitions that the events of the next weeks go into, and says what came of it. Without them nothing is refused.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    fn make_partitions<F: Fence<Self::Transaction>>(
        &self,
        _fence: &F,
        _now: Timestamp,
    ) -> impl Future<Output = Result<Partitions, StoreError>> + Send {
        std::future::ready(Ok(Partitions::None))
    }

    /// Removes one partition whole, the oldest whose events may all go, and gives how many events that were; none if there is no such.
    /// They may go where each chain that has some is named, with the time before which they were sealed, and every sink has had them.
    /// What else was sealed in the same blocks goes with them; and of each chain it stays on record as [`expire`](Self::expire)
    /// leaves it.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    fn drop_partition<F: Fence<Self::Transaction>>(
        &self,
        _fence: &F,
        _key: &SealKey,
        _chains: &[(Ledger, Timestamp)],
        _now: Timestamp,
    ) -> impl Future<Output = Result<Option<usize>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }

    /// When the partition begins that events of that time are in; that time where they are in none.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    fn begin_of_partition(
        &self,
        time: Timestamp,
    ) -> impl Future<Output = Result<Timestamp, StoreError>> + Send {
        std::future::ready(Ok(time))
    }
}

/// What came of making partitions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Partitions {
    /// The engine has none.
    None,
    /// So many were missing, and are there now.
    Made(usize),
    /// The database's user may not make any: old events are removed row by row.
    NotAllowed,
}

/// What is to be removed.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    /// What was sealed before.
    pub before: Timestamp,
    /// The time now.
    pub now: Timestamp,
    /// About so many events.
    pub most: usize,
}

/// Hands sealed events on to sinks, of all tenants.
pub trait OutboxStore: Send + Sync + 'static {
    /// The sealed events after that position, in order, at most so many, each with its position.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn outbox_any_tenant(
        &self,
        after: i64,
        most: usize,
    ) -> impl Future<Output = Result<Vec<(i64, Stored)>, StoreError>> + Send;

    /// How far a sink is; at the beginning, if it is not known.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn cursor(&self, sink: &str) -> impl Future<Output = Result<Cursor, StoreError>> + Send;

    /// Sets how far a sink is. One that was there already stays, and is what retention waits for.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn set_cursor(&self, sink: &str, cursor: &Cursor) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets a sink: retention waits for it no longer.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn forget(&self, sink: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// How far a sink is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cursor {
    /// The last position that it has had.
    pub position: i64,
    /// Why it goes on no further, until somebody says that it may: what the receiver said to the next event.
    pub parked: Option<String>,
}

/// A place in a chain, and what the record that is there comes to.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event that was sealed there.
    pub id: Uuid,
    /// The place.
    pub place: Place,
    /// None if there is no event of that id.
    pub digests: Option<Digests>,
}

/// Of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digests {
    /// Of what it says now.
    pub now: [u8; 32],
    /// That it carries.
    pub carried: [u8; 32],
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

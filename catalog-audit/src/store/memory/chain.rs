use catalog_core::{
    clock::Timestamp,
    store::{MemoryTransaction, StoreError, hook::Fence},
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{MemoryAuditStore, State};
use crate::{
    seal::{Block, BlockKind, Head, Ledger, Pending, SealKey, seal},
    store::{Digests, Entry, SealStore},
};

impl State {
    pub(super) fn blocks<'s>(&'s self, ledger: &Ledger) -> impl DoubleEndedIterator<Item = &'s Block> {
        let of = |number: i64| (ledger.as_str().to_owned(), number);
        self.blocks.range(of(0)..=of(i64::MAX)).map(|(_, block)| block)
    }
}

impl SealStore for MemoryAuditStore {
    type Transaction = MemoryTransaction;

    async fn seal<F: Fence<MemoryTransaction>>(
        &self,
        fence: &F,
        key: &SealKey,
        now: Timestamp,
        most: usize,
    ) -> Result<usize, StoreError> {
        fence.check(&mut MemoryTransaction::default()).await?;
        let mut state = self.lock();
        let pending = state.events.range(state.sealed + 1..).take(most);
        let last = pending.clone().last().map_or(state.sealed, |(position, _)| *position);
        let pending: Vec<Pending> = pending
            .map(|(_, record)| Pending {
                id: record.id,
                namespace: record.namespace.clone(),
                digest: record.digest,
            })
            .collect();
        let count = pending.len();
        let sealing = seal(pending, &state.heads, key, now);
        for link in sealing.links {
            let at = (link.namespace, link.place.sequence);
            state.places.insert(link.id, at.clone());
            state.chain.insert(at, (link.id, link.place));
        }
        for block in sealing.blocks {
            state.blocks.insert((block.terms.namespace.clone(), block.terms.number), block);
        }
        state.heads.extend(sealing.heads);
        state.sealed = last;
        Ok(count)
    }

    async fn ledgers(&self, scope: &TenantScope) -> Result<Vec<Ledger>, StoreError> {
        let state = self.lock();
        let mut names: Vec<&String> = state.heads.keys().collect();
        names.sort();
        Ok(names.into_iter().filter_map(|name| Ledger::stored(scope, name)).collect())
    }

    async fn head(&self, ledger: &Ledger) -> Result<Option<Head>, StoreError> {
        Ok(self.lock().heads.get(ledger.as_str()).cloned())
    }

    async fn blocks(&self, ledger: &Ledger, after: i64, most: usize) -> Result<Vec<Block>, StoreError> {
        let state = self.lock();
        let later = state.blocks(ledger).filter(|block| block.terms.number > after);
        Ok(later.take(most).cloned().collect())
    }

    async fn block_of(&self, ledger: &Ledger, sequence: i64) -> Result<Option<Block>, StoreError> {
        let state = self.lock();
        let sealed = |block: &&Block| {
            block.terms.kind == BlockKind::Seal
                && (block.terms.first_sequence..=block.terms.last_sequence).contains(&sequence)
        };
        Ok(state.blocks(ledger).find(sealed).cloned())
    }

    async fn removal(&self, ledger: &Ledger) -> Result<Option<Block>, StoreError> {
        let state = self.lock();
        Ok(state.blocks(ledger).rev().find(|block| block.terms.kind == BlockKind::Removal).cloned())
    }

    async fn entries(&self, ledger: &Ledger, after: i64, most: usize) -> Result<Vec<Entry>, StoreError> {
        let of = |sequence: i64| (ledger.as_str().to_owned(), sequence);
        let later: Vec<_> = {
            let state = self.lock();
            let later = state.chain.range(of(after.saturating_add(1))..=of(i64::MAX)).take(most);
            later.map(|(_, (id, place))| (*id, place.clone(), state.record(*id).cloned())).collect()
        };
        // nobody waits while they are digested
        let entry = later.into_iter().map(|(id, place, record)| Entry {
            id,
            place,
            digests: record.map(|record| Digests { now: record.compute_digest(), carried: record.digest }),
        });
        Ok(entry.collect())
    }

    async fn first_unsealed_any_tenant(&self) -> Result<Option<Uuid>, StoreError> {
        let state = self.lock();
        Ok(state.events.range(state.sealed + 1..).next().map(|(_, record)| record.id))
    }

    async fn stray(&self, ledger: &Ledger, _: bool) -> Result<Option<Uuid>, StoreError> {
        let state = self.lock();
        let past = state.events.range(..=state.sealed).map(|(_, record)| record);
        let mut strays = past
            .filter(|record| record.namespace == ledger.as_str() && !state.places.contains_key(&record.id));
        Ok(strays.next().map(|record| record.id))
    }
}

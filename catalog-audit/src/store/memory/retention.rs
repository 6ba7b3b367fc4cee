use catalog_core::store::{MemoryTransaction, StoreError, hook::Fence};

use super::MemoryAuditStore;
use crate::{
    seal::{BlockKind, Ledger, SealKey, remove},
    store::{Expiry, RetentionStore},
};

impl RetentionStore for MemoryAuditStore {
    async fn expire<F: Fence<MemoryTransaction>>(
        &self,
        fence: &F,
        ledger: &Ledger,
        key: &SealKey,
        expiry: Expiry,
    ) -> Result<usize, StoreError> {
        fence.check(&mut MemoryTransaction::default()).await?;
        let mut state = self.lock();
        let Some(head) = state.heads.get(ledger.as_str()).cloned() else { return Ok(0) };
        let removal = state.blocks(ledger).rev().find(|block| block.terms.kind == BlockKind::Removal);
        let anchor = removal.map_or(0, |block| block.terms.anchor);
        let rest = state.blocks(ledger).filter(|block| block.terms.number > anchor).cloned();
        let rest: Vec<_> = rest.collect();
        let removal = remove(ledger, rest, &head, key, (expiry.before, expiry.now), expiry.most);
        let Some(removal) = removal else { return Ok(0) };
        let of = |number: i64| (ledger.as_str().to_owned(), number);
        let gone: Vec<_> =
            state.chain.range(of(0)..=of(removal.last_sequence)).map(|(_, (id, _))| *id).collect();
        let taken = state.cursors.values().map(|cursor| cursor.position).min().unwrap_or(i64::MAX);
        if gone.iter().filter_map(|id| state.by_id.get(id)).any(|position| *position > taken) {
            return Ok(0);
        }
        for id in gone {
            state.take(id);
            if let Some(place) = state.places.remove(&id) {
                state.chain.remove(&place);
            }
        }
        for number in 0..=removal.last_number {
            state.blocks.remove(&of(number));
        }
        state.blocks.insert(of(removal.block.terms.number), removal.block);
        state.heads.insert(ledger.as_str().into(), removal.head);
        state.add(removal.record);
        Ok(removal.events)
    }
}

use std::collections::{BTreeMap, HashMap};

use catalog_core::clock::Timestamp;
use uuid::Uuid;

use super::{Block, BlockKind, Head, SealKey, Terms, ledger::link};
use crate::{digest::Hash, store::Place};

/// A record that is to be sealed.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) id: Uuid,
    pub(crate) namespace: String,
    pub(crate) digest: Hash,
}

/// A record's place in a chain.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) namespace: String,
    pub(crate) id: Uuid,
    pub(crate) place: Place,
}

/// What sealing adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealing {
    pub(crate) links: Vec<Link>,
    pub(crate) blocks: Vec<Block>,
    /// How far each of their chains is then.
    pub(crate) heads: Vec<(String, Head)>,
}

/// Gives each record its place after the heads, and each tenant among them one block.
pub(crate) fn seal(
    pending: Vec<Pending>,
    heads: &HashMap<String, Head>,
    key: &SealKey,
    now: Timestamp,
) -> Sealing {
    let mut by_tenant: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
    for record in pending {
        by_tenant.entry(record.namespace.clone()).or_default().push(record);
    }
    let mut sealing = Sealing::default();
    for (namespace, records) in by_tenant {
        let before = heads.get(&namespace).cloned().unwrap_or(Head::EMPTY);
        let mut head = before.clone();
        for record in records {
            let (previous_hash, sequence) = (head.hash, head.sequence + 1);
            let hash = link(&previous_hash, sequence, &record.digest);
            let place = Place { sequence, previous_hash, hash };
            sealing.links.push(Link { namespace: namespace.clone(), id: record.id, place });
            (head.sequence, head.hash) = (sequence, hash);
        }
        let block = Terms {
            namespace: namespace.clone(),
            number: before.number + 1,
            kind: BlockKind::Seal,
            first_sequence: before.sequence + 1,
            last_sequence: head.sequence,
            previous_hash: before.hash,
            head_hash: head.hash,
            anchor: 0,
            previous_block_hash: before.block_hash,
            time_ms: now.unix_ms(),
        }
        .sign(key);
        (head.number, head.block_hash) = (block.terms.number, block.hash);
        sealing.blocks.push(block);
        sealing.heads.push((namespace, head));
    }
    sealing
}

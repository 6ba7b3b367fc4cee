use catalog_core::clock::Timestamp;
use serde_json::json;

use super::{Block, BlockKind, Head, Ledger, SealKey, Terms};
use crate::event::{Event, EventType, Record};

/// What a removal takes, and what it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    /// The block that says so.
    pub(crate) block: Block,
    /// How far the chain is then.
    pub(crate) head: Head,
    /// The event that tells of it.
    pub(crate) record: Record,
    /// All places up to this one go.
    pub(crate) last_sequence: i64,
    /// So do all blocks up to this one.
    pub(crate) last_number: i64,
    /// So many events.
    pub(crate) events: usize,
}

/// Takes of the blocks that are left those that were sealed before a time, the oldest first, as long as they hold `most` events at most
/// or are the first; none if the first was sealed later.
pub(crate) fn remove(
    ledger: &Ledger,
    blocks: impl IntoIterator<Item = Block>,
    head: &Head,
    key: &SealKey,
    (before, now): (Timestamp, Timestamp),
    most: usize,
) -> Option<Removal> {
    let (mut events, mut first, mut last) = (0, None, None);
    for block in blocks {
        if block.terms.kind == BlockKind::Removal {
            continue;
        }
        let size = block.terms.last_sequence - block.terms.first_sequence + 1;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if block.terms.time_ms >= before.unix_ms() || (last.is_some() && events + size > most) {
            break;
        }
        events += size;
        first.get_or_insert(block.terms.first_sequence);
        last = Some(block);
    }
    Some(Removal::upto(ledger, first?, &last?, head, key, (before, now)))
}

impl Removal {
    /// Takes all from that place, the first that is left, to the end of that block.
    pub(crate) fn upto(
        ledger: &Ledger,
        first_sequence: i64,
        last: &Block,
        head: &Head,
        key: &SealKey,
        (before, now): (Timestamp, Timestamp),
    ) -> Self {
        let (last_hash, last) = (last.hash, &last.terms);
        let block = Terms {
            namespace: ledger.as_str().into(),
            number: head.number + 1,
            kind: BlockKind::Removal,
            first_sequence,
            last_sequence: last.last_sequence,
            previous_hash: last_hash,
            head_hash: last.head_hash,
            anchor: last.number,
            previous_block_hash: head.block_hash,
            time_ms: now.unix_ms(),
        }
        .sign(key);
        let mut event = Event::of_system(EventType::Retention, "retention", "delete", now);
        event.namespace = ledger.as_str().parse().ok();
        event.resource_type = "audit".into();
        let told =
            json!({"from": first_sequence, "to": last.last_sequence, "sealedBefore": before.to_string()});
        event.details.metadata.extend(told.as_object().cloned().unwrap_or_default());
        Self {
            head: Head { number: block.terms.number, block_hash: block.hash, ..head.clone() },
            block,
            record: Record::of(event),
            last_sequence: last.last_sequence,
            last_number: last.number,
            events: usize::try_from(last.last_sequence - first_sequence + 1).unwrap_or(0),
        }
    }
}

use std::sync::Arc;

use catalog_core::store::StoreError;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Block, BlockKind, Head, Ledger, TrustedKeys, ahead::read, ledger::link};
use crate::{
    digest::hex,
    store::{Entry, SealStore},
};

/// Finds out whether events are as they were sealed: on the tokio runtime of the caller, on all of its threads.
#[derive(Clone, Debug)]
pub struct Verifier<S> {
    store: Arc<S>,
    keys: TrustedKeys,
}

/// Which places are to be looked at, both included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Range {
    /// From there; from the first that there is where nothing is said.
    pub from: Option<i64>,
    /// To there; to the last where nothing is said.
    pub to: Option<i64>,
}

/// How far a chain was at some time, kept where nobody who can change the store can change it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The place.
    pub sequence: i64,
    /// Its hash, as events show it.
    pub hash: String,
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The first place that was looked at. Blocks are looked at as a whole, so it may be an earlier one than was asked for.
    pub from: i64,
    /// The last place that was looked at and is as it was sealed; less than `from` if none is.
    pub to: i64,
    /// Where the chain ends.
    pub sealed: i64,
    /// The first that is not as it was sealed.
    pub first_broken: Option<Broken>,
}

/// Something that is not as it was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Broken {
    /// Where in the chain.
    pub sequence: i64,
    /// The event that is there now.
    pub id: Option<Uuid>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// The event says something else than it did.
    Altered,
    /// There is none.
    Removed,
    /// Another event is there, or the place was changed.
    Replaced,
    /// The block is not one that a trusted key has signed, or not what follows the one before.
    Forged,
    /// The end of the chain is gone.
    Truncated,
    /// An event is there that was never sealed and should have been.
    Added,
}

/// How often it is begun anew when the chain changes meanwhile.
const RETRIES: usize = 3;

/// So many blocks are read at once.
const PAGE: usize = 1_000;

/// Where a walk is.
struct At {
    head: Head,
    from: i64,
    /// Whether it began with the first place that there is.
    is_whole: bool,
}

impl<S: SealStore> Verifier<S> {
    /// Of that store, by the word of those keys.
    pub fn new(store: S, keys: TrustedKeys) -> Self {
        Self { store: Arc::new(store), keys }
    }

    /// Looks at every event of a range, at the blocks that it is in and at those that follow, and names the first that is not as it
    /// was sealed. What is not sealed yet is not looked at. With `checkpoint` the chain must lead through that place, too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn verify(
        &self,
        ledger: &Ledger,
        range: Range,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Verified, StoreError> {
        for _ in 0..RETRIES {
            let removal = self.store.removal(ledger).await?;
            let verified = self.verify_once(ledger, range, checkpoint, removal.clone()).await?;
            // what is missing may have been removed meanwhile, as is due
            if verified.first_broken.is_none() || self.store.removal(ledger).await? == removal {
                return Ok(verified);
            }
        }
        let removal = self.store.removal(ledger).await?;
        self.verify_once(ledger, range, checkpoint, removal).await
    }

    async fn verify_once(
        &self,
        ledger: &Ledger,
        range: Range,
        checkpoint: Option<&Checkpoint>,
        removal: Option<Block>,
    ) -> Result<Verified, StoreError> {
        let mut at = match self.begin(ledger, range, removal).await? {
            Ok(begin) => begin,
            Err(broken) => {
                let (from, to) = (broken.sequence, broken.sequence - 1);
                return Ok(Verified { from, to, sealed: to, first_broken: Some(broken) });
            }
        };
        let broken = self.walk(ledger, range, checkpoint, &mut at).await?;
        let broken = match broken {
            None if range.to.is_none() => self.end(ledger, &mut at, checkpoint).await?,
            broken => broken,
        };
        let sealed = self.store.head(ledger).await?.map_or(0, |head| head.sequence);
        Ok(Verified { from: at.from, to: at.head.sequence, sealed, first_broken: broken })
    }

    /// Where the walk begins: after what was removed, and with the block that the range begins in.
    async fn begin(
        &self,
        ledger: &Ledger,
        range: Range,
        removal: Option<Block>,
    ) -> Result<Result<At, Broken>, StoreError> {
        let mut head = Head::EMPTY;
        if let Some(removal) = removal {
            if !removal.is_genuine(&self.keys) || removal.terms.namespace != ledger.as_str() {
                return Ok(Err(forged(removal.terms.first_sequence)));
            }
            let terms = removal.terms;
            head = Head {
                sequence: terms.last_sequence,
                hash: terms.head_hash,
                number: terms.anchor,
                block_hash: terms.previous_hash,
            };
        }
        let first = match range.from.filter(|from| *from > head.sequence + 1) {
            Some(from) => self.store.block_of(ledger, from).await?,
            None => None,
        };
        let is_whole = first.is_none();
        if let Some(block) = first {
            if !block.is_genuine(&self.keys) || block.terms.namespace != ledger.as_str() {
                return Ok(Err(forged(block.terms.first_sequence)));
            }
            head = Head {
                sequence: block.terms.first_sequence - 1,
                hash: block.terms.previous_hash,
                number: block.terms.number - 1,
                block_hash: block.terms.previous_block_hash,
            };
        }
        Ok(Ok(At { from: head.sequence + 1, head, is_whole }))
    }

    async fn walk(
        &self,
        ledger: &Ledger,
        range: Range,
        checkpoint: Option<&Checkpoint>,
        at: &mut At,
    ) -> Result<Option<Broken>, StoreError> {
        loop {
            let blocks = self.store.blocks(ledger, at.head.number, PAGE).await?;
            let Some(last) = blocks.iter().map(|block| block.terms.last_sequence).max() else {
                return Ok(None);
            };
            let mut pages = read(&self.store, ledger, at.head.sequence, last);
            let mut places = Vec::new().into_iter();
            for block in blocks {
                if let Some(broken) = self.follows(ledger, at, &block) {
                    return Ok(Some(broken));
                }
                if block.terms.kind == BlockKind::Seal {
                    while at.head.sequence < block.terms.last_sequence {
                        let place = match places.next() {
                            None => {
                                places = pages.next().await.transpose()?.unwrap_or_default().into_iter();
                                places.next()
                            }
                            place => place,
                        };
                        if let Some(broken) = check(at, place, checkpoint) {
                            return Ok(Some(broken));
                        }
                    }
                    if at.head.hash != block.terms.head_hash {
                        return Ok(Some(forged(block.terms.last_sequence)));
                    }
                }
                (at.head.number, at.head.block_hash) = (block.terms.number, block.hash);
                if range.to.is_some_and(|to| at.head.sequence >= to) {
                    return Ok(None);
                }
            }
        }
    }

    /// Whether the block is what comes next.
    fn follows(&self, ledger: &Ledger, at: &At, block: &Block) -> Option<Broken> {
        let terms = &block.terms;
        if terms.number != at.head.number + 1 {
            return Some(Broken { sequence: at.head.sequence + 1, id: None, fault: Fault::Removed });
        }
        let links = terms.namespace == ledger.as_str() && terms.previous_block_hash == at.head.block_hash;
        let goes_on = match terms.kind {
            BlockKind::Seal => {
                terms.first_sequence == at.head.sequence + 1 && terms.previous_hash == at.head.hash
            }
            BlockKind::Removal => true,
        };
        let fits = links && goes_on && block.is_genuine(&self.keys);
        (!fits).then(|| forged(at.head.sequence + 1))
    }

    /// Whether the chain ends where it should. What is sealed meanwhile is walked, too.
    async fn end(
        &self,
        ledger: &Ledger,
        at: &mut At,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Option<Broken>, StoreError> {
        for _ in 0..RETRIES {
            let sealed = self.store.head(ledger).await?.unwrap_or(Head::EMPTY);
            let next = at.head.sequence + 1;
            let truncated = Broken { sequence: next, id: None, fault: Fault::Truncated };
            if sealed.number > at.head.number {
                let before = at.head.number;
                let broken = self.walk(ledger, Range::default(), checkpoint, at).await?;
                if broken.is_some() || at.head.number == before {
                    return Ok(Some(broken.unwrap_or(truncated)));
                }
                continue;
            }
            if sealed != at.head || checkpoint.is_some_and(|known| known.sequence > at.head.sequence) {
                return Ok(Some(truncated));
            }
            let beyond = self.store.entries(ledger, at.head.sequence, 1).await?;
            if let Some(entry) = beyond.into_iter().next() {
                if self.store.head(ledger).await?.unwrap_or(Head::EMPTY) != sealed {
                    continue;
                }
                let (sequence, id) = (entry.place.sequence, Some(entry.id));
                return Ok(Some(Broken { sequence, id, fault: Fault::Forged }));
            }
            let stray = self.store.stray(ledger, at.is_whole).await?;
            return Ok(stray.map(|id| Broken { sequence: next, id: Some(id), fault: Fault::Added }));
        }
        // it grows faster than it is looked at, and what was looked at is sound
        Ok(None)
    }
}

/// Whether that is what is at the next place; if so, the walk goes there.
fn check(at: &mut At, entry: Option<Entry>, checkpoint: Option<&Checkpoint>) -> Option<Broken> {
    let sequence = at.head.sequence + 1;
    let broken = |id, fault| Some(Broken { sequence, id, fault });
    let Some(entry) = entry.filter(|entry| entry.place.sequence == sequence) else {
        return broken(None, Fault::Removed);
    };
    let Some(digests) = entry.digests else { return broken(Some(entry.id), Fault::Removed) };
    let hash = link(&at.head.hash, sequence, &digests.now);
    if hash != entry.place.hash || entry.place.previous_hash != at.head.hash {
        let fault = if digests.now == digests.carried { Fault::Replaced } else { Fault::Altered };
        return broken(Some(entry.id), fault);
    }
    if digests.now != digests.carried {
        return broken(Some(entry.id), Fault::Altered);
    }
    if checkpoint.is_some_and(|known| known.sequence == sequence && known.hash != hex(&hash)) {
        return broken(Some(entry.id), Fault::Forged);
    }
    (at.head.sequence, at.head.hash) = (sequence, hash);
    None
}

fn forged(sequence: i64) -> Broken {
    Broken { sequence, id: None, fault: Fault::Forged }
}

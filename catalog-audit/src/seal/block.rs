use super::{SealKey, TrustedKeys};
use crate::digest::{Hash, digest};

/// A run of a tenant's chain, linked to the block before it and signed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Block {
    /// What it says.
    pub terms: Terms,
    /// Of what it says.
    pub hash: [u8; 32],
    /// Who signed it.
    pub key_id: String,
    /// Of the hash.
    pub signature: Vec<u8>,
}

/// What a block says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// The tenant; empty where it is nobody's.
    pub namespace: String,
    /// 1 is the first; none is left out.
    pub number: i64,
    /// What it is about.
    pub kind: BlockKind,
    /// The first place that it is about.
    pub first_sequence: i64,
    /// The last place that it is about.
    pub last_sequence: i64,
    /// Of a seal: the hash of the place before its first. Of a removal: that of the block `anchor`.
    pub previous_hash: [u8; 32],
    /// The hash of its last place.
    pub head_hash: [u8; 32],
    /// Of a removal: the last block whose events were removed; else 0.
    pub anchor: i64,
    /// The hash of the block before.
    pub previous_block_hash: [u8; 32],
    /// When it was made, in milliseconds since the first of January 1970 UTC.
    pub time_ms: i64,
}

/// What a block is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum BlockKind {
    /// Events that were sealed.
    Seal,
    /// Events that were old enough, and were removed.
    Removal,
}

impl BlockKind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Removal => "removal",
        }
    }

    /// The one that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Seal, Self::Removal].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Terms {
    fn hash(&self) -> Hash {
        let parts: [&[u8]; 10] = [
            self.namespace.as_bytes(),
            &self.number.to_be_bytes(),
            self.kind.as_str().as_bytes(),
            &self.first_sequence.to_be_bytes(),
            &self.last_sequence.to_be_bytes(),
            &self.previous_hash,
            &self.head_hash,
            &self.anchor.to_be_bytes(),
            &self.previous_block_hash,
            &self.time_ms.to_be_bytes(),
        ];
        digest("catalog.audit.block.v1", &parts)
    }

    /// The block, signed.
    pub(crate) fn sign(self, key: &SealKey) -> Block {
        let hash = self.hash();
        Block { hash, key_id: key.id().into(), signature: key.sign(&hash), terms: self }
    }
}

impl Block {
    /// Whether it says what was signed by somebody whose word counts.
    pub(crate) fn is_genuine(&self, keys: &TrustedKeys) -> bool {
        self.hash == self.terms.hash() && keys.verify(&self.key_id, &self.hash, &self.signature)
    }
}

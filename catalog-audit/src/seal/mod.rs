//! Seals: every event gets its place in the chain of its tenant, and runs of the chain are signed, so that whoever alters, removes,
//! swaps or adds events afterwards is found out.
//!
//! Events are stored unsealed, each with a digest of itself, since a chain that each transaction had to lengthen would have them wait
//! for each other. One sealer follows behind: it takes what is committed and below the oldest transaction that still runs, so that
//! nothing can appear behind it.
//!
//! What this does not find: the whole store set back to an older state of itself, chain and blocks and heads alike. Against that
//! [`Verifier::verify`] takes a [`Checkpoint`] that was kept elsewhere.

mod ahead;
mod block;
mod key;
mod ledger;
mod plan;
mod removal;
mod sealer;
mod verify;

pub use self::{
    block::{Block, BlockKind, Terms},
    key::{SealKey, SealKeyError, TrustedKeys},
    ledger::{Head, Ledger},
    sealer::Sealer,
    verify::{Broken, Checkpoint, Fault, Range, Verified, Verifier},
};
#[cfg(feature = "_sql")]
pub(crate) use self::{
    plan::{Link, Sealing},
    removal::Removal,
};
pub(crate) use self::{
    plan::{Pending, seal},
    removal::remove,
};

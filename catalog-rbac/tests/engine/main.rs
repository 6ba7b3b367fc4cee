//! The embedded engine: what Kubernetes decides, what must hold of any policy, and what the authorizer makes of it.
//!
//! `decisions.yaml` and `admission.yaml` were written for this, `random.json` by chance. The answers in all three are those of
//! Kubernetes 1.36.3: its RBAC authorizer, its `Covers` and its validation gave every one of them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod admission;
mod aggregation;
mod authorizer;
mod changes;
mod decisions;
mod escalation;
mod fixture;
mod laws;
mod manifests;
mod random;
mod reference;
mod visible;

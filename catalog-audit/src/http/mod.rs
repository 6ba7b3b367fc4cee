//! Events on axum: listed, found, exported and verified, under `/api/audit/v1alpha1`.

mod events;
mod export;
mod filter;
mod integrity;

use std::{borrow::Cow, fmt, sync::Arc};

use catalog_core::{
    http::{Doc, Routes, Shape},
    page::PageTokens,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    store::{StoreError, StoreErrorKind},
};

use crate::{
    seal::{TrustedKeys, Verifier},
    store::{AuditStore, SealStore},
};

/// The routes of events. Each serves one tenant's, or with a cluster-wide permission those of all and of nobody. Cheap to clone.
pub struct AuditApi<S> {
    parts: Arc<Parts<S>>,
}

struct Parts<S> {
    store: S,
    verifier: Verifier<S>,
    tokens: PageTokens,
    audited: bool,
}

impl<S: AuditStore + SealStore + Clone> AuditApi<S> {
    /// The events of that store, verified by the word of those keys.
    pub fn new(store: S, keys: TrustedKeys, tokens: PageTokens) -> Self {
        let verifier = Verifier::new(store.clone(), keys);
        Self { parts: Arc::new(Parts { store, verifier, tokens, audited: false }) }
    }

    /// Has requests for events recorded, too.
    #[must_use]
    pub fn with_audited_reads(self) -> Self {
        let Parts { store, verifier, tokens, .. } = &*self.parts;
        let (store, verifier, tokens) = (store.clone(), verifier.clone(), tokens.clone());
        Self { parts: Arc::new(Parts { store, verifier, tokens, audited: true }) }
    }

    /// `GET …/events`, `…/events/{id}`, `…/events:export` and `…/integrity`.
    pub fn routes(&self) -> Routes {
        events::routes(self).merge(export::routes(self)).merge(integrity::routes(self))
    }

    /// The shapes that the OpenAPI document of these routes refers to, by name.
    pub fn shapes() -> Vec<(String, Shape)> {
        events::shapes().into_iter().chain(integrity::shapes()).collect()
    }

    fn doc(&self, doc: Doc) -> Doc {
        let doc = doc.tagged("audit");
        if self.parts.audited { doc.audited() } else { doc }
    }
}

impl<S> Clone for AuditApi<S> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<S> fmt::Debug for AuditApi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditApi").finish_non_exhaustive()
    }
}

fn may(verb: Verb) -> Permission {
    Permission::new(verb, Resource::Audit, Reach::TenantOrAll)
}

/// What a client is told of it.
fn problem(error: &StoreError) -> Problem {
    let told: &dyn std::error::Error = error;
    if error.kind() == StoreErrorKind::Unavailable {
        tracing::warn!(error = told, "store of audit events unavailable");
        return Problem::store_unavailable("the database does not answer").with_retry_after(1);
    }
    tracing::error!(error = told, "store of audit events failed");
    Problem::internal("the server failed")
}

/// A parameter that is not what it should be.
fn invalid(parameter: &str, detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::invalid_parameter(detail).with_parameter(parameter)
}

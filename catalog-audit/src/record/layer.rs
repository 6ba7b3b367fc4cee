use tower_layer::Layer;

use super::RecordAudit;
use crate::audit::Audit;

/// Sees how each request ends, and writes the event of an audited one before its answer leaves, unless the change's own transaction
/// holds it already.
///
/// Goes around all that may refuse, fail, panic or run out of time, and within [`RequestContextLayer`], so that the request has an
/// id. A request whose method could change something runs to its end in a task of its own: a client that goes away cancels nothing
/// that has begun.
///
/// Needs a tokio runtime.
///
/// [`RequestContextLayer`]: catalog_core::context::RequestContextLayer
#[derive(Clone, Debug)]
#[must_use]
pub struct RecordAuditLayer {
    audit: Audit,
}

impl RecordAuditLayer {
    /// Recording there.
    pub fn new(audit: &Audit) -> Self {
        Self { audit: audit.clone() }
    }
}

impl<S> Layer<S> for RecordAuditLayer {
    type Service = RecordAudit<S>;

    fn layer(&self, inner: S) -> RecordAudit<S> {
        RecordAudit::new(inner, self.audit.clone())
    }
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How a worker keeps its claims: for how long each is renewed, and whether one of its attempts keeps the others from that. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    span: Duration,
    writing: Arc<AtomicUsize>,
}

/// As long as it lives, an attempt has the only writer of the database: no claim can be renewed, and none can be taken away.
#[derive(Debug)]
pub struct Writing(Arc<AtomicUsize>);

impl Lease {
    /// Claims are renewed for so long.
    pub fn new(span: Duration) -> Self {
        Self { span, writing: Arc::default() }
    }

    /// How long a renewed claim is for.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// Tells the worker that one of its attempts has the only writer, until what is given is dropped.
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.writing.fetch_add(1, Ordering::AcqRel);
        Writing(Arc::clone(&self.writing))
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Acquire) > 0
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

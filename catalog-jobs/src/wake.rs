//! Who has jobs tells who waits for them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::name::QueueName;

/// Wakes the workers of a queue, within the process. Cheap to clone; clones wake the same workers.
///
/// Being woken means nothing but that looking may be worth while: a wake-up that is lost delays a job until the next look.
#[derive(Clone, Default)]
pub struct Wakes {
    queues: Arc<Mutex<HashMap<QueueName, watch::Sender<()>>>>,
}

impl Wakes {
    /// What changes when the queue may have something due.
    pub fn of(&self, queue: &QueueName) -> watch::Receiver<()> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(queue.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// Wakes who waits for the queue, and who looks for it next.
    pub fn wake(&self, queue: &QueueName) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(queue) {
            queue.send_replace(());
        }
    }

    /// Wakes all.
    pub fn wake_all(&self) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in queues.values() {
            queue.send_replace(());
        }
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Wakes({queues} queues)")
    }
}

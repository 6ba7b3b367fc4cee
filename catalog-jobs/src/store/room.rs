//! Where a job that ends makes room for another.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{claim::ClaimRequest, name::QueueName};

/// The queues that are claimed from within limits, by this process. Cheap to clone; clones note together.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    /// Whether one of the limits is over all queues.
    queues: Arc<Mutex<BTreeMap<QueueName, bool>>>,
}

impl Room {
    /// Notes that claims are made within limits.
    pub(super) fn note(&self, request: &ClaimRequest) {
        if request.limits.is_unlimited() {
            return;
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        match queues.get_mut(&request.queue) {
            Some(global) => *global = request.limits.global.is_some(),
            None => drop(queues.insert(request.queue.clone(), request.limits.global.is_some())),
        }
    }

    /// The queues in which there may be room, now that jobs of these have ended.
    pub(super) fn made_by<'a>(&self, ended: impl IntoIterator<Item = &'a str>) -> Vec<QueueName> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.is_empty() {
            return Vec::new();
        }
        let ended: Vec<&str> = ended.into_iter().collect();
        let has_room = |(queue, global): &(&QueueName, &bool)| {
            if **global { !ended.is_empty() } else { ended.contains(&queue.as_str()) }
        };
        queues.iter().filter(has_room).map(|(queue, _)| queue.clone()).collect()
    }
}

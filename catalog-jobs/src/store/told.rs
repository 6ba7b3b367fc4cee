//! What is recorded of changes to jobs, in the changes' own transactions: the same by every store.

use std::collections::BTreeMap;

use catalog_core::{
    name::{Namespace, PluginName},
    store::{
        Attribution,
        hook::{Change, Subject},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    gate::Gate,
    new_job::{Enqueued, NewJob},
    record::{Cancel, JobState},
};

/// One change of jobs, before it is known by whom.
pub(super) struct Told {
    namespace: Option<Namespace>,
    plugin: Option<PluginName>,
    about: About,
    before: Option<Value>,
    after: Value,
}

enum About {
    Jobs(Vec<Uuid>),
    Gate(Gate),
}

impl Told {
    /// Of those that are new: what they need to know may be secret, and is not told.
    pub(super) fn enqueued(jobs: &[NewJob], enqueued: &[Enqueued]) -> Vec<Self> {
        let mut alike: BTreeMap<_, Vec<Uuid>> = BTreeMap::new();
        for (job, _) in jobs.iter().zip(enqueued).filter(|(_, enqueued)| enqueued.is_new()) {
            let key = (&job.namespace, &job.plugin, &job.queue, &job.kind);
            alike.entry(key).or_default().push(job.id);
        }
        let told =
            |((namespace, plugin, queue, kind), ids): ((&Namespace, &Option<PluginName>, _, _), _)| Self {
                namespace: Some(namespace.clone()),
                plugin: plugin.clone(),
                about: About::Jobs(ids),
                before: None,
                after: json!({"kind": kind, "queue": queue, "state": JobState::Queued}),
            };
        alike.into_iter().map(told).collect()
    }

    /// Of a job that was canceled; none if it was over, or was to be canceled before.
    pub(super) fn canceled(
        namespace: &Namespace,
        plugin: Option<PluginName>,
        id: Uuid,
        cancel: Cancel,
    ) -> Option<Self> {
        let (before, after) = match cancel {
            Cancel::Canceled => (JobState::Queued, json!({"state": JobState::Canceled})),
            Cancel::Requested => {
                (JobState::Running, json!({"cancelRequested": true, "state": JobState::Running}))
            }
            Cancel::Finished(_) => return None,
        };
        Some(Self::of_job(namespace, plugin, id, before, after))
    }

    /// Of a job that is tried again, and how it had ended.
    pub(super) fn retried(
        namespace: &Namespace,
        plugin: Option<PluginName>,
        id: Uuid,
        ended: JobState,
    ) -> Self {
        Self::of_job(namespace, plugin, id, ended, json!({"state": JobState::Queued}))
    }

    fn of_job(
        namespace: &Namespace,
        plugin: Option<PluginName>,
        id: Uuid,
        before: JobState,
        after: Value,
    ) -> Self {
        Self {
            namespace: Some(namespace.clone()),
            plugin,
            about: About::Jobs(vec![id]),
            before: Some(json!({"state": before})),
            after,
        }
    }

    /// Of a gate that was open and is not, or the other way round.
    pub(super) fn paused(gate: &Gate, paused: bool) -> Self {
        let namespace = match gate {
            Gate::Queue(_) => None,
            Gate::Tenant(namespace) => Some(namespace.clone()),
        };
        Self {
            namespace,
            plugin: None,
            about: About::Gate(gate.clone()),
            before: Some(json!({"paused": !paused})),
            after: json!({"paused": paused}),
        }
    }

    /// As a recorder takes it.
    pub(super) fn change<'a>(&'a self, by: &'a Attribution) -> Change<'a> {
        let subject = match &self.about {
            About::Jobs(ids) => Subject::Jobs(ids),
            About::Gate(Gate::Queue(queue)) => Subject::Queue(queue.as_str()),
            About::Gate(Gate::Tenant(_)) => Subject::Jobs(&[]),
        };
        let mut change = Change::of_jobs(by, self.namespace.as_ref(), subject);
        change.plugin = self.plugin.as_ref();
        change.old_value.clone_from(&self.before);
        change.new_value = Some(self.after.clone());
        change
    }
}

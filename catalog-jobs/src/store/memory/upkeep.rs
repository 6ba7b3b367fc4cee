use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{
        Attribution, MemoryTransaction, StoreError, StoreErrorKind,
        hook::{Purge, Recorder},
    },
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{MemoryJobStore, Phase};
use crate::{
    gate::Gate,
    name::QueueName,
    retention::Retention,
    store::{Depth, UpkeepStore, told::Told},
};

impl<R: Recorder<MemoryTransaction>> UpkeepStore for MemoryJobStore<R> {
    async fn set_paused(&self, by: &Attribution, gate: &Gate, paused: bool) -> Result<bool, StoreError> {
        let change = |state: &mut super::State, _| {
            if paused { state.paused.insert(gate.clone()) } else { state.paused.remove(gate) }
        };
        let tell = |changed: &bool| changed.then(|| Told::paused(gate, paused)).into_iter().collect();
        let changed = self.change(by, change, tell).await?;
        self.wakes.wake_all();
        Ok(changed)
    }

    async fn paused(&self) -> Result<Vec<Gate>, StoreError> {
        Ok(self.with(|state, _| state.paused.iter().cloned().collect()))
    }

    async fn remove_finished_any_tenant(
        &self,
        retention: &Retention,
        most: usize,
    ) -> Result<usize, StoreError> {
        Ok(self.with(|state, now| {
            let over = |(key, kept): (&(Namespace, Uuid), &super::Kept)| {
                let (state, at) = kept.finished?;
                let age = now.saturating_since(at);
                retention.of(state).is_some_and(|keep| age >= keep).then(|| key.clone())
            };
            let over: Vec<_> = state.kept.iter().filter_map(over).take(most).collect();
            over.iter().filter(|key| state.kept.remove(key).is_some()).count()
        }))
    }

    async fn depth_any_tenant(&self, queue: &QueueName) -> Result<Depth, StoreError> {
        Ok(self.with(|state, now| {
            let mut depth = Depth::default();
            let mut oldest: Option<Timestamp> = None;
            for live in state.live.values().filter(|live| live.job.queue == *queue) {
                match live.phase {
                    Phase::Running => depth.running += 1,
                    Phase::Scheduled if live.until > now => depth.scheduled += 1,
                    Phase::Scheduled | Phase::Ready => {
                        depth.ready += 1;
                        oldest = Some(oldest.map_or(live.until, |oldest| oldest.min(live.until)));
                    }
                }
            }
            depth.oldest = oldest.map_or(Duration::ZERO, |oldest| now.saturating_since(oldest));
            depth
        }))
    }
}

#[async_trait::async_trait]
impl<R: Recorder<MemoryTransaction>> Purge for MemoryJobStore<R> {
    async fn purge(&self, scope: &TenantScope, _: &Attribution, most: usize) -> Result<usize, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        Ok(self.with(|state, _| {
            let of_tenant = state.kept.keys().filter(|(of, _)| of == namespace);
            let keys: Vec<_> = of_tenant.take(most).cloned().collect();
            for key in &keys {
                state.live.remove(&key.1);
                state.kept.remove(key);
            }
            if keys.len() < most {
                // a tenant that has the name later is another one
                state.paused.remove(&Gate::Tenant(namespace.clone()));
                #[cfg(feature = "schedules")]
                state.schedules.retain(|(of, _), _| of != namespace);
            }
            keys.len()
        }))
    }
}

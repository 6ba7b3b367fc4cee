use std::sync::{Arc, PoisonError};

use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{MemoryTransaction, StoreError, hook::Recorder},
};

use super::{MemoryJobStore, State};
use crate::{
    name::ScheduleName,
    new_job::NewJob,
    schedule::Schedule,
    store::{DueSchedule, EnqueueStore, ScheduleStore, schedule::is_refused},
};

impl<R: Recorder<MemoryTransaction>> ScheduleStore for MemoryJobStore<R> {
    async fn put_schedule(&self, schedule: &Schedule, due: Timestamp) -> Result<(), StoreError> {
        self.with(|state, _| state.put_schedule(schedule, due));
        Ok(())
    }

    async fn put_schedule_within(
        &self,
        transaction: &mut MemoryTransaction,
        schedule: &Schedule,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, schedule) = (Arc::clone(&self.state), schedule.clone());
        transaction.defer(move || {
            state.lock().unwrap_or_else(PoisonError::into_inner).put_schedule(&schedule, due);
        });
        Ok(())
    }

    async fn remove_schedule(&self, namespace: &Namespace, name: &ScheduleName) -> Result<(), StoreError> {
        self.with(|state, _| state.remove_schedule(namespace, name));
        Ok(())
    }

    async fn remove_schedule_within(
        &self,
        transaction: &mut MemoryTransaction,
        namespace: &Namespace,
        name: &ScheduleName,
    ) -> Result<(), StoreError> {
        let (state, namespace, name) = (Arc::clone(&self.state), namespace.clone(), name.clone());
        transaction.defer(move || {
            state.lock().unwrap_or_else(PoisonError::into_inner).remove_schedule(&namespace, &name);
        });
        Ok(())
    }

    async fn soonest_schedules_any_tenant(&self, most: usize) -> Result<Vec<DueSchedule>, StoreError> {
        Ok(self.with(|state, _| {
            let mut all: Vec<DueSchedule> = state.schedules.values().cloned().collect();
            all.sort_by_key(|due| due.due);
            all.truncate(most);
            all
        }))
    }

    async fn fire_schedule(
        &self,
        due: &DueSchedule,
        next: Option<Timestamp>,
        job: Option<&NewJob>,
    ) -> Result<bool, StoreError> {
        let taken = self.with(|state, _| {
            let key = (due.schedule.namespace.clone(), due.schedule.name.clone());
            let Some(there) = state.schedules.get_mut(&key).filter(|there| there.due == due.due) else {
                return false;
            };
            match next {
                Some(next) => there.due = next,
                None => drop(state.schedules.remove(&key)),
            }
            true
        });
        if let Some(job) = job.filter(|_| taken) {
            match self.enqueue(std::slice::from_ref(job)).await {
                Err(error) if !is_refused(due, &error) => return Err(error),
                _ => {}
            }
        }
        Ok(taken)
    }
}

impl State {
    fn put_schedule(&mut self, schedule: &Schedule, due: Timestamp) {
        let key = (schedule.namespace.clone(), schedule.name.clone());
        match self.schedules.get(&key) {
            Some(same) if same.schedule == *schedule => {}
            _ => drop(self.schedules.insert(key, DueSchedule { schedule: schedule.clone(), due })),
        }
    }

    fn remove_schedule(&mut self, namespace: &Namespace, name: &ScheduleName) {
        self.schedules.remove(&(namespace.clone(), name.clone()));
    }
}

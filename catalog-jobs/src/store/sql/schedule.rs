use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{StoreError, StoreErrorKind, database::Transaction, hook::Recorder, statement::Statement},
};

use super::{SqlJobStore, corrupt, timestamp};
use crate::{
    name::ScheduleName,
    new_job::NewJob,
    schedule::Schedule,
    store::{DueSchedule, EnqueueStore, ScheduleStore},
};

impl<R: Recorder<Transaction>> ScheduleStore for SqlJobStore<R> {
    async fn put_schedule(&self, schedule: &Schedule, due: Timestamp) -> Result<(), StoreError> {
        self.database.change_any_tenant(self.upsert(schedule, due)?).await.map(drop)
    }

    async fn put_schedule_within(
        &self,
        transaction: &mut Transaction,
        schedule: &Schedule,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        transaction.execute(self.upsert(schedule, due)?).await.map(drop)
    }

    async fn remove_schedule(&self, namespace: &Namespace, name: &ScheduleName) -> Result<(), StoreError> {
        self.database.change_any_tenant(self.delete(namespace, name)).await.map(drop)
    }

    async fn remove_schedule_within(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        name: &ScheduleName,
    ) -> Result<(), StoreError> {
        transaction.execute(self.delete(namespace, name)).await.map(drop)
    }

    async fn soonest_schedules_any_tenant(&self, most: usize) -> Result<Vec<DueSchedule>, StoreError> {
        let mut select = self.statement();
        select
            .push("select schedule, due_ms from catalog_jobs_schedules order by due_ms limit ")
            .push_count(most);
        let due = |mut row: catalog_core::store::database::Row| {
            let schedule = serde_json::from_str(&row.text(0)?).map_err(corrupt)?;
            Ok(DueSchedule { schedule, due: timestamp(row.integer(1)?)? })
        };
        self.database.fetch_any_tenant(select).await?.into_iter().map(due).collect()
    }

    async fn fire_schedule(
        &self,
        due: &DueSchedule,
        next: Option<Timestamp>,
        job: Option<&NewJob>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let mut take = self.statement();
        match next {
            Some(next) => take.push("update catalog_jobs_schedules set due_ms = ").bind(next.unix_ms()),
            None => take.push("delete from catalog_jobs_schedules"),
        };
        take.push(" where namespace = ").bind(due.schedule.namespace.as_str());
        take.push(" and name = ").bind(due.schedule.name.as_str());
        take.push(" and due_ms = ").bind(due.due.unix_ms());
        if transaction.execute(take).await? == 0 {
            return Ok(false);
        }
        if let Some(job) = job {
            transaction.savepoint().await?;
            match self.enqueue_within(&mut transaction, std::slice::from_ref(job)).await {
                Ok(_) => transaction.release_savepoint().await?,
                // a tenant that may have no jobs now may have some the next time
                Err(error) if is_refused(&error) => {
                    transaction.rollback_to_savepoint().await?;
                    tracing::info!(namespace = %job.namespace, schedule = %due.schedule.name, "the tenant may have no job now");
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await?;
        Ok(true)
    }
}

impl<R> SqlJobStore<R> {
    fn upsert(&self, schedule: &Schedule, due: Timestamp) -> Result<Statement, StoreError> {
        let text = serde_json::to_string(schedule);
        let text = text.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        let mut upsert = self.statement();
        upsert.push("insert into catalog_jobs_schedules (namespace, name, schedule, due_ms) values (");
        upsert.bind(schedule.namespace.as_str()).push(", ").bind(schedule.name.as_str()).push(", ");
        upsert.bind(text).push(", ").bind(due.unix_ms());
        upsert.push(
            ") on conflict (namespace, name) do update set schedule = excluded.schedule, due_ms = excluded.due_ms \
             where catalog_jobs_schedules.schedule <> excluded.schedule",
        );
        Ok(upsert)
    }

    fn delete(&self, namespace: &Namespace, name: &ScheduleName) -> Statement {
        let mut delete = self.statement();
        delete.push("delete from catalog_jobs_schedules where namespace = ").bind(namespace.as_str());
        delete.push(" and name = ").bind(name.as_str());
        delete
    }
}

/// Whether nothing but the tenant's leave was missing. Nothing was written then but what is taken back with its savepoint.
fn is_refused(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NotAdmitted | StoreErrorKind::TooManyJobs)
}

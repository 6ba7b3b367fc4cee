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
    store::{DueSchedule, EnqueueStore, ScheduleStore, schedule::is_refused},
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
        let mut behind: Option<(i64, String, String)> = None;
        loop {
            let rows = self.database.fetch_any_tenant(self.soonest(behind.as_ref(), most)).await?;
            let (many, mut soonest) = (rows.len(), Vec::new());
            for mut row in rows {
                let (namespace, name, due_ms) = (row.text(0)?, row.text(1)?, row.integer(3)?);
                match due_schedule(&row.text(2)?, due_ms) {
                    Ok(due) => soonest.push(due),
                    // of a newer release, say, whose replicas know it
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, namespace, schedule = name, "a schedule cannot be read");
                    }
                }
                behind = Some((due_ms, namespace, name));
            }
            if !soonest.is_empty() || many < most {
                return Ok(soonest);
            }
        }
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
                Err(error) if is_refused(due, &error) => transaction.rollback_to_savepoint().await?,
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await?;
        Ok(true)
    }
}

impl<R> SqlJobStore<R> {
    fn soonest(&self, behind: Option<&(i64, String, String)>, most: usize) -> Statement {
        let mut select = self.statement();
        select.push("select namespace, name, schedule, due_ms from catalog_jobs_schedules");
        if let Some((due_ms, namespace, name)) = behind {
            select.push(" where (due_ms, namespace, name) > (").bind(*due_ms);
            select.push(", ").bind(namespace.as_str()).push(", ").bind(name.as_str()).push(")");
        }
        select.push(" order by due_ms, namespace, name limit ").push_count(most);
        select
    }

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

fn due_schedule(text: &str, due_ms: i64) -> Result<DueSchedule, StoreError> {
    Ok(DueSchedule { schedule: serde_json::from_str(text).map_err(corrupt)?, due: timestamp(due_ms)? })
}

use std::time::Duration;

use catalog_core::{
    name::{Namespace, PluginName},
    store::{
        Attribution, StoreError, StoreErrorKind,
        database::{Row, Transaction},
        hook::Recorder,
        statement::{Dialect, Statement},
    },
    tenant::{ScopeView, TenantScope},
};
use uuid::Uuid;

use super::{
    SqlJobStore, bind_id, corrupt, count,
    finish::{CANCELED, DEAD, FAILED, Finished, SUCCEEDED},
    found::WAITING,
    id, ms, push_id, timestamp,
};
use crate::{
    claim::Claim,
    name::QueueName,
    record::{Cancel, JobQuery, JobRecord, JobState, Retried},
    store::{RecordStore, told::Told},
};

/// How often a job is looked at that is claimed and given back meanwhile.
const TRIES: usize = 5;

impl<R: Recorder<Transaction>> RecordStore for SqlJobStore<R> {
    async fn list(&self, scope: &TenantScope, query: &JobQuery) -> Result<Vec<JobRecord>, StoreError> {
        let mut select = select(self.statement(), scope);
        let wanted = [
            (" and r.kind = ", query.kind.as_ref().map(ToString::to_string)),
            (" and r.plugin = ", query.plugin.as_ref().map(ToString::to_string)),
            (" and r.source = ", query.source.as_ref().map(ToString::to_string)),
            (" and r.requested_by = ", query.requested_by.clone()),
        ];
        for (column, wanted) in wanted {
            if let Some(wanted) = wanted {
                select.push(column).bind(wanted);
            }
        }
        select.push(match query.state {
            None => "",
            Some(JobState::Queued) => " and j.phase in (0, 1)",
            Some(JobState::Running) => " and j.phase = 2",
            Some(JobState::Succeeded) => " and r.state = 1",
            Some(JobState::Failed) => " and r.state in (2, 3)",
            Some(JobState::Canceled) => " and r.state = 4",
        });
        if let Some(before) = query.before {
            bind_id(select.push(" and r.id < "), before);
        }
        select.push(" order by r.id desc limit ").push_count(query.size.get() + 1);
        self.database.fetch(select).await?.into_iter().map(record).collect()
    }

    async fn find(&self, scope: &TenantScope, id: Uuid) -> Result<Option<JobRecord>, StoreError> {
        let mut select = select(self.statement(), scope);
        bind_id(select.push(" and r.id = "), id);
        self.database.fetch(select).await?.into_iter().next().map(record).transpose()
    }

    async fn cancel(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
        grace: Duration,
    ) -> Result<Option<Cancel>, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        for _ in 0..TRIES {
            // it may end meanwhile
            let Some(known) = self.known(&mut transaction, namespace, id).await? else { return Ok(None) };
            if let Some(state) = known.ended {
                return Ok(Some(Cancel::Finished(state)));
            }
            let canceled = if self.ask_to_stop(&mut transaction, namespace, id, grace).await? {
                Cancel::Requested
            } else if self.take_out(&mut transaction, namespace, id).await? {
                Cancel::Canceled
            } else if self.is_asked_to_stop(&mut transaction, namespace, id).await? {
                return Ok(Some(Cancel::Requested));
            } else {
                continue;
            };
            if let Some(told) = Told::canceled(namespace, known.plugin, id, canceled) {
                self.recorder.record(&mut transaction, &told.change(by)).await?;
            }
            transaction.commit().await?;
            return Ok(Some(canceled));
        }
        Err(StoreErrorKind::Conflict.into())
    }

    async fn retry(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
    ) -> Result<Option<Retried>, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        let Some(known) = self.known(&mut transaction, namespace, id).await? else { return Ok(None) };
        let ended = match known.ended {
            None => return Ok(Some(Retried::Live)),
            Some(JobState::Succeeded) => return Ok(Some(Retried::Succeeded)),
            Some(ended) => ended,
        };
        let limits = self.admit(&mut transaction, [namespace].into()).await?;
        let mut insert = self.statement();
        insert.push(
            "insert into catalog_jobs_live (id, namespace, queue, lane, unique_key, priority, phase, until_ms, attempt, max_attempts, \
             token) select r.id, r.namespace, r.queue, r.lane, r.unique_key, r.priority, 0, ",
        );
        self.push_now(&mut insert);
        insert
            .push(", 0, r.max_attempts, 0 from catalog_jobs_records r where r.namespace = ")
            .bind(namespace.as_str());
        bind_id(insert.push(" and r.id = "), id).push(" on conflict do nothing");
        if transaction.execute(insert).await? == 0 {
            return self.conflicting(&mut transaction, namespace, id).await.map(Some);
        }
        for limit in limits.into_values() {
            self.keep_quota(&mut transaction, namespace, 1, limit).await?;
        }
        let mut update = self.statement();
        update.push(
            "update catalog_jobs_records set state = 0, attempt = 0, finished_ms = null, progress = null, result = null where namespace = ",
        );
        bind_id(update.bind(namespace.as_str()).push(" and id = "), id);
        transaction.execute(update).await?;
        let told = Told::retried(namespace, known.plugin, id, ended);
        self.recorder.record(&mut transaction, &told.change(by)).await?;
        self.notifier.notify(&mut transaction, &known.queue).await?;
        transaction.commit().await?;
        self.wakes.wake(&known.queue);
        Ok(Some(Retried::Queued))
    }
}

/// What is looked up of a job before it is changed.
struct Known {
    /// None while it is live.
    ended: Option<JobState>,
    queue: QueueName,
    plugin: Option<PluginName>,
}

impl<R> SqlJobStore<R> {
    async fn known(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        id: Uuid,
    ) -> Result<Option<Known>, StoreError> {
        let mut select = self.statement();
        select
            .push("select state, queue, plugin from catalog_jobs_records where namespace = ")
            .bind(namespace.as_str());
        bind_id(select.push(" and id = "), id);
        let Some(mut row) = transaction.fetch(select).await?.into_iter().next() else { return Ok(None) };
        Ok(Some(Known {
            ended: finished_state(row.integer(0)?),
            queue: row.text(1)?.parse().map_err(corrupt)?,
            plugin: row.take_text(2)?.map(|name| name.parse().map_err(corrupt)).transpose()?,
        }))
    }

    async fn ask_to_stop(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        id: Uuid,
        grace: Duration,
    ) -> Result<bool, StoreError> {
        let mut update = self.statement();
        update.push("update catalog_jobs_live set cancel_by_ms = ").bind(ms(grace));
        update.push(match update.dialect() {
            Dialect::Sqlite => " + ",
            Dialect::Postgres => "::bigint + ",
        });
        self.push_now(&mut update).push(" where namespace = ").bind(namespace.as_str());
        bind_id(update.push(" and id = "), id).push(" and phase > 1 and cancel_by_ms is null");
        Ok(transaction.execute(update).await? > 0)
    }

    async fn is_asked_to_stop(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        id: Uuid,
    ) -> Result<bool, StoreError> {
        let mut select = self.statement();
        push_id(select.push("select "), "id");
        select.push(" from catalog_jobs_live where namespace = ").bind(namespace.as_str());
        bind_id(select.push(" and id = "), id).push(" and phase > 1 and cancel_by_ms is not null");
        Ok(!transaction.fetch(select).await?.is_empty())
    }

    async fn take_out(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        id: Uuid,
    ) -> Result<bool, StoreError> {
        let claim = Claim { namespace: namespace.clone(), id, token: 0 };
        let over = Finished::new(claim, CANCELED, None, None, None);
        Ok(!self.finish(transaction, vec![over], WAITING).await?.is_empty())
    }

    async fn conflicting(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        of: Uuid,
    ) -> Result<Retried, StoreError> {
        let mut select = self.statement();
        push_id(select.push("select "), "j.id");
        select.push(
            " from catalog_jobs_live j join catalog_jobs_records r on r.namespace = j.namespace and r.unique_key = j.unique_key \
             where r.namespace = ",
        );
        bind_id(select.bind(namespace.as_str()).push(" and r.id = "), of);
        match transaction.fetch(select).await?.first_mut() {
            Some(row) => Ok(Retried::Conflict(id(&row.text(0)?)?)),
            // it was tried again by somebody else, or what stood against it is gone by now
            None => Err(StoreErrorKind::Conflict.into()),
        }
    }
}

fn finished_state(state: i64) -> Option<JobState> {
    match state {
        SUCCEEDED => Some(JobState::Succeeded),
        FAILED | DEAD => Some(JobState::Failed),
        CANCELED => Some(JobState::Canceled),
        _ => None,
    }
}

/// Jobs within the scope, with what is known of those that are live.
fn select(mut select: Statement, scope: &TenantScope) -> Statement {
    push_id(select.push("select "), "r.id").push(
        ", r.namespace, r.queue, r.kind, r.plugin, r.source, r.requested_by, r.requested_ms, r.state, r.max_attempts, r.error, \
         r.idempotency_key, r.result, coalesce(j.progress, r.progress), coalesce(j.attempt, r.attempt), \
         coalesce(j.started_ms, r.started_ms, 0), coalesce(r.finished_ms, 0), coalesce(j.phase, -1), coalesce(j.until_ms, 0), \
         j.cancel_by_ms is not null from catalog_jobs_records r left join catalog_jobs_live j on j.namespace = r.namespace and j.id = r.id where ",
    );
    select.within(scope);
    match scope.view() {
        ScopeView::All => {
            select.push("1 = 1");
        }
        ScopeView::One(namespace) => {
            select.push("r.namespace = ").bind(namespace.as_str());
        }
        ScopeView::Set(namespaces) => {
            // `in ()` is no SQL of PostgreSQL
            select.push("r.namespace in (''");
            for namespace in namespaces {
                select.push(", ").bind(namespace.as_str());
            }
            select.push(")");
        }
    }
    select
}

fn record(mut row: Row) -> Result<JobRecord, StoreError> {
    let (state, phase) = (row.integer(8)?, row.integer(17)?);
    let time = |ms: i64| if ms == 0 { Ok(None) } else { timestamp(ms).map(Some) };
    let scheduled = phase == 1;
    Ok(JobRecord {
        id: id(&row.text(0)?)?,
        namespace: row.text(1)?.parse().map_err(corrupt)?,
        queue: row.text(2)?.parse().map_err(corrupt)?,
        kind: row.text(3)?.parse().map_err(corrupt)?,
        plugin: row.take_text(4)?.map(|name| name.parse().map_err(corrupt)).transpose()?,
        source_id: row.take_text(5)?.map(|name| name.parse().map_err(corrupt)).transpose()?,
        requested_by: row.take_text(6)?,
        requested_at: timestamp(row.integer(7)?)?,
        state: finished_state(state).unwrap_or(if phase == 2 { JobState::Running } else { JobState::Queued }),
        scheduled,
        dead: state == DEAD,
        max_attempts: count(row.integer(9)?),
        last_error: row.take_text(10)?,
        idempotency_key: row.take_text(11)?,
        result: row.take_text(12)?.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()?,
        progress: row.take_text(13)?.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()?,
        attempt_count: count(row.integer(14)?),
        started_at: time(row.integer(15)?)?,
        finished_at: time(row.integer(16)?)?,
        next_attempt_at: time(row.integer(18)?)?.filter(|_| scheduled),
        cancel_requested: row.boolean(19)?,
    })
}

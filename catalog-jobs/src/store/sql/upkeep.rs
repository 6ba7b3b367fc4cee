use std::time::Duration;

use catalog_core::{
    store::{
        Attribution, StoreError, StoreErrorKind,
        database::Transaction,
        hook::{Purge, Recorder},
        statement::Dialect,
    },
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{SqlJobStore, bind_id, corrupt, ms, push_id};
use crate::{
    gate::Gate,
    name::QueueName,
    record::JobState,
    retention::Retention,
    store::{Depth, UpkeepStore, told::Told},
};

impl<R: Recorder<Transaction>> UpkeepStore for SqlJobStore<R> {
    async fn set_paused(&self, by: &Attribution, gate: &Gate, paused: bool) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let mut change = self.statement();
        if paused {
            change.push("insert into catalog_jobs_gates (gate, paused) values (").bind(gate.to_string());
            change.push(", ").bind(true).push(
                ") on conflict (gate) do update set paused = excluded.paused where not catalog_jobs_gates.paused",
            );
        } else {
            change
                .push("update catalog_jobs_gates set paused = ")
                .bind(false)
                .push(" where paused and gate = ");
            change.bind(gate.to_string());
        }
        if transaction.execute(change).await? == 0 {
            return Ok(false);
        }
        self.recorder.record(&mut transaction, &Told::paused(gate, paused).change(by)).await?;
        if let Gate::Queue(queue) = gate {
            self.notifier.notify(&mut transaction, queue).await?;
        }
        transaction.commit().await?;
        self.wakes.wake_all();
        Ok(true)
    }

    async fn paused(&self) -> Result<Vec<Gate>, StoreError> {
        let mut select = self.statement();
        select.push("select gate from catalog_jobs_gates where paused order by gate");
        let rows = self.database.fetch(select).await?;
        rows.into_iter().map(|mut row| row.text(0)?.parse().map_err(corrupt)).collect()
    }

    async fn remove_finished_any_tenant(
        &self,
        retention: &Retention,
        most: usize,
    ) -> Result<usize, StoreError> {
        // ids begin with the time they were made at, so what is older than the shortest keeping is in front
        let mut before = self.statement();
        self.push_now(before.push("select "));
        let mut rows = self.database.fetch(before).await?;
        let now = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
        let oldest = now.saturating_sub(ms(retention.shortest())).max(0).unsigned_abs();
        let bound = Uuid::from_u128(u128::from(oldest.saturating_add(1)) << 80);
        let mut delete = self.statement();
        delete.push("delete from catalog_jobs_records where (namespace, id) in (with recursive tenants (namespace) as \
             (select (select r.namespace from catalog_jobs_records r order by r.namespace limit 1) union all \
             select (select r.namespace from catalog_jobs_records r where r.namespace > t.namespace order by r.namespace limit 1) \
             from tenants t where t.namespace is not null) select r.namespace, r.id from tenants t join catalog_jobs_records r \
             on r.namespace = t.namespace where t.namespace is not null and r.state > 0");
        bind_id(delete.push(" and r.id < "), bound).push(" and r.finished_ms <= case r.state");
        for (state, of) in [
            (" when 1 then ", JobState::Succeeded),
            (" when 4 then ", JobState::Canceled),
            (" else ", JobState::Failed),
        ] {
            let keep = retention.of(of).unwrap_or(Duration::MAX);
            delete.push(state).bind(now.saturating_sub(ms(keep)));
            if delete.dialect() == Dialect::Postgres {
                delete.push("::bigint");
            }
        }
        delete.push(" end limit ").push_count(most).push(") returning ");
        push_id(&mut delete, "id").repeatable();
        Ok(self.database.change_any_tenant(delete).await?.len())
    }

    async fn depth_any_tenant(&self, queue: &QueueName) -> Result<Depth, StoreError> {
        let mut select = self.statement();
        // of what is ready `until_ms` stays the time at which it became so; what is due and was not looked at since is ready, too
        select.push("select phase, count(*), ");
        self.push_now(&mut select).push(" - min(until_ms) from (select case when phase = 1 and until_ms <= ");
        self.push_now(&mut select);
        select.push(" then 0 else phase end as phase, until_ms from catalog_jobs_live where queue = ");
        select.bind(queue.as_str()).push(") j group by phase");
        let mut depth = Depth::default();
        for mut row in self.database.fetch_any_tenant(select).await? {
            let many = row.integer(1)?.max(0).unsigned_abs();
            match row.integer(0)? {
                0 => {
                    depth.ready = many;
                    depth.oldest = Duration::from_millis(row.integer(2)?.max(0).unsigned_abs());
                }
                1 => depth.scheduled = many,
                _ => depth.running = many,
            }
        }
        Ok(depth)
    }
}

#[async_trait::async_trait]
impl<R: Recorder<Transaction>> Purge for SqlJobStore<R> {
    async fn purge(&self, scope: &TenantScope, _: &Attribution, most: usize) -> Result<usize, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = self.database.begin_within(scope).await?;
        let mut live = self.statement();
        live.push("delete from catalog_jobs_live where namespace = ").bind(namespace.as_str());
        live.push(" and id in (select id from catalog_jobs_live where namespace = ").bind(namespace.as_str());
        live.push(" limit ").push_count(most).push(")");
        let removed = usize::try_from(transaction.execute(live).await?).unwrap_or(usize::MAX);
        let left = most.saturating_sub(removed);
        // what is live needs its record, and goes first
        let mut records = self.statement();
        records.push("delete from catalog_jobs_records where namespace = ").bind(namespace.as_str());
        records
            .push(" and id in (select r.id from catalog_jobs_records r where r.namespace = ")
            .bind(namespace.as_str());
        records.push(" and not exists (select 1 from catalog_jobs_live j where j.namespace = r.namespace and j.id = r.id) limit ");
        records.push_count(left).push(")");
        let removed = removed + usize::try_from(transaction.execute(records).await?).unwrap_or(usize::MAX);
        if removed < most {
            // a tenant that has the name later is another one
            for (table, of) in [
                ("delete from catalog_jobs_schedules where namespace = ", namespace.to_string()),
                ("delete from catalog_jobs_gates where gate = ", Gate::Tenant(namespace.clone()).to_string()),
            ] {
                let mut delete = self.statement();
                delete.push(table).bind(of);
                transaction.execute(delete).await?;
            }
        }
        transaction.commit().await?;
        Ok(removed)
    }
}

//! What a claim looks at first: who waits, what is paused, what runs.

use std::time::Duration;

use catalog_core::{
    name::Namespace,
    store::{
        StoreError, StoreErrorKind,
        database::{Row, Transaction},
        statement::{Dialect, Statement},
    },
};

use super::SqlJobStore;
use crate::{
    allot::{Running, parts, window},
    claim::ClaimRequest,
    gate::Gate,
};

/// Who waits in a queue.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The lanes with jobs that are due, in order.
    pub(super) lanes: Vec<String>,
    /// The queue is paused.
    pub(super) paused: bool,
    /// Tenants that are.
    closed: Vec<Namespace>,
    /// In so long the next scheduled job is due; nothing if it is.
    pub(super) next_due: Option<Duration>,
}

impl Look {
    pub(super) fn has_due(&self) -> bool {
        self.next_due == Some(Duration::ZERO)
    }

    /// Whether the lane's tenant is not paused.
    pub(super) fn is_open(&self, lane: &str) -> bool {
        self.closed.iter().all(|tenant| tenant.as_str() != parts(lane).0)
    }
}

/// The lock that claims within a limit over all queues take turns by.
const GLOBAL: &str = "global";

impl<R> SqlJobStore<R> {
    /// A walk from lane to lane, each found by one step into the index, however many jobs wait in it.
    pub(super) fn look(&self, request: &ClaimRequest, from: &str) -> Statement {
        let queue = request.queue.as_str();
        let mut look = self.statement();
        look.push("with recursive lanes (lane, place) as (select (select j.lane from catalog_jobs_live j where j.queue = ");
        look.bind(queue).push(" and j.phase = 0 and j.lane > ").bind(from);
        look.push(" order by j.lane limit 1), 1 union all select (select j.lane from catalog_jobs_live j where j.queue = ");
        look.bind(queue).push(" and j.phase = 0 and j.lane > l.lane order by j.lane limit 1), l.place + 1 from lanes l where l.lane is not null and l.place < ");
        look.push_count(window(request.most));
        look.push(") select 'lane', lane, ").push(self.zero()).push(" from lanes where lane is not null");
        look.push(" union all select 'paused', g.gate, ")
            .push(self.zero())
            .push(" from catalog_jobs_gates g where g.paused");
        look.push(" union all select 'due', '', d.until_ms - ");
        self.push_now(&mut look);
        look.push(" from (select j.until_ms from catalog_jobs_live j where j.queue = ").bind(queue);
        look.push(" and j.phase = 1 order by j.until_ms limit 1) d");
        look
    }

    fn zero(&self) -> &'static str {
        match self.database.dialect() {
            Dialect::Sqlite => "0",
            Dialect::Postgres => "0::bigint",
        }
    }

    /// Has those that are due be ready.
    pub(super) fn promote(&self, request: &ClaimRequest) -> Statement {
        let mut promote = self.statement();
        promote.push("update catalog_jobs_live set phase = 0 where phase = 1 and (namespace, id) in (select namespace, id from catalog_jobs_live where queue = ");
        promote.bind(request.queue.as_str()).push(" and phase = 1 and until_ms <= ");
        self.push_now(&mut promote).push(" order by until_ms limit 1000");
        super::push_skip_locked(&mut promote).push(")").repeatable();
        promote
    }

    /// Waits for the turn of a claim within limits: what runs is not counted by two at once.
    pub(super) async fn take_turn(
        &self,
        transaction: &mut Transaction,
        request: &ClaimRequest,
    ) -> Result<(), StoreError> {
        let mut gates = vec![Gate::Queue(request.queue.clone()).to_string()];
        if request.limits.global.is_some() {
            gates.insert(0, GLOBAL.into());
        }
        self.lock(transaction, &gates).await
    }

    /// Locks gates in the order they come in, for the transaction.
    pub(super) async fn lock(
        &self,
        transaction: &mut Transaction,
        gates: &[String],
    ) -> Result<(), StoreError> {
        // SQLite's transaction has the only lock there is
        if transaction.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        for gate in gates {
            for there in [true, false] {
                if !there {
                    let mut insert = self.statement();
                    insert.push("insert into catalog_jobs_gates (gate, paused) values (").bind(gate.as_str());
                    insert.push(", false) on conflict do nothing");
                    transaction.execute(insert).await?;
                }
                let mut select = self.statement();
                select.push("select gate from catalog_jobs_gates where gate = ").bind(gate.as_str());
                select.push(" for update");
                if !transaction.fetch(select).await?.is_empty() {
                    break;
                }
                if !there {
                    return Err(StoreErrorKind::Conflict.into());
                }
            }
        }
        Ok(())
    }

    pub(super) async fn running(
        &self,
        transaction: &mut Transaction,
        request: &ClaimRequest,
    ) -> Result<Running, StoreError> {
        let mut select = self.statement();
        select.push("select queue, lane, count(*) from catalog_jobs_live where phase = 2");
        if request.limits.global.is_none() {
            select.push(" and queue = ").bind(request.queue.as_str());
        }
        select.push(" group by queue, lane");
        let mut running = Running::default();
        for mut row in transaction.fetch(select).await? {
            let many = usize::try_from(row.integer(2)?).unwrap_or_default();
            running.global += many;
            if row.text(0)? == request.queue.as_str() {
                running.lanes.insert(row.text(1)?, many);
            }
        }
        Ok(running)
    }
}

/// What the rows of a look say.
pub(super) fn seen(request: &ClaimRequest, rows: Vec<Row>) -> Result<Look, StoreError> {
    let mut look = Look::default();
    for mut row in rows {
        let text = row.take_text(1)?.unwrap_or_default();
        match row.text(0)?.as_str() {
            "lane" => look.lanes.push(text),
            "paused" => match text.parse() {
                Ok(Gate::Queue(queue)) => look.paused |= queue == request.queue,
                Ok(Gate::Tenant(tenant)) => look.closed.push(tenant),
                Err(_) => {}
            },
            _ => {
                look.next_due = Some(Duration::from_millis(row.integer(2)?.max(0).unsigned_abs()));
            }
        }
    }
    look.lanes.sort_unstable();
    Ok(look)
}

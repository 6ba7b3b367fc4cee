//! The statements that claim.

use std::{cmp::Reverse, collections::HashMap};

use catalog_core::store::{
    StoreError, StoreErrorKind,
    database::{Row, Transaction},
    statement::Statement,
};
use uuid::Uuid;

use super::{
    SqlJobStore, corrupt, count, id, ms, push_id,
    rows::{Column, push_rows},
    signed, timestamp,
};
use crate::{
    allot::Share,
    claim::{Claim, ClaimRequest, Claimed},
};

const SHARE: [Column<Share>; 4] = [
    Column::text("lane", |share| Some(share.lane.clone())),
    Column::text("tenant", |share| Some(share.tenant.clone())),
    Column::integer("most", |share| signed(share.most)),
    Column::integer("of_tenant", |share| signed(share.of_tenant)),
];

/// A job that is claimed: its tenant, its id, and which of the claim it is.
type Picked = (String, Uuid, i64);

const PICKED: [Column<Picked>; 3] = [
    Column::text("job_namespace", |(namespace, ..)| Some(namespace.clone())),
    Column::id("job_id", |(_, id, _)| *id),
    Column::integer("job_place", |(.., place)| *place),
];

/// Lanes of one `select`: SQLite takes 500 at most.
const LANES: usize = 250;

const CLAIMED: &str = ", c.namespace, c.token, c.attempt, c.max_attempts, r.kind, r.payload, r.plugin, r.source, r.requested_by, \
                       r.requested_ms, c.started_ms, c.priority from ";
const RECORDS: &str = " join catalog_jobs_records r on r.namespace = c.namespace and r.id = c.id";

impl<R> SqlJobStore<R> {
    /// On PostgreSQL one statement picks, claims and reads.
    pub(super) fn claim_shares(
        &self,
        request: &ClaimRequest,
        shares: &[Share],
    ) -> Result<Statement, StoreError> {
        let mut claim = self.statement();
        claim.push(
            "with picked as materialized (select p.tid from (select l.tid, row_number() over (partition by d.tenant \
             order by l.priority desc, l.id) as place, d.of_tenant from ",
        );
        push_rows(&mut claim, &SHARE, shares)?;
        claim.push(" cross join lateral (select j.ctid as tid, j.id, j.priority from catalog_jobs_live j where j.queue = ");
        claim.bind(request.queue.as_str()).push(
            " and j.lane = d.lane and j.phase = 0 order by j.priority desc, j.id limit d.most for update skip locked) l) p \
             where p.place <= p.of_tenant), \
             c as (update catalog_jobs_live j set phase = 2, attempt = j.attempt + 1, token = nextval('catalog_jobs_tokens'), \
             cancel_by_ms = null, worker = ",
        );
        claim.bind(request.worker.as_str()).push("::text, started_ms = ");
        self.push_now(&mut claim).push(", until_ms = ").bind(ms(request.lease)).push("::bigint + ");
        self.push_now(&mut claim);
        // a row that is locked stays where it is; an array and a limit keep the planner, which cannot know how few they are, from
        // reading whole tables
        claim.push(
            " where j.ctid = any(array(select p.tid from picked p)) and j.phase < 1 returning j.id, j.namespace, j.token, j.attempt, \
             j.max_attempts, j.started_ms, j.priority) select ",
        );
        push_id(&mut claim, "c.id").push(CLAIMED).push("c cross join lateral (select * from catalog_jobs_records r where r.namespace = c.namespace and r.id = c.id limit 1) r");
        // at worst the leases run out that nobody was told of
        claim.repeatable();
        Ok(claim)
    }

    /// On SQLite, which has no rows of rows, one after the other.
    pub(super) async fn claim_steps(
        &self,
        transaction: &mut Transaction,
        request: &ClaimRequest,
        shares: &[Share],
    ) -> Result<Vec<Row>, StoreError> {
        let picked = self.pick(transaction, request, shares).await?;
        if picked.is_empty() {
            return Ok(Vec::new());
        }
        let mut tokens = self.statement();
        tokens.push("update catalog_jobs_tokens set last = last + ").bind(signed(picked.len()));
        tokens.push(" returning last");
        let mut rows = transaction.fetch(tokens).await?;
        let last = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
        let mut update = self.statement();
        update.push("update catalog_jobs_live set phase = 2, attempt = attempt + 1, cancel_by_ms = null, token = d.job_place + ");
        update.bind(last - signed(picked.len())).push(", worker = ").bind(request.worker.as_str());
        update.push(", started_ms = ");
        self.push_now(&mut update).push(", until_ms = ").bind(ms(request.lease)).push(" + ");
        self.push_now(&mut update).push(" from ");
        push_rows(&mut update, &PICKED, &picked)?;
        update.push(" where namespace = d.job_namespace and id = d.job_id");
        transaction.execute(update).await?;
        let mut select = self.statement();
        select.push("select c.id").push(CLAIMED);
        push_rows(&mut select, &PICKED, &picked)?;
        select
            .push(" join catalog_jobs_live c on c.namespace = d.job_namespace and c.id = d.job_id")
            .push(RECORDS);
        transaction.fetch(select).await
    }

    async fn pick(
        &self,
        transaction: &mut Transaction,
        request: &ClaimRequest,
        shares: &[Share],
    ) -> Result<Vec<Picked>, StoreError> {
        // of each tenant by priority and age, over all its lanes
        let mut candidates: HashMap<String, Vec<(i64, Uuid)>> = HashMap::new();
        for some in shares.chunks(LANES) {
            let mut select = self.statement();
            for (index, share) in some.iter().enumerate() {
                select.push(if index == 0 { "select * from (" } else { " union all select * from (" });
                select
                    .push("select ")
                    .bind(share.tenant.as_str())
                    .push(" as tenant, id, -priority from catalog_jobs_live where queue = ");
                select.bind(request.queue.as_str()).push(" and lane = ").bind(share.lane.as_str());
                select
                    .push(" and phase = 0 order by priority desc, id limit ")
                    .bind(signed(share.most))
                    .push(")");
            }
            for mut row in transaction.fetch(select).await? {
                let of_tenant = candidates.entry(row.text(0)?).or_default();
                of_tenant.push((row.integer(2)?, id(&row.text(1)?)?));
            }
        }
        let mut picked = Vec::new();
        for of_tenant in shares.chunk_by(|a, b| a.tenant == b.tenant) {
            let Some(share) = of_tenant.first() else { continue };
            let Some(mut found) = candidates.remove(&share.tenant) else { continue };
            found.sort_unstable();
            for (_, id) in found.into_iter().take(share.of_tenant) {
                picked.push((share.tenant.clone(), id, signed(picked.len()) + 1));
            }
        }
        Ok(picked)
    }
}

/// The jobs of the rows, in the order in which they are to be begun: of each tenant, as it is its turn, by priority and age.
pub(super) fn in_turn(rows: Vec<Row>, shares: &[Share]) -> Result<Vec<Claimed>, StoreError> {
    let turns: HashMap<&str, usize> =
        shares.iter().enumerate().map(|(turn, share)| (share.tenant.as_str(), turn)).collect();
    let mut all = Vec::with_capacity(rows.len());
    for mut row in rows {
        let priority = row.integer(12)?;
        all.push((priority, claimed(row)?));
    }
    all.sort_by_cached_key(|(priority, claimed)| {
        let Claim { namespace, id, .. } = &claimed.claim;
        (turns.get(namespace.as_str()).copied(), Reverse(*priority), *id)
    });
    Ok(all.into_iter().map(|(_, claimed)| claimed).collect())
}

fn claimed(mut row: Row) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        claim: Claim {
            id: id(&row.text(0)?)?,
            namespace: row.text(1)?.parse().map_err(corrupt)?,
            token: row.integer(2)?,
        },
        attempt: count(row.integer(3)?),
        max_attempts: count(row.integer(4)?),
        kind: row.text(5)?.parse().map_err(corrupt)?,
        payload: row.text(6)?,
        plugin: row.take_text(7)?.map(|name| name.parse().map_err(corrupt)).transpose()?,
        source: row.take_text(8)?.map(|name| name.parse().map_err(corrupt)).transpose()?,
        requested_by: row.take_text(9)?,
        requested_at: timestamp(row.integer(10)?)?,
        claimed_at: timestamp(row.integer(11)?)?,
    })
}

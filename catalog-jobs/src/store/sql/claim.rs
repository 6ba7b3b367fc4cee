use std::time::Duration;

use catalog_core::store::{
    StoreError,
    database::Transaction,
    hook::Recorder,
    statement::{Dialect, Statement},
};

use super::{
    SqlJobStore, bind_ms,
    found::{HELD, push_select, push_with},
    id,
    look::{Look, seen},
    pick::in_turn,
    push_id,
    rows::Column,
};
use crate::{
    allot::{Rotation, Running, allot, window},
    claim::{Beat, Claim, ClaimBatch, ClaimRequest, Claimed, Reaped, Renewed, Settlement},
    store::ClaimStore,
};

impl<R: Recorder<Transaction>> ClaimStore for SqlJobStore<R> {
    async fn claim_any_tenant(
        &self,
        request: &ClaimRequest,
        rotation: &mut Rotation,
    ) -> Result<ClaimBatch, StoreError> {
        self.room.note(request);
        let mut look = self.look_from(request, rotation.from()).await?;
        if look.has_due() {
            self.database.change_any_tenant(self.promote(request)).await?;
            look = self.look_from(request, rotation.from()).await?;
        }
        let mut batch = ClaimBatch { next_due: look.next_due, ..ClaimBatch::default() };
        if look.paused {
            return Ok(batch);
        }
        let (behind, window) = (std::mem::take(&mut look.lanes), window(request.most));
        let front = if rotation.turns(&behind, window) {
            self.look_from(request, "").await?.lanes
        } else {
            Vec::new()
        };
        let mut seen = rotation.saw(behind, front, window);
        // those of many lanes that come first may all be of tenants that are paused
        batch.more = seen.more;
        seen.lanes.retain(|lane| look.is_open(lane));
        if seen.lanes.is_empty() {
            return Ok(batch);
        }
        batch.claimed = self.claim(request, rotation, &seen.lanes).await?;
        batch.note(request, rotation);
        Ok(batch)
    }

    async fn renew(&self, beats: &[Beat], lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        if beats.is_empty() {
            return Ok(Vec::new());
        }
        let update = self.renewal(beats, lease)?;
        let mut renewed: Vec<(uuid::Uuid, i64, bool)> = Vec::with_capacity(beats.len());
        for mut row in self.database.change_any_tenant(update).await? {
            renewed.push((id(&row.text(0)?)?, row.integer(1)?, row.boolean(2)?));
        }
        let of = |claim: &Claim, renewed: &[(uuid::Uuid, i64, bool)]| {
            let found = renewed.iter().find(|(id, token, _)| *id == claim.id && *token == claim.token)?;
            Some(if found.2 { Renewed::CancelRequested } else { Renewed::Held })
        };
        let mut all: Vec<Option<Renewed>> = beats.iter().map(|beat| of(&beat.claim, &renewed)).collect();
        let left: Vec<Beat> = beats
            .iter()
            .zip(&all)
            .filter(|(_, renewed)| renewed.is_none())
            .map(|(beat, _)| beat.clone())
            .collect();
        if !left.is_empty() && self.database.dialect() == Dialect::Postgres {
            let held = self.held(&left).await?;
            for (beat, renewed) in beats.iter().zip(&mut all).filter(|(_, renewed)| renewed.is_none()) {
                *renewed = of(&beat.claim, &held);
            }
        }
        Ok(all.into_iter().map(|renewed| renewed.unwrap_or(Renewed::Lost)).collect())
    }

    async fn settle(&self, ended: &[Settlement]) -> Result<Vec<bool>, StoreError> {
        if ended.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.begin_any_tenant().await?;
        let held = self.settle_within(&mut transaction, ended).await?;
        transaction.commit().await?;
        Ok(held)
    }

    async fn reap_any_tenant(&self, most: usize) -> Result<Reaped, StoreError> {
        self.reap(most).await
    }
}

const BEAT: [Column<Beat>; 4] = [
    Column::id("job_id", |beat| beat.claim.id),
    Column::integer("job_token", |beat| beat.claim.token),
    Column::text("job_namespace", |beat| Some(beat.claim.namespace.to_string())),
    Column::text("job_progress", |beat| {
        beat.progress.as_ref().and_then(|progress| serde_json::to_string(progress).ok())
    }),
];

impl<R> SqlJobStore<R> {
    async fn look_from(&self, request: &ClaimRequest, from: &str) -> Result<Look, StoreError> {
        seen(request, self.database.fetch_any_tenant(self.look(request, from)).await?)
    }

    async fn claim(
        &self,
        request: &ClaimRequest,
        rotation: &mut Rotation,
        lanes: &[String],
    ) -> Result<Vec<Claimed>, StoreError> {
        let unlimited = request.limits.is_unlimited();
        let postgres = self.database.dialect() == Dialect::Postgres;
        let none = Running::default();
        if unlimited && postgres {
            let shares = allot(lanes, &none, &request.limits, request.most, rotation);
            let rows = self.database.change_any_tenant(self.claim_shares(request, &shares)?).await?;
            return in_turn(rows, &shares);
        }
        let mut transaction = self.database.begin_any_tenant().await?;
        let running = if unlimited {
            none
        } else {
            self.take_turn(&mut transaction, request).await?;
            self.running(&mut transaction, request).await?
        };
        let shares = allot(lanes, &running, &request.limits, request.most, rotation);
        if shares.is_empty() {
            transaction.rollback().await?;
            return Ok(Vec::new());
        }
        let rows = if postgres {
            transaction.fetch(self.claim_shares(request, &shares)?).await?
        } else {
            self.claim_steps(&mut transaction, request, &shares).await?
        };
        transaction.commit().await?;
        in_turn(rows, &shares)
    }

    fn renewal(&self, beats: &[Beat], lease: Duration) -> Result<Statement, StoreError> {
        let mut update = self.statement();
        push_with(&mut update, &BEAT, beats)?;
        if update.dialect() == Dialect::Postgres {
            update.push(", told as materialized (select * from d where d.job_progress is not null) ");
        }
        update.push("update catalog_jobs_live as j set until_ms = ");
        bind_ms(&mut update, lease).push(" + ");
        self.push_now(&mut update);
        match update.dialect() {
            Dialect::Sqlite => {
                update.push(", progress = coalesce(d.job_progress, j.progress) from d where ").push(HELD);
            }
            Dialect::Postgres => {
                update.push(
                    ", progress = coalesce((select t.job_progress from told t where t.job_token = j.token), \
                     j.progress) where j.ctid = any(array(",
                );
                // who makes an effect has locked its claim until that is committed; the others are not to wait for it
                push_select(&mut update, "j.tid", HELD, " for update skip locked");
                update.push("))");
            }
        }
        push_id(update.push(" returning "), "id").push(", token, cancel_by_ms is not null").repeatable();
        Ok(update)
    }

    /// Which claims are held, without waiting for who has locked them.
    async fn held(&self, beats: &[Beat]) -> Result<Vec<(uuid::Uuid, i64, bool)>, StoreError> {
        let mut select = self.statement();
        push_with(&mut select, &BEAT, beats)?;
        push_select(&mut select, "cast(j.id as text), j.token, j.cancel_by_ms is not null", HELD, "");
        let rows = self.database.fetch_any_tenant(select).await?;
        rows.into_iter().map(|mut row| Ok((id(&row.text(0)?)?, row.integer(1)?, row.boolean(2)?))).collect()
    }
}

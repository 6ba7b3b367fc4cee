use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use catalog_core::{
    clock::Clock,
    store::{
        StoreError, StoreErrorKind,
        database::Transaction,
        hook::{Fence, Recorder},
        statement::{Dialect, Statement},
    },
};
use uuid::Uuid;

use super::{
    SqlJobStore, bind_id, bind_ms, corrupt,
    finish::{CANCELED, DEAD, FAILED, Finished, Gone, SUCCEEDED},
    found::{HELD, UNWANTED, push_with},
    id, ms,
    notify::Notifier,
    push_id, push_now,
    rows::Column,
};
use crate::{
    claim::{Claim, Outcome, Reaped, Settlement},
    lease::Lease,
    name::QueueName,
    store::{CompleteStore, LEASE_LOST},
    wake::Wakes,
};

/// A job that will be tried again.
#[derive(Clone)]
struct Again {
    claim: Claim,
    error: Option<String>,
    progress: Option<String>,
    after_ms: i64,
    refund: bool,
}

const AGAIN: [Column<Again>; 7] = [
    Column::id("job_id", |again| again.claim.id),
    Column::integer("job_token", |again| again.claim.token),
    Column::text("job_namespace", |again| Some(again.claim.namespace.to_string())),
    Column::text("job_error", |again| again.error.clone()),
    Column::text("job_progress", |again| again.progress.clone()),
    Column::integer("job_after_ms", |again| again.after_ms),
    Column::integer("job_refund", |again| again.refund.into()),
];

/// Makes a transaction fail when the claim is lost, and keeps the claim until it ends. The lease is as the last check left it.
///
/// On SQLite nobody else can write meanwhile, on PostgreSQL nobody else can have the row: the claim can be lost afterwards only.
#[derive(Clone, Debug)]
pub struct SqlFence {
    claim: Claim,
    lease: Option<Lease>,
    clock: Option<Arc<dyn Clock>>,
}

impl Fence<Transaction> for SqlFence {
    async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut update = Statement::new(transaction.dialect());
        update.push("update catalog_jobs_live set until_ms = ");
        match &self.lease {
            Some(lease) => {
                bind_ms(&mut update, lease.span()).push(" + ");
                push_now(self.clock.as_deref(), &mut update);
            }
            None => drop(update.push("until_ms")),
        }
        update.push(" where token = ").bind(self.claim.token);
        bind_id(update.push(" and id = "), self.claim.id).push(" and namespace = ");
        update.bind(self.claim.namespace.as_str()).push(" and phase > 1 returning ");
        push_id(&mut update, "id");
        if transaction.fetch(update).await?.is_empty() {
            return Err(StoreErrorKind::Fenced.into());
        }
        if let Some(lease) = self.lease.as_ref().filter(|_| transaction.dialect() == Dialect::Sqlite) {
            let writing = lease.writing();
            // what is not committed lets go of it, too
            transaction.after_commit(move || drop(writing));
        }
        Ok(())
    }
}

impl<R: Recorder<Transaction>> CompleteStore for SqlJobStore<R> {
    type Transaction = Transaction;
    type Fence = SqlFence;

    fn fence(&self, claim: &Claim) -> SqlFence {
        SqlFence { claim: claim.clone(), lease: None, clock: None }
    }

    fn renewing_fence(&self, claim: &Claim, lease: &Lease) -> SqlFence {
        SqlFence { claim: claim.clone(), lease: Some(lease.clone()), clock: self.clock.clone() }
    }

    async fn complete_within(
        &self,
        transaction: &mut Transaction,
        claim: &Claim,
        result: Option<String>,
        done: Box<dyn FnOnce() + Send>,
    ) -> Result<(), StoreError> {
        let ended =
            Settlement { claim: claim.clone(), outcome: Outcome::Succeeded { result }, progress: None };
        if self.settle_within(transaction, &[ended]).await? != [true] {
            return Err(StoreErrorKind::Fenced.into());
        }
        transaction.after_commit(done);
        Ok(())
    }
}

impl<R> SqlJobStore<R> {
    pub(super) async fn settle_within(
        &self,
        transaction: &mut Transaction,
        ended: &[Settlement],
    ) -> Result<Vec<bool>, StoreError> {
        let (mut over, mut again) = (Vec::new(), Vec::new());
        for ended in ended {
            match sort(ended)? {
                Sorted::Over(finished) => over.push(finished),
                Sorted::Again(retry) => again.push(retry),
            }
        }
        let waiting = self.requeue(transaction, &again).await?;
        // what was not requeued is to be canceled, or is lost
        again.retain(|again| !waiting.contains(&(again.claim.id, again.claim.token)));
        let unwanted = again.into_iter().map(canceled).collect();
        let mut gone = self.finish(transaction, over, HELD).await?;
        gone.extend(self.finish(transaction, unwanted, UNWANTED).await?);
        self.make_room(transaction, &gone);
        let gone = gone.iter().map(|gone| (gone.id, gone.token));
        let held: HashSet<(Uuid, i64)> = gone.chain(waiting).collect();
        Ok(ended.iter().map(|ended| held.contains(&(ended.claim.id, ended.claim.token))).collect())
    }

    /// Has those told, when it is committed, that may be held back by what is gone.
    fn make_room(&self, transaction: &mut Transaction, gone: &[Gone]) {
        for queue in self.room.made_by(gone.iter().map(|gone| gone.queue.as_str())) {
            let (wakes, notifier) = (self.wakes.clone(), self.notifier.clone());
            transaction.after_commit(move || tell(&wakes, &notifier, queue));
        }
    }

    /// Has jobs wait again, unless they are to be canceled; gives which.
    async fn requeue(
        &self,
        transaction: &mut Transaction,
        again: &[Again],
    ) -> Result<HashSet<(Uuid, i64)>, StoreError> {
        if again.is_empty() {
            return Ok(HashSet::new());
        }
        let mut update = self.statement();
        push_with(&mut update, &AGAIN, again)?;
        update.push("update catalog_jobs_live as j set phase = case when d.job_after_ms > 0 then 1 else 0 end, until_ms = d.job_after_ms + ");
        self.push_now(&mut update).push(
            ", attempt = j.attempt - d.job_refund, worker = null, progress = coalesce(d.job_progress, j.progress) from d where ",
        );
        push_id(update.push(HELD).push(" and j.cancel_by_ms is null returning "), "id")
            .push(", token, queue");
        let (mut held, mut queues) = (HashSet::new(), BTreeSet::new());
        for mut row in transaction.fetch(update).await? {
            held.insert((id(&row.text(0)?)?, row.integer(1)?));
            queues.insert(row.text(2)?);
        }
        // what was lost is another's, who says what becomes of it
        let has_failed =
            |again: &&Again| again.error.is_some() && held.contains(&(again.claim.id, again.claim.token));
        let failed: Vec<Again> = again.iter().filter(has_failed).cloned().collect();
        if !failed.is_empty() {
            let mut note = self.statement();
            push_with(&mut note, &AGAIN, &failed)?;
            note.push("update catalog_jobs_records as r set error = d.job_error from d where r.namespace = d.job_namespace and r.id = d.job_id");
            transaction.execute(note).await?;
        }
        let mut tell = self.room.made_by(queues.iter().map(String::as_str));
        tell.retain(|queue| !queues.contains(queue.as_str()));
        for queue in queues {
            tell.push(queue.parse().map_err(corrupt)?);
        }
        for queue in tell {
            // who knows when the next one is due must look again, for this one may be due before
            self.notifier.notify(transaction, &queue).await?;
            let wakes = self.wakes.clone();
            transaction.after_commit(move || wakes.wake(&queue));
        }
        Ok(held)
    }

    pub(super) async fn reap(&self, most: usize) -> Result<Reaped, StoreError> {
        let mut select = self.statement();
        push_id(select.push("select "), "id").push(
            ", namespace, token, case when cancel_by_ms is not null then 2 when attempt >= max_attempts then 1 else 0 end \
             from catalog_jobs_live where phase = 2 and (until_ms <= ",
        );
        self.push_now(&mut select).push(" or cancel_by_ms <= ");
        self.push_now(&mut select).push(") limit ").push_count(most);
        // looking costs no lock; nothing is there to take nearly always
        if self.database.fetch_any_tenant(select.clone()).await?.is_empty() {
            return Ok(Reaped::default());
        }
        let mut transaction = self.database.begin_any_tenant().await?;
        let rows = transaction.fetch(super::push_skip_locked(&mut select).clone()).await?;
        let (mut again, mut over, mut reaped) = (Vec::new(), Vec::new(), Reaped::default());
        for mut row in rows {
            let claim = Claim {
                id: id(&row.text(0)?)?,
                namespace: row.text(1)?.parse().map_err(corrupt)?,
                token: row.integer(2)?,
            };
            let error = Some(LEASE_LOST.to_owned());
            match row.integer(3)? {
                0 => {
                    reaped.requeued += 1;
                    again.push(Again { claim, error, progress: None, after_ms: 0, refund: false });
                }
                1 => {
                    reaped.dead += 1;
                    over.push(Finished::new(claim, DEAD, error, None, None));
                }
                _ => {
                    reaped.canceled += 1;
                    over.push(Finished::new(claim, CANCELED, None, None, None));
                }
            }
        }
        self.requeue(&mut transaction, &again).await?;
        let gone = self.finish(&mut transaction, over, HELD).await?;
        self.make_room(&mut transaction, &gone);
        transaction.commit().await?;
        Ok(reaped)
    }
}

/// Tells workers here and elsewhere of a queue.
fn tell(wakes: &Wakes, notifier: &Notifier, queue: QueueName) {
    wakes.wake(&queue);
    notifier.tell(queue);
}

enum Sorted {
    Over(Finished),
    Again(Again),
}

fn sort(ended: &Settlement) -> Result<Sorted, StoreError> {
    let claim = ended.claim.clone();
    let progress = ended.progress.as_ref().map(serde_json::to_string).transpose();
    let progress = progress.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
    // the databases take no NUL
    let clean = |error: &String| Some(error.replace('\0', "\u{fffd}"));
    Ok(match &ended.outcome {
        Outcome::Succeeded { result } => {
            Sorted::Over(Finished::new(claim, SUCCEEDED, None, result.clone(), progress))
        }
        Outcome::Failed { error, dead } => Sorted::Over(Finished::new(
            claim,
            if *dead { DEAD } else { FAILED },
            clean(error),
            None,
            progress,
        )),
        Outcome::Canceled => Sorted::Over(Finished::new(claim, CANCELED, None, None, progress)),
        Outcome::Retry { error, after, refund } => {
            let (after_ms, refund) = (ms(*after), *refund);
            Sorted::Again(Again { claim, error: clean(error), progress, after_ms, refund })
        }
        Outcome::Released { after } => {
            Sorted::Again(Again { claim, error: None, progress, after_ms: ms(*after), refund: true })
        }
    })
}

fn canceled(again: Again) -> Finished {
    Finished::new(again.claim, CANCELED, again.error, None, again.progress)
}

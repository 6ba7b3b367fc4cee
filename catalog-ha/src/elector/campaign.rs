use std::{future::Future, time::Duration};

use catalog_core::backoff::Backoff;
use tokio::{
    task::JoinError,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Elector, ElectorError, LeaderGuard, Role, TermEnd, WorkError,
    election::{Command, Election},
};
use crate::{
    fence::{FenceStore, FencingToken},
    lease::{Claim, LeaseError, LeaseErrorKind, LeaseStore, Version},
    telemetry,
};

/// An elector while it runs.
pub(super) struct Campaign<'a, L, F> {
    elector: &'a Elector<L, F>,
    stop: &'a CancellationToken,
    election: Election,
    start: Instant,
    /// The newest token when the lease was claimed.
    newest: FencingToken,
    /// How often in a row the work failed.
    failures: u32,
}

/// A leader's work while it is done.
struct Work {
    guard: LeaderGuard,
    task: AbortOnDropHandle<Result<(), WorkError>>,
    /// Cancelled when this is dropped, so that no work goes on which nobody waits for.
    _cancel: tokio_util::sync::DropGuard,
}

type Done = Result<Result<(), WorkError>, JoinError>;

/// What ended the wait.
enum Event {
    Stepped,
    Stopped,
    Ended(Done),
    OutOfGrace,
}

impl<'a, L: LeaseStore, F: FenceStore> Campaign<'a, L, F> {
    pub(super) fn new(elector: &'a Elector<L, F>, stop: &'a CancellationToken) -> Self {
        let election = Election::new(elector.identity.clone(), elector.config, elector.seed);
        Self { elector, stop, election, start: Instant::now(), newest: FencingToken::default(), failures: 0 }
    }

    pub(super) async fn run<W, R>(mut self, work: W) -> Result<(), ElectorError>
    where
        W: Fn(LeaderGuard) -> R,
        R: Future<Output = Result<(), WorkError>> + Send + 'static,
    {
        let mut running: Option<Work> = None;
        let mut out_of_grace: Option<Instant> = None;
        self.tell(Role::Standby, None);
        loop {
            if running.is_none() && self.stop.is_cancelled() {
                self.release().await;
                return Ok(());
            }
            let event = {
                let (stop, stopping) = (self.stop, out_of_grace.is_some());
                let grace_ends = out_of_grace.unwrap_or_else(Instant::now);
                tokio::select! {
                    biased;
                    () = stop.cancelled(), if !stopping => Event::Stopped,
                    done = ended(&mut running), if running.is_some() => Event::Ended(done),
                    () = sleep_until(grace_ends), if stopping => Event::OutOfGrace,
                    () = self.step() => Event::Stepped,
                }
            };
            match event {
                Event::Stopped => {
                    out_of_grace = Some(Instant::now() + self.elector.config.grace());
                    if running.is_some() {
                        self.tell(Role::Ending, None);
                    }
                }
                Event::Ended(done) => {
                    running = None;
                    self.end_term(done).await;
                }
                Event::OutOfGrace => return Err(self.did_not_end()),
                Event::Stepped => match (self.election.leadership(), running.take()) {
                    (Some((token, deadline)), None) => running = self.start(token, deadline, &work),
                    (Some((_, deadline)), Some(work)) => {
                        work.guard.extend(deadline);
                        running = Some(work);
                    }
                    (None, Some(work)) => self.lose(work).await?,
                    (None, None) => {}
                },
            }
        }
    }

    /// Begins to lead, unless the process is to leave.
    fn start<W, R>(&self, token: FencingToken, deadline: Duration, work: &W) -> Option<Work>
    where
        W: Fn(LeaderGuard) -> R,
        R: Future<Output = Result<(), WorkError>> + Send + 'static,
    {
        if self.stop.is_cancelled() {
            return None;
        }
        let cancel = self.stop.child_token();
        let (lease, lasts) = (self.elector.name.clone(), self.elector.config.lease());
        let guard = LeaderGuard::new(lease, token, lasts, self.start, deadline, cancel.clone());
        tracing::info!(lease = %self.elector.name, %token, "leads");
        self.tell(Role::Leading, None);
        let task = AbortOnDropHandle::new(tokio::spawn(work(guard.clone())));
        Some(Work { guard, task, _cancel: cancel.drop_guard() })
    }

    /// The lease is lost: no new campaign before the work has ended, whatever becomes of it.
    async fn lose(&mut self, mut work: Work) -> Result<(), ElectorError> {
        work.guard.cancel();
        let end = self.election.take_loss().map(TermEnd::Lost);
        if let Some(end) = &end {
            tracing::warn!(lease = %self.elector.name, reason = %end, "no longer leads");
        }
        let problem = end.as_ref().map(ToString::to_string);
        self.tell(Role::Ending, problem.clone());
        let grace = self.elector.config.grace();
        let mut ended = timeout(grace, &mut work.task).await.is_ok();
        if !ended {
            tracing::error!(lease = %self.elector.name, "the work goes on after its lease was lost and is aborted");
            work.task.abort();
        }
        while !ended {
            // what does not let itself be aborted is waited for, unless the process is to leave
            tokio::select! {
                _ = &mut work.task => ended = true,
                () = self.stop.cancelled() => {
                    if timeout(grace, &mut work.task).await.is_err() {
                        return Err(self.did_not_end());
                    }
                    ended = true;
                }
            }
        }
        self.tell(Role::Standby, problem);
        Ok(())
    }

    /// The work has ended while the lease is held: that is given up.
    async fn end_term(&mut self, done: Done) {
        let end = match done {
            Ok(Err(error)) => Some(TermEnd::Failed(error)),
            Err(error) if error.is_panic() => Some(TermEnd::Panicked),
            // what was aborted was so with the runtime
            Ok(Ok(())) | Err(_) => None,
        };
        self.failures = if end.is_some() { self.failures.saturating_add(1) } else { 0 };
        if let Some(end) = &end {
            let error = end as &dyn std::error::Error;
            tracing::error!(lease = %self.elector.name, error, "the work of the leader has ended");
        }
        self.release().await;
        self.tell(Role::Standby, end.as_ref().map(ToString::to_string));
        if self.failures > 0 {
            let backoff = Backoff { first: self.elector.config.retry(), max: LONGEST_BACKOFF };
            tokio::select! {
                () = tokio::time::sleep(backoff.after(self.failures)) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    fn did_not_end(&self) -> ElectorError {
        ElectorError::WorkDidNotEnd { grace: self.elector.config.grace() }
    }

    /// Gives one's own lease up, and nobody else's: by the version that was written, and where that is not what stands there, by what is, if
    /// that is one's own.
    async fn release(&mut self) {
        let now = self.start.elapsed();
        let Some(version) = self.election.resign(now) else { return };
        let Elector { name, leases, identity, .. } = self.elector;
        let mut released = self.ask(leases.release(name, identity, &version)).await;
        if released.as_ref().is_err_and(|error| error.kind() == LeaseErrorKind::Conflict) {
            released = match self.ask(leases.read(name)).await {
                Ok(Some(record)) if record.holder.as_deref() == Some(identity) => {
                    self.ask(leases.release(name, identity, &record.version)).await
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
        }
        match released {
            Ok(()) => tracing::info!(lease = %name, "gave the lease up"),
            Err(error) => {
                telemetry::failed(name, "release");
                let error = &error as &dyn std::error::Error;
                tracing::warn!(lease = %name, error, "the lease is left to end by itself");
            }
        }
    }

    /// Does what comes next. It may be dropped at any point: what it wrote is then found when the lease is read.
    async fn step(&mut self) {
        let Elector { name, leases, fences, identity, .. } = self.elector;
        let now = self.start.elapsed();
        telemetry::last_renewal(name, self.election.renewed_at().map(|sent| now.saturating_sub(sent)));
        match self.election.next(self.start.elapsed()) {
            Command::Wait(until) => {
                tokio::select! {
                    () = sleep_until(self.start + until) => {}
                    () = leases.changed(name) => self.election.on_change(self.start.elapsed()),
                }
            }
            Command::Read => {
                let read = self.ask(leases.read(name)).await;
                self.hear("read", read.as_ref().err());
                self.election.on_read(self.start.elapsed(), read.as_ref().map(Clone::clone));
            }
            Command::Claim(claim) => {
                let (sent, claimed) = self.claim(&claim).await;
                self.hear("claim", claimed.as_ref().err());
                self.election.on_claim(sent, self.start.elapsed(), claimed.as_ref().map(Clone::clone));
            }
            Command::Raise => {
                let raised = self.ask(fences.raise(name, self.newest, identity)).await;
                self.hear("raise", raised.as_ref().err());
                self.election.on_raise(self.start.elapsed(), raised.as_ref().map(|token| *token));
            }
        }
    }

    /// When the claim was sent, and what became of it.
    async fn claim(&mut self, claim: &Claim) -> (Duration, Result<Version, LeaseError>) {
        let Elector { name, leases, fences, .. } = self.elector;
        if self.election.leadership().is_none() {
            match self.ask(fences.newest(name)).await {
                Ok(newest) => self.newest = newest,
                Err(error) => return (self.start.elapsed(), Err(error)),
            }
        }
        let sent = self.start.elapsed();
        let claimed = self.ask(leases.claim(name, claim)).await;
        if claimed.is_ok() {
            telemetry::renewed(name, self.start.elapsed().saturating_sub(sent));
        }
        (sent, claimed)
    }

    /// Asks a store, no longer than it may take, and than a leader may wait.
    async fn ask<T>(&self, call: impl Future<Output = Result<T, LeaseError>>) -> Result<T, LeaseError> {
        let limit = self.elector.config.retry();
        let by = Instant::now() + limit;
        let by = self.election.gives_up().map_or(by, |at| by.min(self.start + at));
        match timeout_at(by, call).await {
            Ok(answer) => answer,
            Err(_) => Err(LeaseError::new(LeaseErrorKind::Unavailable, "no answer in time")),
        }
    }

    /// Shows what is known of the lease, and what goes wrong.
    fn hear(&self, operation: &'static str, error: Option<&LeaseError>) {
        let conflict = error.is_some_and(|error| error.kind() == LeaseErrorKind::Conflict);
        if let Some(error) = error.filter(|_| !conflict) {
            telemetry::failed(&self.elector.name, operation);
            let cause = error as &dyn std::error::Error;
            tracing::warn!(lease = %self.elector.name, error = cause, "the election does not get on");
        }
        self.elector.status.send_if_modified(|status| {
            let before = status.clone();
            if let Some(error) = error.filter(|_| !conflict) {
                status.problem = Some(error.to_string());
            } else if error.is_none() && self.failures == 0 {
                status.problem = None;
            }
            let known = match self.election.leadership() {
                Some(_) => Some(self.elector.identity.as_str()),
                None => self.election.holder(),
            };
            status.holder = known.map(str::to_owned);
            *status != before
        });
    }

    fn tell(&self, role: Role, problem: Option<String>) {
        let token = self.election.leadership().map(|(token, _)| token).filter(|_| role == Role::Leading);
        let leads = role == Role::Leading;
        telemetry::leader(&self.elector.name, leads);
        self.elector.status.send_modify(|status| {
            if leads != (status.role == Role::Leading) {
                telemetry::transition(&self.elector.name, leads);
            }
            status.role = role;
            status.token = token;
            status.problem = problem;
        });
    }
}

/// At most so long work that fails again and again is not begun anew.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// Waits until the work has ended.
async fn ended(work: &mut Option<Work>) -> Done {
    match work {
        Some(work) => (&mut work.task).await,
        None => std::future::pending().await,
    }
}

//! Leaving in order.

mod report;
#[cfg(test)]
mod tests;

use std::{fmt, io, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

pub use self::report::{Phase, ShutdownReport, StepEnd, StepReport};
use crate::{Drain, Signals};

/// What a process does before it ends: it is not ready first, waits until those who send requests have heard of that, and then goes
/// through its steps, phase by phase. The steps of one phase go on side by side; each has its time, and one that is out of it is cut,
/// since what comes after it is to be done, too. A second signal forces the end at once.
///
/// ```
/// use std::time::Duration;
///
/// use catalog_ha::{Drain, Phase, Shutdown};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (drain, stop) = (Drain::new(), CancellationToken::new());
/// let singletons = tokio::spawn({
///     let stop = stop.clone();
///     async move { stop.cancelled().await } // here the electors run
/// });
/// let shutdown = Shutdown::new(drain.clone(), Duration::ZERO)
///     .with_step(Phase::ReleaseLeases, "leases", Duration::from_secs(20), async move {
///         stop.cancel();
///         let _ = singletons.await;
///     })
///     .with_step(Phase::Close, "database", Duration::from_secs(5), async { /* database.close().await */ });
///
/// // `shutdown.run().await` waits for SIGTERM or SIGINT; here the process is told right away
/// let report = shutdown.run_when(std::future::ready(()), std::future::pending()).await;
/// assert!(report.is_clean() && drain.has_begun());
/// # }
/// ```
#[must_use]
pub struct Shutdown {
    drain: Drain,
    delay: Duration,
    steps: Vec<Step>,
}

struct Step {
    phase: Phase,
    name: &'static str,
    limit: Duration,
    work: BoxFuture<'static, ()>,
}

impl Shutdown {
    /// Nothing but to be not ready, and to wait for `delay`: as long as whatever sends requests may need to hear of it.
    pub fn new(drain: Drain, delay: Duration) -> Self {
        Self { drain, delay, steps: Vec::new() }
    }

    /// With one step more. `work` begins with its phase, and is dropped after `limit`.
    pub fn with_step(
        mut self,
        phase: Phase,
        name: &'static str,
        limit: Duration,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.steps.push(Step { phase, name, limit, work: work.boxed() });
        self
    }

    /// How long it takes at most. An orchestrator should wait a little longer before it kills the process: Kubernetes by the pod's
    /// `terminationGracePeriodSeconds`, from which what a `preStop` takes is to be counted off.
    pub fn longest(&self) -> Duration {
        let of = |phase| {
            let limits = self.steps.iter().filter(|step| step.phase == phase).map(|step| step.limit);
            limits.max().unwrap_or_default()
        };
        Phase::ALL.into_iter().map(of).fold(self.delay, Duration::saturating_add)
    }

    /// Waits for SIGTERM or SIGINT and leaves. The second of them forces the end.
    ///
    /// # Errors
    /// When the system refuses to tell of signals; nothing is begun.
    pub async fn run(self) -> io::Result<ShutdownReport> {
        let mut signals = Signals::listen()?;
        signals.next().await;
        Ok(self.run_when(std::future::ready(()), signals.next()).await)
    }

    /// Waits until it is `told`, and leaves. `forced` forces the end at once, from then on.
    pub async fn run_when(
        self,
        told: impl Future<Output = ()>,
        forced: impl Future<Output = ()>,
    ) -> ShutdownReport {
        told.await;
        self.drain.begin();
        let begun = Instant::now();
        tracing::info!(delay = ?self.delay, longest = ?self.longest(), "not ready any more, and about to leave");
        let is_forced = watch::Sender::new(false);
        let leaving = self.leave(is_forced.subscribe()).fuse();
        let forced = forced.fuse();
        tokio::pin!(leaving, forced);
        let report = tokio::select! {
            biased;
            () = &mut forced => {
                is_forced.send_replace(true);
                leaving.await
            }
            report = &mut leaving => report,
        };
        let took = begun.elapsed();
        if report.is_forced {
            tracing::warn!(?took, "the end was forced");
        } else {
            tracing::info!(?took, is_clean = report.is_clean(), "has left");
        }
        report
    }

    /// What remains to be done after it was forced takes no time.
    async fn leave(self, is_forced: watch::Receiver<bool>) -> ShutdownReport {
        until_forced(&is_forced, sleep(self.delay)).await;
        let (mut reports, mut steps) = (Vec::new(), self.steps);
        for phase in Phase::ALL {
            let (now, later) = steps.into_iter().partition(|step| step.phase == phase);
            let now: Vec<Step> = now;
            steps = later;
            reports.extend(join_all(now.into_iter().map(|step| step.run(&is_forced))).await);
        }
        ShutdownReport { steps: reports, is_forced: *is_forced.borrow() }
    }
}

impl Step {
    async fn run(self, is_forced: &watch::Receiver<bool>) -> StepReport {
        let Self { phase, name, limit, work } = self;
        let begun = Instant::now();
        let end = if *is_forced.borrow() {
            StepEnd::Skipped
        } else {
            // a task of its own, so that one which blocks holds up no other, and dropped with its handle
            let mut work = AbortOnDropHandle::new(tokio::spawn(work));
            match until_forced(is_forced, timeout(limit, &mut work)).await {
                None => StepEnd::Forced,
                Some(Ok(Ok(()))) => StepEnd::Done,
                Some(Ok(Err(_))) => StepEnd::Panicked,
                Some(Err(_)) => StepEnd::OutOfTime,
            }
        };
        let (took, phase_name) = (begun.elapsed(), phase.as_str());
        match end {
            StepEnd::Done => {
                tracing::info!(phase = phase_name, step = name, ?took, "a step of leaving is done");
            }
            StepEnd::OutOfTime => {
                tracing::warn!(
                    phase = phase_name,
                    step = name,
                    ?took,
                    "a step of leaving took too long and is cut"
                );
            }
            StepEnd::Panicked => {
                tracing::error!(
                    phase = phase_name,
                    step = name,
                    ?took,
                    "a step of leaving failed unexpectedly"
                );
            }
            StepEnd::Forced | StepEnd::Skipped => {
                tracing::warn!(phase = phase_name, step = name, ?took, "a step of leaving is not done");
            }
        }
        StepReport { phase, name, end, took }
    }
}

/// What it comes to; none if the end was forced before.
async fn until_forced<T>(is_forced: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut is_forced = is_forced.clone();
    tokio::select! {
        biased;
        _ = is_forced.wait_for(|forced| *forced) => None,
        done = work => Some(done),
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|step| (step.phase, step.name, step.limit))).finish()
    }
}

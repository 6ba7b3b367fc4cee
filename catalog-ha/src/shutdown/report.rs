use std::{fmt, time::Duration};

/// What a step of a shutdown is for. The phases come in this order, whatever order the steps were named in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Phase {
    /// The requests under way are answered, and no more are taken.
    Drain,
    /// Work in the background is cancelled, and ends: jobs are given back.
    CancelWork,
    /// Leases are released, so that others need not wait for their end.
    ReleaseLeases,
    /// What is kept in memory is written: audit, telemetry.
    Flush,
    /// Connections and files are closed.
    Close,
}

impl Phase {
    pub(super) const ALL: [Self; 5] =
        [Self::Drain, Self::CancelWork, Self::ReleaseLeases, Self::Flush, Self::Close];

    /// As it is called in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::CancelWork => "cancel work",
            Self::ReleaseLeases => "release leases",
            Self::Flush => "flush",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StepEnd {
    /// It was done.
    Done,
    /// It was not within its time, and was cut.
    OutOfTime,
    /// It panicked.
    Panicked,
    /// The end was forced while it went on.
    Forced,
    /// The end was forced before it began.
    Skipped,
}

/// What became of one step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StepReport {
    /// What it was for.
    pub phase: Phase,
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub end: StepEnd,
    /// How long it took.
    pub took: Duration,
}

/// What became of a shutdown.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct ShutdownReport {
    /// Each step, in the order of the phases.
    pub steps: Vec<StepReport>,
    /// Whether the end was forced. The process should then exit at once, by [`std::process::exit`]: a runtime that is dropped waits for
    /// threads that block.
    pub is_forced: bool,
}

impl ShutdownReport {
    /// Whether every step was done.
    pub fn is_clean(&self) -> bool {
        !self.is_forced && self.steps.iter().all(|step| step.end == StepEnd::Done)
    }
}

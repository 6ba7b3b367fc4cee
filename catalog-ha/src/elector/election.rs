//! One candidate's part of an election, without any I/O: what it hears goes in, what it is to do next comes out.
//!
//! Times are those of the candidate's own clock, which never goes back, since a start that only it knows. Nothing that another
//! machine's clock says is compared with them, so clocks may differ as they like; only their rates matter, and the margin is for those.

use std::time::Duration;

use super::{ElectorConfig, config::JITTER};
use crate::{
    fence::FencingToken,
    lease::{Claim, LeaseError, LeaseErrorKind, LeaseRecord, Version},
};

/// What a candidate is to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Read the lease.
    Read,
    /// Write this claim; where the candidate does not lead yet, after reading the newest token.
    Claim(Claim),
    /// Make the token that it will lead by.
    Raise,
    /// Nothing before that time.
    Wait(Duration),
}

/// Why a leader is none any more.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// No renewal has worked in time.
    NotRenewed,
    /// Somebody else holds the lease.
    TakenBy(String),
    /// The lease was removed, or emptied by another hand.
    Removed,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRenewed => f.write_str("no renewal has worked in time"),
            Self::TakenBy(holder) => write!(f, "`{holder}` holds the lease"),
            Self::Removed => f.write_str("the lease was removed"),
        }
    }
}

/// One candidate's part.
#[derive(Debug)]
pub(crate) struct Election {
    holder: String,
    config: ElectorConfig,
    random: fastrand::Rng,
    seen: Option<Seen>,
    hold: Option<Hold>,
    step: Step,
    next: Duration,
    conflicts: u32,
    loss: Option<Loss>,
}

/// What comes next, as soon as it is time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Read,
    /// What was read, or written last, is known to be what stands there.
    Claim,
    /// The lease was claimed just now.
    Raise,
}

/// What stood in the store, and since when nothing has changed there.
#[derive(Debug)]
struct Seen {
    record: LeaseRecord,
    since: Duration,
}

/// The lease as this candidate holds it.
#[derive(Debug)]
struct Hold {
    version: Version,
    /// When the last claim that worked was sent.
    sent: Duration,
    /// Without one it does not lead yet.
    token: Option<FencingToken>,
}

/// After so many conflicts in a row it is no race any more, and asking on at once helps nobody.
const RACES: u32 = 2;

impl Election {
    pub(crate) fn new(holder: String, config: ElectorConfig, seed: u64) -> Self {
        Self {
            holder,
            config,
            random: fastrand::Rng::with_seed(seed),
            seen: None,
            hold: None,
            step: Step::Read,
            next: Duration::ZERO,
            conflicts: 0,
            loss: None,
        }
    }

    /// What is to be done now.
    pub(crate) fn next(&mut self, now: Duration) -> Command {
        let gives_up = self.gives_up();
        if gives_up.is_some_and(|at| now >= at) {
            self.lose(now, Loss::NotRenewed);
        }
        if now < self.next {
            return Command::Wait(self.gives_up().map_or(self.next, |at| at.min(self.next)));
        }
        match (self.step, &self.hold) {
            (Step::Claim, Some(hold)) => Command::Claim(self.claim(Some(hold.version.clone()), false)),
            (Step::Claim, None) => self.candidacy(now),
            (Step::Raise, Some(_)) => Command::Raise,
            (Step::Read, _) | (Step::Raise, None) => Command::Read,
        }
    }

    /// When a leader gives up unless a renewal works before.
    pub(crate) fn gives_up(&self) -> Option<Duration> {
        self.hold.as_ref().map(|hold| hold.sent + self.config.renew_deadline())
    }

    /// When the last claim that worked was sent, while the lease is held.
    pub(crate) fn renewed_at(&self) -> Option<Duration> {
        self.hold.as_ref().map(|hold| hold.sent)
    }

    /// The token it leads by, and until when; none while it does not lead.
    pub(crate) fn leadership(&self) -> Option<(FencingToken, Duration)> {
        let hold = self.hold.as_ref()?;
        Some((hold.token?, hold.sent + self.config.trusted()))
    }

    /// Who held the lease when it was last read.
    pub(crate) fn holder(&self) -> Option<&str> {
        self.seen.as_ref().and_then(|seen| seen.record.holder.as_deref())
    }

    /// Why it was lost, once.
    pub(crate) fn take_loss(&mut self) -> Option<Loss> {
        self.loss.take()
    }

    /// Somebody has changed the lease: it is to be read before anything else.
    pub(crate) fn on_change(&mut self, now: Duration) {
        self.step = Step::Read;
        self.next = self.next.min(now);
    }

    pub(crate) fn on_read(&mut self, now: Duration, result: Result<Option<LeaseRecord>, &LeaseError>) {
        match result {
            Ok(record) => {
                self.step = Step::Claim;
                self.next = now;
                self.see(now, record);
                if self.hold.is_some() {
                    self.check_own(now);
                }
            }
            Err(error) => self.put_off(now, now, error),
        }
    }

    /// `sent` is when the claim was.
    pub(crate) fn on_claim(&mut self, sent: Duration, now: Duration, result: Result<Version, &LeaseError>) {
        match result {
            Ok(version) => {
                self.conflicts = 0;
                self.seen = None;
                let token = self.hold.take().and_then(|hold| hold.token);
                self.hold = Some(Hold { version, sent, token });
                (self.step, self.next) = match token {
                    Some(_) => (Step::Claim, sent + self.config.retry()),
                    None => (Step::Raise, now),
                };
            }
            Err(error) => {
                // whatever the answer was, the claim may be what stands there
                if self.hold.is_none() || error.kind() == LeaseErrorKind::Conflict {
                    self.step = Step::Read;
                }
                if error.kind() == LeaseErrorKind::Conflict && self.conflicts < RACES {
                    self.conflicts += 1;
                    self.next = now;
                } else {
                    self.put_off(sent, now, error);
                }
            }
        }
    }

    pub(crate) fn on_raise(&mut self, now: Duration, result: Result<FencingToken, &LeaseError>) {
        match (result, &mut self.hold) {
            (Ok(token), Some(hold)) => {
                hold.token = Some(token);
                self.step = Step::Claim;
                self.next = hold.sent + self.config.retry();
            }
            (Ok(_), None) => {}
            (Err(error), _) => {
                // the lease is claimed anew before the next try, or it would not be sure that it is still ours
                self.step = Step::Read;
                if error.kind() == LeaseErrorKind::Conflict && self.conflicts < RACES {
                    self.conflicts += 1;
                    self.next = now;
                } else {
                    self.put_off(now, now, error);
                }
            }
        }
    }

    /// Gives the lease up; what is given is the version to release. Others are to have a chance before it is claimed again.
    pub(crate) fn resign(&mut self, now: Duration) -> Option<Version> {
        self.step = Step::Read;
        self.next = now + self.pause();
        self.hold.take().map(|hold| hold.version)
    }

    fn see(&mut self, now: Duration, record: Option<LeaseRecord>) {
        let since = self
            .seen
            .take()
            .filter(|seen| record.as_ref().is_some_and(|record| record.heartbeat == seen.record.heartbeat));
        let since = since.map_or(now, |seen| seen.since);
        self.seen = record.map(|record| Seen { record, since });
    }

    /// Whether what was read is still one's own, of a later version where an answer was lost.
    fn check_own(&mut self, now: Duration) {
        let record = self.seen.as_ref().map(|seen| &seen.record);
        match record.and_then(|record| Some((record.holder.as_deref()?, record.version.clone()))) {
            Some((holder, version)) if holder == self.holder => {
                if let Some(hold) = &mut self.hold {
                    hold.version = version;
                }
            }
            Some((holder, _)) => {
                let holder = holder.to_owned();
                self.lose(now, Loss::TakenBy(holder));
            }
            None => self.lose(now, Loss::Removed),
        }
    }

    /// What one does who does not hold the lease and has just read it.
    fn candidacy(&mut self, now: Duration) -> Command {
        let Some(seen) = &self.seen else { return Command::Claim(self.claim(None, true)) };
        let version = seen.record.version.clone();
        let free_at = match seen.record.holder.as_deref() {
            None => now,
            // an earlier claim whose answer was lost
            Some(holder) if holder == self.holder => {
                return Command::Claim(self.claim(Some(version), false));
            }
            Some(_) => match seen.record.remaining {
                Some(remaining) => now + remaining,
                None => seen.since + seen.record.duration,
            },
        };
        if free_at <= now {
            return Command::Claim(self.claim(Some(version), true));
        }
        self.step = Step::Read;
        // not all candidates in the same instant
        let spread = self.config.retry().mul_f64((JITTER - 1.0) * self.random.f64());
        self.next = (now + self.pause()).min(free_at + spread);
        Command::Wait(self.next)
    }

    fn claim(&self, replaces: Option<Version>, takes: bool) -> Claim {
        Claim { holder: self.holder.clone(), duration: self.config.lease(), replaces, takes }
    }

    fn lose(&mut self, now: Duration, loss: Loss) {
        let led = self.hold.take().is_some_and(|hold| hold.token.is_some());
        self.step = Step::Read;
        self.next = now + self.pause();
        if led {
            self.loss = Some(loss);
        }
    }

    fn put_off(&mut self, sent: Duration, now: Duration, error: &LeaseError) {
        let pause = sent + self.pause();
        // one who says to come back much later is asked nevertheless: it is a lease that is at stake
        let told = error.retry_after().unwrap_or_default().min(self.config.lease());
        self.next = pause.max(now + told);
    }

    fn pause(&mut self) -> Duration {
        self.config.retry().mul_f64(1.0 + (JITTER - 1.0) * self.random.f64())
    }
}

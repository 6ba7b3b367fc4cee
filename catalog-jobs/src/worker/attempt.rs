//! One attempt at a job, from its beginning to its outcome.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{context::JobContext, handler::Handle, held::Tools};
use crate::{
    claim::{Claimed, Outcome, Settlement},
    error::{JobError, JobErrorKind},
    retry::RetryPolicy,
};

/// What is kept of an error at most, in bytes.
const MAX_ERROR: usize = 2_048;
/// A job that is older than that is not spared attempts that were refused for a while: none goes on for ever.
const SPARED: Duration = Duration::from_hours(24);
/// So long a job waits whose kind this worker does not know: another version may.
const UNKNOWN: Duration = Duration::from_secs(30);

/// How an attempt ended; nothing where it has ended itself.
pub(super) async fn attempt(
    claimed: Arc<Claimed>,
    handler: Option<Arc<dyn Handle>>,
    tools: Tools,
    timeout: Duration,
    retry: RetryPolicy,
) -> Option<Settlement> {
    let ended = |outcome| {
        Some(Settlement { claim: claimed.claim.clone(), outcome, progress: tools.signals.take_progress() })
    };
    let Some(handler) = handler else {
        tracing::warn!(kind = %claimed.kind, "no handler for this kind of job");
        return ended(Outcome::Released { after: UNKNOWN });
    };
    let context = JobContext::new(Arc::clone(&claimed), &tools);
    let work = AssertUnwindSafe(handler.handle(&claimed.payload, context)).catch_unwind();
    let done = tokio::select! {
        done = tokio::time::timeout(timeout, work) => Some(done),
        () = tools.kill.cancelled() => None,
    };
    if tools.signals.is_completed() {
        return None;
    }
    let result = match done {
        None => return ended(Outcome::Released { after: Duration::ZERO }),
        Some(Err(_)) => {
            Err(JobError::transient(format!("the attempt took more than {} s", timeout.as_secs())))
        }
        Some(Ok(Err(panic))) => Err(JobError::transient(format!("the handler panicked: {}", text(&*panic)))),
        Some(Ok(Ok(result))) => result,
    };
    match result {
        Ok(result) => ended(Outcome::Succeeded { result }),
        Err(_) if tools.unwanted.is_cancelled() => ended(Outcome::Canceled),
        // the worker leaves, or has lost the claim: this is no failure of the job
        Err(_) if tools.stop.is_cancelled() => ended(Outcome::Released { after: Duration::ZERO }),
        Err(error) => {
            let source = std::error::Error::source(&error);
            tracing::warn!(job = %claimed.claim.id, kind = %claimed.kind, attempt = claimed.attempt, %error, source, "attempt failed");
            ended(failed(&claimed, &error, retry))
        }
    }
}

fn failed(claimed: &Claimed, error: &JobError, retry: RetryPolicy) -> Outcome {
    let text = excerpt(&error.to_string());
    let again = |after, refund| {
        let left = refund || claimed.attempt < claimed.max_attempts;
        if left {
            Outcome::Retry { error: text.clone(), after, refund }
        } else {
            Outcome::Failed { error: text.clone(), dead: true }
        }
    };
    match error.kind() {
        JobErrorKind::Permanent => Outcome::Failed { error: text, dead: false },
        JobErrorKind::Transient => again(retry.after(claimed.attempt, random()), false),
        JobErrorKind::RateLimited(after) => {
            let young = claimed.claimed_at.saturating_since(claimed.requested_at) < SPARED;
            again(after.max(Duration::from_millis(1)), young)
        }
    }
}

/// Without what could break a line or a terminal, and not too long.
fn excerpt(text: &str) -> String {
    let mut excerpt: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MAX_ERROR).collect();
    let end = (0..=MAX_ERROR.min(excerpt.len())).rev().find(|end| excerpt.is_char_boundary(*end));
    excerpt.truncate(end.unwrap_or(0));
    excerpt
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

pub(super) fn random() -> u64 {
    // without the system's randomness jobs come back together, and that is all
    getrandom::u64().unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_cut_between_letters() {
        let text = excerpt(&format!("a\n{}", "ä".repeat(5_000)));
        assert!(text.starts_with("a ä") && text.len() <= MAX_ERROR && text.len() > MAX_ERROR - 2);
        assert_eq!(excerpt(""), "");
    }
}

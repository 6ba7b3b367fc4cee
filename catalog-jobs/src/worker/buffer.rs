//! What is claimed and not begun: as much as is likely to be begun soon.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::held::Tools;
use crate::claim::Claimed;

/// So long ahead jobs are claimed, at the pace at which they are done.
const AHEAD: f64 = 0.1;
/// What waits longer is given back: the pace was another than it seemed.
const PATIENCE: Duration = Duration::from_secs(1);
/// A pace is that of so long at least: between two claims at once nothing may have been done, however fast it goes.
const SPAN: Duration = Duration::from_millis(10);
/// How much the pace of the last span counts.
const WEIGHT: f64 = 0.5;

/// Jobs that are claimed and not begun, in their order.
#[derive(Debug)]
pub(super) struct Buffer {
    waiting: VecDeque<Waiting>,
    most: usize,
    /// Jobs done in a second.
    pace: f64,
    measured: Instant,
    done: u32,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) claimed: Arc<Claimed>,
    pub(super) tools: Tools,
    since: Instant,
}

impl Buffer {
    /// For so many jobs at most.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most, pace: 0.0, measured: Instant::now(), done: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, claimed: Arc<Claimed>, tools: Tools) {
        self.waiting.push_back(Waiting { claimed, tools, since: Instant::now() });
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// When something will have waited for too long.
    pub(super) fn patient_until(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.since + PATIENCE)
    }

    /// What has waited for too long.
    pub(super) fn give_back(&mut self) -> Vec<Waiting> {
        let now = Instant::now();
        let late = self.waiting.iter().position(|waiting| waiting.since + PATIENCE > now);
        let given: Vec<Waiting> = self.waiting.drain(..late.unwrap_or(self.waiting.len())).collect();
        if !given.is_empty() {
            self.pace /= 2.0;
        }
        given
    }

    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        self.waiting.drain(..).collect()
    }

    /// Another job is done.
    pub(super) fn note_done(&mut self) {
        self.done = self.done.saturating_add(1);
    }

    /// How many are to be claimed ahead now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    pub(super) fn ahead(&self) -> usize {
        ((self.pace * AHEAD) as usize).min(self.most)
    }

    /// Looks at how much was done since the last time.
    pub(super) fn measure(&mut self) {
        let took = self.measured.elapsed();
        if took >= SPAN {
            self.pace = self.pace * (1.0 - WEIGHT) + f64::from(self.done) / took.as_secs_f64() * WEIGHT;
            (self.measured, self.done) = (Instant::now(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn between_two_claims_at_once_the_pace_stays_what_it_was() {
        let mut buffer = Buffer::new(1_000);
        (0..100).for_each(|_| buffer.note_done());
        advance(Duration::from_millis(10)).await;
        buffer.measure();
        let ahead = buffer.ahead();
        assert_eq!(ahead, 500, "of 10,000 a second half counts, for a tenth of it");
        for _ in 0..9 {
            advance(Duration::from_millis(1)).await;
            buffer.measure();
            assert_eq!(buffer.ahead(), ahead);
        }
        advance(Duration::from_millis(1)).await;
        buffer.measure();
        assert_eq!(buffer.ahead(), ahead / 2, "for so long nothing was done");
    }
}

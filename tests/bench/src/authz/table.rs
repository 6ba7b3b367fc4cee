//! The table of what was measured.

use std::{
    fmt,
    time::{Duration, Instant},
};

pub(crate) use crate::table::median;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) bindings: usize,
    pub(crate) what: &'static str,
    /// Nanoseconds each, once for each round.
    pub(crate) samples: Vec<f64>,
    /// Nanoseconds of single questions; none for what is not asked singly.
    pub(crate) latencies: Vec<u64>,
    /// What it is compared with, and its nanoseconds.
    pub(crate) baseline: Option<(&'static str, f64)>,
    pub(crate) goal: Goal,
}

/// What the median must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many nanoseconds at most.
    AtMost(f64),
    None,
}

/// What stands above the lines.
pub(crate) const HEADER: &str = "bindings what                                        ns each, median (min-max)         p50     p99      a second   goal ns  times its baseline";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = median(&self.samples);
        let least = self.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let goal = match self.goal {
            Goal::AtMost(goal) => format!("{}{goal:.0}", if each <= goal { ' ' } else { '!' }),
            Goal::None => "-".into(),
        };
        let spread = format!("{each:.1} ({least:.1}-{most:.1})");
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        let ratio = self
            .baseline
            .map(|(what, baseline)| format!("{:.2} x {what}", each / baseline))
            .unwrap_or_default();
        write!(
            f,
            "{:>8} {:43} {spread:>30} {p50:>7} {p99:>7} {:>13.0} {goal:>9}  {ratio}",
            self.bindings,
            self.what,
            1e9 / each,
        )
    }
}

impl Row {
    fn percentile(&self, percent: usize) -> String {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * percent / 100).map_or("-".into(), ToString::to_string)
    }
}

pub(crate) fn whole_nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[expect(clippy::cast_precision_loss, reason = "far below the precision of a float")]
pub(crate) fn float(number: usize) -> f64 {
    number as f64
}

/// The nanoseconds between two looks at the clock, as a rule.
pub(crate) fn clock() -> u64 {
    let mut all: Vec<u64> = (0..1_000).map(|_| whole_nanoseconds(Instant::now().elapsed())).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

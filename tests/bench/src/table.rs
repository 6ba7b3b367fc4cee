//! The table of what was measured.

use std::{fmt, time::Duration};

/// One line: ours beside its baseline.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) baseline: f64,
    pub(crate) ours: f64,
    pub(crate) unit: &'static str,
    /// Ours to the baseline, once for each round.
    pub(crate) ratios: Vec<f64>,
    pub(crate) goal: Goal,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Line {
    /// Of the figures of each round.
    pub(crate) fn beside(
        id: &'static str,
        what: String,
        unit: &'static str,
        goal: Goal,
        baseline: &[f64],
        ours: &[f64],
    ) -> Self {
        let ratios = ours.iter().zip(baseline).map(|(ours, baseline)| ours / baseline).collect();
        let (baseline, ours) = (median(baseline), median(ours));
        Self { id, what, baseline, ours, unit, ratios, goal, p50: Duration::ZERO, p99: Duration::ZERO }
    }

    /// With what single ones of ours took.
    pub(crate) fn with_latencies(mut self, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or_default();
        (self.p50, self.p99) = (at(50), at(99));
        self
    }
}

/// What the ratio must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Goal {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(goal) => ratio >= goal,
            Self::AtMost(goal) => ratio <= goal,
            Self::None => true,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">= {goal:.2}"),
            Self::AtMost(goal) => write!(f, "<= {goal:.2}"),
            Self::None => f.write_str("-"),
        }
    }
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least and the most.
pub(crate) fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    })
}

/// What stands above the lines.
pub(crate) const HEADER: &str = "row   what                                                         baseline        ours unit      ratio (min-max)       goal     p50 us   p99 us";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = median(&self.ratios);
        let (least, most) = spread(&self.ratios);
        let met = if self.goal.is_met(ratio) { ' ' } else { '!' };
        write!(
            f,
            "{:5} {:58} {:>10.0} {:>11.0} {:9} {ratio:>5.2} ({least:.2}-{most:.2}) {met} {:>8} {:>8} {:>8}",
            self.id,
            self.what,
            self.baseline,
            self.ours,
            self.unit,
            self.goal.to_string(),
            self.p50.as_micros(),
            self.p99.as_micros(),
        )
    }
}

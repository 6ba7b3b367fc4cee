//! A figure that stands by itself, beside what it should be.

use std::fmt;

use crate::table::{median, spread};

/// One line: what was measured, and what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) values: Vec<f64>,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

/// What stands above the lines.
pub(crate) const HEADER: &str = "what                                                         measured unit    (min-max)                 goal";

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = median(&self.values);
        let (least, most) = spread(&self.values);
        let (met, goal) = match self.goal {
            Goal::AtLeast(goal) => (value >= goal, format!(">= {goal}")),
            Goal::AtMost(goal) => (value <= goal, format!("<= {goal}")),
            Goal::None => (true, "-".into()),
        };
        let digits = if value < 100.0 { 2 } else { 0 };
        let range = format!("({least:.digits$}-{most:.digits$})");
        let mark = if met { ' ' } else { '!' };
        write!(f, "{:58} {value:>10.digits$} {:7} {range:22} {mark} {goal:>9}", self.what, self.unit)
    }
}

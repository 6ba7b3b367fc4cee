use std::{hint::black_box, time::Instant};

use super::{table::whole_nanoseconds, workload::Workload};
use crate::AnyError;

/// One that answers the questions of a workload by their numbers.
pub(crate) trait Contender {
    /// Whether it is allowed.
    fn one(&self, question: usize) -> bool;

    /// So many questions are asked of it in a round at most, so that slow ones end.
    fn pace(&self) -> usize {
        usize::MAX
    }

    /// Whether its answer is that to the question at all.
    fn is_checked(&self) -> bool {
        true
    }

    /// Asks the first so many questions.
    fn pass(&self, questions: usize) -> usize {
        (0..questions).filter(|&question| black_box(self.one(black_box(question)))).count()
    }

    /// The nanoseconds of each, with those that a look at the clock takes.
    fn latencies(&self, questions: usize) -> Vec<u64> {
        let one = |question| {
            let begun = Instant::now();
            black_box(self.one(black_box(question)));
            whole_nanoseconds(begun.elapsed())
        };
        (0..questions).map(one).collect()
    }

    /// Compares its answers with those that are known.
    fn check(&self, workload: &Workload) -> Result<(), AnyError> {
        let asked = workload.questions.iter().enumerate().take(self.pace());
        let wrong =
            asked.filter(|(at, question)| self.is_checked() && self.one(*at) != question.allowed).count();
        if wrong == 0 { Ok(()) } else { Err(format!("{wrong} answers are wrong").into()) }
    }
}

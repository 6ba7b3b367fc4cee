//! How far the first load is, for readiness.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use catalog_ha::Component;
use serde::{Deserialize, Serialize};

/// How far the first load is. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<Stage>>);

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Waiting,
    Loading {
        told: String,
        is_late: bool,
    },
    Loaded {
        of: usize,
        left: Left,
    },
    Failed(String),
    Superseded,
}

/// So many of the sources that are waited for are named.
const NAMED: usize = 3;

/// What is left to do after a round: how many sources, by what keeps each of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Left {
    kinds: BTreeMap<String, usize>,
    unstored: usize,
}

impl Left {
    /// With one source more that is kept so; `unstored` if the store keeps it, and not the source itself.
    pub(crate) fn note(&mut self, kind: String, unstored: bool) {
        *self.kinds.entry(kind).or_default() += 1;
        self.unstored += usize::from(unstored);
    }

    /// How many are left.
    pub(crate) fn count(&self) -> usize {
        self.kinds.values().sum()
    }

    fn told(&self, of: usize) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("{of} sources are configured; not done: {}", kinds.join(", "))
    }
}

impl Progress {
    fn update(&self, update: impl FnOnce(&mut Stage)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Of so many sources those are still to be read; `is_done` if all are there to be read, `is_late` if that has taken so long that the
    /// server is ready without them. What was loaded once is served meanwhile.
    pub(crate) fn wait_for(&self, of: usize, waiting: &[String], is_done: bool, is_late: bool) {
        let named: Vec<&str> = waiting.iter().take(NAMED).map(String::as_str).collect();
        let more = match waiting.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let whom = if is_done { "a worker to read" } else { "the replica that leads to see to" };
        let told = format!(
            "{} of {of} sources read; waiting for {whom} {}{more}",
            of.saturating_sub(waiting.len()),
            named.join(", "),
        );
        self.update(|stage| {
            if !matches!(stage, Stage::Loaded { .. }) {
                *stage = Stage::Loading { told, is_late };
            }
        });
    }

    /// Another configuration is in force, whose sources are another replica's to load.
    pub(crate) fn supersede(&self) {
        self.update(|stage| *stage = Stage::Superseded);
    }

    /// A round over all sources has ended. A later round takes nothing back: what was loaded once is served. Where the store took
    /// none of them, nothing was.
    pub(crate) fn end(&self, of: usize, left: Left) {
        self.update(|stage| {
            let nothing = of > 0 && left.unstored >= of && !matches!(stage, Stage::Loaded { .. });
            *stage = if nothing { Stage::Failed(left.told(of)) } else { Stage::Loaded { of, left } };
        });
    }

    /// How the sources are loaded cannot be seen.
    pub(crate) fn fail(&self, error: &str) {
        self.update(|stage| {
            if !matches!(stage, Stage::Loaded { .. }) {
                *stage = Stage::Failed(error.into());
            }
        });
    }

    pub(crate) fn component(&self) -> Component {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Waiting => Component::failed("not begun"),
            Stage::Loading { told, is_late: false } => Component::failed(told.clone()),
            Stage::Loading { told, is_late: true } => Component::degraded(told.clone()),
            Stage::Loaded { of, left } if left.count() == 0 => {
                Component::ok().with_detail(format!("{of} sources read"))
            }
            Stage::Loaded { of, left } => Component::degraded(left.told(*of)),
            Stage::Failed(error) => Component::failed(error.clone()),
            Stage::Superseded => {
                Component::ok().with_detail("another configuration of sources was rolled out since")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use catalog_ha::State;

    use super::*;

    #[test]
    fn what_is_left_is_told_by_kind_and_nothing_stored_is_nothing_loaded() {
        let progress = Progress::default();
        let waiting: Vec<String> = (1..=5).map(|number| format!("a/model/{number}")).collect();
        progress.wait_for(7, &waiting, true, false);
        let component = progress.component();
        assert_eq!(
            (component.status, component.detail.as_deref()),
            (
                State::Failed,
                Some(
                    "2 of 7 sources read; waiting for a worker to read a/model/1, a/model/2, a/model/3 and 2 more"
                )
            )
        );
        progress.wait_for(7, &waiting, false, true);
        assert_eq!(progress.component().status, State::Degraded, "it does not wait for ever");
        let left = |kinds: &[(&str, bool)]| {
            kinds.iter().fold(Left::default(), |mut left, (kind, unstored)| {
                left.note((*kind).into(), *unstored);
                left
            })
        };
        progress.end(2, left(&[("cannot be stored", true), ("cannot be stored", true)]));
        assert_eq!(progress.component().status, State::Failed);
        progress.end(2, left(&[("cannot be stored", true), ("cannot be read", false)]));
        let component = progress.component();
        assert_eq!(component.status, State::Degraded);
        assert_eq!(
            component.detail.unwrap(),
            "2 sources are configured; not done: 1 cannot be read, 1 cannot be stored"
        );
        // what was loaded once is served
        progress.end(2, left(&[("cannot be stored", true), ("cannot be stored", true)]));
        assert_eq!(progress.component().status, State::Degraded);
        progress.end(2, Left::default());
        assert_eq!(progress.component().status, State::Ok);
    }
}

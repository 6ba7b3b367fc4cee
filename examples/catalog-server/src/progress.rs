//! How far the first load is, for readiness.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use catalog_ha::Component;

/// How far the first load is. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<Stage>>);

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Waiting,
    Loading {
        done: usize,
        of: usize,
    },
    Loaded {
        of: usize,
        left: Left,
    },
    Failed(String),
}

/// What is left to do after a round: how many sources, by what keeps each of them.
#[derive(Clone, Debug, Default)]
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

    /// So many sources are about to be loaded.
    pub(crate) fn begin(&self, of: usize) {
        self.update(|stage| *stage = Stage::Loading { done: 0, of });
    }

    /// One more is done, in whatever way.
    pub(crate) fn step(&self) {
        self.update(|stage| {
            if let Stage::Loading { done, .. } = stage {
                *done += 1;
            }
        });
    }

    /// A round over all sources has ended. A later round takes nothing back: what was loaded once is served. Where the store took
    /// none of them, nothing was.
    pub(crate) fn end(&self, of: usize, left: Left) {
        self.update(|stage| {
            let nothing = of > 0 && left.unstored >= of && !matches!(stage, Stage::Loaded { .. });
            *stage = if nothing { Stage::Failed(left.told(of)) } else { Stage::Loaded { of, left } };
        });
    }

    /// Loading could not even begin.
    pub(crate) fn fail(&self, error: &str) {
        self.update(|stage| *stage = Stage::Failed(error.into()));
    }

    pub(crate) fn component(&self) -> Component {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Waiting => Component::failed("not begun"),
            Stage::Loading { done, of } => Component::failed(format!("{done} of {of} sources read")),
            Stage::Loaded { of, left } if left.count() == 0 => {
                Component::ok().with_detail(format!("{of} sources read"))
            }
            Stage::Loaded { of, left } => Component::degraded(left.told(*of)),
            Stage::Failed(error) => Component::failed(error.clone()),
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
        progress.begin(2);
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

use std::time::Instant;

use super::{
    caller::Caller,
    checks::{CHECKS, Spec},
    faults::{Faults, Stop},
    probe::Probe,
    report::{Category, Check, Outcome, Report},
    target::Target,
};
use crate::clock::{Clock, SystemClock};

/// Assets of one list that are compared, unless something else is said.
const MAX_ASSETS: usize = 1_000;

/// The suite, with what it needs to know of the catalog that it is run against.
///
/// Only the plugin's name is needed. Whatever else is not given makes those checks that need it `skipped`, with the reason.
#[derive(Clone, Debug)]
#[must_use]
pub struct Conformance {
    pub(super) plugin: String,
    pub(super) tenants: Option<Tenants>,
    pub(super) reader_of_a: Option<Caller>,
    pub(super) reader_of_b: Option<Caller>,
    pub(super) stranger: Option<Caller>,
    pub(super) nobody: bool,
    pub(super) max_assets: usize,
    chosen: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Tenants {
    pub(super) a: String,
    pub(super) b: Option<String>,
}

impl Conformance {
    /// For the plugin of that name, on a server of one tenant which serves everybody, until more is said.
    pub fn new(plugin: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            tenants: None,
            reader_of_a: None,
            reader_of_b: None,
            stranger: None,
            nobody: false,
            max_assets: MAX_ASSETS,
            chosen: Vec::new(),
        }
    }

    /// For a server of many tenants, of which one may be read.
    pub fn with_tenant(mut self, a: impl Into<String>) -> Self {
        self.tenants = Some(Tenants { a: a.into(), b: None });
        self
    }

    /// For a server of many tenants. Both should list some assets; the more their data is alike, the more isolation is worth.
    pub fn with_tenants(mut self, a: impl Into<String>, b: impl Into<String>) -> Self {
        self.tenants = Some(Tenants { a: a.into(), b: Some(b.into()) });
        self
    }

    /// A caller who may read the first tenant and no other. Without one, requests are sent without credentials.
    pub fn with_reader_of_a(mut self, caller: Caller) -> Self {
        self.reader_of_a = Some(caller);
        self
    }

    /// A caller who may read the second tenant.
    pub fn with_reader_of_b(mut self, caller: Caller) -> Self {
        self.reader_of_b = Some(caller);
        self
    }

    /// A caller who is known and may do nothing.
    pub fn with_stranger(mut self, caller: Caller) -> Self {
        self.stranger = Some(caller);
        self
    }

    /// Says that the server serves nobody without credentials, which is then checked.
    pub fn with_credentials_required(mut self) -> Self {
        self.nobody = true;
        self
    }

    /// Compares lists of as many assets, 1,000 where nothing is said; what needs the whole of a longer one is skipped.
    pub fn with_max_assets(mut self, max: usize) -> Self {
        self.max_assets = max;
        self
    }

    /// Runs only the checks of those names and those of categories of those names.
    pub fn with_only(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.chosen.extend(names.into_iter().map(Into::into));
        self
    }

    /// Every check that there is: its category and its name.
    pub fn checks() -> impl Iterator<Item = (Category, &'static str)> {
        CHECKS.iter().map(|spec| (spec.category, spec.name))
    }

    /// Runs the checks, one after the other, and tells what came out.
    pub async fn run(&self, target: &dyn Target) -> Report {
        let (started, begun) = (SystemClock.now(), Instant::now());
        let probe = Probe::prepare(target, self).await;
        let mut checks = Vec::new();
        for spec in CHECKS.iter().filter(|spec| self.chooses(spec)) {
            let begun = Instant::now();
            let mut faults = Faults::default();
            let stop = (spec.run)(&probe, &mut faults).await.err();
            let outcome = outcome(faults, stop);
            checks.push(Check {
                category: spec.category,
                name: spec.name,
                outcome,
                duration: begun.elapsed(),
            });
        }
        Report {
            plugin: self.plugin.clone(),
            target: target.name(),
            started,
            duration: begun.elapsed(),
            checks,
        }
    }

    fn chooses(&self, spec: &Spec) -> bool {
        let named = |chosen: &String| chosen == spec.name || chosen == spec.category.as_str();
        self.chosen.is_empty() || self.chosen.iter().any(named)
    }
}

/// What was found wrong counts, also where the check could not come to its end.
fn outcome(mut faults: Faults, stop: Option<Stop>) -> Outcome {
    let reason = match stop {
        Some(Stop::Fail(message)) => {
            faults.add(message);
            None
        }
        Some(Stop::Skip(reason)) => Some(reason),
        None => None,
    };
    match (faults.into_messages(), reason) {
        (messages, _) if !messages.is_empty() => Outcome::Failed { messages },
        (_, Some(reason)) => Outcome::Skipped { reason },
        _ => Outcome::Passed,
    }
}

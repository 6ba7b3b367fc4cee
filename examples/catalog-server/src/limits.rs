//! The file of limits, read at the start and again whenever it changes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use catalog_core::{
    name::Namespace,
    provider::read_text,
    yaml::{self, Node},
};
use catalog_ha::Component;
use catalog_tenancy::{bulkhead::Weight, quota::Quotas, rate_limit::RateLimits};
use serde::Deserialize;

use crate::config::ConfigError;

/// How often and how much.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    #[serde(default)]
    pub(crate) rates: RateLimits,
    #[serde(default)]
    pub(crate) quotas: Quotas,
    #[serde(default)]
    pub(crate) weights: BTreeMap<Namespace, Weight>,
}

/// Those of a server that names no file.
const DEFAULT: &str = include_str!("../limits.yaml");

impl Limits {
    /// Those of that file, or the server's own.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = file else { return Self::parse("limits.yaml", DEFAULT) };
        let name = file.display().to_string();
        let text = read_text(file, yaml::Limits::default().bytes)
            .map_err(|error| ConfigError::new(name.clone(), error.to_string()))?;
        Self::parse(&name, &text)
    }

    fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let read = Node::parse(text, yaml::Limits::default()).and_then(|node| node.deserialize());
        read.map_err(|error| ConfigError::new(file, error.to_string()))
    }
}

/// How reading the file went last. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastRead(Arc<Mutex<Option<String>>>);

impl LastRead {
    fn set(&self, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Degraded while the file cannot be read: the limits are those that it held before.
    pub(crate) fn component(&self) -> Component {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Component::ok(),
            Some(error) => Component::degraded(error.clone()),
        }
    }
}

/// How often the file is looked at. The file of a Kubernetes config map is another file after each change, which only a look tells.
const LOOK: Duration = Duration::from_secs(2);

/// Gives the limits to `apply` whenever the file holds others, for as long as the process lives.
pub(crate) async fn watch(file: PathBuf, mut known: Limits, last: LastRead, apply: impl Fn(&Limits)) {
    let mut interval = tokio::time::interval(LOOK);
    loop {
        interval.tick().await;
        let reading = tokio::task::spawn_blocking({
            let file = file.clone();
            move || Limits::read(Some(&file))
        });
        match reading.await {
            Ok(Ok(limits)) => {
                last.set(None);
                if limits != known {
                    tracing::info!(file = %file.display(), "other limits are in force");
                    apply(&limits);
                    known = limits;
                }
            }
            Ok(Err(error)) => {
                if last.component().detail.is_none_or(|before| before != error.to_string()) {
                    tracing::error!(%error, "the limits stay as they were");
                }
                last.set(Some(error.to_string()));
            }
            Err(error) => tracing::error!(%error, "the limits were not read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_own_limits_are_sound() {
        let limits = Limits::read(None).unwrap();
        assert!(limits.rates.tenant.read.is_some() && limits.rates.tenants.is_empty());
        assert_eq!(limits.quotas, Quotas::default());
    }

    #[test]
    fn what_is_no_limit_is_told_with_its_place() {
        for (text, part) in [
            ("rates:\n  tenant:\n    reed: 1/s\n", "limits.yaml: 3:11: `rates.tenant.reed`"),
            ("rates:\n  tenant:\n    read: soon\n", "`soon` is no rate"),
            ("quotas:\n  tenant: {assets: many}\n", "limits.yaml: 2:"),
            ("weights: {team-a: 0}\n", "limits.yaml: 1:"),
            ("rate: {}\n", "rate"),
        ] {
            let error = Limits::parse("limits.yaml", text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}

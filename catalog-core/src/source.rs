//! Where assets come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use crate::redact::redact;
use crate::{
    clock::Timestamp,
    name::{Namespace, PluginName, SourceId},
};

/// A source, as whoever manages it wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSpec {
    /// Its id within the tenant and plugin.
    pub id: SourceId,
    /// What people call it; the id where nothing is said.
    #[serde(default)]
    pub name: String,
    /// Which provider reads it: `yaml`.
    #[serde(rename = "type")]
    pub source_type: String,
    /// A source that is not enabled keeps no assets.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// For people to find it by.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What the provider needs to know.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
    /// Globs of asset names to take; all where none is given. `*` matches any run of characters, `/` included.
    #[serde(default, alias = "includedModels", alias = "included")]
    pub include: Vec<String>,
    /// Globs of asset names to leave out.
    #[serde(default, alias = "excludedModels", alias = "excluded")]
    pub exclude: Vec<String>,
    /// When it is read anew, as a cron expression with a time zone or without; never by itself where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What keeps the source as it is: `file` for one of a `sources.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

fn yes() -> bool {
    true
}

impl SourceSpec {
    /// When it is to be read anew: what is switched off is not.
    pub(crate) fn schedule_in_force(&self) -> Option<&str> {
        self.schedule.as_deref().filter(|_| self.enabled)
    }
}

/// A source with what the store adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Source {
    /// Its tenant.
    pub namespace: Namespace,
    /// Its plugin.
    pub plugin: PluginName,
    /// What was asked for.
    #[serde(flatten)]
    pub spec: SourceSpec,
    /// 1 at first, one more at each change of the spec.
    pub revision: i64,
    /// When it was first applied.
    pub create_time: Timestamp,
    /// When its spec was last changed.
    pub last_update_time: Timestamp,
    /// How its last refresh went.
    pub status: SourceStatus,
}

/// How a source does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// In one word.
    pub state: SourceState,
    /// How many assets it holds.
    pub entity_count: u64,
    /// The last refresh that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh: Option<Refresh>,
    /// What is wrong, for the tenant's people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A source's state in one word.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Not read yet.
    #[default]
    Loading,
    /// All its items are served.
    Available,
    /// Some of its items were rejected; the others are served.
    Partial,
    /// It could not be read; what it held before is still served.
    Error,
    /// Switched off.
    Disabled,
}

/// One refresh of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// The job that did it.
    pub job_id: Uuid,
    /// How it ended.
    pub state: RefreshState,
    /// The revision of the source that was read.
    #[serde(default)]
    pub revision: i64,
    /// The provider's fingerprint of what was read, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it changed.
    #[serde(flatten)]
    pub figures: RefreshFigures,
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshState {
    /// The source was read.
    Succeeded,
    /// It was not, and nothing was changed.
    Failed,
}

/// What a refresh changed, in assets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshFigures {
    /// New.
    pub loaded: u64,
    /// Changed.
    pub updated: u64,
    /// As before, and not written.
    pub unchanged: u64,
    /// Gone.
    pub removed: u64,
    /// Faulty, and left out.
    pub rejected: u64,
}

impl RefreshFigures {
    /// How many assets more there are than before; fewer are less than nothing.
    pub(crate) fn growth(&self) -> i64 {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        signed(self.loaded).saturating_sub(signed(self.removed))
    }
}

impl Source {
    /// What the source becomes when `spec` is applied.
    pub(crate) fn applied(
        before: Option<&Self>,
        namespace: &Namespace,
        plugin: &PluginName,
        spec: &SourceSpec,
        now: Timestamp,
    ) -> Self {
        let mut status = before.map(|before| before.status.clone()).unwrap_or_default();
        status.state = if spec.enabled { SourceState::Loading } else { SourceState::Disabled };
        status.error = None;
        Self {
            namespace: namespace.clone(),
            plugin: plugin.clone(),
            spec: spec.clone(),
            revision: before.map_or(1, |before| before.revision + 1),
            create_time: before.map_or(now, |before| before.create_time),
            last_update_time: now,
            status,
        }
    }

    /// What names this state of the spec and no other, also of one that was removed and made again.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.create_time.unix_ms(), self.revision)
    }

    /// The source as it may leave the server.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.spec.properties =
            self.spec.properties.iter().map(|(key, value)| (key.clone(), redact(key, value))).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_keys_of_a_source_are_errors() {
        assert!(
            serde_json::from_value::<SourceSpec>(json!({"id": "a", "type": "yaml", "enabledd": false}))
                .is_err()
        );
    }
}

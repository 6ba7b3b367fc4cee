use serde::{Deserialize, Serialize};

use super::null_is_empty;
use crate::engine::{Attributes, PathAttributes, ResourceAttributes};

/// What may be done to what. Rules only add to each other: there is none that forbids.
#[derive(Clone, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyRule {
    /// API groups, the core group being the empty text; `*` for all.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources and `resource/subresource`s; `*` for all of both, `*/subresource` for that one of every resource.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names of objects; none for every object.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths that are no resource's; a `*` at the end stands for whatever follows.
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
    /// Verbs; `*` for all.
    #[serde(deserialize_with = "null_is_empty")]
    pub verbs: Vec<String>,
}

pub(in crate::engine) fn has(entries: &[String], wanted: &str) -> bool {
    entries.iter().any(|entry| entry == wanted)
}

impl PolicyRule {
    /// Whether this rule alone allows what is asked.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        match attributes {
            Attributes::Resource(asked) => self.allows_resource(asked),
            Attributes::Path(asked) => self.allows_path(asked),
        }
    }

    pub(in crate::engine) fn allows_resource(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.has_verb(asked.verb)
            && (has(&self.api_groups, "*") || has(&self.api_groups, asked.api_group))
            && self.resources.iter().any(|entry| covers_resource(entry, asked))
            && (self.resource_names.is_empty() || has(&self.resource_names, asked.name))
    }

    pub(in crate::engine) fn allows_path(&self, asked: &PathAttributes<'_>) -> bool {
        self.has_verb(asked.verb) && self.non_resource_urls.iter().any(|entry| covers_path(entry, asked.path))
    }

    fn has_verb(&self, verb: &str) -> bool {
        has(&self.verbs, "*") || has(&self.verbs, verb)
    }
}

fn covers_resource(entry: &str, asked: &ResourceAttributes<'_>) -> bool {
    if entry == "*" {
        return true;
    }
    if asked.subresource.is_empty() {
        return entry == asked.resource;
    }
    // compared piece by piece, so that nothing is put together for it
    entry
        .strip_suffix(asked.subresource)
        .and_then(|entry| entry.strip_suffix('/'))
        .is_some_and(|resource| resource == "*" || resource == asked.resource)
}

/// Whether an entry of `nonResourceURLs` covers a path. Only stars at the end stand for anything.
pub(in crate::engine) fn covers_path(entry: &str, path: &str) -> bool {
    entry == path || (entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*')))
}

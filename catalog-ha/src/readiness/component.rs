use std::collections::BTreeMap;

use serde::Serialize;

/// How one component does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// In one word.
    pub status: State,
    /// What there is to say, for operators: nothing that a stranger should not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How its parts do, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Component>,
}

/// A component's state in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It works in part, which is no reason to send requests elsewhere.
    Degraded,
    /// It does not work, or not yet.
    Failed,
}

impl Component {
    fn new(status: State, detail: Option<String>) -> Self {
        Self { status, detail, details: BTreeMap::new() }
    }

    /// It works.
    pub fn ok() -> Self {
        Self::new(State::Ok, None)
    }

    /// It works in part.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self::new(State::Degraded, Some(detail.into()))
    }

    /// It does not work, or not yet.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(State::Failed, Some(detail.into()))
    }

    /// With something to say.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a part.
    #[must_use]
    pub fn with_part(mut self, name: impl Into<String>, part: Self) -> Self {
        self.details.insert(name.into(), part);
        self
    }
}

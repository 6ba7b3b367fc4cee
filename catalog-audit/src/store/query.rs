use catalog_core::{clock::Timestamp, page::PageSize};
use uuid::Uuid;

use crate::event::{EventType, Outcome, Record};

/// What a list of events is asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Only of that actor.
    pub actor: Option<String>,
    /// Only of that plugin.
    pub plugin: Option<String>,
    /// Only of what was done to that.
    pub resource_type: Option<String>,
    /// Only what was done so.
    pub action: Option<String>,
    /// Only what came to that.
    pub outcome: Option<Outcome>,
    /// Only of that sort.
    pub event_type: Option<EventType>,
    /// Only of that request.
    pub request_id: Option<String>,
    /// Only what was then or later.
    pub since: Option<Timestamp>,
    /// Only what was before.
    pub until: Option<Timestamp>,
    /// Just after the event of that id, which is older.
    pub after: Option<Uuid>,
    /// At most so many.
    pub size: PageSize,
}

impl AuditQuery {
    /// The columns that are to be just so.
    pub(super) fn columns(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("actor", self.actor.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("resource_type", self.resource_type.as_deref()),
            ("action", self.action.as_deref()),
            ("outcome", self.outcome.map(Outcome::as_str)),
            ("event_type", self.event_type.map(EventType::as_str)),
            ("request_id", self.request_id.as_deref()),
        ]
    }

    /// Whether it asks for that record, wherever the page begins.
    pub(super) fn matches(&self, record: &Record) -> bool {
        let values = [
            &record.actor,
            &record.plugin,
            &record.resource_type,
            &record.action,
            &record.outcome,
            &record.event_type,
            &record.request_id,
        ];
        let same =
            self.columns().iter().zip(values).all(|((_, want), value)| want.is_none_or(|want| want == value));
        same && self.since.is_none_or(|since| record.time_ms >= since.unix_ms())
            && self.until.is_none_or(|until| record.time_ms < until.unix_ms())
    }
}

//! What is recorded.

mod bound;
mod kind;
mod make;
mod record;
mod shown;

use catalog_core::{
    clock::Timestamp,
    name::{Namespace, PluginName},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use self::make::new_id;
#[cfg(feature = "_sql")]
pub(crate) use self::record::{digest_of, hash, id};
pub use self::{
    kind::{EventType, Outcome},
    record::Record,
    shown::shown,
};

/// One thing that was done or tried.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its id, a UUIDv7: the request's, where it is a request's one event. Its time is the event's.
    pub id: Uuid,
    /// The tenant; none where it is nobody's, or where it was not understood.
    pub namespace: Option<Namespace>,
    /// What sort of event.
    pub event_type: EventType,
    /// Who did it; empty where nobody knows.
    pub actor: String,
    /// The plugin.
    pub plugin: Option<PluginName>,
    /// To what it was done, as roles write it: `catalogsources`.
    pub resource_type: String,
    /// What was done: `enable`.
    pub action: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The request that asked for it; empty where none did.
    pub request_id: String,
    /// The rest.
    pub details: Details,
}

/// What is told of an event and not searched for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Details {
    /// The actor's groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Who vouches for the actor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authenticator: String,
    /// What ties several requests together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// What the client says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// To which objects it was done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
    /// What was done, in a word of roles: `update`.
    pub action_verb: String,
    /// How it was answered, as HTTP says it.
    pub status_code: u16,
    /// Why it was refused or failed: a problem's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The revision before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_revision: Option<i64>,
    /// The revision after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_revision: Option<i64>,
    /// The value before, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_value: Option<Value>,
    /// The value after, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_value: Option<Value>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl Event {
    /// When it was: when the request came in.
    pub fn time(&self) -> Timestamp {
        time_of(self.id)
    }
}

/// The time in a UUIDv7; the beginning of 1970 where there is none.
pub(crate) fn time_of(id: Uuid) -> Timestamp {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |time| time.to_unix());
    let ms = i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000) + i64::from(nanos / 1_000_000);
    Timestamp::from_unix_ms(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

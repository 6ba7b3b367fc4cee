use catalog_core::store::{StoreError, StoreErrorKind, database::Row};
use uuid::Uuid;

use super::{Event, EventType, Outcome};
use crate::digest::{Hash, NONE, digest};

/// An event as it is stored: what is searched for by itself, the rest as text, and a digest of all of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The event's id.
    pub id: Uuid,
    /// Empty where it is no tenant's.
    pub namespace: String,
    /// When it was, in milliseconds since the first of January 1970 UTC.
    pub time_ms: i64,
    /// What sort of event.
    pub event_type: String,
    /// Who did it.
    pub actor: String,
    /// Empty where it is no plugin's.
    pub plugin: String,
    /// To what it was done.
    pub resource_type: String,
    /// What was done.
    pub action: String,
    /// What came of it.
    pub outcome: String,
    /// Empty where no request asked for it.
    pub request_id: String,
    /// The rest, as JSON.
    pub details: String,
    /// Of all of it.
    pub digest: [u8; 32],
}

impl Record {
    /// The event as it is to be stored: redacted and bounded.
    pub fn of(event: Event) -> Self {
        let event = event.bounded();
        let mut record = Self {
            id: event.id,
            time_ms: event.time().unix_ms(),
            namespace: event.namespace.map(String::from).unwrap_or_default(),
            event_type: event.event_type.as_str().into(),
            actor: event.actor,
            plugin: event.plugin.map(String::from).unwrap_or_default(),
            resource_type: event.resource_type,
            action: event.action,
            outcome: event.outcome.as_str().into(),
            request_id: event.request_id,
            // texts and numbers always serialize
            details: serde_json::to_string(&event.details).unwrap_or_default(),
            digest: NONE,
        };
        record.digest = record.compute_digest();
        record
    }

    /// The digest of what the record holds now. Another one than it carries is that of a record that was altered.
    pub fn compute_digest(&self) -> Hash {
        let texts = [
            &self.event_type,
            &self.actor,
            &self.plugin,
            &self.resource_type,
            &self.action,
            &self.outcome,
            &self.request_id,
            &self.details,
        ];
        digest_of(self.id.as_bytes(), &self.namespace, self.time_ms, texts.map(String::as_str))
    }

    /// What it takes to keep it, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        512 + self.details.len() + self.actor.len()
    }

    /// The event that is stored so.
    ///
    /// # Errors
    /// `Corrupt` if it is none.
    pub fn into_event(self) -> Result<Event, StoreError> {
        let corrupt = || StoreError::new(StoreErrorKind::Corrupt, "the record is no event");
        let none_if_empty = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Event {
            id: self.id,
            namespace: none_if_empty(self.namespace)
                .map(|name| name.parse().map_err(|_| corrupt()))
                .transpose()?,
            event_type: EventType::parse(&self.event_type).ok_or_else(corrupt)?,
            actor: self.actor,
            plugin: none_if_empty(self.plugin).map(|name| name.parse().map_err(|_| corrupt())).transpose()?,
            resource_type: self.resource_type,
            action: self.action,
            outcome: Outcome::parse(&self.outcome).ok_or_else(corrupt)?,
            request_id: self.request_id,
            details: serde_json::from_str(&self.details).map_err(|_| corrupt())?,
        })
    }

    /// From the columns of a row, beginning with that one, in the order of the struct.
    ///
    /// # Errors
    /// `Corrupt` if they are none of a record.
    pub fn from_row(row: &mut Row, first: usize) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.bytes(first)?)?,
            namespace: row.text(first + 1)?,
            time_ms: row.integer(first + 2)?,
            event_type: row.text(first + 3)?,
            actor: row.text(first + 4)?,
            plugin: row.text(first + 5)?,
            resource_type: row.text(first + 6)?,
            action: row.text(first + 7)?,
            outcome: row.text(first + 8)?,
            request_id: row.text(first + 9)?,
            details: row.text(first + 10)?,
            digest: hash(row.bytes(first + 11)?)?,
        })
    }
}

/// The digest of a record that holds this: the texts are those from the sort of event on, in the order of the struct.
pub(crate) fn digest_of(id: &[u8], namespace: &str, time_ms: i64, texts: [&str; 8]) -> Hash {
    let [event_type, actor, plugin, resource_type, action, outcome, request_id, details] =
        texts.map(str::as_bytes);
    let time = time_ms.to_be_bytes();
    let parts = [
        id,
        namespace.as_bytes(),
        &time,
        event_type,
        actor,
        plugin,
        resource_type,
        action,
        outcome,
        request_id,
        details,
    ];
    digest("catalog.audit.event.v1", &parts)
}

/// The bytes as an id.
pub(crate) fn id(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
}

/// The bytes as a digest.
pub(crate) fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a digest has 32 bytes"))
}

use catalog_core::store::StoreError;
use serde_json::{Value, json};

use crate::{digest::hex, store::Stored};

/// The event as the wire shows it. One that is not sealed yet has the sequence 0 and, as its hash, the digest of itself.
///
/// # Errors
/// `Corrupt` if it is none.
pub fn shown(stored: Stored) -> Result<Value, StoreError> {
    let Stored { record, place } = stored;
    let own = record.digest;
    let event = record.into_event()?;
    let details = event.details;
    let mut value = json!({
        "id": event.id,
        "sequence": place.as_ref().map_or(0, |place| place.sequence),
        "namespace": event.namespace,
        "eventType": event.event_type,
        "time": catalog_core::clock::Timestamp::to_string(&super::time_of(event.id)),
        "actor": {"user": event.actor, "groups": details.groups, "authenticator": details.authenticator},
        "requestId": event.request_id,
        "correlationId": details.correlation_id,
        "sourceIp": details.source_ip,
        "userAgent": details.user_agent,
        "resourceType": event.resource_type,
        "resourceIds": details.resource_ids,
        "action": event.action,
        "actionVerb": details.action_verb,
        "outcome": event.outcome,
        "statusCode": details.status_code,
        "metadata": details.metadata,
        "sealed": place.is_some(),
        "hash": hex(place.as_ref().map_or(&own, |place| &place.hash)),
    });
    let more = [
        ("plugin", event.plugin.map(|plugin| json!(plugin))),
        ("reason", details.reason.map(Value::String)),
        ("oldRevision", details.old_revision.map(Into::into)),
        ("newRevision", details.new_revision.map(Into::into)),
        ("oldValue", details.old_value),
        ("newValue", details.new_value),
        ("previousHash", place.as_ref().map(|place| hex(&place.previous_hash).into())),
    ];
    if let Value::Object(fields) = &mut value {
        for (key, value) in more {
            if let Some(value) = value {
                fields.insert(key.into(), value);
            }
        }
        fields.retain(|_, value| !value.is_null());
    }
    Ok(value)
}

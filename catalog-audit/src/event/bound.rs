//! Limits on what an event holds: what is too large is cut, and a digest stands in its place.

use serde_json::{Map, Value, json};

use super::{Details, Event};
use crate::{
    digest::{digest, hex},
    text::line,
};

/// One value, as JSON, in bytes.
const MAX_VALUE: usize = 16 * 1024;
/// What else there is to say, in bytes.
const MAX_METADATA: usize = 8 * 1024;
/// How many names a list has, and how long each is in bytes.
const MAX_NAMES: usize = 32;
const MAX_NAME: usize = 256;
/// A name that is searched for, in bytes.
const MAX_KEY: usize = 512;
/// A sentence, in bytes.
const MAX_SENTENCE: usize = 1_024;

impl Event {
    /// The event without anything that is longer than an event may hold, or would not print; at most 64 KiB as JSON.
    #[must_use]
    pub(crate) fn bounded(mut self) -> Self {
        self.actor = line(&self.actor, MAX_KEY);
        self.resource_type = line(&self.resource_type, MAX_NAME);
        self.action = line(&self.action, MAX_NAME);
        self.request_id = line(&self.request_id, MAX_KEY);
        self.details = self.details.bounded();
        self
    }
}

impl Details {
    fn bounded(mut self) -> Self {
        names(&mut self.groups);
        names(&mut self.resource_ids);
        for text in
            [&mut self.correlation_id, &mut self.source_ip, &mut self.user_agent].into_iter().flatten()
        {
            *text = line(text, MAX_NAME);
        }
        if let Some(reason) = &mut self.reason {
            *reason = line(reason, MAX_SENTENCE);
        }
        let too_large = |value: &Option<Value>| value.as_ref().is_some_and(|value| size(value) > MAX_VALUE);
        if too_large(&self.old_value) || too_large(&self.new_value) {
            difference(&mut self.old_value, &mut self.new_value);
        }
        for value in [&mut self.old_value, &mut self.new_value].into_iter().flatten() {
            if size(value) > MAX_VALUE {
                *value = cut(value);
            }
        }
        let metadata = Value::Object(std::mem::take(&mut self.metadata));
        let metadata = if size(&metadata) > MAX_METADATA { cut(&metadata) } else { metadata };
        if let Value::Object(metadata) = metadata {
            self.metadata = metadata;
        }
        self
    }
}

fn names(names: &mut Vec<String>) {
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    for name in names.iter_mut() {
        *name = line(name, MAX_NAME);
    }
    if more > 0 {
        names.push(format!("and {more} more"));
    }
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// Leaves of two objects what is not the same in both.
fn difference(old: &mut Option<Value>, new: &mut Option<Value>) {
    let (Some(Value::Object(old)), Some(Value::Object(new))) = (old, new) else { return };
    let same: Vec<String> =
        old.iter().filter(|(key, value)| new.get(*key) == Some(*value)).map(|(key, _)| key.clone()).collect();
    let drop_same = |map: &mut Map<String, Value>| map.retain(|key, _| !same.contains(key));
    drop_same(old);
    drop_same(new);
}

/// What stands in place of a value that is too large.
fn cut(value: &Value) -> Value {
    let text = value.to_string();
    json!({"truncated": true, "bytes": text.len(), "sha256": hex(&digest("value", &[text.as_bytes()]))})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_cut_to_what_differs_and_then_to_a_digest() {
        let value = |word: &str, more: usize| json!({"a": word, "b": "x".repeat(more)});
        let mut details = Details {
            old_value: Some(value("old", 20_000)),
            new_value: Some(value("new", 20_000)),
            ..Details::default()
        };
        details = details.bounded();
        assert_eq!(
            (details.old_value.unwrap(), details.new_value.unwrap()),
            (json!({"a": "old"}), json!({"a": "new"}))
        );
        let large = Details { new_value: Some(value("new", 20_000)), ..Details::default() }.bounded();
        let cut = large.new_value.unwrap();
        assert_eq!(
            (cut["truncated"].as_bool(), cut["sha256"].as_str().map(str::len)),
            (Some(true), Some(64))
        );
        let many = Details { resource_ids: vec!["x".repeat(900); 40], ..Details::default() }.bounded();
        assert_eq!((many.resource_ids.len(), many.resource_ids[0].len()), (33, 256));
        assert_eq!(many.resource_ids[32], "and 8 more");
    }
}

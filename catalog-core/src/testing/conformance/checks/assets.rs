//! The documents of the lists.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::{Verdict, enough};
use crate::{
    clock::Timestamp,
    schema::FieldType,
    testing::conformance::{
        faults::Faults,
        probe::{Probe, ids, name},
        semantics::cell,
    },
};

const NO_ASSETS: &str = "the tenant has no assets of the plugin";

pub(super) fn assets_have_the_common_fields(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        for item in subject.items()? {
            cases += 1;
            common_fields(item, faults);
            faults.same(
                format!("`kind` of `{}`", name(item)),
                &item["kind"].as_str(),
                &Some(subject.entity.kind.as_str()),
            );
            faults.same(
                format!("`plugin` of `{}`", name(item)),
                &item["plugin"].as_str(),
                &Some(probe.plan.plugin.as_str()),
            );
        }
    }
    enough(cases, NO_ASSETS)
}

fn common_fields(item: &Value, faults: &mut Faults) {
    let mut wrong = |field: &str, due: &str| faults.add(format!("`{field}` of `{}` is no {due}", name(item)));
    for field in ["id", "namespace", "plugin", "kind", "name", "sourceId", "lifecycle"] {
        if item[field].as_str().is_none_or(str::is_empty) {
            wrong(field, "text");
        }
    }
    for field in ["displayName", "description", "provider"] {
        if item.get(field).is_some_and(|value| !value.is_string()) {
            wrong(field, "text");
        }
    }
    if item["revision"].as_u64().is_none_or(|revision| revision == 0) {
        wrong("revision", "number from 1");
    }
    for field in ["labels", "annotations"] {
        if item[field].as_object().is_none_or(|map| !map.values().all(Value::is_string)) {
            wrong(field, "object of texts");
        }
    }
    if item["tags"].as_array().is_none_or(|tags| !tags.iter().all(Value::is_string)) {
        wrong("tags", "list of texts");
    }
    if !item["customProperties"].is_object() {
        wrong("customProperties", "object");
    }
    for field in ["createTime", "lastUpdateTime"] {
        // what the time means, written as the contract has it, is the text itself
        let text = item[field].as_str().unwrap_or_default();
        let time = text.parse::<Timestamp>();
        if time.map_or(true, |time| time.to_string() != text) {
            wrong(field, "RFC 3339 time in UTC with milliseconds");
        }
    }
}

pub(super) fn asset_ids_are_unique_uuid7(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut seen = BTreeSet::new();
    for subject in probe.subjects()? {
        for id in ids(subject.items()?) {
            faults.expect(seen.insert(id), || format!("the id `{id}` is used twice"));
            let version = Uuid::parse_str(id).ok().map(|id| id.get_version_num());
            faults.expect(version == Some(7), || format!("the id `{id}` is no UUIDv7"));
        }
    }
    enough(seen.len(), NO_ASSETS)
}

pub(super) fn assets_are_of_the_tenant_asked_for(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let tenant = probe.tenant()?;
    let mut cases = 0;
    for subject in probe.subjects()? {
        for item in subject.items()? {
            cases += 1;
            faults.same(
                format!("`namespace` of `{}`", name(item)),
                &item["namespace"].as_str(),
                &Some(tenant),
            );
        }
    }
    enough(cases, NO_ASSETS)
}

pub(super) fn declared_fields_have_their_types(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        for item in subject.items()? {
            for field in &subject.entity.fields {
                let Some(value) = item.get(&field.name) else { continue };
                cases += 1;
                let fits = match field.of_type {
                    FieldType::Object => value.is_object(),
                    FieldType::Objects => value.is_array(),
                    _ => cell(item, field).is_some(),
                };
                faults.expect(fits, || {
                    format!(
                        "`{}` of `{}` is {value} and of type `{}`",
                        field.name,
                        name(item),
                        field.of_type.as_str()
                    )
                });
            }
        }
    }
    enough(cases, NO_ASSETS)
}

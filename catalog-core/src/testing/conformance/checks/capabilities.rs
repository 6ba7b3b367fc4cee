use std::collections::BTreeSet;

use serde_json::Value;

use super::{Verdict, discovery::entry};
use crate::testing::conformance::{
    entity::field_type,
    faults::{Faults, Stop},
    probe::Probe,
};

/// The fields of an entity's three groups of fields, and what each says.
const GROUPS: [(&str, &[&str]); 3] = [
    ("columns", &["name", "displayName", "path", "type"]),
    ("filterFields", &["name", "displayName", "type"]),
    ("detailFields", &["name", "displayName", "path", "type"]),
];

async fn capabilities(probe: &Probe<'_>) -> Result<Value, Stop> {
    let path = format!("/api/plugins/{}/capabilities", probe.plan.plugin);
    Ok(probe.send(probe.cluster(path)).await?.good()?.json().clone())
}

async fn entities(probe: &Probe<'_>) -> Result<Vec<Value>, Stop> {
    let capabilities = capabilities(probe).await?;
    let entities = capabilities["entities"].as_array().filter(|entities| !entities.is_empty());
    entities.cloned().ok_or_else(|| Stop::fail("the capabilities name no entity"))
}

fn texts(faults: &mut Faults, value: &Value, of: &str, fields: &[&str]) {
    for field in fields {
        let filled = value[*field].as_str().is_some_and(|text| !text.is_empty());
        faults.expect(filled, || format!("`{field}` of {of} is missing or empty"));
    }
}

pub(super) async fn are_complete(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let capabilities = capabilities(probe).await?;
    texts(faults, &capabilities, "the capabilities", &["schemaVersion"]);
    texts(faults, &capabilities["plugin"], "the plugin", &["name", "version", "displayName"]);
    faults.expect(capabilities["plugin"]["description"].is_string(), || {
        "`description` of the plugin is missing".into()
    });
    faults.same("`plugin.name`", &capabilities["plugin"]["name"].as_str(), &Some(probe.plan.plugin.as_str()));
    for flag in ["manageable", "refreshable"] {
        faults.expect(capabilities["sources"][flag].is_boolean(), || {
            format!("`sources.{flag}` is neither true nor false")
        });
    }
    faults.expect(capabilities["sources"]["types"].is_array(), || "`sources.types` is no list".into());
    faults.expect(capabilities["actions"].is_array(), || "`actions` is no list".into());
    for entity in entities(probe).await? {
        let kind = format!("entity `{}`", entity["kind"].as_str().unwrap_or_default());
        texts(faults, &entity, &kind, &["kind", "plural", "displayName"]);
        faults.expect(entity["description"].is_string(), || format!("`description` of {kind} is missing"));
        faults.expect(entity["actions"].is_array(), || format!("`actions` of {kind} is no list"));
        texts(faults, &entity["endpoints"], &format!("the endpoints of {kind}"), &["list", "get"]);
        let sorts = entity["fields"]["sortFields"].as_array();
        faults.expect(sorts.is_some_and(|sorts| !sorts.is_empty()), || format!("{kind} has no `sortFields`"));
        for (group, parts) in GROUPS {
            let Some(fields) = entity["fields"][group].as_array().filter(|fields| !fields.is_empty()) else {
                faults.add(format!("{kind} has no `{group}`"));
                continue;
            };
            for field in fields {
                let of = format!("`{}` in `{group}` of {kind}", field["name"].as_str().unwrap_or("?"));
                texts(faults, field, &of, parts);
                faults.expect(group != "columns" || field["sortable"].is_boolean(), || {
                    format!("`sortable` of {of} is neither true nor false")
                });
            }
        }
    }
    Ok(())
}

/// The document is the same inline in the plugin's entry and alone, and does not speak against the entry.
pub(super) async fn agree(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (entry, alone) = (entry(probe).await?, capabilities(probe).await?);
    faults.expect(entry["capabilitiesV2"] == alone, || {
        "`capabilitiesV2` of the plugin's entry is not what its capabilities are".into()
    });
    faults.same("`version` of the entry", &entry["version"], &alone["plugin"]["version"]);
    let kinds: Vec<&Value> = alone["entities"].as_array().into_iter().flatten().map(|e| &e["kind"]).collect();
    let told: Vec<&Value> = entry["entityKinds"].as_array().into_iter().flatten().collect();
    faults.same("`entityKinds` of the entry", &told, &kinds);
    Ok(())
}

pub(super) async fn endpoints_lie_below_the_base_path(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let base = format!("{}/", entry(probe).await?["basePath"].as_str().unwrap_or_default());
    faults.expect(base.starts_with("/api/"), || format!("the base path `{base}` is not below `/api/`"));
    for entity in entities(probe).await? {
        let endpoints = entity["endpoints"].as_object();
        for (name, path) in endpoints.into_iter().flatten() {
            let path = path.as_str().unwrap_or_default();
            faults.expect(path.starts_with(&base), || format!("`{name}`, `{path}`, is not below `{base}`"));
            let placeholders: Vec<&str> =
                path.split('/').filter(|segment| segment.contains(['{', '}'])).collect();
            let due: &[&str] = match name.as_str() {
                "list" | "filterOptions" => &[],
                _ => &["{name}"],
            };
            // an action's id may stand behind the name in one segment
            let fits = placeholders == due || name == "action" && path.matches("{name}").count() == 1;
            faults.expect(fits, || format!("the placeholders of `{name}`, `{path}`, are not {due:?}"));
        }
    }
    Ok(())
}

pub(super) async fn sortable_columns_are_sort_fields(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for entity in entities(probe).await? {
        let sorts: BTreeSet<&str> = entity["fields"]["sortFields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for column in entity["fields"]["columns"].as_array().into_iter().flatten() {
            let name = column["name"].as_str().unwrap_or_default();
            let (told, sorted) = (column["sortable"] == true, sorts.contains(name));
            faults.expect(told == sorted, || {
                format!("column `{name}` has `sortable` {told}, and `sortFields` has it: {sorted}")
            });
        }
    }
    Ok(())
}

pub(super) async fn field_names_and_types_are_sound(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for entity in entities(probe).await? {
        let kind = entity["kind"].as_str().unwrap_or_default().to_owned();
        let mut types: Vec<(String, Value)> = Vec::new();
        for (group, _) in GROUPS {
            let mut names = BTreeSet::new();
            for field in entity["fields"][group].as_array().into_iter().flatten() {
                let name = field["name"].as_str().unwrap_or_default();
                faults.expect(names.insert(name), || format!("`{name}` is twice in `{group}` of `{kind}`"));
                faults.expect(field_type(&field["type"]).is_some(), || {
                    format!("the type {} of `{name}` in `{group}` of `{kind}` is none", field["type"])
                });
                match types.iter().find(|(other, _)| other == name) {
                    Some((_, told)) => faults.expect(*told == field["type"], || {
                        format!("`{name}` of `{kind}` has one type in `{group}` and another elsewhere")
                    }),
                    None => types.push((name.into(), field["type"].clone())),
                }
            }
        }
        let sorts = entity["fields"]["sortFields"].as_array();
        let sorts: Vec<&str> = sorts.into_iter().flatten().filter_map(Value::as_str).collect();
        let unique: BTreeSet<&&str> = sorts.iter().collect();
        faults.expect(unique.len() == sorts.len(), || format!("`sortFields` of `{kind}` has a name twice"));
    }
    Ok(())
}

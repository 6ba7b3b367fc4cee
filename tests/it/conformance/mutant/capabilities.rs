use serde_json::Value;

use super::{Answered, Mutant, as_it_is};

/// Changes what the plugin says of its entity, wherever it does.
fn entity(answered: &mut Answered, edit: fn(&mut Value)) {
    answered.edit(|json| {
        if json["entities"].is_array() {
            edit(&mut json["entities"][0]);
        }
        if json["name"] == "model" {
            edit(&mut json["capabilitiesV2"]["entities"][0]);
        }
        for plugin in json["plugins"].as_array_mut().into_iter().flatten() {
            if plugin["name"] == "model" {
                edit(&mut plugin["capabilitiesV2"]["entities"][0]);
            }
        }
    });
}

fn remove(value: &mut Value, field: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(field);
    }
}

fn list<'a>(entity: &'a mut Value, group: &str) -> Option<&'a mut Vec<Value>> {
    entity["fields"][group].as_array_mut()
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("plugins are counted wrongly", "plugin-is-listed", |asked, answered| {
        if asked.path == "/api/plugins" {
            answered.edit(|json| json["count"] = 99.into());
        }
    }),
    Mutant::answers(
        "a plugin alone is told otherwise",
        "plugin-alone-equals-its-entry",
        |asked, answered| {
            if asked.path == "/api/plugins/model" {
                answered.edit(|json| json["description"] = "another".into());
            }
        },
    ),
    Mutant::asks("discovery is never 304", "discovery-is-cached", |asked| {
        if asked.is_discovery() {
            asked.headers.remove("if-none-match");
        }
    }),
    Mutant::answers("discovery may be kept by anybody", "discovery-is-cached", |asked, answered| {
        if asked.is_discovery() {
            answered.header("cache-control", "public");
        }
    }),
    Mutant::answers("discovery has one tag for all", "discovery-is-cached", |asked, answered| {
        if asked.is_discovery() && asked.headers.contains_key("if-none-match") {
            answered.status = 304;
            answered.body.clear();
        }
    }),
    Mutant::asks_again(
        "an unknown plugin is taken for another",
        "unknown-plugin-is-not-found",
        |asked, answered| {
            let mut other = asked.clone();
            other.path = "/api/plugins/mcp".into();
            (asked.is_discovery() && answered.status == 404).then_some(other)
        },
        as_it_is,
    ),
    Mutant::answers("an entity has no display name", "capabilities-are-complete", |_, answered| {
        entity(answered, |entity| remove(entity, "displayName"));
    }),
    Mutant::answers("a column has no path", "capabilities-are-complete", |_, answered| {
        entity(answered, |entity| remove(&mut entity["fields"]["columns"][1], "path"));
    }),
    Mutant::answers("capabilities differ inline", "capabilities-agree", |asked, answered| {
        if asked.path == "/api/plugins" {
            entity(answered, |entity| drop(list(entity, "detailFields").and_then(Vec::pop)));
        }
    }),
    Mutant::answers(
        "an endpoint has two placeholders",
        "endpoints-lie-below-the-base-path",
        |_, answered| {
            entity(answered, |entity| {
                entity["endpoints"]["artifacts"] =
                    "/api/model_catalog/v1alpha1/models/{name}/{artifact}".into();
            });
        },
    ),
    Mutant::answers("an endpoint lies elsewhere", "endpoints-lie-below-the-base-path", |_, answered| {
        entity(answered, |entity| entity["endpoints"]["artifacts"] = "/elsewhere/{name}".into());
    }),
    Mutant::answers(
        "a sortable column is no sort field",
        "sortable-columns-are-sort-fields",
        |_, answered| {
            entity(answered, |entity| {
                if let Some(sorts) = list(entity, "sortFields") {
                    sorts.retain(|name| name != "provider");
                }
            });
        },
    ),
    Mutant::answers("a column is told twice", "field-names-and-types-are-sound", |_, answered| {
        entity(answered, |entity| {
            if let Some(columns) = list(entity, "columns") {
                columns.extend_from_within(..1);
            }
        });
    }),
    Mutant::answers("a field is of no known type", "field-names-and-types-are-sound", |_, answered| {
        entity(answered, |entity| entity["fields"]["filterFields"][3]["type"] = "text".into());
    }),
];

//! The definitions that come with the crate.

use crate::{
    schema::{PluginDefinition, SchemaError},
    yaml::{Limits, Node, YamlError},
};

const SOURCES: [(&str, &str); 8] = [
    ("model.yaml", include_str!("../../plugins/model.yaml")),
    ("mcp.yaml", include_str!("../../plugins/mcp.yaml")),
    ("agents.yaml", include_str!("../../plugins/agents.yaml")),
    ("prompts.yaml", include_str!("../../plugins/prompts.yaml")),
    ("knowledge.yaml", include_str!("../../plugins/knowledge.yaml")),
    ("guardrails.yaml", include_str!("../../plugins/guardrails.yaml")),
    ("policies.yaml", include_str!("../../plugins/policies.yaml")),
    ("skills.yaml", include_str!("../../plugins/skills.yaml")),
];

/// Why a text is no definition.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DefinitionError {
    /// It is no YAML, or not of a definition's shape.
    #[error("{file}:{error}")]
    Yaml {
        /// How the text is called.
        file: String,
        /// What is wrong.
        error: YamlError,
    },
    /// Its parts do not fit each other.
    #[error("{file}: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Schema {
        /// How the text is called.
        file: String,
        /// What is wrong.
        faults: Vec<SchemaError>,
    },
}

/// Reads one definition; `file` is how errors call it.
///
/// # Errors
/// [`DefinitionError`] with file, line and field.
pub fn parse_definition(file: &str, text: &str) -> Result<PluginDefinition, DefinitionError> {
    let yaml = |error| DefinitionError::Yaml { file: file.into(), error };
    let node = Node::parse(text, Limits::default()).map_err(yaml)?;
    let definition: PluginDefinition = node.deserialize().map_err(yaml)?;
    definition.validate().map_err(|faults| DefinitionError::Schema { file: file.into(), faults })?;
    Ok(definition)
}

/// The eight plugins of a Kubeflow catalog: model, mcp, agents, prompts, knowledge, guardrails, policies, skills.
///
/// # Errors
/// None that a released crate gives: its tests read them all.
pub fn builtin() -> Result<Vec<PluginDefinition>, DefinitionError> {
    SOURCES.iter().map(|(file, text)| parse_definition(file, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_eight_are_sound_and_differ() {
        let names: Vec<String> = builtin().unwrap().iter().map(|plugin| plugin.name.to_string()).collect();
        assert_eq!(
            names,
            ["model", "mcp", "agents", "prompts", "knowledge", "guardrails", "policies", "skills"]
        );
    }

    #[test]
    fn an_error_names_file_line_and_field() {
        let text = "name: x\nversion: v1\ndisplayName: X\nentities:\n- kind: Thing\n  plural: things\n  displayName: T\n  fields:\n  - {name: a, displayName: A, type: strin}\n";
        let error = parse_definition("x.yaml", text).unwrap_err().to_string();
        assert!(error.starts_with("x.yaml:9:") && error.contains("entities[0].fields[0].type"), "{error}");
    }
}

//! `sources.yaml`: which sources each plugin has.

use std::collections::HashSet;

use crate::{
    name::PluginName,
    schema::PluginDefinition,
    source::SourceSpec,
    yaml::{Limits, Node, YamlError},
};

/// The sources that a `sources.yaml` of Kubeflow's format names.
///
/// Two forms are read: `catalogs.<plugin>.sources[]`, and the older list `catalogs[]`, which is of models.
#[derive(Clone, Debug, Default)]
pub struct SourcesFile {
    /// Each source with its plugin, in the order of the file.
    pub sources: Vec<(PluginName, SourceSpec)>,
}

/// Every fault of a `sources.yaml`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SourcesFileError(pub Vec<YamlError>);

/// The plugin that the older form means.
const OLDER_FORM: &str = "models";

impl SourcesFile {
    /// Reads the text; a plugin is known by its name or one of its `sourceKeys`, and a schedule is what `check_schedule` finds nothing
    /// wrong with.
    ///
    /// # Errors
    /// All faults with line and field.
    pub fn parse(
        text: &str,
        plugins: &[PluginDefinition],
        check_schedule: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Self, SourcesFileError> {
        let root = Node::parse(text, Limits::default()).map_err(|error| SourcesFileError(vec![error]))?;
        let mut reader = Reader {
            plugins,
            check_schedule: &check_schedule,
            out: Self::default(),
            seen: HashSet::new(),
            faults: Vec::new(),
        };
        match root.get("catalogs") {
            None => reader.faults.push(root.error("catalogs", "is missing")),
            Some(catalogs) if catalogs.items().is_some() => reader.list("catalogs", OLDER_FORM, catalogs),
            Some(catalogs) => {
                for (key, catalog) in catalogs.entries() {
                    let field = format!("catalogs.{key}.sources");
                    match catalog.get("sources") {
                        Some(sources) => reader.list(&field, key, sources),
                        None => reader.faults.push(catalog.error(field, "is missing")),
                    }
                }
            }
        }
        if reader.faults.is_empty() { Ok(reader.out) } else { Err(SourcesFileError(reader.faults)) }
    }
}

struct Reader<'a> {
    plugins: &'a [PluginDefinition],
    check_schedule: &'a dyn Fn(&str) -> Result<(), String>,
    out: SourcesFile,
    seen: HashSet<(PluginName, String)>,
    faults: Vec<YamlError>,
}

impl Reader<'_> {
    fn list(&mut self, field: &str, key: &str, sources: &Node) {
        let Some(plugin) = self.plugins.iter().find(|plugin| plugin.answers_to(key)) else {
            let known: Vec<&str> = self.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
            let message =
                format!("no plugin is called `{key}`; those that are here are {}", known.join(", "));
            self.faults.push(sources.error(field, message));
            return;
        };
        let Some(items) = sources.items() else {
            self.faults.push(sources.error(field, "must be a list"));
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let at = format!("{field}[{index}]");
            match item.deserialize::<SourceSpec>() {
                Ok(mut spec) => {
                    if !self.seen.insert((plugin.name.clone(), spec.id.to_string())) {
                        self.faults.push(item.error(at, format!("the source `{}` stands twice", spec.id)));
                        continue;
                    }
                    let schedule = spec.schedule.as_deref().map(self.check_schedule);
                    if let Some(Err(message)) = schedule {
                        let place = item.get("schedule").unwrap_or(item);
                        self.faults.push(place.error(format!("{at}.schedule"), message));
                        continue;
                    }
                    if spec.name.is_empty() {
                        spec.name = spec.id.to_string();
                    }
                    self.out.sources.push((plugin.name.clone(), spec));
                }
                Err(mut error) => {
                    error.field = if error.field.is_empty() { at } else { format!("{at}.{}", error.field) };
                    self.faults.push(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins() -> Vec<PluginDefinition> {
        crate::plugin::builtin().unwrap()
    }

    fn no_x(schedule: &str) -> Result<(), String> {
        if schedule.contains('x') { Err(format!("`{schedule}` never comes")) } else { Ok(()) }
    }

    #[test]
    fn both_forms_are_read() {
        let newer = "catalogs:\n  models:\n    sources:\n    - {id: a, type: yaml}\n  mcp:\n    sources:\n    - {id: a, type: git, enabled: false}\n";
        let file = SourcesFile::parse(newer, &plugins(), no_x).unwrap();
        let read: Vec<String> = file
            .sources
            .iter()
            .map(|(plugin, spec)| format!("{plugin}/{}/{}", spec.id, spec.source_type))
            .collect();
        assert_eq!(read, ["model/a/yaml", "mcp/a/git"]);
        let older = "catalogs:\n- {id: a, name: A, type: yaml, properties: {yamlCatalogPath: a.yaml}}\n";
        assert_eq!(SourcesFile::parse(older, &plugins(), no_x).unwrap().sources[0].0.as_str(), "model");
    }

    #[test]
    fn every_fault_is_told_with_line_and_field() {
        let text = "catalogs:\n  mcp:\n    sources:\n    - {id: a, type: yaml}\n    - {id: a, type: yaml}\n    - {id: 'b c', type: yaml}\n    - {id: d, tpye: yaml}\n    - {id: e, type: yaml, schedule: x}\n  mpc:\n    sources: []\n  agents: {}\n";
        let error = SourcesFile::parse(text, &plugins(), no_x).unwrap_err();
        let told: Vec<(usize, &str)> =
            error.0.iter().map(|error| (error.line, error.field.as_str())).collect();
        assert_eq!(
            told,
            [
                (5, "catalogs.mcp.sources[1]"),
                (6, "catalogs.mcp.sources[2].id"),
                (7, "catalogs.mcp.sources[3].tpye"),
                (8, "catalogs.mcp.sources[4].schedule"),
                (10, "catalogs.mpc.sources"),
                (11, "catalogs.agents.sources"),
            ],
            "{error}"
        );
    }
}

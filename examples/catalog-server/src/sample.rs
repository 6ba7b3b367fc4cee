//! The demo's sample data, in the binary.

use std::collections::BTreeMap;

use async_trait::async_trait;
use catalog_core::{
    name::{NameError, Namespace, PluginName, SourceId},
    provider::{CatalogReader, Loaded, Provider, ProviderError, fingerprint},
    schema::PluginDefinition,
    source::SourceSpec,
};

use crate::loader::{self, Wanted};

/// The sample tenants.
pub(crate) const TEAMS: [&str; 2] = ["team-a", "team-b"];

/// Each file: its tenant, plugin, what its source is called, its name, its text.
const FILES: [(&str, &str, &str, &str, &str); 10] = [
    (
        "team-a",
        "model",
        "Fraud and service models",
        "models.yaml",
        include_str!("../sample/team-a/models.yaml"),
    ),
    (
        "team-a",
        "mcp",
        "Bank tool servers",
        "mcp-servers.yaml",
        include_str!("../sample/team-a/mcp-servers.yaml"),
    ),
    ("team-a", "agents", "Service agents", "agents.yaml", include_str!("../sample/team-a/agents.yaml")),
    ("team-a", "prompts", "Service prompts", "prompts.yaml", include_str!("../sample/team-a/prompts.yaml")),
    (
        "team-a",
        "knowledge",
        "Bank knowledge",
        "knowledge.yaml",
        include_str!("../sample/team-a/knowledge.yaml"),
    ),
    ("team-b", "model", "Clinical models", "models.yaml", include_str!("../sample/team-b/models.yaml")),
    (
        "team-b",
        "mcp",
        "Research tool servers",
        "mcp-servers.yaml",
        include_str!("../sample/team-b/mcp-servers.yaml"),
    ),
    ("team-b", "agents", "Research agents", "agents.yaml", include_str!("../sample/team-b/agents.yaml")),
    ("team-b", "prompts", "Research prompts", "prompts.yaml", include_str!("../sample/team-b/prompts.yaml")),
    (
        "team-b",
        "knowledge",
        "Clinical knowledge",
        "knowledge.yaml",
        include_str!("../sample/team-b/knowledge.yaml"),
    ),
];

/// The type of sources that this reads, and the property that names a file.
const TYPE: &str = "sample";
const FILE: &str = "file";

/// The sample that is read anew each night, by the clock of its people.
const NIGHTLY: (&str, &str) = ("models.yaml", "30 4 * * * Europe/Berlin");

/// The sources of the sample tenants.
pub(crate) fn wanted() -> Result<Vec<Wanted>, NameError> {
    TEAMS
        .iter()
        .map(|team| {
            let files = FILES.iter().filter(|(of, ..)| of == team);
            let sources = files
                .map(|(_, plugin, title, file, _)| Ok((PluginName::new(plugin)?, spec(team, title, file)?)));
            Ok(Wanted {
                namespace: Namespace::new(team)?,
                managed_by: loader::SAMPLE,
                sources: sources.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

fn spec(team: &str, title: &str, file: &str) -> Result<SourceSpec, NameError> {
    let id = SourceId::new(format!("sample-{}", file.trim_end_matches(".yaml")))?;
    Ok(SourceSpec {
        id,
        name: title.into(),
        source_type: TYPE.into(),
        enabled: true,
        labels: vec!["Sample".into()],
        properties: BTreeMap::from([(FILE.into(), format!("{team}/{file}").into())]),
        include: Vec::new(),
        exclude: Vec::new(),
        schedule: (file == NIGHTLY.0).then(|| NIGHTLY.1.into()),
        managed_by: None,
    })
}

/// Reads sources of type `sample`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleProvider;

#[async_trait]
impl Provider for SampleProvider {
    fn source_type(&self) -> &'static str {
        TYPE
    }

    async fn load(&self, plugin: &PluginDefinition, source: &SourceSpec) -> Result<Loaded, ProviderError> {
        let wanted = wanted_file(source);
        let text =
            text(wanted).ok_or_else(|| ProviderError::new(format!("there is no sample `{wanted}`")))?;
        CatalogReader::default().read(plugin, source, wanted, text)
    }

    async fn fingerprint(&self, source: &SourceSpec) -> Option<String> {
        text(wanted_file(source)).map(fingerprint)
    }
}

fn wanted_file(source: &SourceSpec) -> &str {
    source.properties.get(FILE).and_then(|file| file.as_str()).unwrap_or_default()
}

fn text(wanted: &str) -> Option<&'static str> {
    let is_wanted =
        |team, file| wanted.strip_prefix(team).and_then(|rest| rest.strip_prefix('/')) == Some(file);
    let found = FILES.iter().find(|(team, _, _, file, _)| is_wanted(*team, *file));
    found.map(|(.., text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn every_sample_is_sound_and_no_name_is_in_both_teams() {
        let plugins = catalog_core::plugin::builtin().unwrap();
        let mut names: Vec<HashSet<String>> = Vec::new();
        for wanted in wanted().unwrap() {
            assert_eq!(wanted.sources.len(), 5);
            let mut of_team = HashSet::new();
            for (name, spec) in &wanted.sources {
                let plugin = plugins.iter().find(|plugin| plugin.name == *name).unwrap();
                let loaded = SampleProvider.load(plugin, spec).await.unwrap();
                assert_eq!(loaded.rejected, [], "{name}");
                let drafts: Vec<_> = loaded.drafts.iter().flat_map(|(_, drafts)| drafts).collect();
                assert!(drafts.len() >= 6, "{name}: {}", drafts.len());
                of_team.extend(drafts.iter().map(|draft| format!("{name}/{}", draft.name)));
            }
            names.push(of_team);
        }
        assert!(names[0].is_disjoint(&names[1]));
    }
}

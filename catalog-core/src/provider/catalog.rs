//! Catalog files in Kubeflow's format: a list of items under the entity's key.

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::{Loaded, ProviderError, Rejected};
use crate::{
    asset::AssetDraft,
    schema::{EntitySchema, PluginDefinition},
    source::SourceSpec,
    yaml::{Limits, Node},
};

/// Which of a source's items to take, by name.
#[derive(Clone, Debug)]
pub struct NameGlobs {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl NameGlobs {
    /// Those of a source's `include` and `exclude`.
    ///
    /// # Errors
    /// [`ProviderError`] names the pattern that is none.
    pub fn of(source: &SourceSpec) -> Result<Self, ProviderError> {
        let include = if source.include.is_empty() { None } else { Some(globs("include", &source.include)?) };
        Ok(Self { include, exclude: globs("exclude", &source.exclude)? })
    }

    /// Whether an item of that name is taken.
    pub fn take(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name)) && !self.exclude.is_match(name)
    }
}

fn globs(key: &str, patterns: &[String]) -> Result<GlobSet, ProviderError> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| {
            ProviderError::new(format!("`{key}` holds `{pattern}`, which is no glob: {}", error.kind()))
        })?;
        builder.add(glob);
    }
    builder.build().map_err(|error| ProviderError::new(format!("`{key}` cannot be used: {}", error.kind())))
}

/// Reads the text of catalog files.
#[derive(Clone, Copy, Debug)]
pub struct CatalogReader {
    limits: Limits,
    max_items: usize,
}

impl Default for CatalogReader {
    /// Files up to 16 MiB with up to 100,000 items.
    fn default() -> Self {
        Self { limits: Limits::default(), max_items: 100_000 }
    }
}

impl CatalogReader {
    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits, max_items: usize) -> Self {
        self.limits = limits;
        self.max_items = max_items;
        self
    }

    /// The limits of a text.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Reads the items of `text`; `file` is how errors call it.
    ///
    /// # Errors
    /// [`ProviderError`] with file and line when the text as a whole cannot be read.
    pub fn read(
        &self,
        plugin: &PluginDefinition,
        source: &SourceSpec,
        file: &str,
        text: &str,
    ) -> Result<Loaded, ProviderError> {
        let globs = NameGlobs::of(source)?;
        let root =
            Node::parse(text, self.limits).map_err(|error| ProviderError::new(format!("{file}:{error}")))?;
        let mut loaded = Loaded::default();
        for entity in &plugin.entities {
            let Some(list) = root.get(entity.list_key()) else { continue };
            let wrong = |message: String| {
                ProviderError::new(format!("{file}:{}: `{}` {message}", list.line(), entity.list_key()))
            };
            let items = list.items().ok_or_else(|| wrong("must be a list".into()))?;
            if items.len() > self.max_items {
                return Err(wrong(format!("holds more than {} items", self.max_items)));
            }
            let drafts = items
                .iter()
                .filter_map(|item| take(entity, &globs, file, item, &mut loaded.rejected))
                .collect();
            loaded.drafts.push((entity.kind.clone(), without_twins(drafts, file, &mut loaded.rejected)));
        }
        if loaded.drafts.is_empty() {
            let keys: Vec<String> =
                plugin.entities.iter().map(|entity| format!("`{}`", entity.list_key())).collect();
            return Err(ProviderError::new(format!("{file}:1: the file has no list {}", keys.join(" or "))));
        }
        Ok(loaded)
    }
}

type Placed = (AssetDraft, usize);

/// The draft of one item, unless it is not wanted or faulty.
fn take(
    entity: &EntitySchema,
    globs: &NameGlobs,
    file: &str,
    item: &Node,
    rejected: &mut Vec<Rejected>,
) -> Option<Placed> {
    let value = item.to_value();
    let name = value.get("name").and_then(|name| name.as_str()).map(String::from);
    if name.as_ref().is_some_and(|name| !globs.take(name)) {
        return None;
    }
    match AssetDraft::from_item(entity, value) {
        Ok(draft) => Some((draft, item.line())),
        Err(faults) => {
            let line = faults.first().map_or(item, |fault| item.at_pointer(&fault.pointer)).line();
            rejected.push(Rejected { place: format!("{file}:{line}"), name, faults });
            None
        }
    }
}

/// The first item of each name; a second one is rejected, for nobody could say which of them is meant.
fn without_twins(drafts: Vec<Placed>, file: &str, rejected: &mut Vec<Rejected>) -> Vec<AssetDraft> {
    let mut first_lines = std::collections::HashMap::new();
    let mut out = Vec::with_capacity(drafts.len());
    for (draft, line) in drafts {
        if let Some(first) = first_lines.get(&draft.name) {
            let fault = crate::asset::FieldFault {
                pointer: "/name".into(),
                message: format!("stands at line {first} already"),
            };
            rejected.push(Rejected {
                place: format!("{file}:{line}"),
                name: Some(draft.name.to_string()),
                faults: vec![fault],
            });
        } else {
            first_lines.insert(draft.name.clone(), line);
            out.push(draft);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin() -> PluginDefinition {
        serde_json::from_value(json!({
            "name": "mcp", "version": "v1alpha1", "displayName": "MCP", "entities": [{
                "kind": "McpServer", "plural": "mcpservers", "displayName": "Server",
                "fields": [{"name": "toolCount", "displayName": "Tools", "type": "integer", "filterable": true}]
            }]
        }))
        .unwrap()
    }

    fn source(more: &serde_json::Value) -> SourceSpec {
        let mut spec = json!({"id": "s", "type": "yaml"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn names(loaded: &Loaded) -> Vec<&str> {
        loaded.drafts.iter().flat_map(|(_, drafts)| drafts).map(|draft| draft.name.as_str()).collect()
    }

    const FILE: &str = "source: Ours
mcpservers:
  - name: acme/one
    toolCount: 3
  - name: acme/two
    toolCount: many
  - description: nameless
  - name: other
  - name: other
";

    #[test]
    fn good_items_load_and_bad_ones_are_told_with_file_line_and_field() {
        let loaded = CatalogReader::default().read(&plugin(), &source(&json!({})), "mcp.yaml", FILE).unwrap();
        assert_eq!(names(&loaded), ["acme/one", "other"]);
        let told: Vec<String> = loaded.rejected.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "mcp.yaml:6: item `acme/two`: `/toolCount` must be a whole number of 64 bits, not a text",
                "mcp.yaml:7: `/name` is required",
                "mcp.yaml:9: item `other`: `/name` stands at line 8 already",
            ]
        );
    }

    #[test]
    fn globs_choose_by_name() {
        let choose = |more| {
            let loaded = CatalogReader::default().read(&plugin(), &source(&more), "f", FILE).unwrap();
            names(&loaded).join(" ")
        };
        assert_eq!(choose(json!({"include": ["acme/*"]})), "acme/one");
        assert_eq!(choose(json!({"exclude": ["acme*"]})), "other");
        assert_eq!(choose(json!({"include": ["*"], "exclude": ["*"]})), "");
        let error = CatalogReader::default()
            .read(&plugin(), &source(&json!({"include": ["a["]})), "f", FILE)
            .unwrap_err();
        assert!(error.to_string().contains("`a[`"), "{error}");
    }

    #[test]
    fn a_file_that_lists_something_else_is_refused() {
        let read = |text| {
            CatalogReader::default()
                .read(&plugin(), &source(&json!({})), "f.yaml", text)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(read("models: []"), "f.yaml:1: the file has no list `mcpservers`");
        assert_eq!(read("\nmcpservers: {}"), "f.yaml:2: `mcpservers` must be a list");
        assert!(read("a: [").starts_with("f.yaml:2:1: "), "{}", read("a: ["));
    }
}

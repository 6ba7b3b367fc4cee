//! What cargo knows of the workspace and of all packages it may use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Command;
use crate::error::Error;

/// Fields that a published package fills in for its readers.
const PUBLISHED_FIELDS: [&str; 6] =
    ["description", "license", "repository", "readme", "keywords", "categories"];

/// All packages of the workspace's lock file that any member may reach with all features on, on any platform.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

/// One package as its manifest describes it.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `None` for a package that is found by its path.
    pub(crate) source: Option<String>,
    pub(crate) licence: Option<String>,
    pub(crate) manifest: PathBuf,
    /// Belongs to the workspace.
    pub(crate) member: bool,
    /// May be uploaded to a registry.
    pub(crate) publishable: bool,
    pub(crate) library: bool,
    /// Each feature with what it enables.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Names of dependencies that are no dev-dependencies, optional ones too.
    pub(crate) dependencies: BTreeSet<String>,
    /// Those of the [`PUBLISHED_FIELDS`] that are absent or empty.
    pub(crate) missing_fields: Vec<&'static str>,
}

impl Metadata {
    /// Asks cargo, without the network if everything was fetched before, else after a fetch.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let read = || {
            let call = ["metadata", "--format-version", "1", "--all-features", "--locked", "--offline"];
            Command::cargo(root).args(call).output()
        };
        let text = if let Ok(text) = read() {
            text
        } else {
            Command::cargo(root).args(["fetch", "--locked"]).run()?;
            read()?
        };
        let value = serde_json::from_str(&text)
            .map_err(|error| Error::failed("the output of cargo metadata is not JSON").with_source(error))?;
        Self::from_json(&value)
            .ok_or_else(|| Error::failed("the output of cargo metadata has another shape than expected"))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let members = strings(value.get("workspace_members"));
        let packages = value.get("packages")?.as_array()?.iter();
        Some(Self {
            packages: packages.map(|package| Package::from_json(package, &members)).collect::<Option<_>>()?,
        })
    }
}

impl Package {
    fn from_json(value: &Value, members: &[String]) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let entries = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
        let filled = |key: &str| match value.get(key) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            _ => false,
        };
        Some(Self {
            name: text("name")?,
            version: text("version")?,
            source: text("source"),
            licence: text("license"),
            manifest: text("manifest_path")?.into(),
            member: members.contains(&text("id")?),
            // `publish` lists the registries that are allowed; null allows every one, an empty list none.
            publishable: value
                .get("publish")
                .and_then(Value::as_array)
                .is_none_or(|registries| !registries.is_empty()),
            library: entries("targets")
                .flat_map(|target| strings(target.get("kind")))
                .any(|kind| kind == "proc-macro" || kind.ends_with("lib")),
            features: value
                .get("features")?
                .as_object()?
                .iter()
                .map(|(name, list)| (name.clone(), strings(Some(list))))
                .collect(),
            dependencies: entries("dependencies")
                .filter(|dependency| dependency.get("kind").and_then(Value::as_str) != Some("dev"))
                .filter_map(|dependency| dependency.get("name").and_then(Value::as_str).map(str::to_owned))
                .collect(),
            missing_fields: PUBLISHED_FIELDS.into_iter().filter(|field| !filled(field)).collect(),
        })
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let entries = value.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn package_is_read_from_json() {
        let value = json!({
            "workspace_members": ["path+file:///w/catalog-ha#0.1.0"],
            "packages": [{
                "id": "path+file:///w/catalog-ha#0.1.0", "name": "catalog-ha", "version": "0.1.0",
                "source": null, "license": "MIT", "manifest_path": "/w/catalog-ha/Cargo.toml", "publish": null,
                "description": "leases", "repository": "", "readme": "README.md", "keywords": [], "categories": ["database"],
                "targets": [{"kind": ["test"]}, {"kind": ["lib"]}],
                "features": {"default": [], "kube": ["dep:kube"]},
                "dependencies": [
                    {"name": "catalog-core", "kind": null}, {"name": "cc", "kind": "build"}, {"name": "proptest", "kind": "dev"},
                ],
            }],
        });
        let metadata = Metadata::from_json(&value).unwrap();
        let package = metadata.packages.first().unwrap();
        assert!(package.member && package.publishable && package.library);
        assert_eq!(package.missing_fields, ["repository", "keywords"]);
        assert_eq!(package.dependencies.iter().collect::<Vec<_>>(), ["catalog-core", "cc"]);
        assert_eq!(package.features.len(), 2);
    }

    #[test]
    fn empty_publish_list_means_private() {
        let package = json!({
            "id": "x", "name": "x", "version": "1.0.0", "manifest_path": "/x/Cargo.toml", "publish": [], "features": {},
        });
        let package = Package::from_json(&package, &[]).unwrap();
        assert!(!package.publishable && !package.member && !package.library);
    }
}

//! The provider of type `yaml`: catalog files below one folder.

use std::{
    ffi::OsStr,
    io,
    path::{Component, Path, PathBuf},
};

use async_trait::async_trait;

use super::{CatalogReader, Loaded, Provider, ProviderError, fingerprint, read_text, turns::Turns};
use crate::{
    name::{PluginName, SourceId},
    schema::PluginDefinition,
    source::SourceSpec,
};

/// The folder that catalog files are read from, and never from outside of it.
#[derive(Clone, Debug)]
pub struct FileRoot {
    /// Canonical: without links and dots.
    root: PathBuf,
    /// What relative paths start from, within the root.
    base: PathBuf,
}

impl FileRoot {
    /// The folder `root`; relative paths of sources start from `base`, which lies within it.
    ///
    /// # Errors
    /// When a folder is not there, or `base` is not within `root`.
    pub fn new(root: &Path, base: &Path) -> io::Result<Self> {
        let (root, base) = (root.canonicalize()?, base.canonicalize()?);
        if !base.starts_with(&root) {
            let message = format!("`{}` is not within `{}`", base.display(), root.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self { root, base })
    }

    /// The file that a source's path means.
    ///
    /// Kubeflow's `sources.yaml` are written for the layout of its repository, while operators put a `sources.yaml` and its catalogs
    /// into one folder. So the path is tried as it stands; where that names no file within the root, its file name is tried beside
    /// the `sources.yaml`, and then that name without the `dev-` that Kubeflow gives to its development data.
    fn resolve(&self, path: &str) -> Result<PathBuf, ProviderError> {
        let written = Path::new(path);
        let name = written
            .file_name()
            .and_then(OsStr::to_str)
            .ok_or_else(|| ProviderError::new("the path names no file"))?;
        let short = name.strip_prefix("dev-").unwrap_or(name);
        let candidates = [written, Path::new(name), Path::new(short)];
        candidates.into_iter().find_map(|candidate| self.within(candidate)).ok_or_else(|| {
            let outside =
                written.is_absolute() || written.components().any(|part| part == Component::ParentDir);
            let hint = if outside { ", nor is one of that name beside the sources file" } else { "" };
            ProviderError::new(format!("there is no file `{path}` within the catalog root{hint}"))
        })
    }

    /// The regular file at that path, after all links and dots, if it lies within the root.
    fn within(&self, path: &Path) -> Option<PathBuf> {
        let path = self.base.join(path).canonicalize().ok()?;
        (path.starts_with(&self.root) && path.is_file()).then_some(path)
    }
}

/// Reads sources of type `yaml`: the file that `properties.yamlCatalogPath` names. Cheap to clone.
///
/// Reading goes on when its caller gives up, for a thread cannot be stopped. Until it has ended, the source is not read again.
#[derive(Clone, Debug)]
pub struct FileProvider {
    root: FileRoot,
    reader: CatalogReader,
    turns: Turns<Key>,
}

/// A source as a provider knows it: whose it is stands in none of its arguments, and two tenants' would wait for each other.
type Key = (PluginName, SourceId, Option<String>);

fn key(plugin: &PluginDefinition, source: &SourceSpec) -> Key {
    let path = source.properties.get(PATH).and_then(|path| path.as_str());
    (plugin.name.clone(), source.id.clone(), path.map(String::from))
}

/// The property that names the file.
const PATH: &str = "yamlCatalogPath";

impl FileProvider {
    /// Below that folder.
    pub fn new(root: FileRoot) -> Self {
        Self { root, reader: CatalogReader::default(), turns: Turns::default() }
    }

    /// With other limits.
    #[must_use]
    pub fn with_reader(mut self, reader: CatalogReader) -> Self {
        self.reader = reader;
        self
    }

    fn read(&self, plugin: &PluginDefinition, source: &SourceSpec) -> Result<Loaded, ProviderError> {
        let path = source.properties.get(PATH).and_then(|path| path.as_str());
        let path = path.ok_or_else(|| ProviderError::new(format!("`properties.{PATH}` must name a file")))?;
        let file = self.root.resolve(path)?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = read_text(&file, self.reader.limits().bytes).map_err(|error| {
            let message = match error.kind() {
                io::ErrorKind::InvalidData => format!("{name} is not UTF-8 text"),
                io::ErrorKind::FileTooLarge => {
                    format!("{name} is larger than {} bytes", self.reader.limits().bytes)
                }
                _ => format!("{name} cannot be read"),
            };
            ProviderError::new(message).caused_by(error)
        })?;
        self.reader.read(plugin, source, &name, &text)
    }
}

#[async_trait]
impl Provider for FileProvider {
    fn source_type(&self) -> &'static str {
        "yaml"
    }

    async fn load(&self, plugin: &PluginDefinition, source: &SourceSpec) -> Result<Loaded, ProviderError> {
        let (provider, plugin, source) = (self.clone(), plugin.clone(), source.clone());
        let turn = self.turns.take(key(&plugin, &source)).await;
        // reading and parsing take long for a large file
        let read = move || {
            let _turn = turn;
            provider.read(&plugin, &source)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ProviderError::new("reading the file failed").caused_by(error))?
    }

    async fn fingerprint(&self, source: &SourceSpec) -> Option<String> {
        let (root, most) = (self.root.clone(), self.reader.limits().bytes);
        let path = source.properties.get(PATH)?.as_str()?.to_owned();
        let read = move || {
            let text = read_text(&root.resolve(&path).ok()?, most).ok()?;
            Some(fingerprint(&text))
        };
        tokio::task::spawn_blocking(read).await.ok()?
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::FutureExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, FileRoot) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        fs::write(folder.path().join("root/models.yaml"), "models: []").unwrap();
        fs::write(folder.path().join("secret.yaml"), "models: []").unwrap();
        let root = FileRoot::new(&folder.path().join("root"), &folder.path().join("root")).unwrap();
        (folder, root)
    }

    #[test]
    fn a_path_is_found_as_written_or_by_its_file_name() {
        let (_folder, root) = folder();
        for path in
            ["models.yaml", "./models.yaml", "../plugins/model/data/models.yaml", "../x/dev-models.yaml"]
        {
            assert!(root.resolve(path).unwrap().ends_with("root/models.yaml"), "{path}");
        }
    }

    #[test]
    fn nothing_outside_the_root_is_read() {
        let (folder, root) = folder();
        let secret = folder.path().join("secret.yaml");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&secret, folder.path().join("root/link.yaml")).unwrap();
        for path in [
            "../secret.yaml",
            secret.to_str().unwrap(),
            "link.yaml",
            "",
            "/",
            "..",
            ".",
            "../../../../etc/passwd",
        ] {
            assert!(root.resolve(path).is_err(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_source_is_not_read_again_while_its_last_read_goes_on() {
        let (_folder, root) = folder();
        let provider = FileProvider::new(root);
        let plugin = crate::plugin::builtin().unwrap().remove(0);
        let source: SourceSpec = serde_json::from_value(serde_json::json!({
            "id": "a", "type": "yaml", "properties": {"yamlCatalogPath": "models.yaml"}
        }))
        .unwrap();
        let running = provider.turns.take(key(&plugin, &source)).await;
        assert!(provider.load(&plugin, &source).now_or_never().is_none());
        let other = SourceSpec { id: "b".parse().unwrap(), ..source.clone() };
        assert!(provider.load(&plugin, &other).await.is_ok());
        drop(running);
        assert!(provider.load(&plugin, &source).await.is_ok());
    }
}

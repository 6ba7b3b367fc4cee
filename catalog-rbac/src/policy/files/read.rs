use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::fs;

use super::FilePolicyError;
use crate::engine::{Policy, PolicyError};

/// What tells apart what was read.
pub(super) type Digest = [u8; 32];

/// What files hold, by their paths.
pub(super) struct Contents(Vec<(String, String)>);

impl Contents {
    pub(super) async fn read(paths: &[PathBuf]) -> Result<Self, FilePolicyError> {
        let mut contents = Vec::new();
        for path in files(paths).await? {
            let bytes = fs::read(&path).await.map_err(unreadable(&path))?;
            let text =
                String::from_utf8(bytes).map_err(|_| FilePolicyError::NotText { path: path.clone() })?;
            contents.push((path.display().to_string(), text));
        }
        if contents.is_empty() {
            return Err(FilePolicyError::NoFile { paths: paths.to_vec() });
        }
        Ok(Self(contents))
    }

    pub(super) fn parse(&self) -> Result<Policy, PolicyError> {
        Policy::from_manifests(self.0.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    pub(super) fn digest(&self) -> Digest {
        let mut digest = Sha256::new();
        for part in self.0.iter().flat_map(|(path, text)| [path, text]) {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

/// The files that the paths stand for, those of a folder by name.
async fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilePolicyError> {
    let mut files = Vec::new();
    for path in paths {
        if !fs::metadata(path).await.map_err(unreadable(path))?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        let mut entries = fs::read_dir(path).await.map_err(unreadable(path))?;
        while let Some(entry) = entries.next_entry().await.map_err(unreadable(path))? {
            let path = entry.path();
            // through a link: one that leads nowhere is a file that cannot be read, not one that is not there
            if is_manifest(&path) && !fs::metadata(&path).await.map_err(unreadable(&path))?.is_dir() {
                found.push(path);
            }
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// By its name; names that begin with a dot are those of editors and of config map mounts.
fn is_manifest(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && matches!(path.extension().and_then(|ending| ending.to_str()), Some("yaml" | "yml" | "json"))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> FilePolicyError + use<> {
    let path = path.to_owned();
    |source| FilePolicyError::Unreadable { path, source }
}

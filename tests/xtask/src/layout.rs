//! What may stand at the top of the repository.

use std::collections::BTreeSet;
use std::path::Path;

use crate::command::Command;
use crate::error::Error;

/// Hidden names are allowed besides.
const ENTRIES: [&str; 13] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "catalog-audit",
    "catalog-core",
    "catalog-ha",
    "catalog-jobs",
    "catalog-rbac",
    "catalog-tenancy",
    "examples",
    "tests",
];

/// Fails when git tracks, or would come to track, another entry at the top.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    // Without `-z` git quotes unusual names.
    let files = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()?;
    let strange = strangers(&files);
    if strange.is_empty() {
        return Ok(());
    }
    for entry in &strange {
        eprintln!("layout: unexpected top-level entry `{entry}`");
    }
    Err(Error::failed(format!("{} unexpected entries at the top of the repository", strange.len())))
}

/// Unexpected first components of a NUL-separated list of paths.
fn strangers(files: &str) -> BTreeSet<&str> {
    files
        .split('\0')
        .filter_map(|file| file.split('/').next())
        .filter(|entry| !entry.is_empty() && !entry.starts_with('.') && !ENTRIES.contains(entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_hidden_entries_pass() {
        assert!(
            strangers("Cargo.toml\0.github/workflows/ci.yml\0catalog-ha/src/lib.rs\0tests/it/main.rs\0")
                .is_empty()
        );
    }

    #[test]
    fn others_are_listed_once() {
        let found: Vec<_> =
            strangers("notes.md\0catalog-x/a\0catalog-x/b\0README.md\0").into_iter().collect();
        assert_eq!(found, ["catalog-x", "notes.md"]);
    }

    /// Else cargo takes the folder for a member without a manifest, and nothing can be built once the demo has run.
    #[test]
    fn data_of_the_demo_is_no_member() {
        let manifest = include_str!("../../../Cargo.toml");
        let exclude = manifest.lines().find(|line| line.starts_with("exclude = ")).unwrap();
        assert!(exclude.contains("\"catalog-data\""), "{exclude}");
    }
}

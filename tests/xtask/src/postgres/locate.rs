//! Where PostgreSQL's server programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian keeps each major version in a folder of its own, none of them on the search path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Where PostgreSQL's own build installs by default.
const SOURCE_BUILD: &str = "/usr/local/pgsql/bin";

/// Finds the folder that holds `initdb` and `postgres`: on the search path, else the highest version of
/// Debian's, else a build from source.
pub(super) fn locate() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    first_complete(
        env::split_paths(&path).chain(versioned(Path::new(DEBIAN))).chain([PathBuf::from(SOURCE_BUILD)]),
    )
}

/// Both programs have to come from one folder: those of two versions do not work together.
fn first_complete(mut folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// `<parent>/<version>/bin` for each folder named after a version, highest first.
fn versioned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            // Up to 9.6 the major version had two parts.
            let version =
                entry.file_name().to_str()?.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::scratch::Scratch;

    fn programs(folder: &Path, names: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            fs::write(folder.join(name), "").unwrap();
        }
    }

    #[test]
    fn highest_version_comes_first() {
        let scratch = Scratch::create().unwrap();
        for version in ["9.6", "15", "9.10", "18", "common"] {
            programs(&scratch.path().join(version).join("bin"), &[]);
        }
        let expected = ["18", "15", "9.10", "9.6"].map(|version| scratch.path().join(version).join("bin"));
        assert_eq!(versioned(scratch.path()), expected);
    }

    #[test]
    fn folder_with_one_of_two_programs_is_passed_over() {
        let scratch = Scratch::create().unwrap();
        let folders = ["client", "half", "whole"].map(|name| scratch.path().join(name));
        let [client, half, whole] = &folders;
        programs(client, &["psql"]);
        programs(half, &["initdb"]);
        programs(whole, &["initdb", "postgres"]);
        assert_eq!(first_complete(folders.iter().cloned()).as_ref(), Some(whole));
    }

    #[test]
    fn missing_parent_has_no_versions() {
        assert!(versioned(Path::new("/nonexistent")).is_empty());
    }
}

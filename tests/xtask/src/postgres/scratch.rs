//! A private folder for one run.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// A folder under the system's temporary one that only its owner may enter, removed with all it holds on
/// drop.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn create() -> Result<Self, Error> {
        /// Tells folders of one process apart when the clock does not.
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("catalog-postgres-{}-{nanos:x}-{number}", process::id()));
        // Fails on a name that exists, so that nobody can have laid out a folder of theirs for us.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Error::io(&format!("create `{}`", path.display()), error))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.path.exists()
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("postgres: could not remove `{}`: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folder_is_private_and_gone_after_use() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().to_path_buf();
        fs::write(path.join("file"), "").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn two_folders_differ() {
        assert_ne!(Scratch::create().unwrap().path(), Scratch::create().unwrap().path());
    }
}

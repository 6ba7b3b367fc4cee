use std::{io, path::PathBuf};

use crate::engine::PolicyError;

/// Why files are no policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilePolicyError {
    /// There is no file to read.
    #[error("there is no policy file in {}", shown(.paths))]
    NoFile {
        /// Where one was looked for.
        paths: Vec<PathBuf>,
    },
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read", .path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no text.
    #[error("`{}` is not UTF-8", .path.display())]
    NotText {
        /// Which one.
        path: PathBuf,
    },
    /// The texts are no policy: each fault with its file, line and object.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    if paths.is_empty() { "no place at all".into() } else { paths.join(", ") }
}

//! Every feature of every published library, one at a time: all features together hide what one alone lacks.

use std::path::Path;

use crate::command::Command;
use crate::error::Error;
use crate::metadata::{Metadata, Package};

/// Checks each library bare, and then with each of its features alone.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let metadata = Metadata::read(root)?;
    for package in
        metadata.packages.iter().filter(|package| package.member && package.publishable && package.library)
    {
        let bare = ["check", "--locked", "-p", &package.name, "--lib", "--no-default-features"];
        Command::cargo(root).args(bare).run()?;
        for feature in single(package) {
            Command::cargo(root).args(bare).args(["--features", feature]).run()?;
        }
    }
    Ok(())
}

/// Features worth a check of their own: not the private ones, and not an empty `default`, which is the bare
/// library.
fn single(package: &Package) -> impl Iterator<Item = &str> {
    package
        .features
        .iter()
        .filter(|(name, enables)| !(name.starts_with('_') || *name == "default" && enables.is_empty()))
        .map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_features_and_empty_default_are_left_out() {
        let mut package = Package::default();
        for name in ["default", "_private", "sqlite", "testing"] {
            package.features.insert(name.to_owned(), Vec::new());
        }
        assert_eq!(single(&package).collect::<Vec<_>>(), ["sqlite", "testing"]);
        package.features.insert("default".to_owned(), vec!["sqlite".to_owned()]);
        assert_eq!(single(&package).collect::<Vec<_>>(), ["default", "sqlite", "testing"]);
    }
}

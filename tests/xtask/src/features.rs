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
            Command::cargo(root).args(bare).args(["--features", &with_version(package, feature)]).run()?;
        }
    }
    Ok(())
}

/// The feature, and where it brings Kubernetes' API a version of that: the API's crate does not build without one, and a library
/// leaves the choice to whoever uses it.
fn with_version(package: &Package, feature: &str) -> String {
    let enables = package.features.get(feature);
    let brings = enables.is_some_and(|enables| enables.iter().any(|enabled| enabled == "dep:k8s-openapi"));
    if brings { format!("{feature},k8s-openapi/v1_33") } else { feature.to_owned() }
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
    fn what_brings_the_api_of_kubernetes_is_checked_with_a_version_of_it() {
        let mut package = Package::default();
        package.features.insert("kube".to_owned(), vec!["dep:k8s-openapi".to_owned()]);
        package.features.insert("sqlite".to_owned(), vec!["dep:sqlx".to_owned()]);
        assert_eq!(with_version(&package, "kube"), "kube,k8s-openapi/v1_33");
        assert_eq!(with_version(&package, "sqlite"), "sqlite");
    }

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

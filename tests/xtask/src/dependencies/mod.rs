//! What the packages that we build on have to be, and what our own have to declare.

mod edge;
mod licence;
mod member;
mod source;
mod version;
mod violation;

use std::collections::BTreeSet;
use std::path::Path;

use self::violation::Violation;
use crate::command::Command;
use crate::error::Error;
use crate::metadata::{Metadata, Package};

/// What cargo tree is asked about: everything.
const ALL: [&str; 4] = ["--workspace", "--all-features", "--edges", "normal,build,dev"];

/// Checks all rules and lists every violation on stderr.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let metadata = Metadata::read(root)?;
    let used = Tree::read(root, &ALL)?;
    let core = Tree::read(root, &["--package", edge::CORE, "--edges", "normal"])?;
    let (members, others): (Vec<_>, Vec<_>) = metadata.packages.iter().partition(|package| package.member);

    let mut violations: BTreeSet<Violation> = BTreeSet::new();
    violations.extend(version::violations(&used, |name, version| {
        let package = format!("{name}@{version}");
        Tree::read(root, &[&ALL[..], &["--depth", "1", "--invert", &package]].concat())
    })?);
    violations.extend(licence::violations(metadata.packages.iter().filter(|package| used.holds(package))));
    violations.extend(source::violations(&others));
    violations.extend(edge::violations(&members, &core));
    for package in &members {
        violations.extend(member::violations(package)?);
    }

    if violations.is_empty() {
        eprintln!(
            "dependencies: {} packages, of them {} ours, keep all rules",
            used.packages.len(),
            members.len()
        );
        return Ok(());
    }
    for violation in &violations {
        eprintln!("dependencies: {violation}");
    }
    Err(Error::failed(format!("{} violations of the rules for dependencies", violations.len())))
}

/// The packages that are truly compiled, on whatever platform.
///
/// Source: cargo tree, since the lock file and cargo metadata also hold optional packages that no feature
/// switches on.
struct Tree {
    /// Name and version.
    packages: BTreeSet<(String, String)>,
}

impl Tree {
    fn read(root: &Path, selection: &[&str]) -> Result<Self, Error> {
        let call =
            ["tree", "--locked", "--offline", "--target", "all", "--prefix", "none", "--format", "{p}"];
        Ok(Self::parse(&Command::cargo(root).args(call).args(selection).output()?))
    }

    /// Reads lines like `serde v1.0.0 (*)`; empty ones stand between the members.
    fn parse(text: &str) -> Self {
        let package = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
        };
        Self { packages: text.lines().filter_map(package).collect() }
    }

    fn holds(&self, package: &Package) -> bool {
        self.packages.iter().any(|(name, version)| *name == package.name && *version == package.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_lines_are_read_once_each() {
        let tree = Tree::parse(
            "catalog-ha v0.1.0 (/w/catalog-ha)\nserde v1.0.2\n\nserde v1.0.2 (*)\nmacros v2.0.0 (proc-macro)\n",
        );
        let names: Vec<_> = tree.packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(names, ["catalog-ha 0.1.0", "macros 2.0.0", "serde 1.0.2"]);
    }
}

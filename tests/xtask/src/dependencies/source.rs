//! Where packages may come from.

use super::violation::Violation;
use crate::metadata::Package;

/// The two names that cargo has for crates.io.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// Lists those of the packages outside the workspace that are not from crates.io: a published crate cannot
/// depend on any other.
pub(super) fn violations(others: &[&Package]) -> Vec<Violation> {
    others
        .iter()
        .filter(|package| package.source.as_deref().is_none_or(|source| !CRATES_IO.contains(&source)))
        .map(|package| Violation {
            package: package.name.clone(),
            version: package.version.clone(),
            rule: "source",
            detail: match &package.source {
                Some(source) => format!("from `{source}`"),
                None => "from a path outside the workspace".to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_io_passes() {
        let package = |name: &str, source: Option<&str>| Package {
            name: name.to_owned(),
            source: source.map(str::to_owned),
            ..Package::default()
        };
        let packages = [
            package("fine", Some("registry+https://github.com/rust-lang/crates.io-index")),
            package("forked", Some("git+https://github.com/somebody/forked?branch=main#1234")),
            package("mirrored", Some("registry+https://example.com/index")),
            package("nearby", None),
        ];
        let found = violations(&packages.iter().collect::<Vec<_>>());
        let names: Vec<_> = found.iter().map(|violation| violation.package.as_str()).collect();
        assert_eq!(names, ["forked", "mirrored", "nearby"]);
    }
}

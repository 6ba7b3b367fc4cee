//! What each of our own packages has to declare and to carry with it.

use std::fs;
use std::path::Path;

use super::violation::Violation;
use crate::error::Error;
use crate::metadata::Package;

/// Files that have to be in the folder, since only what is in it is published.
const PUBLISHED_FILES: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Lists what a member of the workspace lacks.
///
/// # Errors
/// Fails if the member's manifest cannot be read.
pub(super) fn violations(package: &Package) -> Result<Vec<Violation>, Error> {
    let manifest = fs::read_to_string(&package.manifest)
        .map_err(|error| Error::io(&format!("read `{}`", package.manifest.display()), error))?;
    let violation = |rule, detail| Violation {
        package: package.name.clone(),
        version: package.version.clone(),
        rule,
        detail,
    };

    let mut violations = Vec::new();
    if !inherits_lints(&manifest) {
        violations.push(violation("lints are inherited", "no `[lints] workspace = true`".to_owned()));
    }
    if package.publishable {
        let folder = package.manifest.parent().unwrap_or(Path::new(""));
        let fields = package
            .missing_fields
            .iter()
            .map(|field| violation("manifest is complete", format!("no `{field}`")));
        violations.extend(fields);
        // A link that leads nowhere is no file either.
        let files = PUBLISHED_FILES.iter().filter(|file| !folder.join(file).is_file());
        violations.extend(files.map(|file| violation("folder is complete", format!("no file `{file}`"))));
    }
    Ok(violations)
}

/// Looks for the two ways to write it in TOML, as a table and as a dotted key.
fn inherits_lints(manifest: &str) -> bool {
    let mut table = "";
    manifest.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            table = line;
        }
        let setting: String = line.split_whitespace().collect();
        table == "[lints]" && setting == "workspace=true"
            || table.is_empty() && setting == "lints.workspace=true"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_inherit() {
        assert!(inherits_lints(
            "[package]\nname = \"x\"\n\n[lints]\nworkspace = true # as all\n\n[dependencies]\n"
        ));
        assert!(inherits_lints("lints.workspace = true\n[package]\nname = \"x\"\n"));
    }

    #[test]
    fn other_tables_and_comments_do_not() {
        for manifest in [
            "[package]\nname = \"x\"",
            "[lints.rust]\nworkspace = true",
            "[lints]\n# workspace = true",
            "[lints]\nworkspace = false",
            "[dependencies.serde]\nworkspace = true",
            "[package]\nlints.workspace = true",
        ] {
            assert!(!inherits_lints(manifest), "{manifest}");
        }
    }

    #[test]
    fn our_own_manifest_is_complete_but_for_what_is_private() {
        let mut package = Package {
            manifest: Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"),
            missing_fields: vec!["keywords"],
            ..Package::default()
        };
        assert_eq!(violations(&package).unwrap(), []);
        package.publishable = true;
        let details: Vec<_> =
            violations(&package).unwrap().into_iter().map(|violation| violation.detail).collect();
        assert!(
            details.contains(&"no `keywords`".to_owned())
                && details.contains(&"no file `LICENSE-MIT`".to_owned()),
            "{details:?}"
        );
    }
}

//! Which of our crates may depend on which.

use super::Tree;
use super::violation::Violation;
use crate::metadata::Package;

/// The vocabulary that the others share.
pub(super) const CORE: &str = "catalog-core";

/// Each is of use alone, so none may need another.
const SIBLINGS: [&str; 5] =
    ["catalog-audit", "catalog-ha", "catalog-jobs", "catalog-rbac", "catalog-tenancy"];

/// What the core does without until a feature asks for it.
const HEAVY: [&str; 3] = ["axum", "sqlx", "tokio"];

/// A dependency that a member may have with one feature alone.
struct Confined {
    package: &'static str,
    member: &'static str,
    feature: &'static str,
}

/// What brings packages that are banned elsewhere.
const CONFINED: [Confined; 1] =
    [Confined { package: "openidconnect", member: "catalog-rbac", feature: "login" }];

/// Lists dependencies between siblings, of the core on a sibling, of the plain core on a runtime, and those without the feature
/// that they are confined to.
///
/// Dev-dependencies are free: tests may put crates together. `core` is what the core needs with its default
/// features.
pub(super) fn violations(members: &[&Package], core: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members {
        violations.extend(
            CONFINED
                .iter()
                .filter(|confined| escapes(member, confined))
                .map(|confined| violation(member, "confined to a feature of one crate", confined.package)),
        );
        let rule = match member.name.as_str() {
            CORE => "core depends on no sibling",
            name if SIBLINGS.contains(&name) => "siblings are independent",
            _ => continue,
        };
        let siblings = SIBLINGS
            .iter()
            .filter(|sibling| **sibling != member.name && member.dependencies.contains(**sibling));
        violations.extend(siblings.map(|sibling| violation(member, rule, sibling)));
        if member.name == CORE {
            let heavy = HEAVY.iter().filter(|heavy| core.packages.iter().any(|(name, _)| name == *heavy));
            violations.extend(heavy.map(|heavy| violation(member, "core is light by default", heavy)));
        }
    }
    violations
}

fn escapes(member: &Package, Confined { package, member: home, feature }: &Confined) -> bool {
    let dependency = format!("dep:{package}");
    let by_others =
        member.features.iter().any(|(name, enables)| name != feature && enables.contains(&dependency));
    member.dependencies.contains(*package) && (member.name != *home || by_others)
}

fn violation(member: &Package, rule: &'static str, needed: &str) -> Violation {
    Violation {
        package: member.name.clone(),
        version: member.version.clone(),
        rule,
        detail: format!("depends on `{needed}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            dependencies: dependencies.iter().map(ToString::to_string).collect(),
            ..Package::default()
        }
    }

    fn lines(members: &[Package], core: &str) -> Vec<String> {
        let members: Vec<_> = members.iter().collect();
        violations(&members, &Tree::parse(core)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn siblings_need_only_the_core_and_a_server_may_need_all() {
        let members = [
            member("catalog-core", &["serde"]),
            member("catalog-rbac", &["catalog-core", "tokio"]),
            member("catalog-server", &["catalog-rbac", "catalog-ha"]),
        ];
        assert!(lines(&members, "catalog-core v0.1.0\nserde v1.0.0").is_empty());
    }

    #[test]
    fn what_is_confined_is_in_one_feature_of_one_crate() {
        let with = |name: &str, feature: &str| {
            let mut member = member(name, &["openidconnect"]);
            member.features.insert(feature.to_owned(), vec!["dep:openidconnect".to_owned()]);
            member
        };
        let members =
            [with("catalog-rbac", "login"), with("catalog-rbac", "oidc"), with("catalog-server", "login")];
        let line =
            |name| format!("{name} 0.1.0: confined to a feature of one crate: depends on `openidconnect`");
        assert_eq!(lines(&members, ""), [line("catalog-rbac"), line("catalog-server")]);
    }

    #[test]
    fn wrong_edges_are_all_listed() {
        let members = [
            member("catalog-core", &["catalog-ha"]),
            member("catalog-jobs", &["catalog-ha", "catalog-audit"]),
        ];
        assert_eq!(
            lines(&members, "catalog-core v0.1.0\ntokio v1.50.0"),
            [
                "catalog-core 0.1.0: core depends on no sibling: depends on `catalog-ha`",
                "catalog-core 0.1.0: core is light by default: depends on `tokio`",
                "catalog-jobs 0.1.0: siblings are independent: depends on `catalog-audit`",
                "catalog-jobs 0.1.0: siblings are independent: depends on `catalog-ha`",
            ]
        );
    }
}

//! Which packages may be used, and in how many versions.

use std::collections::BTreeMap;

use super::Tree;
use super::violation::Violation;

/// Packages whose types or state meet in one process: two versions of them do not fit together, or double
/// what must be one.
const SINGLE: [&str; 16] = [
    "axum",
    "governor",
    "http",
    "http-body",
    "hyper",
    "libsqlite3-sys",
    "moka",
    "rustls",
    "serde",
    "sqlx",
    "sqlx-core",
    "tokio",
    "tower",
    "tower-layer",
    "tower-service",
    "tracing",
];

/// Packages that nothing may bring in, and why.
const BANNED: [(&str, &str); 9] = [
    ("atty", "unmaintained, the standard library does it"),
    ("chrono", "another calendar beside the one we use"),
    ("lazy_static", "the standard library does it"),
    ("native-tls", "a second TLS"),
    ("openssl", "a second TLS, and a C library of the system"),
    ("openssl-sys", "a second TLS, and a C library of the system"),
    ("ring", "a second set of cryptographic primitives"),
    ("rsa", "leaks private keys through timing"),
    ("serde_yaml", "unmaintained"),
];

/// Banned packages that are let in nevertheless, and why.
const EXCEPTIONS: [(&str, &str); 1] =
    [("lazy_static", "tracing-subscriber brings it and has no feature without it")];

/// Lists the packages that are banned, or stand there in more versions than one.
pub(super) fn violations(used: &Tree) -> Vec<Violation> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in &used.packages {
        versions.entry(name).or_default().push(version);
    }
    let mut violations = Vec::new();
    for (name, versions) in versions {
        let violation = |rule, detail: &str| Violation {
            package: name.to_owned(),
            version: versions.join(", "),
            rule,
            detail: detail.to_owned(),
        };
        if SINGLE.contains(&name) && versions.len() > 1 {
            violations.push(violation("single version", "used in several versions at once"));
        }
        let excepted = EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name && !excepted) {
            violations.push(violation("banned", why));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tree: &str) -> Vec<String> {
        violations(&Tree::parse(tree)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn second_version_is_listed_where_one_is_the_rule() {
        assert_eq!(
            lines(
                "http v0.2.12\nhttp v1.3.1\nhttp v1.3.1 (*)\ntower-http v0.5.0\ntower-http v0.6.0\ntokio v1.50.0"
            ),
            ["http 0.2.12, 1.3.1: single version: used in several versions at once"]
        );
    }

    #[test]
    fn every_banned_package_is_listed() {
        assert_eq!(
            lines("ring v0.17.0\nserde v1.0.0\nrsa v0.9.0"),
            [
                "ring 0.17.0: banned: a second set of cryptographic primitives",
                "rsa 0.9.0: banned: leaks private keys through timing",
            ]
        );
    }

    #[test]
    fn exception_is_let_in() {
        assert!(lines("lazy_static v1.5.0").is_empty());
    }

    #[test]
    fn exceptions_are_to_bans_that_exist() {
        for (name, _) in EXCEPTIONS {
            assert!(BANNED.iter().any(|(banned, _)| *banned == name), "{name}");
        }
    }
}

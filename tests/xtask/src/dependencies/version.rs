//! Which packages may be used, and in how many versions.

use std::collections::BTreeMap;

use super::Tree;
use super::violation::Violation;
use crate::error::Error;

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

/// A banned package that is let in nevertheless, where one of those brings it that have no feature without it.
struct Exception {
    name: &'static str,
    by: &'static [&'static str],
}

const EXCEPTIONS: [Exception; 3] = [
    // only the feature `login` of catalog-rbac has openidconnect, and no time of ours is one of its
    Exception { name: "chrono", by: &["oauth2", "openidconnect"] },
    // of tracing-subscriber, and of rsa
    Exception { name: "lazy_static", by: &["num-bigint-dig", "sharded-slab"] },
    // what leaks is a private key; openidconnect has none and verifies signatures by public ones, with the feature `login` alone
    Exception { name: "rsa", by: &["openidconnect"] },
];

/// Lists the packages that are banned, or stand there in more versions than one. `users` tells what uses a package directly.
pub(super) fn violations(
    used: &Tree,
    users: impl Fn(&str, &str) -> Result<Tree, Error>,
) -> Result<Vec<Violation>, Error> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in &used.packages {
        versions.entry(name).or_default().push(version);
    }
    let mut violations = Vec::new();
    for (name, versions) in versions {
        let violation = |rule, detail: String| Violation {
            package: name.to_owned(),
            version: versions.join(", "),
            rule,
            detail,
        };
        if SINGLE.contains(&name) && versions.len() > 1 {
            violations.push(violation("single version", "used in several versions at once".to_owned()));
        }
        let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) else { continue };
        let Some(exception) = EXCEPTIONS.iter().find(|exception| exception.name == name) else {
            violations.push(violation("banned", (*why).to_owned()));
            continue;
        };
        for version in &versions {
            let users = users(name, version)?.packages;
            let others = users.iter().map(|(user, _)| user.as_str());
            let others = others.filter(|user| *user != name && !exception.by.contains(user));
            violations
                .extend(others.map(|user| violation("banned", format!("{why}; `{user}` may not use it"))));
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tree: &str) -> Vec<String> {
        lines_with(tree, "")
    }

    /// What is said of a tree in which those packages use each that is asked for.
    fn lines_with(tree: &str, users: &str) -> Vec<String> {
        let found = violations(&Tree::parse(tree), |_, _| Ok(Tree::parse(users))).unwrap();
        found.iter().map(ToString::to_string).collect()
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
            lines("ring v0.17.0\nserde v1.0.0\nopenssl v0.10.0"),
            [
                "openssl 0.10.0: banned: a second TLS, and a C library of the system",
                "ring 0.17.0: banned: a second set of cryptographic primitives",
            ]
        );
    }

    #[test]
    fn exception_is_let_in_for_whom_it_is_made_and_nobody_else() {
        let users = "rsa v0.9.0\nopenidconnect v4.1.0 (*)";
        assert!(lines_with("rsa v0.9.0\nopenidconnect v4.1.0", users).is_empty());
        assert_eq!(
            lines_with("rsa v0.9.0", &format!("{users}\ncatalog-rbac v0.1.0 (/w/catalog-rbac)")),
            ["rsa 0.9.0: banned: leaks private keys through timing; `catalog-rbac` may not use it"]
        );
    }

    #[test]
    fn exceptions_are_to_bans_that_exist() {
        for Exception { name, .. } in EXCEPTIONS {
            assert!(BANNED.iter().any(|(banned, _)| *banned == name), "{name}");
        }
    }
}

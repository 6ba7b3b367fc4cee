//! Which licences we may build on.
//!
//! Source: the grammar of SPDX licence expressions, annex D of the SPDX specification 2.3.

use super::violation::Violation;
use crate::metadata::Package;

/// Licences that ask for no more than to be named; an exception is part of its licence here.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What an expression means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Refused,
    /// Not an expression at all, so nothing can be concluded from it.
    Unreadable,
}

/// Lists packages whose licence is not one of the allowed, or unknown.
pub(super) fn violations<'a>(packages: impl Iterator<Item = &'a Package>) -> Vec<Violation> {
    let detail = |package: &Package| {
        let Some(expression) = &package.licence else {
            return Some("states no licence".to_owned());
        };
        match verdict(expression) {
            Verdict::Allowed => None,
            Verdict::Refused => Some(format!("`{expression}` is not allowed")),
            Verdict::Unreadable => Some(format!("`{expression}` is not a licence expression")),
        }
    };
    packages
        .filter_map(|package| {
            let detail = detail(package)?;
            Some(Violation {
                package: package.name.clone(),
                version: package.version.clone(),
                rule: "licence",
                detail,
            })
        })
        .collect()
}

fn verdict(expression: &str) -> Verdict {
    // Old manifests write a slash between alternatives.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    match alternatives(&words) {
        Some((allowed, [])) => {
            if allowed {
                Verdict::Allowed
            } else {
                Verdict::Refused
            }
        }
        _ => Verdict::Unreadable,
    }
}

/// What was read so far is allowed or not, and the words that follow; `None` where the grammar is broken.
type Reading<'a, 'b> = Option<(bool, &'a [&'b str])>;

/// `all {OR all}`: one allowed alternative is enough, yet the others are read too.
fn alternatives<'a, 'b>(words: &'a [&'b str]) -> Reading<'a, 'b> {
    let (mut allowed, mut words) = conjunction(words)?;
    while let ["OR", rest @ ..] = words {
        let (other, rest) = conjunction(rest)?;
        allowed |= other;
        words = rest;
    }
    Some((allowed, words))
}

/// `one {AND one}`: binds tighter than `OR`.
fn conjunction<'a, 'b>(words: &'a [&'b str]) -> Reading<'a, 'b> {
    let (mut allowed, mut words) = single(words)?;
    while let ["AND", rest @ ..] = words {
        let (other, rest) = single(rest)?;
        allowed &= other;
        words = rest;
    }
    Some((allowed, words))
}

/// A licence, one with an exception, or a whole expression in parentheses.
fn single<'a, 'b>(words: &'a [&'b str]) -> Reading<'a, 'b> {
    match words {
        ["(", rest @ ..] => match alternatives(rest)? {
            (allowed, [")", rest @ ..]) => Some((allowed, rest)),
            _ => None,
        },
        [licence, "WITH", exception, rest @ ..] if is_name(licence) && is_name(exception) => {
            Some((ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()), rest))
        }
        [licence, rest @ ..] if is_name(licence) => Some((ALLOWED.contains(licence), rest)),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    !matches!(word, "AND" | "OR" | "WITH")
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.+:".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_expressions() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Unlicense / MIT",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT AND (MIT OR Apache-2.0)",
            "ISC AND (Apache-2.0 OR ISC) AND (GPL-2.0-only OR (MIT AND Zlib))",
            // AND first: refused OR (allowed AND allowed).
            "MPL-2.0 OR MIT AND ISC",
        ] {
            assert_eq!(verdict(expression), Verdict::Allowed, "{expression}");
        }
    }

    #[test]
    fn refused_expressions() {
        for expression in [
            "MPL-2.0",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "MPL-2.0/AGPL-3.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            // An exception that nobody looked at.
            "MIT WITH LLVM-exception",
            "Apache-2.0+",
            "LicenseRef-own",
            "mit",
        ] {
            assert_eq!(verdict(expression), Verdict::Refused, "{expression}");
        }
    }

    #[test]
    fn broken_expressions_are_not_taken_for_allowed() {
        for expression in [
            "",
            "MIT OR",
            "OR MIT",
            "MIT Apache-2.0",
            "(MIT",
            "MIT)",
            "()",
            "MIT AND OR ISC",
            "MIT WITH",
            "(MIT) WITH LLVM-exception",
            "MIT, Apache-2.0",
        ] {
            assert_eq!(verdict(expression), Verdict::Unreadable, "{expression}");
        }
    }

    #[test]
    fn package_without_licence_is_listed() {
        let package =
            |licence: Option<&str>| Package { licence: licence.map(str::to_owned), ..Package::default() };
        let packages =
            [package(None), package(Some("MIT")), package(Some("MPL-2.0")), package(Some("see file"))];
        let details: Vec<_> =
            violations(packages.iter()).into_iter().map(|violation| violation.detail).collect();
        assert_eq!(
            details,
            ["states no licence", "`MPL-2.0` is not allowed", "`see file` is not a licence expression"]
        );
    }
}

//! A script as its statements, so that one that fails can be named and one that was done need not be done again.

/// The statements of a script for PostgreSQL, without the space around them. Comments before a statement are part of it.
pub(super) fn statements(script: &'static str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = script.get(at..).filter(|rest| !rest.is_empty()) {
        let skip = match rest.as_bytes() {
            [b'-', b'-', ..] => to_end(rest, 2, "\n"),
            [b'/', b'*', ..] => comment(rest),
            [b'\'', ..] => to_end(rest, 1, "'"),
            [b'"', ..] => to_end(rest, 1, "\""),
            [b'$', ..] => dollar(rest),
            [b';', ..] => {
                found.extend(script.get(start..at));
                start = at + 1;
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += skip;
    }
    found.extend(script.get(start..));
    found.iter().map(|statement| statement.trim()).filter(|statement| !words(statement).is_empty()).collect()
}

/// The words of a statement, without the comments before it.
pub(super) fn words(statement: &'static str) -> Vec<&'static str> {
    statement
        .lines()
        .skip_while(|line| line.trim().is_empty() || line.trim_start().starts_with("--"))
        .flat_map(str::split_ascii_whitespace)
        .take(WORDS)
        .collect()
}

/// More than `create unique index concurrently if not exists a_name on a_table` has.
const WORDS: usize = 12;

/// Up to and with the end.
fn to_end(rest: &str, from: usize, end: &str) -> usize {
    let found = rest.get(from..).and_then(|rest| rest.find(end));
    found.map_or(rest.len(), |found| from + found + end.len())
}

/// Comments nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// A text between `$tag$` and `$tag$`, or the sign alone.
fn dollar(rest: &str) -> usize {
    let tag = rest.get(1..).and_then(|inner| inner.find('$')).and_then(|end| rest.get(..end + 2));
    let is_name = |c: char| c == '$' || c == '_' || c.is_alphanumeric();
    match tag.filter(|tag| tag.chars().all(is_name) && !tag.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
    {
        Some(tag) => to_end(rest, tag.len(), tag),
        None => 1,
    }
}

/// The index that a statement makes beside the work of others, by its name.
pub(super) fn concurrent_index(statement: &'static str) -> Option<&'static str> {
    let words = words(statement);
    let is =
        |place: usize, word: &str| words.get(place).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let after_index = match (is(0, "create"), is(1, "unique")) {
        (true, false) if is(1, "index") => 2,
        (true, true) if is(2, "index") => 3,
        _ => return None,
    };
    if !is(after_index, "concurrently") {
        return None;
    }
    let name = if is(after_index + 1, "if") { after_index + 4 } else { after_index + 1 };
    // without a name there is nothing to repair by
    words.get(name).copied().filter(|name| !name.eq_ignore_ascii_case("on"))
}

/// What a statement locks against others, in the words of PostgreSQL's manual; none where it makes what nobody has yet.
pub(super) fn lock(statement: &'static str) -> Option<&'static str> {
    if concurrent_index(statement).is_some() {
        return Some("share update exclusive");
    }
    let words = words(statement);
    let word = |place: usize| words.get(place).map_or_else(String::new, |word| word.to_ascii_lowercase());
    match (word(0).as_str(), word(1).as_str()) {
        ("create", "index" | "unique") => Some("share"),
        ("create", "trigger") => Some("share row exclusive"),
        ("alter" | "drop", "table" | "index") | ("truncate", _) => Some("access exclusive"),
        ("insert" | "update" | "delete", _) => Some("row exclusive"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_falls_apart_only_between_statements() {
        let script = "-- why; really\ncreate table a (t text default 'x;''y');\n/* a; /* b; */ c; */ select \";\";\n\
            do $$ begin perform 1; end $$;\ndo $f$ select ';$$;' $f$; select $1;;\n-- the end; of it\n";
        assert_eq!(
            statements(script),
            [
                "-- why; really\ncreate table a (t text default 'x;''y')",
                "/* a; /* b; */ c; */ select \";\"",
                "do $$ begin perform 1; end $$",
                "do $f$ select ';$$;' $f$",
                "select $1",
            ]
        );
        assert!(statements("").is_empty() && statements("select 'ä").len() == 1);
        for set in [catalog_core::store::sql::MIGRATIONS, crate::MIGRATIONS] {
            for migration in set.migrations {
                let parts = statements(migration.postgres);
                assert!(parts.iter().all(|part| words(part).len() > 2), "{parts:?}");
            }
        }
    }

    #[test]
    fn an_index_is_known_by_its_name_and_a_lock_by_the_statement() {
        for (statement, index, locks) in [
            ("create index concurrently a on t (x)", Some("a"), Some("share update exclusive")),
            (
                "-- why\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS b ON t (x)",
                Some("b"),
                Some("share update exclusive"),
            ),
            ("create index concurrently on t (x)", None, Some("share")),
            ("create index c on t (x)", None, Some("share")),
            ("alter table t add column x text", None, Some("access exclusive")),
            ("create table t (x text)", None, None),
        ] {
            assert_eq!((concurrent_index(statement), lock(statement)), (index, locks), "{statement}");
        }
    }
}

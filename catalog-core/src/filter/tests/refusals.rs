//! What is no filter, why, and where it first shows.

use super::sample::schema;
use crate::filter::{
    Filter, FilterError,
    FilterErrorKind::{self, Limit, NotFilterable, Syntax, TypeMismatch, UnknownField},
};

fn refusal(text: &str) -> FilterError {
    match Filter::parse(text, &schema()) {
        Ok(filter) => panic!("`{text}` was taken as `{filter}`"),
        Err(error) => error,
    }
}

#[rustfmt::skip]
const REFUSED: &[(&str, FilterErrorKind, usize, &str)] = &[
    // nothing, or not enough
    ("", Syntax, 0, "expected a field or `(`"),
    (" \t\n", Syntax, 3, "expected a field or `(`"),
    ("name", Syntax, 4, "expected an operator such as `=`"),
    ("name =", Syntax, 6, "expected a value after `=`"),
    ("name = 'a' and", Syntax, 14, "expected a field or `(`"),
    ("name = 'a' or ", Syntax, 14, "expected a field or `(`"),
    ("not", Syntax, 3, "expected a field or `(`"),
    ("(name = 'a'", Syntax, 11, "expected `and`, `or` or `)`"),
    ("()", Syntax, 1, "expected a field or `(`, not `)`"),
    ("labels.", Syntax, 7, "expected a name after `.`, in back-ticks unless it is plain"),
    ("name is", Syntax, 7, "expected `null` or `not null`"),
    ("name is not 'a'", Syntax, 12, "expected `null`, not `'a'`"),
    ("name not = 'a'", Syntax, 9, "expected `in`, `like` or `ilike`, not `=`"),
    ("name like", Syntax, 9, "expected a value after `like`"),

    // too much
    ("name = 'a')", Syntax, 10, "expected `and`, `or` or the end, not `)`"),
    ("name = 'a' name = 'b'", Syntax, 11, "expected `and`, `or` or the end, not `name`"),
    ("name = 'a' 'b'", Syntax, 11, "expected `and`, `or` or the end, not `'b'`"),
    ("name = = 'a'", Syntax, 7, "expected a value after `=`, not `=`"),
    ("name == 'a'", Syntax, 6, "expected a value after `=`, not `=`"),
    ("not not name = 'a'", Syntax, 4, "expected a field or `(`, not `not`"),
    ("and name = 'a'", Syntax, 0, "expected a field or `(`, not `and`"),
    ("'alpha' = name", Syntax, 0, "expected a field or `(`, not `'alpha'`"),
    ("1 = 1", Syntax, 0, "expected a field or `(`, not `1`"),
    ("in = 'out'", Syntax, 0, "expected a field or `(`, not `in`"),

    // lists of values
    ("name in", Syntax, 7, "expected `(` after `in`"),
    ("name in 'a'", Syntax, 8, "expected `(` after `in`, not `'a'`"),
    ("name in ()", Syntax, 9, "expected a value after `(`, not `)`"),
    ("name in ('a',)", Syntax, 13, "expected a value after `,`, not `)`"),
    ("name in ('a' 'b')", Syntax, 13, "expected `,` or `)`, not `'b'`"),
    ("name in ('a'", Syntax, 12, "expected `,` or `)`"),
    ("name in (null)", Syntax, 9, "expected a value after `(` (`is null` asks for a missing one), not `null`"),

    // words that are no words of the language
    ("name = alpha", Syntax, 7, "expected a value after `=` (a text stands in quotes), not `alpha`"),
    ("name = `alpha`", Syntax, 7, "expected a value after `=` (a text stands in quotes), not ``alpha``"),
    ("name = null", Syntax, 7, "expected a value after `=` (`is null` asks for a missing one), not `null`"),
    ("name = 'a'; drop table a", Syntax, 10, "expected a field, an operator, a value or a parenthesis, not `;`"),
    ("name = 'a' -- b", Syntax, 11, "expected a field, an operator, a value or a parenthesis, not `--`"),
    ("name /* b */ = 'a'", Syntax, 5, "expected a field, an operator, a value or a parenthesis, not `/*`"),
    ("name = $1", Syntax, 7, "expected a field, an operator, a value or a parenthesis, not `$`"),
    ("name = ‘a’", Syntax, 7, "expected a field, an operator, a value or a parenthesis, not `‘`"),
    ("name\u{a0}= 'a'", Syntax, 4, "expected a field, an operator, a value or a parenthesis, not `\\u{a0}`"),
    ("name ! 'a'", Syntax, 5, "expected a field, an operator, a value or a parenthesis, not `!`"),
    ("toolCount = +1", Syntax, 12, "expected a field, an operator, a value or a parenthesis, not `+`"),
    ("nаme = 'a'", Syntax, 0, "expected a name of ASCII letters, or one in back-ticks, not `nаme`"),

    // texts, names and numbers that do not end or begin well
    ("name = 'alpha", Syntax, 7, "expected a closing quote for the text that begins here"),
    ("name = 'alpha\"", Syntax, 7, "expected a closing quote for the text that begins here"),
    (r"name = 'alpha\'", Syntax, 7, "expected a closing quote for the text that begins here"),
    ("name = 'a\0b'", Syntax, 9, "expected a text without NUL characters"),
    ("labels.`tier = 'a'", Syntax, 7, "expected a closing back-tick for the name that begins here"),
    ("labels.`` = 'a'", Syntax, 7, "expected a name between the back-ticks"),
    ("labels.`a\nb` = 'a'", Syntax, 9, "expected a name without control characters"),
    ("labels.2024 = 'a'", Syntax, 7, "expected a name after `.`, in back-ticks unless it is plain, not `2024`"),
    ("toolCount = 1x", Syntax, 12, "expected a number, not `1x`"),
    ("toolCount = 1_000", Syntax, 12, "expected a number, not `1_000`"),
    ("score = 1.", Syntax, 8, "expected a number, not `1.`"),
    ("score = 1.2.3", Syntax, 8, "expected a number, not `1.2.3`"),
    ("score = 1e+", Syntax, 8, "expected a number, not `1e+`"),
    ("score = .5", Syntax, 8, "expected a value after `=`, not `.`"),
    (r"name like 'a\\'", Syntax, 10, r"expected a pattern that does not end in a lone `\`, not `'a\\'`"),

    // fields
    ("nofield = 'a'", UnknownField, 0, "expected a field of `McpServer`, `customProperties.<key>` or `labels.<key>`, not `nofield`"),
    ("日 = 'a'", Syntax, 0, "expected a name of ASCII letters, or one in back-ticks, not `日`"),
    ("`日本` = 'a' or x", UnknownField, 0, "expected a field of `McpServer`, `customProperties.<key>` or `labels.<key>`, not `日本`"),
    ("Name = 'a'", UnknownField, 0, "expected a field of `McpServer`, `customProperties.<key>` or `labels.<key>`, not `Name`"),
    ("name = 'a' and license.text = 'b'", UnknownField, 15, "expected a field of `McpServer`, `customProperties.<key>` or `labels.<key>`, not `license.text`"),
    ("namespace = 'a'", UnknownField, 0, "expected a field of `McpServer`, `customProperties.<key>` or `labels.<key>`, not `namespace`"),
    ("labels = 'a'", UnknownField, 0, "expected a key after `labels.`"),
    ("customProperties is null", UnknownField, 0, "expected a key after `customProperties.`"),
    ("`labels.` = 'a'", UnknownField, 0, "expected a key after `labels.`"),
    ("secret = 'a'", NotFilterable, 0, "expected a field to filter by, not `secret`"),
    ("name = 'a' or config is null", NotFilterable, 14, "expected a field to filter by, not `config`"),

    // types
    ("name = 1", TypeMismatch, 7, "expected a text in quotes for `name`, not `1`"),
    ("name in ('a', 1)", TypeMismatch, 14, "expected a text in quotes for `name`, not `1`"),
    ("tags = true", TypeMismatch, 7, "expected a text in quotes for `tags`, not `true`"),
    ("toolCount = 'many'", TypeMismatch, 12, "expected an integer for `toolCount`, not `'many'`"),
    ("toolCount = 3.0", TypeMismatch, 12, "expected an integer for `toolCount`, not `3.0`"),
    ("score = '0.5'", TypeMismatch, 8, "expected a number for `score`, not `'0.5'`"),
    ("verified = 1", TypeMismatch, 11, "expected `true` or `false` for `verified`, not `1`"),
    ("createTime > '2025'", TypeMismatch, 13, "expected an RFC 3339 time in quotes for `createTime`, not `'2025'`"),
    ("createTime > 1736899200000", TypeMismatch, 13, "expected an RFC 3339 time in quotes for `createTime`, not `1736899200000`"),
    ("verified < true", TypeMismatch, 9, "expected `=`, `!=`, `in` or `is null` for the boolean `verified`, not `<`"),
    ("tags >= 'a'", TypeMismatch, 5, "expected `=`, `!=`, `in`, `like`, `ilike` or `is null` for the strings `tags`, not `>=`"),
    ("toolCount like '1%'", TypeMismatch, 10, "expected `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `is null` for the integer `toolCount`, not `like`"),
    ("createTime not ilike '2025%'", TypeMismatch, 15, "expected `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `is null` for the timestamp `createTime`, not `ilike`"),
    ("name like 1", TypeMismatch, 10, "expected a text in quotes for `name`, not `1`"),
    ("name.int_value = 1", TypeMismatch, 5, "expected no suffix, or one that fits the string `name`, not `int_value`"),
    ("score.int_value = 1", TypeMismatch, 6, "expected no suffix, or one that fits the number `score`, not `int_value`"),
    ("createTime.string_value = 'a'", TypeMismatch, 11, "expected no suffix, or one that fits the timestamp `createTime`, not `string_value`"),
    ("labels.tier.bool_value = true", TypeMismatch, 12, "expected no suffix, or one that fits the string `labels.tier`, not `bool_value`"),
    ("customProperties.k.int_value = 1.5", TypeMismatch, 31, "expected an integer for `customProperties.k`, not `1.5`"),
    ("customProperties.k.string_value = 1", TypeMismatch, 34, "expected a text in quotes for `customProperties.k`, not `1`"),
    ("customProperties.k.int_value like 'a'", TypeMismatch, 29, "expected `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `is null` for the integer `customProperties.k`, not `like`"),
    ("customProperties.k in (1, 'a')", TypeMismatch, 26, "expected a number for `customProperties.k`, not `'a'`"),
    ("customProperties.k > true", TypeMismatch, 19, "expected `=`, `!=`, `in` or `is null` for the boolean `customProperties.k`, not `>`"),

    // numbers out of range
    ("toolCount = 9223372036854775808", Limit, 12, "expected an integer of 64 bits, not `9223372036854775808`"),
    ("score > 1e999", Limit, 8, "expected a finite number of 64 bits, not `1e999`"),
];

#[test]
fn every_fault_is_told_with_its_kind_and_place() {
    for (text, kind, position, message) in REFUSED {
        let error = refusal(text);
        assert_eq!(
            (error.kind, error.position, error.to_string().as_str()),
            (*kind, *position, *message),
            "{text}"
        );
        assert!(error.to_string().starts_with(&format!("expected {}", error.expected())), "{text}");
    }
}

#[test]
fn the_leftmost_of_several_faults_is_told() {
    for (text, position) in
        [("nofield = ;", 0), ("name = 1 or ;", 7), ("name = ; nofield", 7), ("verified < 'a'", 9)]
    {
        assert_eq!(refusal(text).position, position, "{text}");
    }
}

#[test]
fn an_error_stays_one_short_line() {
    let error = refusal(&format!("`{}\u{202e}` = 1", "x".repeat(3_000))).to_string();
    assert!(error.len() < 300 && error.contains('…'), "{error}");
    assert!(refusal("`a\u{202e}b` = 1").to_string().ends_with("not `a\\u{202e}b`"));
}

/// Takes `most`, refuses one more, and tells where.
fn limit(text: impl Fn(usize) -> String, most: usize, position: usize) {
    assert!(Filter::parse(&text(most), &schema()).is_ok(), "{most} were refused");
    let error = refusal(&text(most + 1));
    assert_eq!((error.kind, error.position), (Limit, position), "{error}");
}

#[test]
fn limits_are_told_where_they_are_crossed() {
    // bytes, in characters of two
    limit(|bytes| format!("name='{}{}'", "é".repeat(2_000), "x".repeat(bytes - 4_007)), 4_096, 2_096);
    limit(|depth| format!("{}name='a'{}", "(".repeat(depth), ")".repeat(depth)), 32, 32);
    limit(|pairs| format!("{}name='a'{}", "not (".repeat(pairs), ")".repeat(pairs)), 16, 80);
    limit(|comparisons| vec!["name='a'"; comparisons].join(" or "), 100, 1_200);
    limit(|values| format!("name in ({})", vec!["'a'"; values].join(",")), 200, 809);
    limit(|letters| format!("name ilike '{}'", "é".repeat(letters)), 256, 11);
    limit(|bytes| format!("labels.`{}` = 'a'", "x".repeat(bytes)), 256, 7);
}

#[test]
fn no_text_is_too_deep_for_the_stack() {
    for opening in ["(", "not (", "not ", "name='a' and ("] {
        let text = opening.repeat(4_096 / opening.len());
        assert!(Filter::parse(&text, &schema()).is_err());
    }
    assert_eq!(refusal(&"(".repeat(1_000_000)).kind, Limit);
}

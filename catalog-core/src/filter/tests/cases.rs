//! The language by example: a filter, and the names of those of the sample's assets that match.

use super::sample::{assets, schema};
use crate::filter::Filter;

const ALL: &[&str] =
    &["alpha", "Beta", "bare", "100%", r"a\b", "[x]*?", "naïve", "big", "low", "O'Brien", "tagged", "typed"];
const LICENSED: &[&str] = &["alpha", "Beta", "100%", r"a\b", "[x]*?", "naïve", "O'Brien"];
const LICENSED_NOT_MIT: &[&str] = &["Beta", "100%", r"a\b", "[x]*?", "naïve", "O'Brien"];
const NOT_ALPHA: &[&str] =
    &["Beta", "bare", "100%", r"a\b", "[x]*?", "naïve", "big", "low", "O'Brien", "tagged", "typed"];
const NOT_GPU: &[&str] =
    &["Beta", "bare", "100%", r"a\b", "[x]*?", "naïve", "big", "low", "O'Brien", "typed"];
const UNTAGGED: &[&str] = &["Beta", "bare", r"a\b", "[x]*?", "naïve", "big", "low", "O'Brien", "typed"];
const NONE: &[&str] = &[];

#[rustfmt::skip]
pub(super) const CASES: &[(&str, &[&str])] = &[
    // equality
    ("name = 'alpha'", &["alpha"]),
    ("name=\"alpha\"", &["alpha"]),
    ("`name` = 'alpha'", &["alpha"]),
    ("name.string_value = 'alpha'", &["alpha"]),
    ("`name.string_value` = 'alpha'", &["alpha"]),
    ("\t name\r\n= 'alpha' ", &["alpha"]),
    ("name = 'ALPHA'", NONE),
    ("name != 'alpha'", NOT_ALPHA),
    ("name <> 'alpha'", NOT_ALPHA),
    ("license = 'mit'", &["alpha"]),
    ("license != 'mit'", LICENSED_NOT_MIT),
    ("not license = 'mit'", LICENSED_NOT_MIT),
    ("not license != 'mit'", &["alpha"]),
    ("license = ''", NONE),
    ("provider = '日本'", &["naïve"]),
    ("id = '00000000-0000-0000-0000-000000000001'", &["alpha"]),
    ("sourceId = 'hub'", &["alpha", "Beta"]),
    ("lifecycle = 'deprecated'", &["Beta"]),
    ("`in` = 'out'", &["alpha"]),

    // quotes and escapes
    ("license = 'it''s'", &["O'Brien"]),
    (r"license = 'it\'s'", &["O'Brien"]),
    (r#"license = "it's""#, &["O'Brien"]),
    (r#"description = 'say "hi"\nnow'"#, &["O'Brien"]),
    (r#"description = "say ""hi""\nnow""#, &["O'Brien"]),
    (r"license = 'a\\b'", &[r"a\b"]),
    (r"license = 'a\b'", &[r"a\b"]),

    // texts are ordered by their bytes
    ("license < 'a'", &["Beta", "[x]*?", "naïve"]),
    ("license >= 'mit'", &["alpha"]),
    ("license > 'a_b'", &["alpha", "O'Brien"]),
    ("license <= 'a_b'", &["Beta", "100%", r"a\b", "[x]*?", "naïve"]),
    ("displayName > 'z'", &["naïve"]),
    ("name < 'B'", &["100%"]),

    // integers
    ("toolCount = 3", &["alpha"]),
    ("toolCount != 3", &["Beta", "big", "low"]),
    ("toolCount > 0", &["alpha", "big"]),
    ("toolCount >= 0", &["alpha", "Beta", "big"]),
    ("toolCount<-1", &["low"]),
    ("toolCount <= -9223372036854775808", &["low"]),
    ("toolCount = 9223372036854775807", &["big"]),
    ("toolCount.int_value = 3", &["alpha"]),
    ("toolCount.double_value = 3", &["alpha"]),
    ("toolCount in (0, 3)", &["alpha", "Beta"]),
    ("toolCount not in (0, 3)", &["big", "low"]),

    // numbers
    ("score = 0.5", &["alpha"]),
    ("score = 5e-1", &["alpha"]),
    ("score = 2", &["Beta"]),
    ("score = 2.0", &["Beta"]),
    ("score < 0", &["low"]),
    ("score > 0.5", &["Beta", "big"]),
    ("score.double_value >= 2", &["Beta", "big"]),
    ("score = 9007199254740993", &["big"]),
    ("score in (0.5, 2)", &["alpha", "Beta"]),

    // booleans
    ("verified = true", &["alpha"]),
    ("verified = FALSE", &["Beta"]),
    ("verified != true", &["Beta"]),
    ("verified.bool_value = true", &["alpha"]),
    ("verified in (true, false)", &["alpha", "Beta"]),

    // times
    ("createTime = '2025-01-01T00:00:00Z'", &["alpha"]),
    ("createTime < '2025-01-03T00:00:00.000Z'", &["alpha", "Beta"]),
    ("createTime >= '2025-01-11T01:00:00+01:00'", &["tagged", "typed"]),
    ("lastUpdateTime in ('2025-01-12T00:00:00Z')", &["typed"]),
    ("releasedAt > '2025-01-15T00:00:00Z'", &["Beta"]),
    ("releasedAt = '2025-03-01T12:30:00.5009Z'", &["Beta"]),

    // lists
    ("tags = 'gpu'", &["alpha", "tagged"]),
    ("tags.string_value = 'gpu'", &["alpha", "tagged"]),
    ("tags != 'gpu'", NOT_GPU),
    ("not tags = 'gpu'", NOT_GPU),
    ("tags in ('new', '50%')", &["alpha", "100%"]),
    ("tags not in ('new', 'gpu')", NOT_GPU),
    (r"tags like '%\%'", &["100%", "tagged"]),
    (r"tags like 'A\_B'", &["tagged"]),
    (r"tags ilike 'a\_b'", &["tagged"]),
    ("tags not like '%'", UNTAGGED),
    ("tags is null", NONE),
    ("tags is not null", ALL),
    ("tasks = 'chat'", &["alpha"]),
    ("tasks != 'chat'", &["Beta", "naïve", "tagged"]),
    ("tasks != 'chat' and tasks != 'code'", &["Beta", "naïve", "tagged"]),
    ("tasks ilike 'CHAT'", &["alpha", "tagged"]),
    ("tasks in ('code', 'Chat')", &["alpha", "tagged"]),
    ("tasks not in ('code')", &["Beta", "naïve", "tagged"]),
    ("tasks is null", &["bare", "100%", r"a\b", "[x]*?", "big", "low", "O'Brien", "typed"]),
    ("tasks is not null", &["alpha", "Beta", "naïve", "tagged"]),

    // patterns
    ("name like 'a%'", &["alpha", r"a\b"]),
    ("name like '%a'", &["alpha", "Beta"]),
    ("name like 'B%'", &["Beta"]),
    ("name ilike 'B%'", &["Beta", "bare", "big"]),
    ("name like '_ig'", &["big"]),
    ("name like 'ALPHA'", NONE),
    ("name ilike 'ALPHA'", &["alpha"]),
    ("name like '%'", ALL),
    ("name like ''", NONE),
    (r"name like '%\%'", &["100%"]),
    ("license like 'a_b'", &["100%", r"a\b"]),
    (r"license like 'a\_b'", &["100%"]),
    (r"license like 'a\\\\b'", &[r"a\b"]),
    ("name like '[x]*?'", &["[x]*?"]),
    ("name like '[%'", &["[x]*?"]),
    ("name ilike '[X]*_'", &["[x]*?"]),
    ("license like '[mit]'", &["[x]*?"]),
    ("description like '*_'", &["[x]*?"]),
    ("description like 'say%now'", &["O'Brien"]),
    ("name like 'na_ve'", &["naïve"]),
    ("displayName ilike 'ÉTé'", &["naïve"]),
    ("displayName ilike 'été'", NONE),
    ("license not like '%i%'", &["Beta", "100%", r"a\b", "naïve"]),
    ("license not ilike '%i%'", &["Beta", "100%", r"a\b"]),

    // what is missing is unknown, and what is unknown does not match
    ("license is null", &["bare", "big", "low", "tagged", "typed"]),
    ("license is not null", LICENSED),
    ("not license is null", LICENSED),
    ("license = 'x' or not license = 'x'", LICENSED),
    ("license = 'x' and not license = 'x'", NONE),
    ("license = 'mit' or license is null", &["alpha", "bare", "big", "low", "tagged", "typed"]),
    ("license not in ('mit')", LICENSED_NOT_MIT),
    ("license = 'mit' or name = 'bare'", &["alpha", "bare"]),
    ("not (license = 'mit' or toolCount = 0)", NONE),
    ("not (license = 'mit' and toolCount = 3)",
        &["Beta", "100%", r"a\b", "[x]*?", "naïve", "big", "low", "O'Brien"]),

    // what binds how
    ("name = 'alpha' or name = 'Beta' and name = 'x'", &["alpha"]),
    ("(name = 'alpha' or name = 'Beta') and toolCount = 0", &["Beta"]),
    ("not name = 'alpha' and toolCount >= 0", &["Beta", "big"]),
    ("not (not (name = 'alpha'))", &["alpha"]),
    ("((name = 'alpha'))", &["alpha"]),
    ("name LIKE 'a%' AnD NoT name = 'alpha'", &[r"a\b"]),
    ("name='alpha'or(name='Beta')", &["alpha", "Beta"]),

    // custom properties: the value or the suffix tells the kind
    ("customProperties.params = 7", &["alpha"]),
    ("customProperties.params = '7'", &["typed"]),
    ("customProperties.params > 2", &["alpha", "Beta", "big", "low"]),
    ("customProperties.params > 2.5", &["alpha", "Beta", "big"]),
    ("customProperties.params.int_value > 2", &["alpha", "Beta", "big"]),
    ("customProperties.params.double_value > 2", &["low"]),
    ("customProperties.params.int_value = 9007199254740993", &["big"]),
    ("customProperties.params = 9007199254740992", NONE),
    ("customProperties.params > 9007199254740992.0", &["big"]),
    ("customProperties.params in (7, 2.5)", &["alpha", "low"]),
    ("customProperties.params not in (7, 2.5)", &["Beta", "big"]),
    ("customProperties.params != 7", &["Beta", "big", "low"]),
    ("customProperties.params is null", &["bare", "100%", r"a\b", "[x]*?", "naïve", "O'Brien", "tagged"]),
    ("customProperties.params is not null", &["alpha", "Beta", "big", "low", "typed"]),
    ("customProperties.params.string_value is not null", &["typed"]),
    ("customProperties.params.int_value is not null", &["alpha", "Beta", "big"]),
    ("customProperties.model_type = 'generative'", &["alpha"]),
    ("customProperties.model_type.string_value ilike 'PRE%'", &["Beta"]),
    ("customProperties.model_type is not null", &["alpha", "Beta"]),
    ("customProperties.ready = true", &["alpha"]),
    ("customProperties.ready != true", &["Beta"]),
    ("customProperties.ready = 'true'", &["typed"]),
    ("customProperties.ready.bool_value in (true, false)", &["alpha", "Beta"]),
    ("customProperties.ratio = 7.0", &["typed"]),
    ("customProperties.ratio > 1", &["low", "typed"]),
    ("customProperties.ratio.double_value = 0.5", &["alpha"]),
    ("customProperties.nothing = 1", NONE),
    ("not customProperties.nothing = 1", NONE),
    ("customProperties.`my key` = 'x'", &["alpha"]),
    ("`customProperties.my key` = 'x'", &["alpha"]),
    ("customProperties.a.b = 'dotted'", &[r"a\b"]),
    ("customProperties.`a.b`.string_value = 'dotted'", &[r"a\b"]),
    ("customProperties.string_value = 'odd'", &["typed"]),
    ("customProperties.params.`int_value` is not null", NONE),

    // labels
    ("labels.tier = 'gold'", &["alpha", "tagged"]),
    ("labels.tier != 'gold'", &["Beta"]),
    ("labels.tier > 'gold'", &["Beta"]),
    ("labels.tier is not null", &["alpha", "Beta", "tagged"]),
    ("labels.tier.string_value in ('gold', 'silver')", &["alpha", "Beta", "tagged"]),
    ("labels.`app.kubernetes.io/name` = 'alpha'", &["alpha"]),
    ("`labels.app.kubernetes.io/name` = 'alpha'", &["alpha"]),
    ("labels.`a``b` like 't%'", &["tagged"]),
];

#[test]
fn every_filter_matches_what_it_should() {
    let (schema, assets) = (schema(), assets());
    for (text, expected) in CASES {
        let filter = Filter::parse(text, &schema).unwrap_or_else(|error| panic!("{text}: {error}"));
        let matching = assets.iter().filter(|asset| filter.matches(*asset));
        let names: Vec<&str> = matching.map(|asset| asset.draft.name.as_str()).collect();
        assert_eq!(names, *expected, "{text}");
    }
}

#[test]
fn every_normal_form_reads_back() {
    let schema = schema();
    for (text, _) in CASES {
        let filter = Filter::parse(text, &schema).unwrap();
        let canonical = filter.canonical();
        let again = Filter::parse(&canonical, &schema).unwrap_or_else(|error| panic!("{canonical}: {error}"));
        assert_eq!(again, filter, "{text}");
        assert_eq!(again.canonical(), canonical, "{text}");
    }
}

#[test]
fn what_is_written_differently_but_means_the_same_has_one_normal_form() {
    let schema = schema();
    for (canonical, others) in [
        ("name = 'a'", ["`name`.string_value=\"a\"", "((name = 'a'))"]),
        ("name != 'it''s'", [r"name <> 'it\'s'", r#"name!="it's""#]),
        (
            "name = 'a' and score > 1.0 and id = 'b'",
            ["(name = 'a' AND score > 1) AND id = 'b'", "name='a'and(score>1e0 and id='b')"],
        ),
        (
            "(name = 'a' or id = 'b') and score = 0.0",
            ["(name = 'a' or (id = 'b')) and score = -0.0", "((name='a')or id='b')and(score=0)"],
        ),
        ("name not in ('a', 'b')", ["not name in ('a','b')", "NOT (name IN (\"a\", 'b'))"]),
        ("not name = 'a'", ["NOT(name='a')", "not (`name` = 'a')"]),
        ("not (not name = 'a')", ["not (not (name = 'a'))", "not ((not name='a'))"]),
        ("tags is not null", ["not tags is null", "not (tags IS NULL)"]),
        (r"name ilike 'a%\\_'", [r"name ilike 'A%%\_'", r"name ilike '\A%\\_'"]),
        (
            "customProperties.k is not null",
            ["not customProperties.`k` is null", "`customProperties.k` is not null"],
        ),
        (
            "customProperties.k.string_value = 'x'",
            ["customProperties.k = 'x'", "customProperties.`k` = \"x\""],
        ),
        (
            "createTime < '2025-01-15T00:00:00.000Z'",
            ["createTime < '2025-01-15T02:00:00+02:00'", "createTime<'2025-01-15t00:00:00z'"],
        ),
    ] {
        for other in others {
            assert_eq!(Filter::parse(other, &schema).unwrap().canonical(), canonical, "{other}");
        }
    }
}

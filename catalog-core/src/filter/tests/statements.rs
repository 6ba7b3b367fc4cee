//! The SQL of filters: what it is, and that nothing of a request gets into it.

use proptest::prelude::*;

use super::sample::schema;
use crate::{
    filter::Filter,
    store::statement::{Dialect, SqlValue, Statement},
};

const DIALECTS: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

fn statement(text: &str, dialect: Dialect) -> Statement {
    let mut statement = Statement::new(dialect);
    Filter::parse(text, &schema())
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .write_sql(&mut statement);
    statement
}

#[rustfmt::skip]
const WRITTEN: &[(&str, &str, &str)] = &[
    ("name = 'a' and not license < 'b'",
        "((a.name = ?) and (not (json_extract(a.attributes, '$.fields.license') < ?)))",
        "((a.name = $1) and (not ((a.attributes->'fields'->>'license') collate \"C\" < $2)))"),
    ("toolCount > 1 or score <= 0.5 or verified = true",
        "((json_extract(a.attributes, '$.fields.toolCount') > ?) or (json_extract(a.attributes, '$.fields.score') <= json_extract(?, '$')) \
         or (json_extract(a.attributes, '$.fields.verified') = ?))",
        "((((a.attributes->'fields'->>'toolCount')::bigint) > $1) or (((a.attributes->'fields'->>'score')::float8) <= $2) \
         or (((a.attributes->'fields'->>'verified')::boolean) = $3))"),
    ("createTime > '2025-01-15T00:00:00Z' and releasedAt is null",
        "((a.create_time_ms > ?) and (json_extract(a.attributes, '$.fields.releasedAt') is null))",
        "((a.create_time_ms > $1) and (((a.attributes->'fields'->>'releasedAt')::bigint) is null))"),
    ("tags in ('a', 'b')",
        "(exists (select 1 from json_each(a.attributes, '$.tags') as j where j.value in (?, ?)))",
        "(exists (select 1 from jsonb_array_elements_text(a.attributes->'tags') as j(value) where j.value in ($1, $2)))"),
    ("tasks != 'a'",
        "(case when json_extract(a.attributes, '$.fields.tasks') is not null then \
         (not exists (select 1 from json_each(a.attributes, '$.fields.tasks') as j where j.value = ?)) end)",
        "(case when (a.attributes->'fields'->>'tasks') is not null then \
         (not exists (select 1 from jsonb_array_elements_text(a.attributes->'fields'->'tasks') as j(value) where j.value = $1)) end)"),
    ("name like 'a%' or name ilike 'B_'",
        r"((a.name glob ?) or (a.name like ? escape '\'))",
        r#"((a.name like $1 escape '\') or (lower(a.name collate "C") like $2 escape '\'))"#),
    ("labels.tier >= 'a'",
        "((select j.value from json_each(a.attributes, '$.labels') as j where j.key = ?) >= ?)",
        "((a.attributes->'labels'->>$1::text) collate \"C\" >= $2)"),
    ("customProperties.k in (1, 2.5)",
        "((select j.value from json_each(a.attributes, '$.custom') as j where j.key = ? and j.type in ('integer', 'real')) in (?, json_extract(?, '$')))",
        "((case when jsonb_typeof(a.attributes->'custom'->$1::text) = 'number' \
         then (a.attributes->'custom'->>$2::text)::numeric end) in ($3, $4::text::numeric))"),
    ("customProperties.k.int_value = 1",
        "((select j.value from json_each(a.attributes, '$.custom') as j where j.key = ? and j.type = 'integer') = ?)",
        "((case when jsonb_typeof(a.attributes->'custom'->$1::text) = 'number' and (a.attributes->'custom'->>$2::text) ~ '^-?[0-9]{1,19}$' \
         then (a.attributes->'custom'->>$3::text)::numeric end) = $4)"),
];

#[test]
fn each_engine_gets_its_own_text() {
    for (text, sqlite, postgres) in WRITTEN {
        assert_eq!(statement(text, Dialect::Sqlite).text(), *sqlite, "{text}");
        assert_eq!(statement(text, Dialect::Postgres).text(), *postgres, "{text}");
    }
}

#[test]
fn an_open_property_is_null_if_no_kind_of_it_is_there() {
    let statement = statement("customProperties.k is null", Dialect::Sqlite);
    assert_eq!(statement.text().matches("j.key = ?").count(), 3);
    assert_eq!(statement.values(), ["k", "k", "k"].map(SqlValue::from));
}

#[test]
fn what_is_meant_to_break_out_only_compares() {
    let hostile = [
        "zqx'; drop table catalog_core_assets; --",
        "zqx' or '1'='1",
        "zqx\\' or 1=1 --",
        "zqx\"); delete from a; --",
        "zqx$1",
        "zqx') union select id from a --",
        "zqx`",
        "zqx\u{2019}; drop table a",
        "zqx\u{ff07}; drop table a",
        "zqx\u{202e}",
        "zqx%' escape '",
        "zqx$.fields.x') = 1 or (1",
    ];
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    let named = |text: &str| format!("`{}`", text.replace('`', "``"));
    for hostile in hostile {
        let (value, name) = (quoted(hostile), named(hostile));
        for (shape, written) in [
            ("name = {}", &value),
            ("license > {}", &value),
            ("tags != {}", &value),
            ("tasks in ('a', {})", &value),
            ("labels.{} = 'a'", &name),
            ("labels.tier like 'a' and labels.{} is null", &name),
            ("customProperties.{} = 1", &name),
            ("customProperties.{}.string_value ilike 'a'", &name),
            ("customProperties.{} is not null", &name),
        ] {
            let plain = if written.starts_with('`') { "k" } else { "'v'" };
            for dialect in DIALECTS {
                let attack = statement(&shape.replace("{}", written), dialect);
                assert_eq!(attack.text(), statement(&shape.replace("{}", plain), dialect).text());
                assert!(!attack.text().contains("zqx"));
                assert!(attack.values().contains(&hostile.into()), "{hostile} is not bound");
            }
        }
    }
}

#[test]
fn what_is_meant_to_break_out_is_no_field() {
    for text in [
        "name' = 'a'",
        "`name'; drop table a; --` = 'a'",
        "`license') = 1 or ('1` = 'a'",
        "license') is null or (1=1",
        "name = 'a' union select 1",
        "name = 'a'/**/or/**/1=1",
        "name = char(97)",
        "name = 'a' || 'b'",
        "name = (select 1)",
        "name = @x",
        "name = ?",
        "name = 0x41",
        "name = U&'\\0041'",
        "name = E'a'",
        "labels.`a\0b` = 'a'",
        "name = 'a\0'",
        "exists (select 1)",
    ] {
        assert!(Filter::parse(text, &schema()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_bound_and_never_written(text in "[^\0]{0,60}") {
        let filter = format!("name = '{}'", text.replace('\\', "\\\\").replace('\'', "''"));
        for dialect in DIALECTS {
            let statement = statement(&filter, dialect);
            let placeholder = if dialect == Dialect::Sqlite { "?" } else { "$1" };
            prop_assert_eq!(statement.text(), format!("(a.name = {placeholder})"));
            prop_assert_eq!(statement.values(), &[SqlValue::from(text.as_str())]);
        }
    }
}

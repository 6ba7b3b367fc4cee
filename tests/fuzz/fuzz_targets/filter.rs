//! Whatever is sent as `filterQuery` is refused or means one thing: its normal form reads back as itself, and the SQL of both engines
//! holds the text nowhere but in bound values.
#![no_main]

use std::sync::LazyLock;

use catalog_core::{
    filter::Filter,
    schema::EntitySchema,
    store::statement::{Dialect, Statement},
    testing,
};
use libfuzzer_sys::fuzz_target;

static SCHEMA: LazyLock<EntitySchema> = LazyLock::new(testing::schema);

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse(text, &SCHEMA) else { return };
    let canonical = filter.canonical();
    if canonical.len() <= 4_096 {
        let again = Filter::parse(&canonical, &SCHEMA).expect("a normal form is a filter");
        assert_eq!(again, filter, "{canonical}");
        assert_eq!(again.canonical(), canonical);
    }
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let mut statement = Statement::new(dialect);
        filter.write_sql(&mut statement);
        let text = statement.text();
        let (mut depth, mut quoted) = (0_i32, false);
        for c in text.chars() {
            match c {
                '\'' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                ';' if !quoted => panic!("two statements: {text}"),
                _ => {}
            }
            assert!(depth >= 0, "{text}");
        }
        assert!(depth == 0 && !quoted, "{text}");
        assert!(text.is_ascii(), "{text}");
        let placeholders = match dialect {
            Dialect::Sqlite => text.matches('?').count(),
            Dialect::Postgres => (1..=statement.values().len())
                .filter(|number| text.contains(&format!("${number}")))
                .count(),
        };
        assert_eq!(placeholders, statement.values().len(), "{text}");
    }
});

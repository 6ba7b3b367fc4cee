//! The same filters over the same assets in a real SQLite.

use std::cell::RefCell;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use serde_json::json;
use sqlx::{Connection, Row, SqliteConnection};
use tokio::runtime::Runtime;

use super::{
    cases::CASES,
    random::{asset, expression},
    sample::{assets, record, schema},
};
use crate::{
    asset::AssetRecord,
    filter::{Filter, eval::evaluate},
    store::statement::{Dialect, SqlValue, Statement},
};

/// A database in memory with one table of assets, and the runtime that drives it.
struct Engine {
    runtime: Runtime,
    connection: SqliteConnection,
}

impl Engine {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let connection = runtime.block_on(SqliteConnection::connect("sqlite::memory:")).unwrap();
        let mut engine = Self { runtime, connection };
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push(
            "create table assets (id text primary key, name text not null, display_name text, description text, provider text,
             source text not null, lifecycle text not null, create_time_ms integer not null, update_time_ms integer not null,
             attributes text not null) strict",
        );
        engine.run(statement);
        engine
    }

    #[expect(clippy::disallowed_methods, reason = "the text comes out of a statement")]
    fn run(&mut self, statement: Statement) -> Vec<sqlx::sqlite::SqliteRow> {
        let (text, values) = statement.into_parts();
        let query =
            values.into_iter().fold(sqlx::query(sqlx::AssertSqlSafe(text)), |query, value| match value {
                SqlValue::Text(text) => query.bind(text),
                SqlValue::Integer(number) => query.bind(number),
                SqlValue::Number(number) => query.bind(number),
                SqlValue::Boolean(truth) => query.bind(truth),
                SqlValue::Bytes(bytes) => query.bind(bytes),
            });
        self.runtime.block_on(query.fetch_all(&mut self.connection)).unwrap()
    }

    /// Fills the table with these assets alone.
    fn load(&mut self, assets: &[AssetRecord]) {
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push("delete from assets");
        self.run(statement);
        for asset in assets {
            let mut statement = Statement::new(Dialect::Sqlite);
            statement.push("insert into assets values (").bind(asset.id.to_string());
            statement.push(", ").bind(asset.draft.name.as_str());
            statement.push(", ").bind(asset.draft.display_name.clone());
            statement.push(", ").bind(asset.draft.description.clone());
            statement.push(", ").bind(asset.draft.provider.clone());
            statement.push(", ").bind(asset.source.as_str());
            statement.push(", ").bind(asset.draft.lifecycle.as_str());
            statement.push(", ").bind(asset.create_time.unix_ms());
            statement.push(", ").bind(asset.last_update_time.unix_ms());
            statement.push(", ").bind(serde_json::to_string(&asset.draft.attributes).unwrap()).push(")");
            self.run(statement);
        }
    }

    /// What each of the filters says of each of the assets, in the order of their ids.
    fn evaluate(&mut self, filters: &[Filter]) -> Vec<Vec<Option<bool>>> {
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push("select a.id");
        for filter in filters {
            statement.push(", ");
            filter.write_sql(&mut statement);
        }
        statement.push(" from assets as a order by a.id");
        let rows = self.run(statement);
        rows.iter().map(|row| (1..=filters.len()).map(|column| row.get(column)).collect()).collect()
    }
}

/// Runs a law that needs the engine, which the macro of proptest would make anew for each case.
fn check<S: Strategy>(strategy: &S, law: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, law).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_filter_matches_in_sqlite_what_it_should() {
    let (schema, mut engine) = (schema(), Engine::new());
    engine.load(&assets());
    for (text, expected) in CASES {
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push("select a.name from assets as a where ");
        Filter::parse(text, &schema).unwrap().write_sql(&mut statement);
        statement.push(" order by a.id");
        let names: Vec<String> = engine.run(statement).iter().map(|row| row.get(0)).collect();
        assert_eq!(names, *expected, "{text}");
    }
}

#[test]
fn true_false_and_unknown_are_the_same_in_memory_and_in_sqlite() {
    let engine = RefCell::new(Engine::new());
    let assets = (asset(1), asset(2), asset(3), asset(4)).prop_map(|(a, b, c, d)| vec![a, b, c, d]);
    check(&(assets, vec(expression(), 12)), |(assets, expressions)| {
        let filters: Vec<Filter> = expressions.into_iter().map(|expression| Filter { expression }).collect();
        let mut engine = engine.borrow_mut();
        engine.load(&assets);
        for (asset, found) in assets.iter().zip(engine.evaluate(&filters)) {
            for (filter, found) in filters.iter().zip(found) {
                prop_assert_eq!(
                    evaluate(&filter.expression, asset),
                    found,
                    "{} of {:?}",
                    filter,
                    asset.draft.attributes
                );
            }
        }
        Ok(())
    });
}

/// SQLite reads the doubles of JSON by its own means, and far from 1 not to the last bit.
#[test]
fn a_double_is_equal_to_itself_when_sqlite_has_read_it() {
    let engine = RefCell::new(Engine::new());
    check(&vec(proptest::num::f64::NORMAL, 20), |numbers| {
        let item = |number: f64| json!({"name": "n", "score": number, "customProperties": {"k": number}});
        let assets: Vec<_> = (1..).zip(&numbers).map(|(n, number)| record(n, "git", item(*number))).collect();
        let text = |number| format!("score = {number:e} and customProperties.k in ({number:e})");
        let filters: Vec<_> =
            numbers.iter().map(|number| Filter::parse(&text(number), &schema()).unwrap()).collect();
        let mut engine = engine.borrow_mut();
        engine.load(&assets);
        for (n, found) in engine.evaluate(&filters).iter().enumerate() {
            prop_assert_eq!(found[n], Some(true), "{:e}", numbers[n]);
        }
        Ok(())
    });
}

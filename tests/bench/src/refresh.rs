//! What replacing a source's assets costs.

use std::time::{Duration, Instant};

use catalog_core::{
    plugin::builtin,
    store::{
        AssetStore,
        database::Database,
        hook::{Unaudited, Unfenced},
        sql::SqlAssetStore,
        statement::{Dialect, Statement},
    },
    testing::scope,
};

use crate::{
    AnyError, seed,
    table::{Goal, Line},
};

/// A first refresh beside the engine's own copy of its rows, and an unchanged one beside the first.
pub(crate) async fn measure(
    database: &Database,
    engine: &str,
    rounds: usize,
    assets: usize,
) -> Result<Vec<Line>, AnyError> {
    let plugin =
        builtin()?.into_iter().find(|plugin| plugin.name.as_str() == "mcp").ok_or("no such plugin")?;
    let entity = plugin.entities.first().ok_or("no entity")?;
    let store = SqlAssetStore::new(database.clone(), Unaudited);
    let (scope, source) = (scope("refreshed").await, seed::source(&plugin)?);
    let drafts = seed::drafts(entity, assets)?;
    let refresh = async |drafts: Vec<_>| -> Result<Duration, AnyError> {
        let begun = Instant::now();
        store.replace(&scope, &seed::BENCH, &source, vec![(entity.kind.clone(), drafts)], &Unfenced).await?;
        Ok(begun.elapsed())
    };
    let (mut copies, mut firsts, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        firsts.push(refresh(drafts.clone()).await?);
        unchanged.push(refresh(drafts.clone()).await?);
        copies.push(copy(database).await?);
        refresh(Vec::new()).await?;
    }
    let micros = |times: &[Duration]| {
        times.iter().map(|time| time.as_secs_f64() * 1e6 / seed_count(assets)).collect::<Vec<_>>()
    };
    let line = |what: &str, base: &[Duration], own: &[Duration], goal| {
        Line::beside("Q11", format!("{engine}: {what}"), "us/row", goal, &micros(base), &micros(own))
    };
    Ok(vec![
        line("first refresh / insert-select, same indexes", &copies, &firsts, Goal::AtMost(2.0)),
        line("unchanged refresh / first", &firsts, &unchanged, Goal::AtMost(0.3)),
    ])
}

fn seed_count(assets: usize) -> f64 {
    f64::from(u32::try_from(assets).unwrap_or(u32::MAX))
}

/// How long the engine takes to copy all rows into an empty table with the same indexes, in one statement and transaction.
async fn copy(database: &Database) -> Result<Duration, AnyError> {
    let (create, drop): (&[&'static str], _) = match database.dialect() {
        Dialect::Sqlite => (SQLITE, "drop table bench_copy"),
        Dialect::Postgres => {
            (&["create table bench_copy (like catalog_core_assets including all)"], "drop table bench_copy")
        }
    };
    let run = async |text: &'static str| -> Result<(), AnyError> {
        let mut transaction = database.begin().await?;
        transaction.execute_script(text).await?;
        Ok(transaction.commit().await?)
    };
    for text in create {
        run(text).await?;
    }
    if database.dialect() == Dialect::Sqlite {
        copy_indexes(database).await?;
    }
    let begun = Instant::now();
    run("insert into bench_copy select * from catalog_core_assets where namespace = 'refreshed'").await?;
    let elapsed = begun.elapsed();
    run(drop).await?;
    Ok(elapsed)
}

const SQLITE: &[&str] = &[
    "create table bench_copy (seq integer primary key, id text not null unique, namespace text not null, plugin text not null,
        kind text not null, source text not null, name text not null, display_name text, description text, provider text,
        lifecycle text not null, revision integer not null, create_time_ms integer not null, update_time_ms integer not null,
        document text not null, attributes text not null, title text not null, digest blob not null, search text not null,
        artifacts text not null, unique (namespace, plugin, source, kind, name)) strict",
];

/// SQLite copies a table's indexes by their text.
async fn copy_indexes(database: &Database) -> Result<(), AnyError> {
    let mut select = Statement::new(database.dialect());
    select.push("select sql from sqlite_schema where type = 'index' and tbl_name = 'catalog_core_assets' and sql is not null");
    for (number, mut row) in database.fetch(select).await?.into_iter().enumerate() {
        let text = row.text(0)?;
        let (_, over) = text
            .split_once(" on catalog_core_assets ")
            .or_else(|| text.split_once(" on catalog_core_assets"))
            .ok_or("no index")?;
        // the text is the schema's own, and lives as long as the benchmark
        let create: &'static str = format!("create index bench_copy_{number} on bench_copy {over}").leak();
        let mut transaction = database.begin().await?;
        transaction.execute_script(create).await?;
        transaction.commit().await?;
    }
    Ok(())
}

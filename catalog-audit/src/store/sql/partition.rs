//! Partitions of the events and of their places, a week each: what is old goes with its partition, without a row being touched.
//!
//! They are made ahead. What has none is in the default one, so nothing is refused for the lack of one, and everything goes on as
//! without them where the database's user may not make any.

use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError,
        database::{Database, Transaction},
        hook::Fence,
        statement::{Dialect, Statement},
    },
};

use super::{bind_id, read::first_id};
use crate::store::Partitions;

/// What is partitioned, a table and how it is called with a partition's name behind it.
const TABLES: [(&str, &str); 2] =
    [("catalog_audit_events", "catalog_audit_events_"), ("catalog_audit_chain", "catalog_audit_chain_")];
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// So many weeks after the present one have their partitions.
const AHEAD: i64 = 3;

/// A statement that changes a table waits so long for those that use it, since whoever comes later waits behind it.
const PATIENCE: &str = "set local lock_timeout = 100";
/// So often is it tried, with so long in between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// A week, by the number of weeks before it since 1970, which began on a Thursday.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) struct Week(i64);

impl Week {
    fn of(time: Timestamp) -> Self {
        Self(time.unix_ms().div_euclid(WEEK_MS))
    }

    pub(super) fn begin(self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.saturating_mul(WEEK_MS)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn end(self) -> Timestamp {
        Self(self.0.saturating_add(1)).begin()
    }

    /// Its first day, as a number of eight digits: partitions are named by it.
    fn day(self) -> usize {
        let text = self.begin().to_string();
        text.chars().take(10).filter_map(|c| c.to_digit(10)).fold(0, |day, digit| 10 * day + digit as usize)
    }

    fn named(day: &str) -> Option<Self> {
        let [year, month, date] = [day.get(..4)?, day.get(4..6)?, day.get(6..)?];
        let week = Self::of(format!("{year}-{month}-{date}T00:00:00Z").parse().ok()?);
        // another one is not ours
        (week.day().to_string() == day).then_some(week)
    }

    /// Appends the condition that an id of that column is of the week.
    pub(super) fn push_is_in(self, statement: &mut Statement, column: &'static str) {
        bind_id(statement.push("(").push(column).push(" >= "), first_id(self.begin()));
        bind_id(statement.push(" and ").push(column).push(" < "), first_id(self.end())).push(")");
    }

    /// Appends the first id of the week as a literal, since what makes a partition binds no values.
    fn push_first_id(self, statement: &mut Statement) {
        let (high, low) = first_id(self.begin()).as_u64_pair();
        statement.push("'").push_hex(high).push_hex(low).push("'");
    }
}

/// The weeks that have partitions, of events and of places both, the oldest first.
pub(super) async fn weeks(database: &Database) -> Result<Vec<Week>, StoreError> {
    if database.dialect() == Dialect::Sqlite {
        return Ok(Vec::new());
    }
    let mut both: Option<Vec<Week>> = None;
    for (table, prefix) in TABLES {
        let mut select = Statement::new(Dialect::Postgres);
        select.push("select substr(c.relname::text, ").push_count(prefix.len() + 1);
        select.push(") from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ");
        select.bind(table).push("::text::regclass order by 1");
        let rows = database.fetch(select).await?;
        let days = rows.into_iter().map(|mut row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
        let weeks = days.iter().filter_map(|day| Week::named(day));
        both = Some(match both {
            None => weeks.collect(),
            Some(before) => weeks.filter(|week| before.contains(week)).collect(),
        });
    }
    Ok(both.unwrap_or_default())
}

/// Makes the partitions of this week and of those to come, as far as they are not there. One whose events are in the default
/// partition already is left out.
pub(super) async fn make<F: Fence<Transaction>>(
    database: &Database,
    fence: &F,
    now: Timestamp,
) -> Result<Partitions, StoreError> {
    if database.dialect() == Dialect::Sqlite {
        return Ok(Partitions::None);
    }
    let (there, this, mut made) = (weeks(database).await?, Week::of(now), 0);
    for week in (0..=AHEAD).map(|ahead| Week(this.0.saturating_add(ahead))) {
        if there.contains(&week) {
            continue;
        }
        // one transaction each, so that none holds one table's lock and waits for the other's
        for (table, prefix) in TABLES {
            match make_one(database, fence, week, table, prefix).await {
                Ok(true) => made += 1,
                Ok(false) => {}
                Err(error) => match error.code() {
                    Some(NOT_ALLOWED) => return Ok(Partitions::NotAllowed),
                    // an event came into the default one meanwhile, or others use the table
                    Some(CHECK_VIOLATION | LOCK_NOT_AVAILABLE) => {}
                    _ => return Err(error),
                },
            }
        }
    }
    Ok(Partitions::Made(made))
}

/// SQLSTATE (PostgreSQL manual, appendix A).
pub(super) const NOT_ALLOWED: &str = "42501";
const CHECK_VIOLATION: &str = "23514";
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";

async fn make_one<F: Fence<Transaction>>(
    database: &Database,
    fence: &F,
    week: Week,
    table: &'static str,
    prefix: &'static str,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_any_tenant().await?;
    fence.check(&mut transaction).await?;
    transaction.execute_script(PATIENCE).await?;
    let mut select = Statement::new(Dialect::Postgres);
    select.push("select 1 from ").push(table).push(" where ");
    week.push_is_in(&mut select, "id");
    select.push(" union all select 1 where to_regclass('").push(prefix).push_count(week.day());
    select.push("') is not null limit 1");
    if !transaction.fetch(select).await?.is_empty() {
        return Ok(false);
    }
    let named = |before: &'static str| {
        let mut statement = Statement::new(Dialect::Postgres);
        statement.push(before).push(prefix).push_count(week.day());
        statement
    };
    let mut create = named("create table ");
    create.push(" (like ").push(table).push(" including defaults)");
    transaction.execute(create).await?;
    // as its table: it has no policy, and so no rows for whoever does not come by way of that
    let mut secured = Statement::new(Dialect::Postgres);
    secured
        .push("select 1 from pg_class where relrowsecurity and oid = ")
        .bind(table)
        .push("::text::regclass");
    if !transaction.fetch(secured).await?.is_empty() {
        let mut secure = named("alter table ");
        secure.push(" enable row level security, force row level security");
        transaction.execute(secure).await?;
    }
    let mut attach = Statement::new(Dialect::Postgres);
    attach.push("alter table ").push(table).push(" attach partition ").push(prefix).push_count(week.day());
    week.push_first_id(attach.push(" for values from ("));
    Week(week.0.saturating_add(1)).push_first_id(attach.push(") to ("));
    attach.push(")");
    transaction.execute(attach).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Drops the partitions of a week, whose tables are [locked](lock_tables).
pub(super) async fn drop_week(transaction: &mut Transaction, week: Week) -> Result<(), StoreError> {
    for (_, prefix) in TABLES {
        let mut drop = Statement::new(Dialect::Postgres);
        drop.push("drop table ").push(prefix).push_count(week.day());
        transaction.execute(drop).await?;
    }
    Ok(())
}

/// Locks the tables, unless others use them all the time. It comes last in a transaction, for whose end all wait from then on.
pub(super) async fn lock_tables(transaction: &mut Transaction) -> Result<(), StoreError> {
    transaction.execute_script(PATIENCE).await?;
    for left in (0..TRIES).rev() {
        transaction.savepoint().await?;
        let mut lock = Statement::new(Dialect::Postgres);
        lock.push("lock table catalog_audit_events, catalog_audit_chain in access exclusive mode");
        match transaction.execute(lock).await {
            Ok(_) => break,
            Err(error) if left > 0 && error.code() == Some(LOCK_NOT_AVAILABLE) => {}
            Err(error) => return Err(error),
        }
        transaction.rollback_to_savepoint().await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_named_by_its_first_day() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let week = Week::of(noon);
        assert_eq!((week.begin().to_string(), week.day()), ("2026-02-26T00:00:00.000Z".into(), 20_260_226));
        assert_eq!(Week::of(week.end()).0, week.0 + 1);
        assert_eq!(Week::named("20260226"), Some(week));
        for other in ["20260227", "default", "2026", "20269999", "2026022600"] {
            assert_eq!(Week::named(other), None, "{other}");
        }
    }
}

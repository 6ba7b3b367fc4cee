//! Weeks of events in partitions of their own, on the engine that has such.

use std::{sync::Arc, time::Duration};

use catalog_audit::{
    Retention, RetentionConfig,
    event::Record,
    seal::{Fault, Sealer},
    store::{
        AppendWithin, AuditQuery, AuditStore, Cursor, OutboxStore, Partitions, SqlAuditStore, TENANT_TABLES,
    },
    testing::{event, noon},
};
use catalog_core::{
    clock::{Clock, ManualClock},
    store::{
        StoreErrorKind,
        database::{Database, DatabaseOptions},
        hook::Unfenced,
        sql::{self, secure_rows},
        statement::Statement,
    },
    testing::{LostFence, scope},
};

use crate::{
    fixture::{Fixture, postgres, secured},
    seal::{key, put, tamper, verify},
};

const DAY: Duration = Duration::from_hours(24);
/// Those that are made at noon of the first of March: the first ends on the fifth.
const WEEKS: [&str; 4] = ["20260226", "20260305", "20260312", "20260319"];

/// What one who owns the tables does, at a time that is set.
struct Upkeep {
    store: SqlAuditStore,
    clock: ManualClock,
    retention: Retention<SqlAuditStore>,
    sealer: Sealer<SqlAuditStore>,
}

impl Upkeep {
    fn of(store: &SqlAuditStore, kept: &str) -> Self {
        let (clock, config): (_, RetentionConfig) =
            (ManualClock::new(noon()), serde_json::from_str(kept).unwrap());
        let at = || Arc::new(clock.clone());
        Self {
            retention: Retention::new(store.clone(), key(), config).with_clock(at()),
            sealer: Sealer::new(store.clone(), key()).with_clock(at()),
            store: store.clone(),
            clock,
        }
    }

    async fn prepare(&self) -> Partitions {
        self.retention.prepare(&Unfenced).await.unwrap()
    }

    async fn seal(&self) -> usize {
        self.sealer.seal(&Unfenced).await.unwrap()
    }

    async fn expire(&self) -> usize {
        self.retention.expire(&scope("*").await, &Unfenced).await.unwrap()
    }

    /// One day after another, five events of each tenant a day.
    async fn days(&self, days: u64) {
        for _ in 0..days {
            let from = self.clock.now().saturating_since(noon()).as_secs();
            for tenant in ["a", "b", ""] {
                put(&self.store, tenant, from..from + 5).await;
            }
            self.seal().await;
            self.clock.advance(DAY);
        }
    }
}

async fn texts(database: &Database, text: &str) -> Vec<String> {
    let mut select = Statement::new(database.dialect());
    select.push(String::from(text).leak()).within(&scope("*").await);
    let rows = database.fetch(select).await.unwrap();
    rows.into_iter().map(|mut row| row.text(0).unwrap()).collect()
}

/// The partitions of a table, but for the default one.
async fn partitions(database: &Database, table: &str) -> Vec<String> {
    let text = format!(
        "select substr(c.relname::text, {}) from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent = '{table}'::regclass and c.relname not like '%default' order by 1",
        table.len() + 2
    );
    texts(database, &text).await
}

async fn old_weeks_go_with_their_partitions(fixture: Fixture) {
    let (store, database) = (&fixture.store, fixture.database());
    let upkeep = Upkeep::of(store, r#"{"days": 30, "tenants": {"b": 5}}"#);
    assert_eq!(upkeep.prepare().await, Partitions::Made(8));
    assert_eq!(upkeep.prepare().await, Partitions::Made(0), "they are there");
    upkeep.days(28).await;
    upkeep.clock.advance(10 * DAY);
    let refused = upkeep.retention.expire(&scope("*").await, &LostFence).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Fenced);
    // it is noon of day 38: four days of the first week go with it, and of b, row by row, whatever else there is
    assert_eq!(upkeep.expire().await, 20 + 20 + 140);
    assert_eq!(upkeep.expire().await, 0);
    for table in ["catalog_audit_events", "catalog_audit_chain"] {
        assert_eq!(partitions(&database, table).await, WEEKS[1..], "{table}");
    }
    assert_eq!(upkeep.seal().await, 4, "what was removed is on record: twice of b");
    for (tenant, from) in [("a", 21), ("b", 141), ("", 21)] {
        let verified = verify(store, tenant).await;
        assert_eq!((verified.from, verified.first_broken), (from, None), "{tenant:?}");
    }
    let told = store.list(&scope("a").await, &AuditQuery::default()).await.unwrap();
    let told = told.iter().find(|stored| stored.record.event_type == "retention").unwrap();
    assert!(told.record.details.contains(r#""from":1"#) && told.record.details.contains(r#""to":20"#));
    // a week later so does the next one, and what lies in the one after that stays
    upkeep.clock.advance(7 * DAY);
    assert_eq!(upkeep.expire().await, 35 + 35 + 2);
    assert_eq!(partitions(&database, "catalog_audit_events").await, WEEKS[2..]);
    upkeep.seal().await;
    let verified = verify(store, "a").await;
    assert_eq!((verified.from, verified.first_broken), (56, None));
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn old_weeks_go_with_their_partitions_on_postgres() {
    old_weeks_go_with_their_partitions(postgres("weeks").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn old_weeks_go_with_their_partitions_behind_the_second_wall() {
    old_weeks_go_with_their_partitions(secured("weeks").await).await;
}

/// Blocks go whole: what was sealed in the last block of a week and is of another one goes, too.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_was_sealed_with_the_last_of_a_week_goes_with_it() {
    let fixture = postgres("straddling").await;
    let upkeep = Upkeep::of(&fixture.store, r#"{"days": 30}"#);
    upkeep.prepare().await;
    let end = 4 * DAY.as_secs() - 12 * 60 * 60;
    put(&fixture.store, "a", end - 3..end + 2).await;
    upkeep.clock.advance(4 * DAY);
    assert_eq!(upkeep.seal().await, 5);
    put(&fixture.store, "a", end + 2..end + 4).await;
    upkeep.clock.advance(DAY);
    assert_eq!(upkeep.seal().await, 2);
    // the block of the first five is old enough, and lies in two weeks
    upkeep.clock.advance(29 * DAY + Duration::from_hours(23));
    assert_eq!(upkeep.expire().await, 5);
    assert_eq!(
        partitions(&fixture.database(), "catalog_audit_events").await,
        [WEEKS[1]],
        "empty ones go, too"
    );
    let verified = verify(&fixture.store, "a").await;
    assert_eq!((verified.from, verified.to, verified.first_broken), (6, 7, None));
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_week_that_somebody_needs_stays() {
    let fixture = postgres("needed").await;
    let (store, database) = (&fixture.store, fixture.database());
    let upkeep = Upkeep::of(store, r#"{"days": 30, "tenants": {"b": 0}}"#);
    upkeep.prepare().await;
    upkeep.days(3).await;
    upkeep.clock.advance(40 * DAY);
    store.set_cursor("archive", &Cursor::default()).await.unwrap();
    assert_eq!(upkeep.expire().await, 0, "a sink has not had them");
    store.forget("archive").await.unwrap();
    assert_eq!(upkeep.expire().await, 30, "one tenant's are kept for ever");
    assert_eq!(partitions(&database, "catalog_audit_events").await, [WEEKS[0]], "an empty one goes");
    assert_eq!((verify(store, "b").await.from, verify(store, "b").await.to), (1, 15));

    // one that nobody sealed is not dropped unseen, and those that were sealed go row by row
    let upkeep = Upkeep { store: store.clone(), ..Upkeep::of(store, r#"{"days": 30}"#) };
    put(store, "late", 0..1).await;
    tamper(
        &database,
        "update catalog_audit_events set namespace = 'b', position = 1 where namespace = 'late'",
    )
    .await;
    upkeep.clock.advance(43 * DAY);
    assert_eq!(upkeep.expire().await, 15);
    assert_eq!(partitions(&database, "catalog_audit_events").await, [WEEKS[0]]);
    upkeep.seal().await;
    assert_eq!(verify(store, "b").await.first_broken.unwrap().fault, Fault::Added);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn whoever_writes_meanwhile_is_neither_held_up_nor_lost() {
    let fixture = postgres("meanwhile").await;
    let (store, database) = (&fixture.store, fixture.database());
    let upkeep = Upkeep::of(store, r#"{"days": 30}"#);
    // one that writes into the default partition: none is made beside it, and then none of its week
    let mut slow = database.begin().await.unwrap();
    assert!(store.append_within(&mut slow, Record::of(event("a", 0))).await.unwrap());
    assert_eq!(upkeep.prepare().await, Partitions::Made(4), "those of the places");
    put(store, "a", 1..3).await;
    slow.commit().await.unwrap();
    assert_eq!(upkeep.prepare().await, Partitions::Made(3));
    assert_eq!(partitions(&database, "catalog_audit_events").await, WEEKS[1..]);
    assert_eq!(upkeep.seal().await, 3);

    // one that writes into a week: others are made, it is waited for before anything is sealed, and its week is not dropped
    let second = 5 * DAY.as_secs();
    put(store, "a", second..second + 2).await;
    assert_eq!(upkeep.seal().await, 2);
    let mut slow = database.begin().await.unwrap();
    assert!(store.append_within(&mut slow, Record::of(event("a", second + 2))).await.unwrap());
    upkeep.clock.advance(7 * DAY);
    assert_eq!(upkeep.prepare().await, Partitions::Made(2));
    put(store, "a", second + 3..second + 4).await;
    assert_eq!(upkeep.seal().await, 0);
    upkeep.clock.advance(40 * DAY);
    assert_eq!(upkeep.expire().await, 3 + 2, "row by row");
    slow.commit().await.unwrap();
    assert_eq!(upkeep.seal().await, 2 + 1);
    assert_eq!(upkeep.expire().await, 0);
    assert!(partitions(&database, "catalog_audit_events").await.contains(&WEEKS[1].into()));
    let verified = verify(store, "a").await;
    assert_eq!((verified.from, verified.to, verified.first_broken), (6, 8, None));
}

/// A user to whom the tables do not belong writes, seals and removes all the same.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn whoever_may_make_no_partitions_does_without() {
    let fixture = postgres("granted").await;
    let owner = Upkeep::of(&fixture.store, r#"{"days": 30}"#);
    let role = "do $$ begin create role audit_granted login password 'granted'; exception when duplicate_object then null; end $$";
    tamper_whole(&fixture.database(), role).await;
    tamper(
        &fixture.database(),
        "grant select, insert, update, delete on all tables in schema public to audit_granted;\
         grant usage, select on all sequences in schema public to audit_granted",
    )
    .await;
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (_, place) = url.rsplit_once('@').unwrap();
    let (server, _) = place.rsplit_once('/').unwrap();
    let url = format!("postgres://audit_granted:granted@{server}/audit_granted");
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let store = SqlAuditStore::new(database);
    let upkeep = Upkeep::of(&store, r#"{"days": 30}"#);
    assert_eq!(upkeep.prepare().await, Partitions::NotAllowed);
    upkeep.days(1).await;
    // the owner makes some
    owner.clock.advance(7 * DAY);
    assert_eq!(owner.prepare().await, Partitions::Made(8));
    upkeep.clock.advance(6 * DAY);
    upkeep.days(1).await;
    upkeep.clock.advance(31 * DAY);
    assert_eq!(upkeep.expire().await, 15);
    upkeep.clock.advance(7 * DAY);
    assert_eq!(upkeep.expire().await, 15, "row by row");
    assert_eq!(partitions(&fixture.database(), "catalog_audit_events").await.len(), 4);
    upkeep.seal().await;
    for tenant in ["a", "b", ""] {
        assert_eq!(verify(&store, tenant).await.first_broken, None, "{tenant:?}");
    }
}

async fn tamper_whole(database: &Database, text: &'static str) {
    let mut transaction = database.begin().await.unwrap();
    transaction.execute_script(text).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A partition is no way around the second wall, whether it was made before that or after.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_partition_read_by_its_own_name_shows_nothing() {
    let fixture = secured("partition").await;
    let (store, database) = (&fixture.store, fixture.database());
    tamper(
        &database,
        "alter table catalog_audit_events no force row level security; alter table catalog_audit_events disable row level security",
    )
    .await;
    let upkeep = Upkeep::of(store, r#"{"days": 30}"#);
    assert_eq!(upkeep.prepare().await, Partitions::Made(8));
    for tables in [sql::TENANT_TABLES, TENANT_TABLES] {
        secure_rows(&database, tables).await.unwrap();
    }
    upkeep.clock.advance(7 * DAY);
    assert_eq!(upkeep.prepare().await, Partitions::Made(2));
    for day in [0, 28, 70] {
        let second = day * DAY.as_secs();
        put(store, "a", second..second + 3).await;
    }
    upkeep.seal().await;
    for (table, week) in
        [("events", "20260226"), ("events", "20260326"), ("events", "default"), ("chain", "20260326")]
    {
        let whole = format!(
            "select count(*)::text from catalog_audit_{table} where tableoid = 'catalog_audit_{table}_{week}'::regclass"
        );
        assert_eq!(texts(&database, &whole).await, ["3"], "{table} {week}");
        let part = format!("select count(*)::text from catalog_audit_{table}_{week}");
        assert_eq!(texts(&database, &part).await, ["0"], "{table} {week}");
    }
}

/// A list of some time looks into the partitions of that time alone, and an event is looked for in one.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_list_of_some_time_reads_its_partitions_alone() {
    let fixture = postgres("pruned").await;
    let (store, database) = (&fixture.store, fixture.database());
    let upkeep = Upkeep::of(store, r#"{"days": 30}"#);
    upkeep.prepare().await;
    upkeep.days(20).await;
    let id = |second: u64| event("a", second).id;
    for (condition, read) in [
        (
            format!("id >= '{}' and id < '{}' order by id desc", id(5 * 86_400), id(6 * 86_400)),
            vec![WEEKS[1]],
        ),
        (
            format!("id >= '{}' and id < '{}' order by id desc", id(86_400), id(6 * 86_400)),
            vec![WEEKS[0], WEEKS[1]],
        ),
        (format!("id = '{}'", id(12 * 86_400)), vec![WEEKS[2]]),
    ] {
        let plan = texts(
            &database,
            &format!(
                "explain (costs off) select * from catalog_audit_events where namespace = 'a' and {condition}"
            ),
        )
        .await
        .join("\n");
        for week in WEEKS {
            assert_eq!(plan.contains(week), read.contains(&week), "{condition}: {plan}");
        }
        assert!(!plan.contains("default"), "{condition}: {plan}");
    }
}

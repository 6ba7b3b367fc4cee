//! A service of notes in two releases: one that knows of no tenants, and one that does.

use std::time::Duration;

use catalog_core::store::{
    StoreError,
    database::Database,
    sql::{Migration, MigrationSet},
    statement::{Dialect, Statement},
};
use catalog_ha::{
    State,
    migrate::{Migrator, SchemaState},
};
use tokio::sync::mpsc;

use crate::child::{open, tell, words};

const CREATE: &str = "create table notes (id text primary key, body text not null);\n";
/// What the first release writes meanwhile is in `default` from the beginning; what is there already is left for the backfill.
const ADD: &str = "alter table notes add column namespace text;
    alter table notes alter column namespace set default 'default';\n";
/// SQLite adds a default only with its column, and then also for what is there.
const ADD_SQLITE: &str = "alter table notes add column namespace text;
    create trigger notes_default after insert on notes when new.namespace is null
        begin update notes set namespace = 'default' where id = new.id; end;\n";
const INDEX: &str = "-- migration: no-transaction
create unique index concurrently notes_by_namespace on notes (namespace, id);\n";
const INDEX_SQLITE: &str = "create unique index notes_by_namespace on notes (namespace, id);\n";
const FILL: &str = "-- migration: backfill notes by id
-- migration: rows 200
update notes set namespace = 'default' where namespace is null and id in (select id from batch);\n";
/// A file is filled in sooner, and is to be caught in the middle.
const FILL_SQLITE: &str = "-- migration: backfill notes by id
-- migration: rows 10
update notes set namespace = 'default' where namespace is null and id in (select id from batch);\n";
/// From here on the first release cannot write any more.
const CLOSE: &str = "-- migration: contract
alter table notes alter column namespace drop default,
    add constraint notes_are_of_somebody check (namespace is not null) not valid;\n";
const CLOSE_SQLITE: &str = "-- migration: contract\ndrop trigger notes_default;\n";
/// All rows are read for it, while others write.
const VALIDATE: &str =
    "-- migration: contract\nalter table notes validate constraint notes_are_of_somebody;\n";
const VALIDATE_SQLITE: &str = "-- migration: contract\nselect count(*) from notes where namespace is null;\n";
/// In an instant: what it needs is known by the constraint and there as the index.
const REKEY: &str = "-- migration: contract
alter table notes alter column namespace set not null;
alter table notes drop constraint notes_are_of_somebody, drop constraint notes_pkey;
alter table notes add constraint notes_pkey primary key using index notes_by_namespace;\n";
const REKEY_SQLITE: &str = "-- migration: contract
create table notes_of_tenants (namespace text not null, id text not null, body text not null, primary key (namespace, id));
insert into notes_of_tenants (namespace, id, body) select namespace, id, body from notes;
drop table notes;
alter table notes_of_tenants rename to notes;\n";

const fn step(version: i64, name: &'static str, postgres: &'static str, sqlite: &'static str) -> Migration {
    Migration { version, name, sqlite, postgres }
}

const STEPS: [Migration; 7] = [
    step(1, "create notes", CREATE, CREATE),
    step(2, "add namespaces", ADD, ADD_SQLITE),
    step(3, "index namespaces", INDEX, INDEX_SQLITE),
    step(4, "fill namespaces in", FILL, FILL_SQLITE),
    step(5, "close the door", CLOSE, CLOSE_SQLITE),
    step(6, "look who is inside", VALIDATE, VALIDATE_SQLITE),
    step(7, "lead keys by namespaces", REKEY, REKEY_SQLITE),
];

/// Of the release that knows of no tenants.
pub(crate) fn one(database: &Database) -> Migrator {
    let set = MigrationSet { owner: "notes", migrations: STEPS.split_at(1).0.to_vec().leak() };
    Migrator::new(database.clone(), "1.0.0").with_set(set)
}

/// Of the release that does.
pub(crate) fn two(database: &Database) -> Migrator {
    Migrator::new(database.clone(), "2.0.0").with_set(MigrationSet { owner: "notes", migrations: &STEPS })
}

/// The tenants that only the second release has.
pub(crate) const TENANTS: [&str; 2] = ["team-a", "team-b"];
/// So many notes there are when it begins.
pub(crate) const NOTES: usize = 4_000;

/// The job that migrates before a release is rolled out, and after it.
pub(crate) async fn migrate(url: &str, part: &str) {
    let database = open(url).await;
    let migrator = if part == "expand" { two(&database).with_contracts_held() } else { two(&database) };
    let status = migrator.run().await.unwrap();
    assert!(status.is_usable());
    tell(&format!("migrated, {:?}", status.state()));
}

/// Serves until it is told to stop, whatever becomes of the schema. A replica that is not ready gets no requests.
pub(crate) async fn serve(url: &str, part: &str) {
    let database = open(url).await;
    let mut server = Server { database, wrote: 0, changed: 0, last: None };
    let migrator = match part {
        "serve one" => one(&server.database),
        _ => two(&server.database).with_contracts_held(),
    };
    let (mut words, mut was_ready): (mpsc::UnboundedReceiver<String>, _) = (words(), None);
    for round in 0_usize.. {
        match words.try_recv().as_deref() {
            Ok("alive?") => tell("alive"),
            Ok("stop") => break,
            _ => {}
        }
        if round % 8 == 0 || was_ready != Some(true) {
            let component = migrator.component().await;
            let is_ready = component.status != State::Failed;
            if was_ready != Some(is_ready) && !is_ready {
                tell(&format!("not ready: {}", component.detail.unwrap_or_default()));
            }
            was_ready = Some(is_ready);
        }
        if was_ready == Some(true) {
            let state = migrator.status().await.unwrap().state();
            let answered = if part == "serve one" {
                server.serve_all(round).await
            } else {
                server.serve_tenants(round, state).await
            };
            // it may be refused between the change of the schema and the look at it
            if answered.is_ok() && server.last != Some(state) {
                server.last = Some(state);
                tell(&format!("serves, {state:?}"));
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tell(&format!("wrote {} {}", server.wrote, server.changed));
    // the thread that waits for a word would keep the runtime
    std::process::exit(0);
}

struct Server {
    database: Database,
    /// So many notes it was told that they are kept.
    wrote: usize,
    /// So many changes of such that were there.
    changed: usize,
    last: Option<SchemaState>,
}

impl Server {
    /// As the first release does: one note more, and one of those that were there, of an even number, is changed.
    async fn serve_all(&mut self, round: usize) -> Result<(), StoreError> {
        let mut insert = Statement::new(self.database.dialect());
        insert.push("insert into notes (id, body) values (");
        insert.bind(format!("one-{}-{round}", std::process::id())).push(", 'of everybody') returning 1");
        self.database.change(insert).await?;
        self.wrote += 1;
        let mut update = Statement::new(self.database.dialect());
        update.push("update notes set body = body || '.' where id = ");
        update.bind(note(round * 2_654 % NOTES)).push(" returning 1");
        self.changed += self.database.change(update).await?.len();
        Ok(())
    }

    /// As the second release does: each tenant writes a note, and finds its own and no others. Until keys begin with the namespace two
    /// tenants cannot have notes of the same name.
    async fn serve_tenants(&mut self, round: usize, state: SchemaState) -> Result<(), StoreError> {
        for tenant in TENANTS {
            let id = match state {
                SchemaState::Current => format!("two-{}-{round}", std::process::id()),
                _ => format!("two-{}-{round}-{tenant}", std::process::id()),
            };
            let mut insert = Statement::new(self.database.dialect());
            insert.push("insert into notes (namespace, id, body) values (").bind(tenant).push(", ");
            insert.bind(id).push(", ").bind(format!("of {tenant}")).push(") returning 1");
            self.database.change(insert).await?;
            self.wrote += 1;
        }
        for tenant in TENANTS.into_iter().chain(["default"]) {
            let found = self.list(tenant).await?;
            let others: Vec<_> = found.iter().filter(|(_, body)| !is_of(body, tenant)).collect();
            assert!(others.is_empty() && !found.is_empty(), "{tenant} sees {others:?} of {found:?}");
        }
        Ok(())
    }

    /// The last notes of a tenant. Those without a namespace were there before there were tenants.
    async fn list(&self, tenant: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        select.push("select id, body from notes where (namespace = ").bind(tenant);
        select.push(if tenant == "default" { " or namespace is null)" } else { ")" });
        select.push(" order by id desc limit 50");
        let rows = self.database.fetch(select).await?;
        rows.into_iter().map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect()
    }
}

fn is_of(body: &str, tenant: &str) -> bool {
    match tenant {
        "default" => body.starts_with("of everybody"),
        _ => body.strip_prefix("of ") == Some(tenant),
    }
}

/// A note that was there when it began, by its number.
fn note(number: usize) -> String {
    format!("note-{number:06}")
}

/// Fills the first release's table.
pub(crate) async fn seed(database: &Database) {
    one(database).run().await.unwrap();
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into notes (id, body) with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ");
    insert.push_count(NOTES).push(") select ");
    insert.push(match database.dialect() {
        Dialect::Sqlite => "printf('note-%06d', n)",
        Dialect::Postgres => "'note-' || lpad(n::text, 6, '0')",
    });
    insert.push(", 'of everybody' from numbers returning 1");
    assert_eq!(database.change(insert).await.unwrap().len(), NOTES);
}

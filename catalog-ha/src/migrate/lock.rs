use std::time::Duration;

use catalog_core::store::{Session, StoreError, database::Database, sql::LOCK_KEY, statement::Statement};
use tokio::time::{Instant, sleep};

use super::{MigrationError, MigrationErrorKind};

/// What keeps two processes from migrating at once, on PostgreSQL. SQLite's transactions do by themselves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MigrationLock {
    /// An advisory lock of the session. It ends with its connection, whatever happens.
    #[default]
    Advisory,
    /// A row that is locked in a transaction of another connection, for engines without advisory locks. It ends with that connection.
    Row,
}

/// A lock that is held. What it is held by lives in it or in the session that migrates.
#[derive(Debug)]
pub(super) struct Held {
    /// Where the lock is a row's.
    row: Option<Session>,
}

impl Held {
    /// Whether it is still held. What is the session's own is, for as long as that answers.
    pub(super) async fn check(&mut self) -> Result<(), StoreError> {
        match &mut self.row {
            Some(row) => row.execute_script("select 1").await,
            None => Ok(()),
        }
    }

    /// Gives it up, where it is not the session's own.
    pub(super) async fn release(self) {
        if let Some(row) = self.row {
            // it ends with the connection in any case
            let _ = row.close().await;
        }
    }
}

/// How often it is asked for, with up to as much again: whoever waits within a statement holds up what the holder does.
const POLL: Duration = Duration::from_millis(200);

/// A holder that is gone is found out within 15 s, also in the middle of a statement.
const SET_UP: &str = "set statement_timeout = 0; set lock_timeout = 0; set tcp_keepalives_idle = 5; \
    set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3";
const NOTICE_LOSS: &str = "set client_connection_check_interval = '5s'";

const CREATE_ROW: &str = "create table if not exists catalog_ha_migration_locks (name text primary key);
    insert into catalog_ha_migration_locks (name) values ('migrations') on conflict (name) do nothing";
const BEGIN_ROW: &str = "begin; set local idle_in_transaction_session_timeout = 0";
const TAKE_ROW: &str =
    "select name from catalog_ha_migration_locks where name = 'migrations' for update nowait";

/// Who migrates, for whoever waits for it.
pub(super) fn runner() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "unknown host".to_owned());
    format!(
        "catalog migrator, {}, process {}",
        host.chars().take(LONGEST_HOST).collect::<String>(),
        std::process::id()
    )
}

/// PostgreSQL keeps 63 bytes of a name.
const LONGEST_HOST: usize = 24;

impl MigrationLock {
    /// Opens a session that migrates.
    pub(super) async fn session(self, database: &Database) -> Result<Session, MigrationError> {
        let mut session = database.session().await?;
        // behind a pooler it would be set for whoever has the connection next
        if self == Self::Advisory {
            session.execute_script(SET_UP).await?;
            // an engine that only speaks as PostgreSQL does need not have it
            let _ = session.execute_script(NOTICE_LOSS).await;
            let mut name = Statement::new(session.dialect());
            name.push("select set_config('application_name', ").bind(runner()).push(", false)");
            session.fetch(name).await?;
        }
        Ok(session)
    }

    /// Takes it for the session, and waits until the deadline for whoever has it.
    pub(super) async fn take(
        self,
        database: &Database,
        session: &mut Session,
        deadline: Instant,
    ) -> Result<Held, MigrationError> {
        match self {
            Self::Advisory => {
                refuse_pooler(database, session).await?;
                loop {
                    let mut ask = Statement::new(session.dialect());
                    ask.push("select pg_try_advisory_lock(").bind(LOCK_KEY).push(")");
                    if first(session, ask).await?.boolean(0)? {
                        return Ok(Held { row: None });
                    }
                    pause(session, deadline).await?;
                }
            }
            Self::Row => {
                let mut holder = database.session().await?;
                loop {
                    match holder.execute_script(CREATE_ROW).await {
                        Ok(()) => break,
                        // another one makes the table in the same instant, which `if not exists` does not see
                        Err(error) if matches!(error.code(), Some("23505" | "42710" | "42P07")) => {}
                        Err(error) => return Err(error.into()),
                    }
                    pause(session, deadline).await?;
                }
                loop {
                    holder.execute_script(BEGIN_ROW).await?;
                    match holder.execute_script(TAKE_ROW).await {
                        Ok(()) => return Ok(Held { row: Some(holder) }),
                        Err(error) if error.code() == Some("55P03") => {}
                        Err(error) => return Err(error.into()),
                    }
                    holder.execute_script("rollback").await?;
                    pause(session, deadline).await?;
                }
            }
        }
    }
}

/// Waits a little, unless the time is over.
async fn pause(session: &mut Session, deadline: Instant) -> Result<(), MigrationError> {
    if Instant::now() >= deadline {
        let text = format!("another process migrates and has not ended in time: {}", holder(session).await);
        return Err(MigrationError::new(MigrationErrorKind::Locked, text));
    }
    sleep(POLL.mul_f64(1.0 + fastrand::f64())).await;
    Ok(())
}

/// Who has the lock, as far as the engine tells.
async fn holder(session: &mut Session) -> String {
    let mut select = Statement::new(session.dialect());
    select.push("select a.application_name || ' of ' || coalesce(host(a.client_addr), 'this host') || ', backend ' || a.pid || ', since ' || a.backend_start from pg_locks l join pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database()) and (l.classid::bigint << 32) | l.objid::bigint = ");
    select.bind(LOCK_KEY);
    let found = async { first(session, select).await?.text(0) };
    found.await.unwrap_or_else(|_| "nobody knows who".to_owned())
}

/// A pooler that gives each transaction another connection lets two sessions share one backend, or one session have two.
async fn refuse_pooler(database: &Database, session: &mut Session) -> Result<(), MigrationError> {
    let mut other = database.session().await?;
    let pids = async {
        // of a pooler that gives what was free the longest the second one is another
        let mine = (pid(session).await?, pid(session).await?);
        // and of one that gives what was used last, the other session has mine
        other.execute_script("begin").await?;
        let is_shared = mine.0 != mine.1 || mine.0 == pid(&mut other).await?;
        // where that is the only one, asking for it would last until the transaction ends
        Ok::<_, StoreError>(is_shared || mine.0 != pid(session).await?)
    };
    let pids = pids.await;
    // the transaction ends with the connection
    let _ = other.close().await;
    let is_pooled = match &pids {
        Ok(is_pooled) => *is_pooled,
        // what one has prepared stands in the way of another one, or is missing
        Err(error) => matches!(error.code(), Some("42P05" | "26000")),
    };
    if is_pooled {
        let text = "a pooler in transaction mode stands before the database, and a lock cannot be held through it; \
            give migrations a connection to the database itself, or a pool in session mode, or lock by a row";
        return Err(MigrationError::new(MigrationErrorKind::Pooler, text));
    }
    pids.map(drop).map_err(MigrationError::from)
}

async fn pid(session: &mut Session) -> Result<i64, StoreError> {
    let mut select = Statement::new(session.dialect());
    select.push("select pg_backend_pid()");
    first(session, select).await?.integer(0)
}

async fn first(
    session: &mut Session,
    statement: Statement,
) -> Result<catalog_core::store::database::Row, StoreError> {
    let rows = session.fetch(statement).await?;
    rows.into_iter().next().ok_or_else(|| catalog_core::store::StoreErrorKind::Corrupt.into())
}

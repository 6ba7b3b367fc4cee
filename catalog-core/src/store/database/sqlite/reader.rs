//! Reading, by connections of its own.
//!
//! sqlx hands every row over from another thread, one by one, and plans a statement anew for each value bound to it. For writing that
//! does not matter; a page of a list it makes several times as dear. So reading goes by SQLite's own driver, which plans a statement
//! once and reads its rows where they are made use of. A statement is tried at once, where it was asked for, since most are done in
//! less time than it takes to wake a thread; one that is not done soon is begun again on a thread that may block, and ends when its
//! time is over or nobody waits for it any more.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags, ToSql,
    config::DbConfig,
    ffi::ErrorCode,
    types::{ToSqlOutput, Value, ValueRef},
};
use tokio::sync::{Semaphore, oneshot};

use super::{BUSY_TIMEOUT, MAPPED_BYTES, STATEMENTS};
use crate::store::{
    Documents, StoreError, StoreErrorKind,
    database::{Columns, DatabaseOptions, Row, engine::Visitor},
    statement::{SqlValue, Statement},
};

/// The connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers {
    /// One for each processor, for statements that are tried at once.
    at_hand: Arc<[Mutex<Connection>]>,
    /// What the threads are to do.
    jobs: flume::Sender<Job>,
    /// One permit for each thread, so that what waits is counted here and times out.
    free: Arc<Semaphore>,
    acquire_timeout: Duration,
    statement_timeout: Duration,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// How often a statement asks whether it should end, in steps of SQLite's machine: every ten microseconds or so.
const STEPS: i32 = 500;
/// How long a statement that is tried at once may keep others from that thread: several times what a page of a list takes.
const PATIENCE: Duration = Duration::from_micros(500);

impl Readers {
    /// As many threads as there are connections to be, but not many more than there are processors, each with the file open.
    pub(super) fn open(file: &Path, options: DatabaseOptions) -> Result<Self, StoreError> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = usize::try_from(options.connections).unwrap_or(1).clamp(1, 2 * processors);
        let (jobs, taken) = flume::unbounded::<Job>();
        for number in 0..threads {
            let connection = open(file, BUSY_TIMEOUT).map_err(store_error)?;
            let taken = taken.clone();
            let thread = thread::Builder::new().name(format!("sqlite-read-{number}"));
            let run = move || {
                for job in taken {
                    job(&connection);
                }
            };
            thread.spawn(run).map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
        }
        let at_hand = (0..processors)
            .map(|_| open(file, Duration::ZERO).map(Mutex::new))
            .collect::<rusqlite::Result<_>>();
        Ok(Self {
            at_hand: at_hand.map_err(store_error)?,
            jobs,
            free: Arc::new(Semaphore::new(threads)),
            acquire_timeout: options.acquire_timeout,
            statement_timeout: options.statement_timeout,
        })
    }

    /// The rows of a statement.
    pub(super) async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.run(statement, |rows, columns| {
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|column| row.get_ref(column).map(value));
                all.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
            }
            Ok(all)
        })
        .await
    }

    /// The texts of a statement's first column.
    pub(super) async fn documents(&self, statement: Statement) -> Result<Documents, StoreError> {
        self.run(statement, |rows, _| {
            // about a page of the usual size
            let mut documents = Documents::with_capacity(1 << 16);
            while let Some(row) = rows.next()? {
                documents.push(row.get_ref(0)?.as_str()?);
            }
            Ok(documents)
        })
        .await
    }

    /// Shows each row to the visitor: many, so that it is not tried at once.
    pub(super) async fn visit(&self, statement: Statement, mut visitor: Visitor) -> Result<(), StoreError> {
        let read = move |rows: &mut rusqlite::Rows<'_>, _| {
            while let Some(row) = rows.next()? {
                if let Err(refused) = visitor(row) {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(()))
        };
        self.run_apart(statement, read).await?
    }

    /// Lets no further statement begin, and waits for those that run.
    pub(super) async fn close(&self) {
        let all = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        // those that run hold theirs until they end, which they do in time
        let _ = tokio::time::timeout(self.statement_timeout, self.free.acquire_many(all.max(1))).await;
        self.free.close();
    }

    async fn run<T: Send + 'static>(
        &self,
        statement: Statement,
        read: impl Fn(&mut rusqlite::Rows<'_>, usize) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(done) = self.try_at_once(&statement, &read) {
            return done;
        }
        self.run_apart(statement, read).await
    }

    /// On a thread that may block.
    async fn run_apart<T: Send + 'static>(
        &self,
        statement: Statement,
        read: impl FnOnce(&mut rusqlite::Rows<'_>, usize) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::new(StoreErrorKind::Unavailable, "the database is closed");
        let permit = tokio::time::timeout(self.acquire_timeout, Arc::clone(&self.free).acquire_owned()).await;
        let permit = permit
            .map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "no connection came free in time"))?
            .map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let abandoned = Abandoned::default();
        let (is_abandoned, until) = (Arc::clone(&abandoned.0), Instant::now() + self.statement_timeout);
        let job = move |connection: &Connection| {
            let over = move || is_abandoned.load(Ordering::Relaxed) || Instant::now() > until;
            let done = connection
                .progress_handler(STEPS, Some(over))
                .and_then(|()| execute(connection, &statement, read))
                .map_err(store_error);
            // whoever asked may have gone
            let _ = reply.send(done);
            drop(permit);
        };
        self.jobs.send(Box::new(job)).map_err(|_| closed())?;
        answer
            .await
            .map_err(|_| StoreError::new(StoreErrorKind::Internal, "the reading thread has panicked"))?
    }
}

impl Readers {
    /// What a statement gives that is done soon; none where it is not, or no connection is at hand.
    fn try_at_once<T>(
        &self,
        statement: &Statement,
        read: &impl Fn(&mut rusqlite::Rows<'_>, usize) -> rusqlite::Result<T>,
    ) -> Option<Result<T, StoreError>> {
        if self.free.is_closed() {
            return None;
        }
        let connection = self.at_hand.iter().find_map(|connection| connection.try_lock().ok())?;
        let until = Instant::now() + PATIENCE;
        let done = connection
            .progress_handler(STEPS, Some(move || Instant::now() > until))
            .and_then(|()| execute(&connection, statement, read));
        match done {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => None,
            // whoever writes has the file for a moment
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => None,
            done => Some(done.map_err(store_error)),
        }
    }
}

/// Tells a statement, when this is dropped, that nobody waits for it.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection that waits so long for another process that has the file.
fn open(file: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    // a connection that may only read cannot take part in the write-ahead log's memory; this one may, and changes nothing by pragma
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(busy)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
    // a plan is a statement's, whatever is bound to it: with statistics of values SQLite would make another for each
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn execute<T>(
    connection: &Connection,
    statement: &Statement,
    read: impl FnOnce(&mut rusqlite::Rows<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let mut prepared = connection.prepare_cached(statement.text())?;
    let columns = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(statement.values().iter().map(Bound)))?;
    read(&mut rows, columns)
}

/// A value, for the driver.
struct Bound<'a>(&'a SqlValue);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            SqlValue::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            SqlValue::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            SqlValue::Integer(Some(number)) => return Ok(ToSqlOutput::Owned(Value::Integer(*number))),
            SqlValue::Number(Some(number)) => return Ok(ToSqlOutput::Owned(Value::Real(*number))),
            SqlValue::Boolean(Some(truth)) => return Ok(ToSqlOutput::Owned(Value::Integer((*truth).into()))),
            SqlValue::Text(None)
            | SqlValue::Bytes(None)
            | SqlValue::Integer(None)
            | SqlValue::Number(None)
            | SqlValue::Boolean(None)
            // this engine's statements bind no lists
            | SqlValue::Texts(_)
            | SqlValue::Integers(_)
            | SqlValue::ByteStrings(_) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl Columns for rusqlite::Row<'_> {
    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.get_ref(column).map_err(store_error)?.as_str().map_err(corrupt)
    }

    fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.get_ref(column).map_err(store_error)?.as_i64().map_err(corrupt)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.get_ref(column).map_err(store_error)?.as_blob().map_err(corrupt)
    }
}

fn corrupt(error: rusqlite::types::FromSqlError) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Text(None),
        ValueRef::Integer(number) => SqlValue::Integer(Some(number)),
        ValueRef::Real(number) => SqlValue::Number(Some(number)),
        ValueRef::Text(text) => SqlValue::Text(Some(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => SqlValue::Bytes(Some(bytes.to_vec())),
    }
}

fn store_error(error: rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            // its time was over
            | ErrorCode::OperationInterrupted,
        ) => StoreErrorKind::Unavailable,
        // without a code it is a column of another type, or one that is no UTF-8
        None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Corrupt,
        Some(_) => StoreErrorKind::Internal,
    };
    StoreError::new(kind, error)
}

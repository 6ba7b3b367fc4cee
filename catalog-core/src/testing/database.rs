use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::store::{
    StoreErrorKind,
    database::{Database, Transaction},
    sql::{MigrationSet, migrate},
    statement::{SqlValue, Statement},
};

async fn run(transaction: &mut Transaction, text: &'static str, value: impl Into<SqlValue>) {
    let mut statement = Statement::new(transaction.dialect());
    statement.push(text).bind(value).push(")");
    transaction.execute(statement).await.unwrap();
}

async fn numbers(database: &Database) -> Vec<i64> {
    let mut statement = Statement::new(database.dialect());
    statement.push("select n from contract order by n");
    let rows = database.fetch(statement).await.unwrap();
    rows.into_iter().map(|mut row| row.integer(0).unwrap()).collect()
}

const INSERT: &str = "insert into contract (n) values (";

/// What is committed is there as a whole; what is dropped, rolled back or gone back from never was.
pub async fn transactions_keep_all_or_nothing(database: &Database) {
    let mut setup = database.begin().await.unwrap();
    setup
        .execute_script("create table contract (n bigint primary key, t text, f float8, b boolean)")
        .await
        .unwrap();
    setup.commit().await.unwrap();

    let (done, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut committed = database.begin().await.unwrap();
    let told_by = Arc::clone(&told);
    committed.after_commit(move || told_by.store(1, Ordering::SeqCst));
    run(&mut committed, INSERT, 1_i64).await;
    committed.savepoint().await.unwrap();
    run(&mut committed, INSERT, 2_i64).await;
    committed.savepoint().await.unwrap();
    run(&mut committed, INSERT, 3_i64).await;
    committed.rollback_to_savepoint().await.unwrap();
    run(&mut committed, INSERT, 4_i64).await;
    committed.release_savepoint().await.unwrap();
    assert!(numbers(database).await.is_empty(), "nobody sees what is not committed");
    assert_eq!(told.load(Ordering::SeqCst), 0);
    committed.commit().await.unwrap();
    assert_eq!((numbers(database).await, told.load(Ordering::SeqCst)), (vec![1, 2, 4], 1));

    let mut dropped = database.begin().await.unwrap();
    run(&mut dropped, INSERT, 5_i64).await;
    drop(dropped);
    let mut undone = database.begin().await.unwrap();
    let done_by = Arc::clone(&done);
    undone.after_commit(move || done_by.store(1, Ordering::SeqCst));
    run(&mut undone, INSERT, 6_i64).await;
    undone.rollback().await.unwrap();
    assert_eq!((numbers(database).await, done.load(Ordering::SeqCst)), (vec![1, 2, 4], 0));
    let mut returned = Statement::new(database.dialect());
    returned
        .push("update contract set n = n + ")
        .bind(1_i64)
        .push(" where n = ")
        .bind(4_i64)
        .push(" returning n");
    assert_eq!(database.change(returned).await.unwrap().remove(0).integer(0).unwrap(), 5);
    let mut back = Statement::new(database.dialect());
    back.push("update contract set n = ").bind(4_i64).push(" where n = ").bind(5_i64);
    assert!(database.change(back).await.unwrap().is_empty());
    assert_eq!(numbers(database).await, [1, 2, 4]);

    let mut twice = database.begin().await.unwrap();
    let mut statement = Statement::new(twice.dialect());
    statement.push(INSERT).bind(1_i64).push(")");
    assert_eq!(twice.execute(statement).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    drop(twice);
    let mut nonsense = Statement::new(database.dialect());
    nonsense.push("selec 1");
    assert_eq!(database.fetch(nonsense).await.unwrap_err().kind(), StoreErrorKind::Internal);

    values_come_back(database).await;
    database.ping().await.unwrap();
}

/// A session is beside the pool, and what it has not committed goes with it.
pub async fn a_session_goes_with_what_it_holds(database: &Database) {
    let mut session = database.session().await.unwrap();
    session.execute_script("create table contract_session (n bigint primary key)").await.unwrap();
    let insert = |n: i64| {
        let mut insert = Statement::new(database.dialect());
        insert.push("insert into contract_session (n) values (").bind(n).push(")");
        insert
    };
    let select = || {
        let mut select = Statement::new(database.dialect());
        select.push("select n from contract_session");
        select
    };
    session.execute_script("begin").await.unwrap();
    assert_eq!(session.execute(insert(1)).await.unwrap(), 1);
    assert_eq!(session.fetch(select()).await.unwrap().len(), 1);
    assert!(database.fetch(select()).await.unwrap().is_empty(), "nobody sees what is not committed");
    drop(session);
    // as soon as the engine knows that it is gone the key is free
    let mut session = database.session().await.unwrap();
    assert_eq!(session.execute(insert(1)).await.unwrap(), 1);
    let twice = session.execute(insert(1)).await.unwrap_err();
    assert_eq!(twice.kind(), StoreErrorKind::Conflict);
    assert!(matches!(twice.code(), Some("23505" | "1555")), "{:?}", twice.code());
    session.close().await.unwrap();

    let Some(mut news) = database.notifications("catalog_core_contract").await.unwrap() else { return };
    let mut notify = Statement::new(database.dialect());
    notify.push("select pg_notify('catalog_core_contract', ").bind("told").push(")::text");
    database.fetch(notify).await.unwrap();
    assert_eq!(news.next().await.unwrap().as_deref(), Some("told"));
}

async fn values_come_back(database: &Database) {
    let mut transaction = database.begin().await.unwrap();
    let mut statement = Statement::new(transaction.dialect());
    statement
        .push("insert into contract (n, t, f, b) values (")
        .bind(i64::MIN)
        .push(", ")
        .bind("a'; drop -- \u{10ffff}");
    statement
        .push(", ")
        .bind(0.1)
        .push(", ")
        .bind(true)
        .push("), (")
        .bind(i64::MAX)
        .push(", ")
        .bind(None::<String>);
    statement.push(", ").bind(SqlValue::Number(None)).push(", ").bind(SqlValue::Boolean(None)).push(")");
    assert_eq!(transaction.execute(statement).await.unwrap(), 2);
    let mut statement = Statement::new(transaction.dialect());
    statement
        .push("select n, t, f, b from contract where n in (")
        .bind(i64::MIN)
        .push(", ")
        .bind(i64::MAX)
        .push(") order by n");
    let mut rows = transaction.fetch(statement).await.unwrap();
    let [first, second] = rows.as_mut_slice() else { panic!("{} rows", rows.len()) };
    assert_eq!(
        (first.integer(0).unwrap(), first.text(1).unwrap().as_str()),
        (i64::MIN, "a'; drop -- \u{10ffff}")
    );
    assert_eq!((first.number(2).unwrap(), first.boolean(3).unwrap()), (0.1, true));
    assert_eq!((second.integer(0).unwrap(), second.take_text(1).unwrap()), (i64::MAX, None));
    assert!(second.number(2).is_err() && second.boolean(3).is_err());
    transaction.rollback().await.unwrap();
}

/// Of several programs that migrate at once one does it; a schema newer than the program is left alone.
pub async fn two_migrations_at_once_are_one(database: &Database, set: MigrationSet) {
    let runs = [(); 4].map(|()| {
        let database = database.clone();
        tokio::spawn(async move { migrate(&database, set).await.unwrap() })
    });
    let mut applied = 0;
    for run in runs {
        let migrated = run.await.unwrap();
        assert_eq!(migrated.version, set.newest());
        applied += migrated.applied;
    }
    assert_eq!(applied, set.migrations.len());
    let older = MigrationSet { migrations: set.migrations.get(..0).unwrap(), ..set };
    assert_eq!(migrate(database, older).await.unwrap_err().kind(), StoreErrorKind::Schema);
    assert_eq!(migrate(database, set).await.unwrap().applied, 0);
}

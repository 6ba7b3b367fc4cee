//! Random histories of jobs, with time that passes and workers that die, against every store.

use std::sync::Arc;

use catalog_core::{
    clock::{ManualClock, Timestamp},
    store::{database::Database, hook::Unaudited},
};
use catalog_jobs::{
    store::{MemoryJobStore, SqlJobStore},
    testing::{histories, histories_agree},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::sql::{postgres, sqlite};

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_unix_ms(1_800_000_000_000).unwrap())
}

proptest! {
    #![proptest_config(Config { cases: 128, ..Config::default() })]

    #[test]
    fn memory_keeps_every_history(steps in histories(80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = clock();
        let store = MemoryJobStore::new(Unaudited).with_clock(Arc::new(clock.clone()));
        runtime.block_on(histories_agree(&store, &clock, &steps));
    }
}

async fn sql_keeps_every_history(database: Database, cases: u32) {
    let handle = tokio::runtime::Handle::current();
    let histories = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner.run(&histories(50), |steps| {
            handle.block_on(async {
                let mut empty = database.begin().await.unwrap();
                let script = "delete from catalog_jobs_live; delete from catalog_jobs_records";
                empty.execute_script(script).await.unwrap();
                empty.commit().await.unwrap();
                let clock = clock();
                let store = SqlJobStore::new(database.clone(), Unaudited).with_clock(Arc::new(clock.clone()));
                histories_agree(&store, &clock, &steps).await;
            });
            Ok(())
        })
    });
    histories.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_history() {
    let fixture = sqlite("histories").await;
    sql_keeps_every_history(fixture.store.database().clone(), 24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn postgres_keeps_every_history() {
    let fixture = postgres("histories").await;
    sql_keeps_every_history(fixture.store.database().clone(), 12).await;
}

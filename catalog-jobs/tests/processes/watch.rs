//! Who looks at what runs, again and again.

use std::sync::atomic::{AtomicUsize, Ordering};

use catalog_core::store::{database::Database, statement::Statement};
use catalog_jobs::Limits;

const GLOBAL: u32 = 12;
const PER_TENANT: u32 = 4;
const PER_KEY: u32 = 7;

/// The limits that all workers keep: less than they could do at once.
pub(crate) fn limits() -> Limits {
    Limits { global: Some(GLOBAL), per_tenant: Some(PER_TENANT), per_key: Some(PER_KEY), ..Limits::default() }
}

pub(crate) struct Watch {
    database: Database,
    samples: AtomicUsize,
}

impl Watch {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, samples: AtomicUsize::new(0) }
    }

    /// What runs at this instant is within every limit.
    pub(crate) async fn sample(&self) {
        let mut select = Statement::new(self.database.dialect());
        select.push("select lane, count(*) from catalog_jobs_live where phase = 2 group by lane");
        let mut lanes = Vec::new();
        for mut row in self.database.fetch(select).await.unwrap() {
            lanes.push((row.text(0).unwrap(), row.integer(1).unwrap()));
        }
        let of = |wanted: &dyn Fn(&str, &str) -> bool| -> i64 {
            let is_wanted =
                |lane: &str| lane.split_once('/').is_some_and(|(tenant, key)| wanted(tenant, key));
            lanes.iter().filter(|(lane, _)| is_wanted(lane)).map(|(_, many)| many).sum()
        };
        assert!(of(&|_, _| true) <= GLOBAL.into(), "{lanes:?}");
        for (lane, _) in &lanes {
            let (tenant, key) = lane.split_once('/').unwrap();
            assert!(of(&|other, _| other == tenant) <= PER_TENANT.into(), "{lanes:?}");
            assert!(of(&|_, other| other == key) <= PER_KEY.into(), "{lanes:?}");
        }
        if !lanes.is_empty() {
            self.samples.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So often something ran.
    pub(crate) fn samples(&self) -> usize {
        self.samples.load(Ordering::Relaxed)
    }

    /// Jobs that are not over.
    pub(crate) async fn live(&self) -> i64 {
        let mut select = Statement::new(self.database.dialect());
        select.push("select count(*) from catalog_jobs_live");
        self.database.fetch(select).await.unwrap().first_mut().unwrap().integer(0).unwrap()
    }
}

//! The contract over every store.

use catalog_core::store::database::Database;
use catalog_ha::{
    fence::{DatabaseFenceStore, MemoryFenceStore},
    lease::{DatabaseLeaseStore, LeaseName, MemoryLeaseStore},
    testing,
};

use crate::databases::{postgres, sqlite};

fn name(name: &str) -> LeaseName {
    name.parse().unwrap()
}

#[tokio::test]
async fn memory() {
    let store = MemoryLeaseStore::new();
    testing::a_lease_is_written_by_its_version(&store, &name("a")).await;
    testing::one_of_many_gets_a_lease(&store, &name("b")).await;
    testing::tokens_rise(&MemoryFenceStore::new(), &name("c")).await;
}

async fn database(database: Database) {
    let store = DatabaseLeaseStore::new(database.clone());
    testing::a_lease_is_written_by_its_version(&store, &name("a")).await;
    testing::one_of_many_gets_a_lease(&store, &name("b")).await;
    testing::tokens_rise(&DatabaseFenceStore::open(database).await.unwrap(), &name("c")).await;
}

#[tokio::test]
async fn sqlite_rows() {
    let (store, _folder) = sqlite().await;
    database(store).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn postgres_rows() {
    database(postgres("rows").await).await;
}

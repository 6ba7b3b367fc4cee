//! The contract over every store.

use catalog_ha::{
    fence::MemoryFenceStore,
    lease::{LeaseName, MemoryLeaseStore},
    testing,
};

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

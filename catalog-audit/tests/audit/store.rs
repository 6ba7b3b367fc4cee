//! The contract of a store, over each of them.

use catalog_audit::{store::AuditStore, testing};

use crate::fixture::{Fixture, over_every_store};

async fn an_event_is_kept_once<S: AuditStore>(fixture: &Fixture<S>) {
    testing::an_event_is_kept_once(&fixture.store).await;
}

async fn lists_are_filtered_and_paged<S: AuditStore>(fixture: &Fixture<S>) {
    testing::lists_are_filtered_and_paged(&fixture.store).await;
}

over_every_store! {
    an_event_is_kept_once
    lists_are_filtered_and_paged
}

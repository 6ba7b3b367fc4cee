//! The contracts of the traits, as functions that any author of a store may run against it.
//!
//! Each takes a store that is empty and panics at what does not hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a contract that does not hold panics"
)]

mod assets;
mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
mod database;
mod sources;
mod tenants;

pub use self::{
    assets::{
        a_change_is_recorded_or_not_made, a_change_needs_one_tenant_and_a_fence_that_holds,
        a_generation_is_another_after_each_change, a_name_may_be_of_several_sources, assets,
        filters_words_and_sources_narrow, replacing_is_a_set_difference, schema,
        tenants_do_not_see_each_other, walks_miss_and_repeat_nothing,
    },
    catalog::{options_are_what_the_assets_hold, words_find_by_prefix_and_the_best_comes_first},
    database::{
        a_session_goes_with_what_it_holds, transactions_keep_all_or_nothing, two_migrations_at_once_are_one,
    },
    sources::{sources_are_applied_listed_and_removed, sources_change_only_as_they_are_known},
    tenants::{Frugal, a_tenant_is_purged_in_steps, quotas_are_exact_and_the_closed_change_nothing},
};
use crate::{
    authorizer::{InsecureAllowAll, authorize},
    identity::Identity,
    permission::{Permission, Reach, Resource, Verb},
    store::{
        Attribution, StoreError, StoreErrorKind,
        hook::{Change, Fence, Recorder},
    },
    tenant::{TenantScope, TenantSelector},
};

/// A scope of one tenant; `*` is all.
pub async fn scope(tenant: &str) -> TenantScope {
    let selector =
        if tenant == "*" { TenantSelector::All } else { TenantSelector::One(tenant.parse().unwrap()) };
    let permission = Permission::new(Verb::Update, Resource::Assets, Reach::TenantOrAll);
    let identity = Identity::system("test");
    authorize(&InsecureAllowAll, &identity, &permission, Some(&selector), None).await.unwrap().scope.unwrap()
}

/// On whose account the contracts change something.
pub const TEST: Attribution = Attribution::system("test");

/// A fence whose holder has lost its lease.
#[derive(Clone, Copy, Debug, Default)]
pub struct LostFence;

impl<T: Send> Fence<T> for LostFence {
    async fn check(&self, _: &mut T) -> Result<(), StoreError> {
        Err(StoreErrorKind::Fenced.into())
    }
}

/// A recorder that cannot record.
#[derive(Clone, Copy, Debug, Default)]
pub struct BrokenRecorder;

impl<T: Send> Recorder<T> for BrokenRecorder {
    async fn record(&self, _: &mut T, _: &Change<'_>) -> Result<(), StoreError> {
        Err(StoreErrorKind::Unavailable.into())
    }
}

//! What every flavour has to do alike, so that the fake stays honest.
//!
//! One server for all of it: a started one takes seconds.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod escalation;
mod lease;
mod listing;
mod object;
mod support;
mod token;
mod watching;

use std::panic::AssertUnwindSafe;

use catalog_testkit_kubernetes::TestCluster;
use futures_util::FutureExt;

/// Runs all on one server, the later ones even if an earlier one failed, and names those that failed.
macro_rules! all {
    ($cluster:ident: $($check:path),* $(,)?) => {{
        let mut failed = Vec::new();
        $(
            if AssertUnwindSafe($check(&$cluster)).catch_unwind().await.is_err() {
                failed.push(stringify!($check));
            }
        )*
        assert!(failed.is_empty(), "on {}: {failed:?}", $cluster.flavour());
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flavour_keeps_the_contract() {
    let cluster = TestCluster::start().await;
    all!(cluster:
        object::create_get_replace_delete,
        object::refusals,
        object::patches,
        object::generated_names,
        object::unchanged_writes_are_none,
        object::finalizers_delay_deletion,
        object::preconditions_of_a_deletion,
        object::secrets_and_immutable_ones,
        object::dry_run_changes_nothing,
        lease::compare_and_swap,
        lease::replacement_of_a_deleted_one,
        lease::refusals,
        listing::pages_cover_everything_once,
        listing::pages_show_one_moment,
        listing::selectors,
        listing::deletion_by_selector,
        watching::changes_come_in_order,
        watching::start_without_version_tells_what_is_there,
        watching::selectors_make_objects_come_and_go,
        watching::one_object,
        watching::time_runs_out,
        watching::deletion_has_a_version_of_its_own,
        watching::deleted_namespace_is_marked,
        access::review_before_and_after_a_binding,
        access::review_of_names_and_paths,
        access::cluster_binding,
        access::masters_may_everything,
        access::own_review,
        access::review_refusals,
        access::missing_role_is_told,
        access::requests_need_rights,
        access::refused_roles_and_bindings,
        access::aggregated_roles,
        escalation::nobody_grants_what_they_lack,
        access::acting_as_others_needs_a_right,
        token::service_account_tokens,
        token::audiences,
        token::requests_with_tokens,
    );
}

//! The checks, by category.

mod assets;
mod audit;
mod capabilities;
mod discovery;
mod errors;
mod filter;
mod get;
mod isolation;
mod jobs;
mod list;
mod openapi;
mod order;
mod paging;
mod permissions;
mod properties;
mod refusals;
mod search;
mod sources;
mod token;

use std::{future::Future, pin::Pin};

use super::{
    faults::{Faults, Stop},
    probe::Probe,
    report::Category,
};

/// How a check ends; what it found wrong is among its faults.
type Verdict = Result<(), Stop>;
type Run = for<'a> fn(&'a Probe<'_>, &'a mut Faults) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One check of the suite.
pub(super) struct Spec {
    pub(super) category: Category,
    pub(super) name: &'static str,
    pub(super) run: Run,
}

/// A check that asks the target something, or one that reads the documents of the lists, which are there already.
macro_rules! run {
    (asks $function:path) => {
        |probe, faults| Box::pin($function(probe, faults))
    };
    (reads $function:path) => {
        |probe, faults| Box::pin(std::future::ready($function(probe, faults)))
    };
}

macro_rules! checks {
    ($($category:ident { $($name:literal => $how:ident $function:path,)* })*) => {
        &[$($(Spec { category: Category::$category, name: $name, run: run!($how $function) },)*)*]
    };
}

/// All of them, in the order in which they run.
pub(super) const CHECKS: &[Spec] = checks! {
    Capabilities {
        "plugin-is-listed" => asks discovery::plugin_is_listed,
        "plugin-alone-equals-its-entry" => asks discovery::plugin_alone_equals_its_entry,
        "discovery-is-cached" => asks discovery::discovery_is_cached,
        "unknown-plugin-is-not-found" => asks discovery::unknown_plugin_is_not_found,
        "capabilities-are-complete" => asks capabilities::are_complete,
        "capabilities-agree" => asks capabilities::agree,
        "endpoints-lie-below-the-base-path" => asks capabilities::endpoints_lie_below_the_base_path,
        "sortable-columns-are-sort-fields" => asks capabilities::sortable_columns_are_sort_fields,
        "field-names-and-types-are-sound" => asks capabilities::field_names_and_types_are_sound,
    }
    List {
        "list-has-its-envelope" => asks list::has_its_envelope,
        "size-counts-the-items" => asks list::size_counts_the_items,
        "page-size-is-honoured" => asks list::page_size_is_honoured,
        "large-page-size-is-cut" => asks list::large_page_size_is_cut,
        "bad-page-size-is-refused" => asks list::bad_page_size_is_refused,
        "total-is-counted-where-asked" => asks list::total_is_counted_where_asked,
        "unknown-parameter-is-refused" => asks list::unknown_parameter_is_refused,
        "repeated-parameter-is-refused" => asks list::repeated_parameter_is_refused,
        "assets-have-the-common-fields" => reads assets::assets_have_the_common_fields,
        "asset-ids-are-unique-uuid7" => reads assets::asset_ids_are_unique_uuid7,
        "assets-are-of-the-tenant-asked-for" => reads assets::assets_are_of_the_tenant_asked_for,
        "declared-fields-have-their-types" => reads assets::declared_fields_have_their_types,
    }
    Get {
        "listed-assets-are-found" => asks get::listed_assets_are_found,
        "unknown-name-is-not-found" => asks get::unknown_name_is_not_found,
        "asset-has-an-etag" => asks get::asset_has_an_etag,
        "known-etag-is-not-modified" => asks get::known_etag_is_not_modified,
        "artifacts-are-listed" => asks get::artifacts_are_listed,
    }
    Paging {
        "walks-agree" => asks paging::walks_agree,
        "walks-repeat-nothing" => asks paging::walks_repeat_nothing,
        "last-page-has-no-token" => asks paging::last_page_has_no_token,
        "ordered-walks-agree" => asks paging::ordered_walks_agree,
        "page-size-may-change-on-the-way" => asks paging::page_size_may_change_on_the_way,
        "changed-token-is-refused" => asks token::changed_token_is_refused,
        "token-of-another-order-is-refused" => asks token::of_another_order_is_refused,
        "token-of-another-filter-is-refused" => asks token::of_another_filter_is_refused,
        "token-of-another-list-is-refused" => asks token::of_another_list_is_refused,
        "token-of-another-tenant-is-refused" => asks token::of_another_tenant_is_refused,
    }
    Order {
        "usual-order-is-by-name" => reads order::usual_order_is_by_name,
        "ascending-is-sorted" => asks order::ascending_is_sorted,
        "descending-is-the-reverse" => asks order::descending_is_the_reverse,
        "equal-values-are-ordered-by-name" => asks order::equal_values_are_ordered_by_name,
        "absent-values-come-first" => asks order::absent_values_come_first,
        "kubeflow-aliases-are-taken" => asks order::kubeflow_aliases_are_taken,
        "bad-order-is-refused" => asks order::bad_order_is_refused,
    }
    Filter {
        "equal-matches" => asks filter::equal_matches,
        "not-equal-leaves-out-the-missing" => asks filter::not_equal_leaves_out_the_missing,
        "in-matches" => asks filter::in_matches,
        "not-is-three-valued" => asks filter::not_is_three_valued,
        "null-tests-match" => asks filter::null_tests_match,
        "ranges-match" => asks filter::ranges_match,
        "like-minds-case-and-wildcards" => asks filter::like_minds_case_and_wildcards,
        "ilike-folds-ascii" => asks filter::ilike_folds_ascii,
        "lists-are-tested-by-their-elements" => asks filter::lists_are_tested_by_their_elements,
        "and-and-or-combine" => asks filter::and_and_or_combine,
        "labels-are-filtered" => asks properties::labels_are_filtered,
        "custom-properties-are-filtered" => asks properties::custom_properties_are_filtered,
        "filtered-total-is-counted" => asks filter::filtered_total_is_counted,
        "malformed-filter-is-refused" => asks refusals::malformed_filter_is_refused,
        "filter-beyond-limits-is-refused" => asks refusals::filter_beyond_limits_is_refused,
        "undeclared-field-is-refused" => asks refusals::undeclared_field_is_refused,
        "value-of-another-type-is-refused" => asks refusals::value_of_another_type_is_refused,
        "injection-has-no-effect" => asks refusals::injection_has_no_effect,
    }
    Search {
        "words-of-names-are-found" => asks search::words_of_names_are_found,
        "words-of-texts-are-found" => asks search::words_of_texts_are_found,
        "all-words-must-match" => asks search::all_words_must_match,
        "case-does-not-matter" => asks search::case_does_not_matter,
        "nonsense-finds-nothing" => asks search::nonsense_finds_nothing,
    }
    Isolation {
        "tenants-share-no-asset" => reads isolation::tenants_share_no_asset,
        "foreign-asset-is-as-nothing" => asks isolation::foreign_asset_is_as_nothing,
        "foreign-source-is-as-nothing" => asks isolation::foreign_source_is_as_nothing,
        "filters-do-not-reach-out" => asks isolation::filters_do_not_reach_out,
        "two-tenants-in-one-request-conflict" => asks isolation::two_tenants_in_one_request_conflict,
        "header-names-the-tenant" => asks isolation::header_names_the_tenant,
        "missing-tenant-is-refused" => asks isolation::missing_tenant_is_refused,
        "bad-tenant-name-is-refused" => asks isolation::bad_tenant_name_is_refused,
    }
    Permissions {
        "nobody-is-unauthenticated" => asks permissions::nobody_is_unauthenticated,
        "stranger-is-forbidden" => asks permissions::stranger_is_forbidden,
        "reader-is-forbidden-elsewhere" => asks permissions::reader_is_forbidden_elsewhere,
        "all-tenants-need-the-right" => asks permissions::all_tenants_need_the_right,
        "forbidden-does-not-tell-what-exists" => asks permissions::forbidden_does_not_tell_what_exists,
    }
    Errors {
        "errors-are-problems" => asks errors::are_problems,
        "error-names-the-request" => asks errors::name_the_request,
        "method-not-allowed-tells-allowed" => asks errors::method_not_allowed_tells_allowed,
        "request-id-is-echoed" => asks errors::request_id_is_echoed,
        "bad-request-id-is-replaced" => asks errors::bad_request_id_is_replaced,
    }
    Sources {
        "sources-have-their-envelope" => asks sources::have_their_envelope,
        "sources-are-complete" => asks sources::are_complete,
        "listed-sources-are-found" => asks sources::listed_sources_are_found,
        "assets-come-from-listed-sources" => asks sources::assets_come_from_listed_sources,
        "secrets-are-not-shown" => asks sources::secrets_are_not_shown,
    }
    Openapi {
        "document-is-openapi-3-1" => asks openapi::is_openapi_3_1,
        "document-has-every-route" => asks openapi::has_every_route,
        "document-refers-to-what-it-has" => asks openapi::refers_to_what_it_has,
    }
    Audit {
        "events-have-their-envelope" => asks audit::events_have_their_envelope,
        "events-are-complete" => asks audit::events_are_complete,
        "events-are-of-the-tenant" => asks audit::events_are_of_the_tenant,
    }
    Jobs {
        "jobs-have-their-envelope" => asks jobs::have_their_envelope,
        "jobs-are-complete" => asks jobs::are_complete,
        "jobs-are-of-the-tenant" => asks jobs::are_of_the_tenant,
    }
};

/// Skips a check that found nothing to decide by.
fn enough(cases: usize, missing: &str) -> Verdict {
    if cases > 0 { Ok(()) } else { Err(Stop::skip(missing)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let names: BTreeSet<&str> = CHECKS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), CHECKS.len());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(names.iter().all(|name| name.bytes().all(plain)));
    }

    #[test]
    fn no_category_is_empty() {
        for category in Category::ALL {
            assert!(CHECKS.iter().any(|spec| spec.category == category), "{category}");
        }
    }
}

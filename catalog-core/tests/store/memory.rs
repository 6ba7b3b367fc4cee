use catalog_core::{
    store::{
        MemoryAssetStore, MemorySourceStore,
        hook::{Unaudited, Unqueued},
    },
    testing,
};

fn assets() -> MemoryAssetStore<Unaudited> {
    MemoryAssetStore::new(Unaudited)
}

#[tokio::test]
async fn replacing_is_a_set_difference() {
    testing::replacing_is_a_set_difference(&assets()).await;
}

#[tokio::test]
async fn walks_miss_and_repeat_nothing() {
    testing::walks_miss_and_repeat_nothing(&assets()).await;
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    testing::tenants_do_not_see_each_other(&assets()).await;
}

#[tokio::test]
async fn a_name_may_be_of_several_sources() {
    testing::a_name_may_be_of_several_sources(&assets()).await;
}

#[tokio::test]
async fn filters_words_and_sources_narrow() {
    testing::filters_words_and_sources_narrow(&assets()).await;
}

#[tokio::test]
async fn words_find_by_prefix_and_the_best_comes_first() {
    testing::words_find_by_prefix_and_the_best_comes_first(&assets()).await;
}

#[tokio::test]
async fn options_are_what_the_assets_hold() {
    testing::options_are_what_the_assets_hold(&assets()).await;
}

#[tokio::test]
async fn a_generation_is_another_after_each_change() {
    testing::a_generation_is_another_after_each_change(&assets()).await;
}

#[tokio::test]
async fn a_change_needs_one_tenant_and_a_fence_that_holds() {
    testing::a_change_needs_one_tenant_and_a_fence_that_holds(&assets()).await;
}

#[tokio::test]
async fn a_change_is_recorded_or_not_made() {
    testing::a_change_is_recorded_or_not_made(&MemoryAssetStore::new(testing::BrokenRecorder)).await;
}

#[tokio::test]
async fn sources_change_only_as_they_are_known() {
    testing::sources_change_only_as_they_are_known(&MemorySourceStore::new(Unaudited, Unqueued)).await;
}

#[tokio::test]
async fn sources_are_applied_listed_and_removed() {
    testing::sources_are_applied_listed_and_removed(&MemorySourceStore::new(Unaudited, Unqueued)).await;
}

#[tokio::test]
async fn quotas_are_exact_and_the_closed_change_nothing() {
    let frugal = std::sync::Arc::new(testing::Frugal);
    let sources = MemorySourceStore::new(Unaudited, Unqueued).with_admission(frugal.clone());
    testing::quotas_are_exact_and_the_closed_change_nothing(&assets().with_admission(frugal), &sources).await;
}

#[tokio::test]
async fn a_tenant_is_purged_in_steps() {
    testing::a_tenant_is_purged_in_steps(&assets(), &MemorySourceStore::new(Unaudited, Unqueued)).await;
}

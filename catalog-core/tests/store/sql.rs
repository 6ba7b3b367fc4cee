//! The contracts, over databases that a set-up gives.

use catalog_core::{page::Position, store::database::Database};

/// A migrated database of one test's own, and what must live as long as it.
pub(crate) struct Fixture<G> {
    pub(crate) database: Database,
    pub(crate) guard: G,
}

/// One test for each contract, over the databases that `$setup` gives by the test's name.
macro_rules! contracts {
    ($setup:path $(, #[$attribute:meta])*) => {
        contracts! {@ $setup, ($(#[$attribute])*),
            replacing_is_a_set_difference with Unaudited;
            walks_miss_and_repeat_nothing with Unaudited;
            tenants_do_not_see_each_other with Unaudited;
            a_name_may_be_of_several_sources with Unaudited;
            filters_words_and_sources_narrow with Unaudited;
            words_find_by_prefix_and_the_best_comes_first with Unaudited;
            options_are_what_the_assets_hold with Unaudited;
            a_generation_is_another_after_each_change with Unaudited;
            a_change_needs_one_tenant_and_a_fence_that_holds with Unaudited;
            a_change_is_recorded_or_not_made with testing::BrokenRecorder;
        }

        #[tokio::test]
        $(#[$attribute])*
        async fn sources_are_applied_listed_and_removed() {
            let fixture = $setup("sources").await;
            let store = SqlSourceStore::new(fixture.database.clone(), Unaudited, Unqueued);
            testing::sources_are_applied_listed_and_removed(&store).await;
        }

        #[tokio::test]
        $(#[$attribute])*
        async fn sources_change_only_as_they_are_known() {
            let fixture = $setup("known").await;
            let store = SqlSourceStore::new(fixture.database.clone(), Unaudited, Unqueued);
            testing::sources_change_only_as_they_are_known(&store).await;
        }

        #[tokio::test]
        $(#[$attribute])*
        async fn quotas_are_exact_and_the_closed_change_nothing() {
            let database = $setup("quotas").await;
            let frugal = std::sync::Arc::new(testing::Frugal);
            let assets = SqlAssetStore::new(database.database.clone(), Unaudited).with_admission(frugal.clone());
            let sources = SqlSourceStore::new(database.database.clone(), Unaudited, Unqueued).with_admission(frugal);
            testing::quotas_are_exact_and_the_closed_change_nothing(&assets, &sources).await;
        }

        #[tokio::test]
        $(#[$attribute])*
        async fn a_tenant_is_purged_in_steps() {
            let fixture = $setup("purge").await;
            let assets = SqlAssetStore::new(fixture.database.clone(), Unaudited);
            let sources = SqlSourceStore::new(fixture.database.clone(), Unaudited, Unqueued);
            testing::a_tenant_is_purged_in_steps(&assets, &sources).await;
        }

        #[tokio::test]
        $(#[$attribute])*
        async fn a_page_token_key_is_made_once_and_kept() {
            crate::sql::a_page_token_key_is_made_once_and_kept(&$setup("settings").await.database).await;
        }
    };
    (@ $setup:path, $attributes:tt, $($name:ident with $recorder:expr;)*) => {
        $(contracts! {@@ $setup, $attributes, $name, $recorder})*
    };
    (@@ $setup:path, ($(#[$attribute:meta])*), $name:ident, $recorder:expr) => {
        #[tokio::test]
        $(#[$attribute])*
        async fn $name() {
            let fixture = $setup(stringify!($name)).await;
            testing::$name(&SqlAssetStore::new(fixture.database.clone(), $recorder)).await;
        }
    };
}
pub(crate) use contracts;

pub(crate) async fn a_page_token_key_is_made_once_and_kept(database: &Database) {
    use catalog_core::store::{page_tokens, sql::SqlSettingStore};
    let position = Position {
        key: catalog_core::order::SortKey::Integer(1),
        name: String::new(),
        id: uuid::Uuid::nil(),
    };
    let first = page_tokens(&SqlSettingStore::new(database.clone())).await.unwrap();
    let second = page_tokens(&SqlSettingStore::new(database.clone())).await.unwrap();
    let token = first.encode(&position, &["a"]);
    assert_eq!(second.decode(&token, &["a"]).unwrap(), position);
}

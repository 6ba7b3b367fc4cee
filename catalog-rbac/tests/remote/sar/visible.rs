//! Lists over all tenants.

use std::time::Duration;

use catalog_core::{
    authorizer::{Authorizer, Visible},
    permission::{Permission, Reach, Resource, Verb},
};
use catalog_rbac::sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig};
use catalog_testkit_kubernetes::{TestCluster, TestNamespace, fake::Effect};
use serde_json::json;

use crate::{
    cluster::{Rbac, Tenants, reviews, rule, to_user, until},
    fixture::{causes, list_assets, namespaces, user},
};

#[tokio::test]
async fn the_cluster_is_asked_for_all_and_then_for_each() {
    let cluster = TestCluster::start().await;
    let own = [cluster.namespace().await, cluster.namespace().await, cluster.namespace().await];
    let [first, second, third] = own.each_ref().map(TestNamespace::name);
    let rbac = Rbac(cluster.client());
    rbac.grant(first, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    rbac.grant(third, "model", &[rule(&["list"], &["assets/model"])], &to_user("jane")).await;
    let everywhere = format!("{first}-everywhere");
    rbac.cluster_role(json!({"metadata": {"name": everywhere}, "rules": [rule(&["list"], &["assets"])]}))
        .await;
    rbac.cluster_bind(&everywhere, &everywhere, &to_user("everywhere")).await;
    let authorizer = SubjectAccessReviewAuthorizer::new(
        cluster.client(),
        Tenants::new(&[first, second, third]),
        SubjectAccessReviewConfig::default(),
    );
    let visible = async |who: &str, permission: &_| authorizer.visible(&user(who), permission).await.unwrap();
    until("the roles count", async || {
        authorizer.flush();
        visible("everywhere", &list_assets()).await == Visible::All
    })
    .await;
    assert_eq!(visible("jane", &list_assets()).await, namespaces(&[first]));
    assert_eq!(visible("jane", &list_assets().of_plugin("model")).await, namespaces(&[first, third]));
    assert_eq!(visible("joe", &list_assets()).await, namespaces(&[]));
    let of_cluster = Permission::new(Verb::List, Resource::Assets, Reach::Cluster);
    assert_eq!(visible("jane", &of_cluster).await, namespaces(&[]));
    assert_eq!(visible("everywhere", &of_cluster).await, Visible::All);
    rbac.remove_of_cluster(&[&everywhere]).await;
}

#[tokio::test(start_paused = true)]
async fn one_namespace_without_an_answer_leaves_the_list_without_one() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let authorizer = SubjectAccessReviewAuthorizer::new(
        cluster.client(),
        Tenants::new(&["a", "b", "c"]),
        SubjectAccessReviewConfig::default(),
    );
    let visible = async || authorizer.visible(&user("jane"), &list_assets()).await;
    for number in 1..=4 {
        authorizer.flush();
        fake.inject(reviews().nth(number), Effect::Hang);
        visible().await.unwrap_err();
        fake.clear_faults();
    }
    assert_eq!(visible().await.unwrap(), namespaces(&[]));
    fake.clear_requests();
    assert_eq!(visible().await.unwrap(), namespaces(&[]));
    assert_eq!(fake.count(&reviews()), 0, "answers are kept");
    tokio::time::advance(Duration::from_secs(5)).await;
    visible().await.unwrap();
    assert_eq!(fake.count(&reviews()), 4);
}

#[tokio::test]
async fn too_many_namespaces_are_an_error_that_says_so() {
    let cluster = TestCluster::fake();
    for (most, enough) in [(2, false), (3, true)] {
        let config = SubjectAccessReviewConfig { namespaces: most, ..SubjectAccessReviewConfig::default() };
        let authorizer =
            SubjectAccessReviewAuthorizer::new(cluster.client(), Tenants::new(&["a", "b", "c"]), config);
        let visible = authorizer.visible(&user("jane"), &list_assets()).await;
        assert_eq!(visible.is_ok(), enough);
        if let Err(error) = visible {
            assert!(causes(&error).contains("more than 2 namespaces"), "{}", causes(&error));
        }
    }
}

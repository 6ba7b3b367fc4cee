//! What the cluster decides, and what it is asked.

use catalog_core::{
    authorizer::{Attributes, Authorizer, Decision},
    permission::{Permission, Reach, Resource, Verb},
};
use catalog_testkit_kubernetes::{TestCluster, fake::Effect};
use serde_json::{Value, json};

use super::{authorizer, configured, decide_on};
use crate::{
    cluster::{Rbac, Sent, reviews, rule, to_group, to_user, until},
    fixture::{causes, decide, list_assets, user},
};

#[tokio::test]
async fn the_cluster_decides() {
    let cluster = TestCluster::start().await;
    let (here, there) = (cluster.namespace().await, cluster.namespace().await);
    let (here, there) = (here.name(), there.name());
    let rbac = Rbac(cluster.client());
    let named = |mut rule: Value, name: &str| {
        rule["resourceNames"] = json!([name]);
        rule
    };
    rbac.grant(here, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    rbac.grant(here, "group", &[rule(&["list"], &["assets"])], &to_group("science")).await;
    rbac.grant(here, "model", &[rule(&["list"], &["assets/model"])], &to_user("narrow")).await;
    rbac.grant(here, "one", &[named(rule(&["get"], &["assets"]), "x")], &to_user("named")).await;
    let everywhere = format!("{here}-everywhere");
    rbac.cluster_role(json!({"metadata": {"name": everywhere}, "rules": [rule(&["list"], &["assets"])]}))
        .await;
    rbac.cluster_bind(&everywhere, &everywhere, &to_user("everywhere")).await;

    let authorizer = authorizer(cluster.client());
    let may = async |who: &_, permission: &_, tenant: Option<&str>| {
        decide(&authorizer, who, permission, tenant).await.unwrap().is_allowed()
    };
    // a real API server hears of roles a little later
    let everyone = user("everywhere");
    until("the roles count", async || {
        authorizer.flush();
        may(&everyone, &list_assets(), Some(there)).await
    })
    .await;

    let (jane, list) = (user("jane"), list_assets());
    assert!(may(&jane, &list, Some(here)).await);
    assert!(!may(&jane, &list, Some(there)).await && !may(&jane, &list, None).await);
    assert!(!may(&user("joe"), &list, Some(here)).await);
    for (verb, resource) in [(Verb::Get, Resource::Assets), (Verb::List, Resource::CatalogSources)] {
        assert!(!may(&jane, &Permission::new(verb, resource, Reach::Tenant), Some(here)).await);
    }
    assert!(may(&user("joe").with_group("science"), &list, Some(here)).await);
    assert!(!may(&user("joe").with_group("Science"), &list, Some(here)).await);

    let (model, agents) = (list_assets().of_plugin("model"), list_assets().of_plugin("agents"));
    assert!(may(&user("narrow"), &model, Some(here)).await);
    assert!(!may(&user("narrow"), &agents, Some(here)).await);
    assert!(!may(&user("narrow"), &list, Some(here)).await);
    assert!(may(&jane, &model, Some(here)).await && may(&jane, &agents, Some(here)).await);

    let get = Permission::new(Verb::Get, Resource::Assets, Reach::Tenant);
    let on =
        async |name| decide_on(&authorizer, &user("named"), &get, here, name).await.unwrap().is_allowed();
    assert!(on("x").await && !on("y").await);
    assert!(!may(&user("named"), &get, Some(here)).await, "no name is none of the names");

    assert!(may(&everyone, &list, None).await && may(&everyone, &list, Some(there)).await);
    let of_cluster = Permission::new(Verb::List, Resource::Assets, Reach::Cluster);
    assert!(may(&everyone, &of_cluster, Some(here)).await);
    assert!(!may(&jane, &of_cluster, Some(here)).await, "what is nobody's is asked of the cluster");

    let here_name = here.parse().unwrap();
    let explained = authorizer.explain(&jane, Attributes::new(&list, Some(&here_name), None)).await.unwrap();
    assert!(explained.contains("RoleBinding") && explained.contains("list"), "{explained}");
    rbac.remove_of_cluster(&[&everywhere]).await;
}

#[tokio::test]
async fn it_is_asked_for_the_whole_resource_and_then_for_the_plugins_part() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    let sent = Sent::default();
    let authorizer = authorizer(sent.by(cluster.client()));
    let model = list_assets().of_plugin("model");

    let mut joe = user("joe").with_group("z").with_group("a").with_group("z");
    joe.extra.insert("scopes".into(), vec!["b".into(), "a".into()]);
    assert!(!decide_on(&authorizer, &joe, &model, namespace, "bert").await.unwrap().is_allowed());
    let spec = |subresource: Option<&str>| {
        let mut attributes = json!({
            "group": "catalog.kubeflow.org", "name": "bert", "namespace": namespace, "resource": "assets",
            "verb": "list",
        });
        if let Some(subresource) = subresource {
            attributes["subresource"] = subresource.into();
        }
        json!({
            "extra": {"scopes": ["b", "a"]}, "groups": ["a", "z"], "resourceAttributes": attributes,
            "user": "joe",
        })
    };
    let specs = |sent: &Sent| sent.take().into_iter().map(|mut body| body["spec"].take()).collect::<Vec<_>>();
    assert_eq!(specs(&sent), [spec(None), spec(Some("model"))]);

    until("the role counts", async || {
        authorizer.flush();
        sent.take();
        decide(&authorizer, &user("jane"), &model, Some(namespace)).await.unwrap().is_allowed()
    })
    .await;
    let attributes = json!({
        "group": "catalog.kubeflow.org", "namespace": namespace, "resource": "assets", "verb": "list",
    });
    assert_eq!(specs(&sent), [json!({"resourceAttributes": attributes, "user": "jane"})]);
    assert!(!decide(&authorizer, &user("joe"), &list_assets(), None).await.unwrap().is_allowed());
    let attributes = json!({"group": "catalog.kubeflow.org", "resource": "assets", "verb": "list"});
    assert_eq!(specs(&sent), [json!({"resourceAttributes": attributes, "user": "joe"})]);

    let other = configured(
        sent.by(cluster.client()),
        catalog_rbac::sar::SubjectAccessReviewConfig {
            api_group: "example.org".into(),
            ..Default::default()
        },
    );
    assert!(!decide(&other, &user("jane"), &list_assets(), Some(namespace)).await.unwrap().is_allowed());
    assert_eq!(specs(&sent)[0]["resourceAttributes"]["group"], "example.org");
}

#[tokio::test]
async fn what_is_denied_expressly_is_denied() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets", "assets/model"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let model = list_assets().of_plugin("model");
    // the plugin's part would be allowed, and is not asked for
    fake.inject(reviews().first(1), Effect::Deny { reason: "no way".into() });
    let denied = decide(&authorizer, &user("jane"), &model, Some(namespace)).await.unwrap();
    assert!(matches!(denied, Decision::Deny { .. }), "{denied:?}");
    assert_eq!(fake.count(&reviews()), 1);
    let name = namespace.parse().unwrap();
    let reason = authorizer.explain(&user("jane"), Attributes::new(&model, Some(&name), None)).await.unwrap();
    assert_eq!(reason, "SubjectAccessReview: denied: no way");
    authorizer.flush();
    assert!(decide(&authorizer, &user("jane"), &model, Some(namespace)).await.unwrap().is_allowed());
}

#[tokio::test]
async fn an_error_in_place_of_a_decision_is_an_error_unless_the_plugins_part_is_allowed() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets", "assets/model"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let model = list_assets().of_plugin("model");
    let failing = || Effect::EvaluationError { message: "role is missing".into() };
    fake.inject(reviews().first(6), failing());
    // neither counts as a failure of the cluster, nor is it kept
    for _ in 0..6 {
        let error = decide(&authorizer, &user("jane"), &list_assets(), Some(namespace)).await.unwrap_err();
        assert!(causes(&error).contains("role is missing"), "{}", causes(&error));
    }
    assert!(decide(&authorizer, &user("jane"), &list_assets(), Some(namespace)).await.unwrap().is_allowed());
    authorizer.flush();
    fake.inject(reviews().nth(1), failing());
    assert!(decide(&authorizer, &user("jane"), &model, Some(namespace)).await.unwrap().is_allowed());
    authorizer.flush();
    fake.inject(reviews().nth(1), failing());
    assert!(decide(&authorizer, &user("joe"), &model, Some(namespace)).await.is_err());
}

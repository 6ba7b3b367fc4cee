//! The policy that follows a cluster.

use std::{sync::Arc, time::Duration};

use catalog_core::authorizer::Authorizer;
use catalog_rbac::{
    engine::RbacAuthorizer,
    policy::{KubernetesAuthorizer, KubernetesPolicy},
    sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig},
};
use catalog_testkit_kubernetes::{
    TestCluster,
    fake::{Effect, On},
};
use kube::Client;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    cluster::{Rbac, Tenants, newer, reviews, rule, to_user, until},
    fixture::{causes, decide, decide_now, list_assets, namespaces, user},
};

/// A policy that is followed until this is dropped.
struct Followed {
    policy: KubernetesPolicy,
    running: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn follow(client: Client) -> Followed {
    let policy = KubernetesPolicy::new(client);
    assert!(!policy.is_synced() && policy.handle().generation() == 1);
    let running = tokio::spawn({
        let policy = policy.clone();
        async move { policy.run().await }
    });
    Followed { policy, running }
}

impl Followed {
    async fn new(client: Client) -> Self {
        let followed = follow(client);
        until("everything is read", async || followed.policy.is_synced()).await;
        followed
    }

    fn may(&self, who: &str, namespace: &str) -> bool {
        let engine = RbacAuthorizer::new(Arc::clone(self.policy.handle()));
        decide_now(&engine, &user(who), &list_assets(), Some(namespace)).unwrap().is_allowed()
    }

    async fn until(&self, who: &str, namespace: &str, allowed: bool) {
        until(&format!("{who}: {allowed}"), async || self.may(who, namespace) == allowed).await;
    }
}

fn may_list() -> [Value; 1] {
    [rule(&["list"], &["assets"])]
}

#[tokio::test]
async fn roles_and_bindings_of_a_cluster_are_followed() {
    let cluster = TestCluster::start().await;
    let (here, there) = (cluster.namespace().await, cluster.namespace().await);
    let (here, there) = (here.name(), there.name());
    let rbac = Rbac(cluster.client());
    rbac.grant(here, "list", &may_list(), &to_user("jane")).await;
    let followed = Followed::new(cluster.client()).await;
    assert!(followed.may("jane", here));
    assert!(!followed.may("jane", there) && !followed.may("joe", here));

    rbac.bind(here, "joe", "Role", "list", &to_user("joe")).await;
    followed.until("joe", here, true).await;
    assert!(!followed.may("joe", there));
    rbac.unbind(here, "joe").await;
    followed.until("joe", here, false).await;
    assert!(followed.may("jane", here));

    rbac.set_rules(here, "list", &[rule(&["get"], &["assets"])]).await;
    followed.until("jane", here, false).await;
    rbac.set_rules(here, "list", &may_list()).await;
    followed.until("jane", here, true).await;

    let (sum, part) = (format!("{here}-sum"), format!("{here}-part"));
    let selector = json!({"matchLabels": {"part-of": sum}});
    rbac.cluster_role(json!({
        "metadata": {"name": sum}, "rules": [], "aggregationRule": {"clusterRoleSelectors": [selector]},
    }))
    .await;
    rbac.bind(there, "sum", "ClusterRole", &sum, &to_user("jim")).await;
    rbac.cluster_bind(&sum, &sum, &to_user("everywhere")).await;
    rbac.cluster_role(json!({
        "metadata": {"name": part, "labels": {"part-of": sum}}, "rules": may_list(),
    }))
    .await;
    followed.until("jim", there, true).await;
    followed.until("everywhere", here, true).await;
    assert!(!followed.may("jim", here));
    rbac.remove_of_cluster(&[&part]).await;
    followed.until("jim", there, false).await;
    followed.until("everywhere", here, false).await;
    rbac.remove_of_cluster(&[&sum]).await;
}

#[tokio::test(start_paused = true)]
async fn all_of_it_comes_at_once_and_changes_soon_and_together() {
    let cluster = TestCluster::fake();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.role(namespace, "list", &may_list()).await;
    let names: Vec<String> = (0..10).map(|number| format!("user-{number}")).collect();
    for name in &names {
        rbac.bind(namespace, name, "Role", "list", &to_user(name)).await;
    }
    let followed = Followed::new(cluster.client()).await;
    assert_eq!(followed.policy.handle().generation(), 2);
    assert!(names.iter().all(|name| followed.may(name, namespace)));

    let before = Instant::now();
    for name in &names[1..] {
        rbac.unbind(namespace, name).await;
    }
    followed.until("user-9", namespace, false).await;
    assert!(before.elapsed() <= Duration::from_millis(250), "{:?}", before.elapsed());
    assert!(names[1..].iter().all(|name| !followed.may(name, namespace)));
    assert!(followed.may("user-0", namespace));
    assert_eq!(followed.policy.handle().generation(), 3);
    let status = followed.policy.status();
    assert!(status.synced && status.last_event_at.is_some() && status.last_error_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_vanished_while_the_history_was_lost_is_gone() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "jane", &may_list(), &to_user("jane")).await;
    rbac.grant(namespace, "joe", &may_list(), &to_user("joe")).await;
    let followed = Followed::new(cluster.client()).await;
    let watches = On::verb("watch").resource("rolebindings");
    until("it watches", async || fake.open_watches(&watches) == 1).await;
    fake.break_watches(&watches);
    rbac.unbind(namespace, "jane").await;
    rbac.bind(namespace, "jim", "Role", "joe", &to_user("jim")).await;
    fake.compact();
    assert!(followed.may("jane", namespace), "not heard of yet");
    followed.until("jane", namespace, false).await;
    assert!(followed.may("joe", namespace) && followed.may("jim", namespace));
    assert_eq!(fake.count(&On::verb("list").resource("rolebindings")), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_is_left_out_and_no_other() {
    let cluster = TestCluster::fake();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "jane", &may_list(), &to_user("jane")).await;
    let mut unless = may_list();
    unless[0]["resourceNames"] = json!(["odd"]);
    rbac.grant(namespace, "odd", &unless, &to_user("joe")).await;
    let followed = Followed::new(newer(cluster.client())).await;
    assert!(followed.may("jane", namespace) && !followed.may("joe", namespace));
    assert_eq!(followed.policy.status().left_out, 1);

    rbac.set_rules(namespace, "odd", &may_list()).await;
    followed.until("joe", namespace, true).await;
    assert_eq!(followed.policy.status().left_out, 0);
    rbac.set_rules(namespace, "odd", &unless).await;
    followed.until("joe", namespace, false).await;
    assert!(followed.may("jane", namespace));
    assert_eq!(followed.policy.status().left_out, 1);
    rbac.unbind(namespace, "odd").await;
    rbac.set_rules(namespace, "odd", &may_list()).await;
    until("nothing is left out", async || followed.policy.status().left_out == 0).await;
    assert!(!followed.may("joe", namespace));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_last_holds_while_the_cluster_does_not_answer() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "jane", &may_list(), &to_user("jane")).await;
    let followed = Followed::new(cluster.client()).await;
    for verb in ["list", "watch"] {
        fake.inject(On::verb(verb), Effect::status(503));
    }
    fake.break_watches(&On::any());
    rbac.bind(namespace, "joe", "Role", "jane", &to_user("joe")).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(followed.may("jane", namespace) && !followed.may("joe", namespace));
    let status = followed.policy.status();
    assert!(status.synced && status.last_error.is_some() && status.last_error_at.is_some());
    fake.clear_faults();
    let before = Instant::now();
    followed.until("joe", namespace, true).await;
    assert!(before.elapsed() < Duration::from_secs(6), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_asked_until_all_was_read_and_nothing_is_open_meanwhile() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "jane", &may_list(), &to_user("jane")).await;
    // one of the four lists is enough to miss
    fake.inject(On::verb("list").resource("clusterroles"), Effect::status(403));
    let followed = follow(cluster.client());
    let tenants = Tenants::new(&[namespace]);
    let config = SubjectAccessReviewConfig::default();
    let fallback = SubjectAccessReviewAuthorizer::new(cluster.client(), tenants, config);
    let authorizer = KubernetesAuthorizer::new(followed.policy.clone(), fallback.clone());
    let ask = async |who: &str| decide(&authorizer, &user(who), &list_assets(), Some(namespace)).await;
    until("the others are read", async || followed.policy.status().last_error.is_some()).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!followed.policy.is_synced() && !followed.may("jane", namespace));
    assert_eq!(decide_now(&authorizer, &user("jane"), &list_assets(), Some(namespace)), None);
    assert!(ask("jane").await.unwrap().is_allowed() && !ask("joe").await.unwrap().is_allowed());
    let visible = authorizer.visible(&user("jane"), &list_assets()).await.unwrap();
    assert_eq!(visible, namespaces(&[namespace]));

    fallback.flush();
    fake.inject(reviews(), Effect::status(500));
    for who in ["jane", "joe"] {
        let error = ask(who).await.unwrap_err();
        assert!(causes(&error).contains("500"), "{}", causes(&error));
    }
    authorizer.visible(&user("jane"), &list_assets()).await.unwrap_err();

    fake.clear_faults();
    until("everything is read", async || followed.policy.is_synced()).await;
    fake.clear_requests();
    assert!(ask("jane").await.unwrap().is_allowed() && !ask("joe").await.unwrap().is_allowed());
    let known = |who: &str| decide_now(&authorizer, &user(who), &list_assets(), Some(namespace)).unwrap();
    assert!(known("jane").is_allowed() && !known("joe").is_allowed());
    assert_eq!(fake.count(&reviews()), 0);
}

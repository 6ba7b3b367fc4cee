//! Answers that are kept for a while.

use std::time::Duration;

use catalog_core::{
    authorizer::Decision,
    permission::{Permission, Reach, Resource, Verb},
};
use catalog_testkit_kubernetes::{TestCluster, fake::Effect};
use tokio::time::advance;

use super::{authorizer, decide_on};
use crate::{
    cluster::{Rbac, reviews, rule, to_group, to_user, until},
    fixture::{decide, decide_now, list_assets, user},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_yes_is_kept_for_ten_seconds_and_a_no_for_five() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let now = |who: &str| decide_now(&authorizer, &user(who), &list_assets(), Some(namespace));
    let ask = async |who: &str| {
        decide(&authorizer, &user(who), &list_assets(), Some(namespace)).await.unwrap().is_allowed()
    };
    assert_eq!(now("jane"), None);
    assert!(ask("jane").await && !ask("joe").await);
    assert!(now("jane").unwrap().is_allowed());
    assert!(matches!(now("joe"), Some(Decision::NoOpinion { .. })));

    rbac.unbind(namespace, "list").await;
    rbac.bind(namespace, "joe", "Role", "list", &to_user("joe")).await;
    advance(Duration::from_millis(4_490)).await;
    assert!(ask("jane").await && !ask("joe").await, "nine tenths are sure");
    advance(Duration::from_millis(510)).await;
    assert!(now("joe").is_none() && ask("joe").await);
    advance(Duration::from_millis(3_990)).await;
    assert!(ask("jane").await);
    assert_eq!(fake.count(&reviews()), 3);
    advance(Duration::from_millis(1_010)).await;
    assert_eq!(now("jane"), None);
    assert!(!ask("jane").await, "a revoked right is gone");
    assert!(ask("joe").await);
    assert_eq!(fake.count(&reviews()), 4);
}

#[tokio::test]
async fn a_revoked_right_is_gone_once_its_answer_is_dropped() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let asked_anew = async || {
        authorizer.flush();
        decide(&authorizer, &user("jane"), &list_assets(), Some(namespace)).await.unwrap().is_allowed()
    };
    until("granted", asked_anew).await;
    rbac.unbind(namespace, "list").await;
    until("revoked", async || !asked_anew().await).await;
}

#[tokio::test(start_paused = true)]
async fn of_many_who_ask_the_same_at_once_one_asks_the_cluster() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let storm = async || {
        let ask = async || {
            let decision = decide(&authorizer, &user("jane"), &list_assets(), Some(namespace)).await;
            decision.is_ok_and(|decision| decision.is_allowed())
        };
        let asked = futures_util::future::join_all((0..1_000).map(|_| ask())).await;
        asked.into_iter().filter(|allowed| *allowed).count()
    };
    fake.inject(reviews().nth(1), Effect::status(500));
    fake.inject(reviews(), Effect::Delay(SECOND / 10));
    assert_eq!(storm().await, 0, "an error is everybody's");
    assert_eq!(fake.count(&reviews()), 1);
    assert_eq!(storm().await, 1_000);
    assert_eq!(fake.count(&reviews()), 2);
    advance(10 * SECOND).await;
    assert_eq!(storm().await, 1_000);
    assert_eq!(fake.count(&reviews()), 3);
    // who began to ask goes away: another one asks in its place
    authorizer.flush();
    let first = tokio::spawn({
        let (authorizer, namespace) = (authorizer.clone(), namespace.to_owned());
        async move { decide(&authorizer, &user("jane"), &list_assets(), Some(&namespace)).await }
    });
    until("it asks", async || fake.count(&reviews()) == 4).await;
    let (allowed, ()) = tokio::join!(storm(), async { first.abort() });
    assert_eq!((allowed, fake.count(&reviews())), (1_000, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_on_several_threads_one_asks_the_cluster() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let authorizer = authorizer(cluster.client());
    for round in 1..=20 {
        let ask = |_| {
            let authorizer = authorizer.clone();
            tokio::spawn(
                async move { decide(&authorizer, &user("jane"), &list_assets(), Some("team-a")).await },
            )
        };
        let asking: Vec<_> = (0..1_000).map(ask).collect();
        for asked in asking {
            assert!(!asked.await.unwrap().unwrap().is_allowed());
        }
        assert_eq!(fake.count(&reviews()), round);
        authorizer.flush();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_asked_before_a_flush_is_kept_after_it() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_user("jane")).await;
    let authorizer = authorizer(cluster.client());
    let ask = async || {
        decide(&authorizer, &user("jane"), &list_assets(), Some(namespace)).await.unwrap().is_allowed()
    };
    assert!(ask().await);
    rbac.unbind(namespace, "list").await;
    assert!(ask().await);
    authorizer.flush();
    assert_eq!(decide_now(&authorizer, &user("jane"), &list_assets(), Some(namespace)), None);
    assert!(!ask().await);

    // one that is under way
    rbac.bind(namespace, "list", "Role", "list", &to_user("jane")).await;
    authorizer.flush();
    fake.inject(reviews().nth(1), Effect::Deny { reason: "as of before".into() });
    fake.inject(reviews().nth(1), Effect::Delay(SECOND / 2));
    let (before, after) = tokio::join!(ask(), async {
        tokio::time::sleep(SECOND / 4).await;
        authorizer.flush();
        ask().await
    });
    assert!(!before && after, "who asks after it does not wait for it");
    assert!(ask().await);
}

#[tokio::test]
async fn nobody_is_answered_what_another_asked() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let namespace = namespace.name();
    let rbac = Rbac(cluster.client());
    rbac.grant(namespace, "list", &[rule(&["list"], &["assets"])], &to_group("b:c")).await;
    let authorizer = authorizer(cluster.client());
    let ask = async |who: &_| decide(&authorizer, who, &list_assets(), Some(namespace)).await.unwrap();
    let (granted, other) = (user("a").with_group("b:c"), user("a:b").with_group("c"));
    assert!(ask(&granted).await.is_allowed());
    assert!(!ask(&other).await.is_allowed());
    assert!(!ask(&user("a").with_group("b").with_group("c")).await.is_allowed());
    assert!(ask(&granted).await.is_allowed());
    // what else may differ
    let mut scoped = granted.clone();
    scoped.extra.insert("scopes".into(), vec!["x".into()]);
    fake.inject(reviews(), Effect::Deny { reason: "scopes".into() });
    assert!(!ask(&scoped).await.is_allowed());
    assert!(ask(&granted).await.is_allowed());
    assert!(!decide(&authorizer, &granted, &list_assets(), None).await.unwrap().is_allowed());
    assert!(!decide_on(&authorizer, &granted, &list_assets(), namespace, "x").await.unwrap().is_allowed());
    let same = user("a").with_group("b:c").with_group("b:c");
    assert!(ask(&same).await.is_allowed(), "a repeated group is no other question");
}

#[tokio::test]
async fn questions_beyond_all_measure_are_not_kept() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let namespace = cluster.namespace().await;
    let authorizer = authorizer(cluster.client());
    let get = Permission::new(Verb::Get, Resource::Assets, Reach::Tenant);
    for (length, expected) in [(9_000, 1), (10_001, 2)] {
        fake.clear_requests();
        for _ in 0..2 {
            let name = "x".repeat(length);
            let decision = decide_on(&authorizer, &user("jane"), &get, namespace.name(), &name).await;
            assert!(!decision.unwrap().is_allowed());
        }
        assert_eq!(fake.count(&reviews()), expected, "{length}");
    }
}

//! A cluster that does not answer, or not in time.

use std::{sync::atomic::Ordering, time::Duration};

use catalog_rbac::sar::SubjectAccessReviewConfig;
use catalog_testkit_kubernetes::{TestCluster, TestNamespace, fake::Effect};
use tokio::time::{Instant, advance};

use super::{authorizer, configured};
use crate::{
    cluster::{Rbac, reviews, rule, to_user},
    fixture::{causes, decide, decide_now, list_assets, user},
};

const SECOND: Duration = Duration::from_secs(1);

/// A cluster in which jane may list assets.
async fn cluster() -> (TestCluster, TestNamespace) {
    let cluster = TestCluster::fake();
    let namespace = cluster.namespace().await;
    let rules = [rule(&["list"], &["assets", "assets/model"])];
    Rbac(cluster.client()).grant(namespace.name(), "list", &rules, &to_user("jane")).await;
    (cluster, namespace)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_no_answer_is_an_error_and_is_not_kept() {
    let (cluster, namespace) = cluster().await;
    let fake = cluster.as_fake().unwrap();
    for (effect, cause) in [
        (Effect::status(500), "500"),
        (Effect::status(503), "503"),
        (Effect::status(401), "401"),
        (Effect::status(403), "403"),
        (Effect::status(422), "422"),
        (Effect::too_many_requests(SECOND), "429"),
        (Effect::Hang, "within 1s"),
        (Effect::HangAfterwards, "within 1s"),
        (Effect::Disconnect, "reached"),
        (Effect::LoseAnswer, "reached"),
    ] {
        let authorizer = authorizer(cluster.client());
        fake.inject(reviews().first(1), effect);
        let before = Instant::now();
        fake.clear_requests();
        // not even the plugin's part is asked for: it would take as long
        let model = list_assets().of_plugin("model");
        let error = decide(&authorizer, &user("jane"), &model, Some(namespace.name())).await.unwrap_err();
        assert!(causes(&error).contains(cause), "{}", causes(&error));
        assert!(before.elapsed() <= SECOND + Duration::from_millis(5), "{:?}", before.elapsed());
        assert_eq!(fake.count(&reviews()), 1);
        assert_eq!(decide_now(&authorizer, &user("jane"), &model, Some(namespace.name())), None);
        advance(2 * SECOND).await;
        let now = decide(&authorizer, &user("jane"), &model, Some(namespace.name())).await;
        assert!(now.unwrap().is_allowed(), "{cause}");
        fake.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_failed_is_left_alone_for_a_while() {
    let (cluster, namespace) = cluster().await;
    let fake = cluster.as_fake().unwrap();
    let config = SubjectAccessReviewConfig {
        allow_ttl: Duration::from_mins(1),
        failures: 3,
        pause: 4 * SECOND,
        ..SubjectAccessReviewConfig::default()
    };
    let authorizer = configured(cluster.client(), config);
    let ask = async |who: &str| decide(&authorizer, &user(who), &list_assets(), Some(namespace.name())).await;
    assert!(ask("jane").await.unwrap().is_allowed());
    fake.inject(reviews(), Effect::Hang);
    for _ in 0..3 {
        ask("joe").await.unwrap_err();
    }
    fake.clear_requests();
    let before = Instant::now();
    let error = ask("joe").await.unwrap_err();
    assert!(causes(&error).contains("not asked"), "{}", causes(&error));
    assert_eq!((fake.count(&reviews()), before.elapsed()), (0, Duration::ZERO), "refused at once");
    assert!(ask("jane").await.unwrap().is_allowed(), "what is kept is still known");
    advance(4 * SECOND).await;
    let (probe, other) = tokio::join!(ask("joe"), ask("jim"));
    assert!(probe.is_err() && other.is_err());
    assert_eq!(fake.count(&reviews()), 1, "one question finds out");
    advance(4 * SECOND).await;
    ask("joe").await.unwrap_err();
    assert_eq!(fake.count(&reviews()), 1, "the second pause is longer");
    fake.clear_faults();
    advance(4 * SECOND).await;
    assert!(!ask("joe").await.unwrap().is_allowed());
    assert!(!ask("jim").await.unwrap().is_allowed());

    fake.inject(reviews(), Effect::status(500));
    advance(Duration::from_mins(1)).await;
    ask("jane").await.expect_err("no yes outlives its time");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_says_when_to_come_back_is_not_asked_before() {
    let (cluster, namespace) = cluster().await;
    let fake = cluster.as_fake().unwrap();
    let authorizer = authorizer(cluster.client());
    let ask = async || decide(&authorizer, &user("jane"), &list_assets(), Some(namespace.name())).await;
    fake.inject(reviews().first(1), Effect::too_many_requests(20 * SECOND));
    ask().await.unwrap_err();
    advance(19 * SECOND).await;
    ask().await.unwrap_err();
    assert_eq!(fake.count(&reviews()), 1);
    advance(SECOND).await;
    assert!(ask().await.unwrap().is_allowed());
}

#[tokio::test(start_paused = true)]
async fn so_many_ask_at_once_so_many_wait_and_the_others_are_refused() {
    let (cluster, namespace) = cluster().await;
    let fake = cluster.as_fake().unwrap();
    let config = SubjectAccessReviewConfig {
        concurrency: 1,
        queue: 1,
        wait: SECOND / 2,
        ..SubjectAccessReviewConfig::default()
    };
    let authorizer = configured(cluster.client(), config);
    fake.inject(reviews(), Effect::Delay(SECOND / 4));
    let done = std::sync::atomic::AtomicUsize::new(0);
    let ask = async |who: &str| {
        let before = Instant::now();
        let decision = decide(&authorizer, &user(who), &list_assets(), Some(namespace.name())).await;
        done.fetch_add(1, Ordering::SeqCst);
        (decision.map(|decision| decision.is_allowed()).map_err(|error| causes(&error)), before.elapsed())
    };
    let (first, second, third) = tokio::join!(ask("jane"), ask("joe"), ask("jim"));
    assert_eq!((first.0.unwrap(), second.0.unwrap()), (true, false));
    assert!(third.0.unwrap_err().contains("too many questions"));
    assert_eq!(third.1, Duration::ZERO);
    assert!((SECOND / 2..SECOND).contains(&second.1), "{:?}", second.1);
    fake.clear_faults();
    fake.inject(reviews(), Effect::Hang);
    authorizer.flush();
    let (first, second) = tokio::join!(ask("jane"), ask("joe"));
    assert!(first.0.unwrap_err().contains("within 1s"));
    assert!(second.0.unwrap_err().contains("too many questions"));
    assert!((SECOND / 2..SECOND).contains(&second.1), "{:?}", second.1);
}

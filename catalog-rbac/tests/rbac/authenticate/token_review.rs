//! Tokens that an API server reviews.

use std::time::Duration;

use catalog_core::clock::{ManualClock, Timestamp};
use catalog_rbac::authenticate::{AnonymousAuthenticator, AuthenticatorChain, TokenReviewAuthenticator};
use catalog_testkit_kubernetes::{
    TestCluster,
    fake::{Effect, Fake, On, TokenUser},
};
use futures_util::future::join_all;

use super::{Answer, ask, groups};

fn chain(reviews: TokenReviewAuthenticator) -> AuthenticatorChain {
    AuthenticatorChain::new().with(reviews).with(AnonymousAuthenticator::new())
}

async fn show(chain: &AuthenticatorChain, token: &str) -> Answer {
    ask(chain, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn outcome(chain: &AuthenticatorChain, token: &str) -> String {
    show(chain, token).await.outcome().to_owned()
}

fn reviews() -> On {
    On::verb("create").resource("tokenreviews")
}

/// A fake where `jane` is a good token, and a clock that stands.
fn fake() -> (TestCluster, ManualClock, AuthenticatorChain) {
    let (cluster, clock) = (TestCluster::fake(), ManualClock::new(Timestamp::UNIX_EPOCH));
    registered(&cluster).register_token("jane", TokenUser::new("jane"));
    let chain = chain(TokenReviewAuthenticator::new(cluster.client()).with_clock(clock.clone()));
    (cluster, clock, chain)
}

fn registered(cluster: &TestCluster) -> &Fake {
    cluster.as_fake().unwrap()
}

#[tokio::test]
async fn a_service_account_is_known_by_the_names_that_the_server_gives_it() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let account = namespace.service_account("robot").await;
    let chain = chain(TokenReviewAuthenticator::new(cluster.client()));
    let answer = show(&chain, &account.token).await;
    assert_eq!(answer.outcome(), account.user);
    let all = format!("system:serviceaccounts:{}", namespace.name());
    for group in ["system:serviceaccounts", &all, "system:authenticated"] {
        assert_eq!(groups(&answer).iter().filter(|have| *have == group).count(), 1, "{group}");
    }
    for bad in ["x", "a.b.c", &account.token[..account.token.len() - 1]] {
        let answer = show(&chain, bad).await;
        assert_eq!(answer.outcome(), "unauthenticated", "{bad}");
        assert!(answer.challenge.unwrap().contains("invalid_token"));
    }
    assert_eq!(ask(&chain, &[]).await.outcome(), "system:anonymous");
}

#[tokio::test]
async fn extras_and_names_of_the_system_stay() {
    let (cluster, _, chain) = fake();
    let root =
        TokenUser::new("system:admin").with_groups(["system:masters"]).with_extra("scopes", ["a", "b"]);
    registered(&cluster).register_token("root", root);
    let answer = show(&chain, "root").await;
    assert_eq!(groups(&answer), ["system:masters", "system:authenticated"]);
    let identity = answer.identity.unwrap();
    assert_eq!(
        (identity.user.as_str(), &identity.extra["scopes"]),
        ("system:admin", &vec!["a".into(), "b".into()])
    );
    registered(&cluster).register_token("nobody", TokenUser::new("system:anonymous"));
    registered(&cluster).register_token("empty", TokenUser::new(""));
    for token in ["nobody", "empty"] {
        assert_eq!(outcome(&chain, token).await, "unauthenticated", "{token}");
    }
}

#[tokio::test]
async fn a_token_has_to_be_for_one_of_the_audiences() {
    let cluster = TestCluster::fake();
    let fake = registered(&cluster);
    fake.register_token("ours", TokenUser::new("jane").with_audiences(["other", "catalog"]));
    fake.register_token("theirs", TokenUser::new("joe").with_audiences(["other"]));
    fake.register_token("servers", TokenUser::new("jim"));
    let plain = TokenReviewAuthenticator::new(cluster.client());
    for (chain, outcomes) in [
        (chain(plain.clone()), ["unauthenticated", "unauthenticated", "jim"]),
        (chain(plain.with_audiences(["catalog", "more"])), ["jane", "unauthenticated", "unauthenticated"]),
    ] {
        for (token, expected) in ["ours", "theirs", "servers"].into_iter().zip(outcomes) {
            assert_eq!(outcome(&chain, token).await, expected, "{token}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_nobody_is_known_and_nothing_is_kept() {
    for effect in [
        Effect::status(401),
        Effect::status(403),
        Effect::status(404),
        Effect::status(422),
        Effect::status(500),
        Effect::status(503),
        Effect::Hang,
        Effect::Disconnect,
        Effect::LoseAnswer,
        Effect::Delay(Duration::from_secs(3)),
    ] {
        let (cluster, _, chain) = fake();
        let fake = registered(&cluster);
        fake.inject(reviews(), effect.clone());
        for token in ["jane", "x"] {
            let answer = show(&chain, token).await;
            let told = (answer.outcome(), answer.retry_after);
            assert_eq!(told, ("authenticator_unavailable", true), "{effect:?} {token}");
        }
        fake.clear_faults();
        assert_eq!(outcome(&chain, "jane").await, "jane", "{effect:?}");
        assert_eq!(outcome(&chain, "x").await, "unauthenticated", "{effect:?}");
    }
}

#[tokio::test]
async fn a_verdict_is_kept_for_ten_seconds_and_a_refusal_for_one() {
    let (cluster, clock, chain) = fake();
    let fake = registered(&cluster);
    for _ in 0..10 {
        assert_eq!(outcome(&chain, "jane").await, "jane");
        assert_eq!(outcome(&chain, "joe").await, "unauthenticated");
    }
    assert_eq!(fake.count(&reviews()), 2);
    fake.revoke_token("jane");
    fake.register_token("joe", TokenUser::new("joe"));
    clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&chain, "joe").await, "joe");
    clock.advance(Duration::from_millis(8_999));
    assert_eq!(outcome(&chain, "jane").await, "jane");
    clock.advance(Duration::from_millis(1));
    assert_eq!(outcome(&chain, "jane").await, "unauthenticated");
    assert_eq!(fake.count(&reviews()), 4);
}

#[tokio::test]
async fn many_requests_with_one_token_are_one_review() {
    let (cluster, _, chain) = fake();
    let fake = registered(&cluster);
    for outcomes in [
        join_all((0..200).map(|_| outcome(&chain, "jane"))).await,
        join_all((0..200).map(|_| outcome(&chain, "joe"))).await,
    ] {
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    }
    assert_eq!(fake.count(&reviews()), 2);
}

#[tokio::test]
async fn what_cannot_be_a_token_is_not_reviewed() {
    let (cluster, _, chain) = fake();
    for value in ["Bearer", "Bearer a b", "Basic jane", &format!("Bearer {}", "x".repeat(17 * 1024))] {
        assert_eq!(ask(&chain, &[("authorization", value)]).await.outcome(), "unauthenticated");
    }
    assert_eq!(registered(&cluster).count(&reviews()), 0);
}

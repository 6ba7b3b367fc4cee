//! Several authorizers as one.

use std::sync::atomic::Ordering;

use catalog_core::authorizer::{Attributes, Authorizer, Decision, InsecureAllowAll, Rules, Visible};
use catalog_rbac::UnionAuthorizer;

use crate::fixture::{Says, Scripted, causes, decide, decide_now, list_assets, namespace, namespaces, user};

fn union(deny: &[Says], allow: &[Says]) -> UnionAuthorizer {
    let union = deny.iter().fold(UnionAuthorizer::new(), |union, says| {
        union.with_deny(format!("deny-{says:?}"), Scripted::new(*says))
    });
    allow.iter().fold(union, |union, says| union.with_allow(format!("allow-{says:?}"), Scripted::new(*says)))
}

/// `Some(true)` is a yes, `Some(false)` a no, nothing an error.
async fn outcome(deny: &[Says], allow: &[Says]) -> Option<bool> {
    let union = union(deny, allow);
    let later = decide(&union, &user("jane"), &list_assets(), Some("team-a")).await;
    if let Some(now) = decide_now(&union, &user("jane"), &list_assets(), Some("team-a")) {
        assert_eq!(&now, later.as_ref().unwrap(), "{deny:?} {allow:?}");
    }
    later.ok().map(|decision| decision.is_allowed())
}

#[tokio::test]
async fn one_yes_is_enough_unless_somebody_forbids_it() {
    use Says::{Allow, Deny, Fails, Nothing};
    for (deny, allow, expected) in [
        (&[][..], &[][..], Some(false)),
        (&[], &[Allow], Some(true)),
        (&[], &[Nothing], Some(false)),
        (&[], &[Nothing, Allow], Some(true)),
        (&[], &[Allow, Deny], Some(true)),
        (&[], &[Deny, Allow], Some(false)),
        (&[], &[Fails], None),
        (&[], &[Fails, Nothing], None),
        (&[], &[Nothing, Fails], None),
        (&[], &[Fails, Allow], Some(true)),
        (&[], &[Allow, Fails], Some(true)),
        (&[], &[Fails, Deny, Allow], Some(false)),
        (&[Nothing], &[Allow], Some(true)),
        (&[Allow], &[Allow], Some(true)),
        (&[Allow], &[Nothing], Some(false)),
        (&[Deny], &[Allow], Some(false)),
        (&[Nothing, Deny], &[Allow], Some(false)),
        (&[Fails], &[Allow], None),
        (&[Fails, Deny], &[Allow], None),
        (&[Deny, Fails], &[Allow], Some(false)),
    ] {
        assert_eq!(outcome(deny, allow).await, expected, "{deny:?} {allow:?}");
    }
}

#[tokio::test]
async fn who_has_decided_is_the_last_to_be_asked() {
    let (first, second) = (Scripted::new(Says::Allow), Scripted::new(Says::Allow));
    let union =
        UnionAuthorizer::new().with_allow("first", first.clone()).with_allow("second", second.clone());
    assert!(decide(&union, &user("jane"), &list_assets(), None).await.unwrap().is_allowed());
    assert_eq!(first.asked.load(Ordering::SeqCst), 1);
    assert_eq!(second.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn it_knows_without_waiting_what_every_member_that_has_to_be_asked_knows() {
    let now = |union: &UnionAuthorizer| decide_now(union, &user("jane"), &list_assets(), None);
    let slow = || Scripted::new(Says::Allow).later();
    let settled = UnionAuthorizer::new().with_allow("fast", Scripted::new(Says::Allow));
    assert!(now(&settled.clone().with_allow("slow", slow())).unwrap().is_allowed());
    assert_eq!(now(&settled.with_deny("slow", slow())), None);
    let open = UnionAuthorizer::new().with_allow("fast", Scripted::new(Says::Nothing));
    assert_eq!(now(&open.clone().with_allow("slow", slow())), None);
    assert!(matches!(now(&open), Some(Decision::NoOpinion { .. })));
    let denied = open.with_deny("no", Scripted::new(Says::Deny)).with_allow("slow", slow());
    assert!(matches!(now(&denied), Some(Decision::Deny { .. })));
}

#[tokio::test]
async fn an_explanation_names_the_member() {
    let permission = list_assets();
    let explain = async |union: UnionAuthorizer| {
        union.explain(&user("jane"), Attributes::new(&permission, None, None)).await
    };
    let allowed = union(&[], &[Says::Nothing, Says::Allow]);
    assert_eq!(explain(allowed).await.unwrap(), "`allow-Allow`: scripted");
    let denied = union(&[Says::Deny], &[Says::Allow]);
    assert_eq!(explain(denied).await.unwrap(), "`deny-Deny`: scripted");
    let nobody = union(&[], &[Says::Nothing]);
    assert_eq!(explain(nobody).await.unwrap(), "`allow-Nothing`: scripted");
    let error = explain(union(&[], &[Says::Fails, Says::Nothing])).await.unwrap_err();
    assert!(causes(&error).contains("`allow-Fails`"), "{}", causes(&error));
}

#[tokio::test]
async fn a_list_shows_what_any_member_allows_and_none_forbids() {
    let visible = async |union: &UnionAuthorizer| union.visible(&user("jane"), &list_assets()).await;
    let of = |tenants: &[&'static str]| {
        tenants.iter().fold(Scripted::new(Says::Nothing), |one, tenant| one.but(tenant, Says::Allow))
    };
    let both = UnionAuthorizer::new().with_allow("a", of(&["a", "b"])).with_allow("b", of(&["c"]));
    assert_eq!(visible(&both).await.unwrap(), namespaces(&["a", "b", "c"]));
    let all = both.clone().with_allow("all", Scripted::new(Says::Allow));
    assert_eq!(visible(&all).await.unwrap(), Visible::All);
    let without_b = both.clone().with_deny("no", Scripted::new(Says::Nothing).but("b", Says::Deny));
    assert_eq!(visible(&without_b).await.unwrap(), namespaces(&["a", "c"]));
    let nothing = all.with_deny("no", Scripted::new(Says::Deny));
    assert_eq!(visible(&nothing).await.unwrap(), namespaces(&[]));
    for broken in [
        both.clone().with_allow("broken", Scripted::new(Says::Fails)),
        both.with_deny("broken", Scripted::new(Says::Fails)),
    ] {
        assert!(visible(&broken).await.is_err());
    }
}

#[tokio::test]
async fn rules_are_those_of_all_members_and_incomplete_where_one_is() {
    let rules = |union: UnionAuthorizer| async move {
        union.rules(&user("jane"), &namespace("team-a")).await.unwrap()
    };
    let all = || UnionAuthorizer::new().with_allow("all", InsecureAllowAll);
    assert_eq!(rules(all()).await, Rules::everything());
    let silent = Scripted::new(Says::Nothing);
    assert_eq!(
        rules(all().with_allow("silent", silent.clone())).await,
        Rules { incomplete: true, ..Rules::everything() }
    );
    // what somebody may forbid need not hold
    assert!(rules(all().with_deny("silent", silent)).await.incomplete);
    assert_eq!(rules(UnionAuthorizer::new()).await, Rules::default());
}

//! An authorizer whose decisions somebody hears of.

use std::sync::{Arc, Mutex};

use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision},
    identity::Identity,
};
use catalog_rbac::AuditedAuthorizer;

use crate::fixture::{Says, Scripted, decide, decide_now, list_assets, namespace, user};

type Heard = Arc<Mutex<Vec<String>>>;

fn audited(scripted: Scripted) -> (impl Authorizer, Heard) {
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    let observer = move |identity: &Identity,
                         attributes: Attributes<'_>,
                         decision: Result<&Decision, &AuthorizerError>| {
        let place = attributes.namespace.map(ToString::to_string).unwrap_or_default();
        let said = decision.map(Decision::is_allowed);
        kept.lock().unwrap().push(format!("{} {place} {said:?}", identity.user));
    };
    (AuditedAuthorizer::new(scripted, observer), heard)
}

fn take(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut heard.lock().unwrap())
}

#[tokio::test]
async fn every_decision_is_heard_of_once() {
    let (authorizer, heard) = audited(Scripted::new(Says::Nothing).but("team-a", Says::Allow));
    assert!(decide(&authorizer, &user("jane"), &list_assets(), Some("team-a")).await.unwrap().is_allowed());
    assert_eq!(take(&heard), ["jane team-a Ok(true)"]);
    assert!(!decide_now(&authorizer, &user("jane"), &list_assets(), Some("team-b")).unwrap().is_allowed());
    assert_eq!(take(&heard), ["jane team-b Ok(false)"]);
    let (list, team_a, team_b) = (list_assets(), namespace("team-a"), namespace("team-b"));
    let questions = [&team_a, &team_b].map(|namespace| Attributes::new(&list, Some(namespace), None));
    let decisions = authorizer.decide_each(&user("jane"), &questions).await.unwrap();
    assert_eq!(decisions.iter().map(Decision::is_allowed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(take(&heard), ["jane team-a Ok(true)", "jane team-b Ok(false)"]);
}

#[tokio::test]
async fn what_is_not_known_at_once_is_heard_of_when_it_is_and_an_error_too() {
    let (authorizer, heard) = audited(Scripted::new(Says::Allow).later());
    assert!(decide_now(&authorizer, &user("jane"), &list_assets(), None).is_none());
    assert!(take(&heard).is_empty());
    let (authorizer, heard) = audited(Scripted::new(Says::Fails));
    decide(&authorizer, &user("jane"), &list_assets(), None).await.unwrap_err();
    let list = list_assets();
    let questions = [Attributes::new(&list, None, None); 2];
    authorizer.decide_each(&user("jane"), &questions).await.unwrap_err();
    let heard = take(&heard);
    assert!(heard.len() == 3 && heard.iter().all(|line| line.contains("Err")), "{heard:?}");
}

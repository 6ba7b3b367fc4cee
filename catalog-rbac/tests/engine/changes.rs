//! Changes of a policy in force.

use catalog_rbac::engine::{
    Attributes, Caller, Change, Policy, PolicyHandle, ResourceAttributes, Snapshot, Stale,
    object::{
        ClusterRole, Metadata, Object, ObjectKey, ObjectKind, PolicyRule, RoleBinding, RoleRef, Subject,
    },
};

fn view() -> Object {
    let rule = PolicyRule {
        verbs: vec!["get".into()],
        api_groups: vec!["g".into()],
        resources: vec!["assets".into()],
        ..PolicyRule::default()
    };
    ClusterRole { metadata: Metadata::new("view"), rules: vec![rule], aggregation_rule: None }.into()
}

fn binding(namespace: &str, name: &str, users: &[&str]) -> Object {
    RoleBinding {
        metadata: Metadata::new(name).in_namespace(namespace),
        role_ref: RoleRef::cluster_role("view"),
        subjects: users.iter().copied().map(Subject::user).collect(),
    }
    .into()
}

fn key(namespace: &str, name: &str) -> ObjectKey {
    let namespace = Some(namespace.parse().unwrap());
    ObjectKey { kind: ObjectKind::RoleBinding, namespace, name: name.into() }
}

fn may(snapshot: &Snapshot, user: &str, namespace: &str) -> bool {
    let asked = ResourceAttributes::new("get", "g", "assets").in_namespace(namespace);
    snapshot.decide(Caller { user, groups: &[] }, &Attributes::from(asked)).is_allowed()
}

fn handle() -> PolicyHandle {
    let mut policy = Policy::new();
    policy.add(view()).unwrap();
    policy.add(binding("team-a", "b", &["jane"])).unwrap();
    PolicyHandle::new(policy)
}

#[test]
fn a_right_is_gone_once_its_binding_is() {
    let handle = handle();
    assert!(may(&handle.load(), "jane", "team-a"));
    assert_eq!(handle.remove(&key("team-a", "b")), 2);
    assert!(!may(&handle.load(), "jane", "team-a"));
    assert_eq!(handle.remove(&key("team-a", "b")), 3);
    // none is no change
    assert_eq!(handle.apply([]).unwrap(), 3);
}

#[test]
fn who_has_it_by_two_bindings_keeps_it_until_both_are_gone() {
    let handle = handle();
    handle.put(binding("team-a", "c", &["jane", "jane"])).unwrap();
    handle.remove(&key("team-a", "b"));
    assert!(may(&handle.load(), "jane", "team-a"));
    handle.remove(&key("team-a", "c"));
    assert!(!may(&handle.load(), "jane", "team-a"));
}

#[test]
fn a_snapshot_that_is_held_stays_as_it_was() {
    let handle = handle();
    let before = handle.snapshot();
    handle.put(binding("team-b", "new", &["zoe"])).unwrap();
    assert!(may(&handle.load(), "zoe", "team-b") && !may(&before, "zoe", "team-b"));
    assert_eq!((before.generation(), handle.generation()), (1, 2));
}

#[test]
fn a_resolved_identity_is_not_taken_to_another_snapshot() {
    let handle = handle();
    let before = handle.snapshot();
    let jane = before.resolve(Caller { user: "jane", groups: &[] });
    let asked = ResourceAttributes::new("get", "g", "assets").in_namespace("team-a");
    assert!(before.decide_resolved(&jane, &asked.into()).unwrap().is_allowed());
    handle.put(binding("team-a", "c", &["joe"])).unwrap();
    let after = handle.snapshot();
    assert!(jane.is_of(&before) && !jane.is_of(&after));
    assert_eq!(after.decide_resolved(&jane, &asked.into()), Err(Stale));
    assert!(after.visible_resolved(&jane, &asked).is_err());
}

#[test]
fn a_refused_change_changes_nothing_and_none_beside_it() {
    let handle = handle();
    let bad = binding("team-a", "b", &["jane", ""]);
    let changes = [
        Change::Put(binding("team-b", "x", &["zoe"])),
        Change::Remove(key("team-a", "b")),
        Change::Put(binding("team-a", "d", &["zoe"])),
        Change::Put(bad),
    ];
    let error = handle.apply(changes).unwrap_err();
    assert_eq!(error.to_string(), "RoleBinding `team-a/b`: `subjects[1].name`: is missing");
    assert_eq!(handle.generation(), 1);
    let snapshot = handle.snapshot();
    assert!(may(&snapshot, "jane", "team-a") && !may(&snapshot, "zoe", "team-b"));
    // nor does the next change bring any of it
    handle.put(binding("team-c", "x", &["zoe"])).unwrap();
    let snapshot = handle.snapshot();
    assert!(may(&snapshot, "jane", "team-a") && may(&snapshot, "zoe", "team-c"));
    assert!(!may(&snapshot, "zoe", "team-b") && !may(&snapshot, "zoe", "team-a"));
}

#[test]
fn a_role_counts_once_it_is_there() {
    let mut policy = Policy::new();
    policy.add(binding("team-a", "b", &["jane"])).unwrap();
    let handle = PolicyHandle::new(policy);
    assert!(!may(&handle.load(), "jane", "team-a"));
    handle.put(view()).unwrap();
    assert!(may(&handle.load(), "jane", "team-a"));
    let key = ObjectKey { kind: ObjectKind::ClusterRole, namespace: None, name: "view".into() };
    handle.remove(&key);
    assert!(!may(&handle.load(), "jane", "team-a"));
}

#[test]
fn very_many_bindings_of_one_namespace_come_and_go() {
    let names: Vec<(String, String)> =
        (0..3_000).map(|number| (format!("b{number}"), format!("user-{number}"))).collect();
    let mut policy = Policy::new();
    policy.add(view()).unwrap();
    for (name, user) in names.iter().take(1_500) {
        policy.add(binding("team-a", name, &[user])).unwrap();
    }
    let handle = PolicyHandle::new(policy);
    for (name, user) in names.iter().skip(1_500) {
        handle.put(binding("team-a", name, &[user])).unwrap();
    }
    for (name, _) in names.iter().step_by(3) {
        handle.remove(&key("team-a", name));
    }
    let snapshot = handle.snapshot();
    for (number, (name, user)) in names.iter().enumerate() {
        assert_eq!(may(&snapshot, user, "team-a"), number % 3 != 0, "{user}");
        let asked = ResourceAttributes::new("get", "g", "assets").in_namespace("team-a");
        let reason = snapshot.reason(Caller { user, groups: &[] }, &asked.into());
        assert_eq!(
            reason.is_some_and(|reason| reason.contains(&format!("\"{name}/team-a\""))),
            number % 3 != 0
        );
    }
}

#[test]
fn names_that_are_gone_do_not_pile_up_for_ever() {
    let handle = handle();
    for number in 0..5_000 {
        handle.put(binding("team-a", "c", &[&format!("user-{number}")])).unwrap();
    }
    let snapshot = handle.snapshot();
    assert!(may(&snapshot, "user-4999", "team-a") && !may(&snapshot, "user-4998", "team-a"));
    assert!(may(&snapshot, "jane", "team-a"));
}

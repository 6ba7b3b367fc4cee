use std::collections::BTreeSet;

use catalog_core::name::Namespace;
use catalog_rbac::engine::{
    Caller, Policy, ResourceAttributes, Snapshot, Visible,
    object::{Metadata, RoleBinding, RoleRef, Subject},
};

const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
rules: [{verbs: [list], apiGroups: [g], resources: [assets]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: named}
rules: [{verbs: [list], apiGroups: [g], resources: [assets], resourceNames: [a]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: view}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: everywhere}]
";

fn policy() -> Policy {
    let mut policy = Policy::parse(ROLES).unwrap();
    for number in 0..200 {
        let (role, group) = if number % 3 == 0 { ("named", "thirds") } else { ("view", "rest") };
        let binding = RoleBinding {
            metadata: Metadata::new("b").in_namespace(format!("ns-{number}")),
            role_ref: RoleRef::cluster_role(role),
            subjects: vec![
                Subject::user(format!("user-{number}")),
                Subject::group(group),
                Subject::group("all"),
            ],
        };
        policy.add(binding).unwrap();
    }
    policy
}

#[test]
fn the_namespaces_are_those_in_which_the_same_question_is_allowed() {
    let snapshot = Snapshot::build(&policy(), 1);
    let list = ResourceAttributes::new("list", "g", "assets");
    for (user, groups, name, expected) in [
        ("user-1", vec![], "", 1),
        ("user-3", vec![], "", 0),
        ("user-3", vec![], "a", 1),
        ("nobody", vec!["thirds"], "", 0),
        ("nobody", vec!["thirds"], "a", 67),
        ("user-2", vec!["rest", "rest", "thirds"], "", 133),
        ("nobody", vec!["all", "rest"], "a", 200),
        ("nobody", vec![], "", 0),
    ] {
        let groups: Vec<String> = groups.into_iter().map(String::from).collect();
        let caller = Caller { user, groups: &groups };
        let asked = list.with_name(name);
        let Visible::Some(visible) = snapshot.visible(caller, &asked) else { panic!("{user} sees all") };
        let names: Vec<&str> = visible.iter().map(Namespace::as_str).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!((names.len(), distinct.len()), (expected, expected), "{user} {groups:?}");
        for number in 0..201 {
            let namespace = format!("ns-{number}");
            let decided = snapshot.decide(caller, &asked.in_namespace(&namespace).into()).is_allowed();
            assert_eq!(distinct.contains(namespace.as_str()), decided, "{user} {groups:?} {namespace}");
            assert_eq!(visible.contains(&namespace), decided);
        }
        assert!(!visible.contains("") && !visible.contains("*"));
        let resolved = snapshot.resolve(caller);
        let Visible::Some(again) = snapshot.visible_resolved(&resolved, &asked).unwrap() else { panic!() };
        assert_eq!(again.iter().count(), expected);
    }
}

#[test]
fn a_right_in_the_whole_cluster_is_all() {
    let snapshot = Snapshot::build(&policy(), 1);
    let groups = [String::from("everywhere")];
    let list = ResourceAttributes::new("list", "g", "assets");
    let visible = snapshot.visible(Caller { user: "user-1", groups: &groups }, &list);
    assert!(matches!(visible, Visible::All) && visible.contains("never-heard-of"));
}

#[test]
fn more_groups_than_are_kept_in_place_are_all_looked_at() {
    let snapshot = Snapshot::build(&policy(), 1);
    let groups: Vec<String> = (0..40).map(|_| String::from("rest")).chain([String::from("all")]).collect();
    let caller = Caller { user: "user-1", groups: &groups };
    let asked = ResourceAttributes::new("list", "g", "assets").with_name("a");
    let Visible::Some(visible) = snapshot.visible(caller, &asked) else { panic!() };
    assert_eq!(visible.iter().count(), 200);
}

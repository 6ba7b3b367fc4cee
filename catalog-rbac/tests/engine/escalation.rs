use catalog_rbac::engine::{
    Caller, Escalation, Policy, Snapshot,
    object::{
        AggregationRule, ClusterRole, ClusterRoleBinding, LabelSelector, Metadata, Object, PolicyRule, Role,
        RoleBinding, RoleRef,
    },
};

const POLICY: &str = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: view}, rules: [{verbs: [get, list], apiGroups: [g], resources: [assets]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit}, rules: [{verbs: [get, list, update], apiGroups: [g], resources: [assets]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: root}, rules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}, {verbs: ["*"], nonResourceURLs: ["*"]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: binder}, rules: [{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [edit]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: escalator}, rules: [{verbs: [escalate], apiGroups: [rbac.authorization.k8s.io], resources: [roles, clusterroles]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: one}, rules: [{verbs: [escalate], apiGroups: [rbac.authorization.k8s.io], resources: [roles], resourceNames: [mine]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: view, namespace: team-a}, roleRef: {kind: ClusterRole, name: view}, subjects: [{kind: User, name: jane}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: binder, namespace: team-a}, roleRef: {kind: ClusterRole, name: binder}, subjects: [{kind: User, name: ben}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: escalator, namespace: team-a}, roleRef: {kind: ClusterRole, name: escalator}, subjects: [{kind: User, name: eve}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: one, namespace: team-a}, roleRef: {kind: ClusterRole, name: one}, subjects: [{kind: User, name: one}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: root}, roleRef: {kind: ClusterRole, name: root}, subjects: [{kind: User, name: root}]}
"#;

fn rule(verb: &str) -> PolicyRule {
    PolicyRule {
        verbs: vec![verb.into()],
        api_groups: vec!["g".into()],
        resources: vec!["assets".into()],
        ..PolicyRule::default()
    }
}

fn role(namespace: &str, verb: &str) -> Object {
    Role { metadata: Metadata::new("mine").in_namespace(namespace), rules: vec![rule(verb)] }.into()
}

fn binding(namespace: &str, role: &str) -> Object {
    let metadata = Metadata::new("mine").in_namespace(namespace);
    RoleBinding { metadata, role_ref: RoleRef::cluster_role(role), subjects: Vec::new() }.into()
}

fn cluster_binding(role: &str) -> Object {
    let metadata = Metadata::new("mine");
    ClusterRoleBinding { metadata, role_ref: RoleRef::cluster_role(role), subjects: Vec::new() }.into()
}

fn may(user: &str, object: &Object, before: Option<&Object>) -> bool {
    let snapshot = Snapshot::build(&Policy::parse(POLICY).unwrap(), 1);
    snapshot.check_escalation(Caller { user, groups: &[] }, object, before).is_ok()
}

#[test]
fn a_role_needs_its_rules_where_it_is() {
    assert!(may("jane", &role("team-a", "get"), None));
    assert!(!may("jane", &role("team-a", "update"), None));
    assert!(!may("jane", &role("team-b", "get"), None));
    assert!(may("root", &role("team-b", "anything"), None));
    // rights of a namespace are none in the whole cluster
    let everywhere: Object =
        ClusterRole { metadata: Metadata::new("c"), rules: vec![rule("get")], aggregation_rule: None }.into();
    assert!(!may("jane", &everywhere, None));
    assert!(may("root", &everywhere, None));
}

#[test]
fn or_the_verb_escalate_on_it_which_a_new_role_has_no_name_for() {
    assert!(may("eve", &role("team-a", "anything"), None));
    assert!(!may("eve", &role("team-b", "anything"), None));
    let before = role("team-a", "get");
    assert!(may("one", &role("team-a", "anything"), Some(&before)));
    assert!(!may("one", &role("team-a", "anything"), None));
}

#[test]
fn a_binding_needs_the_rules_of_its_role_or_the_verb_bind_on_it() {
    assert!(may("jane", &binding("team-a", "view"), None));
    assert!(!may("jane", &binding("team-a", "edit"), None));
    assert!(!may("jane", &binding("team-b", "view"), None));
    assert!(!may("jane", &cluster_binding("view"), None));
    assert!(may("ben", &binding("team-a", "edit"), None));
    assert!(!may("ben", &binding("team-a", "view"), None));
    assert!(!may("ben", &binding("team-b", "edit"), None));
    assert!(!may("ben", &cluster_binding("edit"), None));
    assert!(may("root", &cluster_binding("edit"), None));
    // `escalate` is for roles
    assert!(!may("eve", &binding("team-a", "edit"), None));
}

#[test]
fn what_is_missing_is_told() {
    let snapshot = Snapshot::build(&Policy::parse(POLICY).unwrap(), 1);
    let jane = Caller { user: "jane", groups: &[] };
    let missing = vec![rule("update")];
    let outcome = snapshot.check_escalation(jane, &binding("team-a", "edit"), None);
    assert_eq!(outcome, Err(Escalation::Rules { missing }));
    let outcome = snapshot.check_escalation(jane, &binding("team-a", "gone"), None);
    assert_eq!(outcome, Err(Escalation::NoRole(RoleRef::cluster_role("gone"))));
    assert!(outcome.unwrap_err().to_string().contains("`gone`"));
}

#[test]
fn a_role_that_aggregates_needs_everything_and_so_does_one_that_did() {
    let plain: Object = ClusterRole { metadata: Metadata::new("c"), ..ClusterRole::default() }.into();
    let aggregation_rule = Some(AggregationRule { cluster_role_selectors: vec![LabelSelector::default()] });
    let aggregating: Object =
        ClusterRole { metadata: Metadata::new("c"), rules: Vec::new(), aggregation_rule }.into();
    assert!(may("jane", &plain, None));
    assert!(!may("jane", &aggregating, None));
    assert!(!may("jane", &plain, Some(&aggregating)));
    assert!(may("root", &aggregating, Some(&plain)));
}

#[test]
fn masters_are_no_exception_here() {
    let snapshot = Snapshot::build(&Policy::parse(POLICY).unwrap(), 1);
    let groups = [String::from("system:masters")];
    let master = Caller { user: "x", groups: &groups };
    assert!(snapshot.check_escalation(master, &role("team-a", "get"), None).is_err());
}

use catalog_rbac::engine::{Attributes, Caller, Policy, ResourceAttributes, Snapshot};

const POLICY: &str = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: admin}, rules: [{verbs: [delete], apiGroups: [g], resources: [own]}],
   aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-admin: "true"}}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit, labels: {to-admin: "true"}},
   aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-edit: "true"}}, {matchExpressions: [{key: to-edit, operator: In, values: ["yes"]}, {key: off, operator: DoesNotExist}]}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: plain, labels: {to-edit: "true"}}, rules: [{verbs: [update], apiGroups: [g], resources: [plain]}, {verbs: [get], apiGroups: [g], resources: [both]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: other, labels: {to-edit: "yes"}}, rules: [{verbs: [get], apiGroups: [g], resources: [both]}, {verbs: [update], apiGroups: [g], resources: [other]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: off, labels: {to-edit: "yes", off: ""}}, rules: [{verbs: [update], apiGroups: [g], resources: [off]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ring-a, labels: {ring: a}}, aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: ring, operator: NotIn, values: [a]}, {key: ring, operator: Exists}]}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ring-b, labels: {ring: b}}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {ring: a}}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ring-c, labels: {ring: c}}, rules: [{verbs: [get], apiGroups: [g], resources: [ring]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: all}, aggregationRule: {clusterRoleSelectors: [{}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: lonely}, rules: [{verbs: [get], apiGroups: [g], resources: [lonely]}], aggregationRule: {clusterRoleSelectors: [{matchLabels: {never: seen}}]}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: admin}, roleRef: {kind: ClusterRole, name: admin}, subjects: [{kind: User, name: admin}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ring-a}, roleRef: {kind: ClusterRole, name: ring-a}, subjects: [{kind: User, name: ring-a}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ring-b}, roleRef: {kind: ClusterRole, name: ring-b}, subjects: [{kind: User, name: ring-b}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: all}, roleRef: {kind: ClusterRole, name: all}, subjects: [{kind: User, name: all}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: lonely}, roleRef: {kind: ClusterRole, name: lonely}, subjects: [{kind: User, name: lonely}]}
"#;

#[test]
fn a_role_has_the_rules_of_those_it_takes_through_any_chain() {
    let snapshot = Snapshot::build(&Policy::parse(POLICY).unwrap(), 1);
    for (user, verb, resource, expected) in [
        ("admin", "update", "plain", true),
        ("admin", "get", "both", true),
        ("admin", "update", "other", true),
        ("admin", "update", "off", false),
        // what it says itself is replaced
        ("admin", "delete", "own", false),
        ("ring-a", "get", "ring", true),
        ("ring-b", "get", "ring", true),
        ("ring-b", "update", "plain", false),
        ("all", "get", "ring", true),
        ("all", "update", "off", true),
        ("all", "delete", "own", false),
        ("lonely", "get", "lonely", false),
    ] {
        let asked = ResourceAttributes::new(verb, "g", resource);
        let verdict = snapshot.decide(Caller { user, groups: &[] }, &Attributes::from(asked));
        assert_eq!(verdict.is_allowed(), expected, "{user} {verb} {resource}");
    }
}

#[test]
fn rules_come_by_selector_and_name_and_each_once() {
    let snapshot = Snapshot::build(&Policy::parse(POLICY).unwrap(), 1);
    let rules = snapshot.rules(Caller { user: "admin", groups: &[] }, "team-a").resource_rules;
    let read: Vec<(&str, &str)> =
        rules.iter().map(|rule| (rule.verbs[0].as_str(), rule.resources[0].as_str())).collect();
    assert_eq!(read, [("update", "plain"), ("get", "both"), ("update", "other")]);
}

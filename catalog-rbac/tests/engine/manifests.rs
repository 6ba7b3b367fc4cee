use catalog_rbac::engine::{
    Policy,
    object::{Object, ObjectKind},
};

const MIXED: &str = r#"
# a comment before everything
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: view
  uid: 5b0e
  creationTimestamp: "2025-01-01T00:00:00Z"
  managedFields: [{manager: kubectl, fieldsV1: {"f:rules": {}}}]
  annotations: {a: b}
rules:
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
---
---
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: edit, namespace: team-a, labels: null}
  rules: null
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: edit, namespace: team-a}
  roleRef: {kind: Role, name: edit}
--- # with a comment
{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBindingList", "items": [
	{"metadata": {"name": "view", "namespace": "team-b"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": null}
]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBindingList
items: null
"#;

#[test]
fn documents_and_lists_of_every_form_are_read() {
    let policy = Policy::parse(MIXED).unwrap();
    let read: Vec<(ObjectKind, String)> =
        policy.objects().map(|object| (object.kind(), object.metadata().name.clone())).collect();
    let expected = [
        (ObjectKind::Role, "edit"),
        (ObjectKind::ClusterRole, "view"),
        (ObjectKind::RoleBinding, "edit"),
        (ObjectKind::RoleBinding, "view"),
    ];
    assert_eq!(read, expected.map(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(policy.bindings(), 2);
}

#[test]
fn an_empty_text_is_an_empty_policy() {
    for text in ["", "\n", "---\n", "# nothing\n---\n---\n# more\n"] {
        assert_eq!(Policy::parse(text).unwrap(), Policy::new(), "{text:?}");
    }
}

#[test]
fn every_fault_is_told_with_file_line_object_and_field() {
    let first = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a, namespace: team-a}\nrules:\n- verbs: [get]\n  resources: [pods]\n- verb: [get]\n";
    let second = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {kind: ClusterRole, name: r}
subjects:
- {kind: User, name: jane}
- kind: Robot
  name: r2
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: c}
rule: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: c}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
---
kind: ClusterRoleList
apiVersion: rbac.authorization.k8s.io/v1
items:
- metadata: {name: e}
  rules:
  - {apiGroups: [''], verbs: [get]}
- metadata: {}
---
a: [1
";
    let error = Policy::from_manifests([("first.yaml", first), ("second.yaml", second)]).unwrap_err();
    let told: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
    let expected = [
        "first.yaml:7: `rules[1].verb`: unknown field `verb`",
        "second.yaml:7: ClusterRoleBinding `b`: `subjects[1].kind`: must be `User`, `Group` or `ServiceAccount`",
        "second.yaml:13: `rule`: is unknown",
        "second.yaml:17: ClusterRole `c`: `metadata.name`: the object stands twice",
        "second.yaml:19: `ConfigMap` of `v1` is no object of `rbac.authorization.k8s.io/v1`",
        "second.yaml:28: ClusterRole `e`: `items[0].rules[0].resources`: must name a resource at least",
        "second.yaml:29: `items[1].metadata`: missing field `name`",
        "second.yaml:32: ",
    ];
    assert_eq!(told.len(), expected.len(), "{error}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} instead of {expected}");
    }
}

#[test]
fn an_older_version_or_a_kind_in_other_letters_is_refused() {
    for (version, kind) in [
        ("rbac.authorization.k8s.io/v1beta1", "Role"),
        ("rbac.authorization.k8s.io/v1", "role"),
        ("rbac.authorization.k8s.io", "Role"),
        ("v1", "Role"),
        ("", "Role"),
    ] {
        let text =
            format!("apiVersion: '{version}'\nkind: {kind}\nmetadata: {{name: a, namespace: team-a}}\n");
        assert!(Policy::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn what_is_written_as_a_manifest_is_read_as_what_it_was() {
    let policy = Policy::parse(MIXED).unwrap();
    let items: Vec<Object> = policy.objects().collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    assert_eq!(Policy::parse(&list).unwrap(), policy);
}

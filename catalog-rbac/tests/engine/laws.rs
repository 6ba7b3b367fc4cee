//! What must hold of any policy, on small ones in which names meet often.

use catalog_rbac::engine::{
    Attributes, Caller, Change, PathAttributes, Policy, PolicyHandle, ResourceAttributes, Snapshot, Verdict,
    Visible,
    object::{
        ClusterRole, ClusterRoleBinding, Metadata, Object, ObjectKey, ObjectKind, PolicyRule, Role,
        RoleBinding, RoleRef, Subject,
    },
};
use proptest::{prelude::*, sample::select};

use crate::reference;

const NAMESPACES: [&str; 3] = ["team-a", "team-b", "team-c"];
const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
const BINDINGS: [&str; 4] = ["b0", "b1", "b2", "b3"];
const ENTRIES: [&str; 12] = [
    "pods",
    "assets",
    "*",
    "pods/log",
    "assets/model",
    "*/log",
    "*/*",
    "pods/*",
    "a/b/c",
    "*/c",
    "*/b/c",
    "x/",
];

fn texts(from: &'static [&'static str], len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(from).prop_map(String::from), len)
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    let verbs = || texts(&["get", "list", "update", "*", "Get"], 1..3);
    let names = prop_oneof![3 => Just(Vec::new()), 1 => texts(&["a", "b", "", "*"], 1..3)];
    let groups = texts(&["", "g", "h", "*"], 1..3);
    let resource = (verbs(), groups, texts(&ENTRIES, 1..4), names).prop_map(
        |(verbs, api_groups, resources, resource_names)| PolicyRule {
            verbs,
            api_groups,
            resources,
            resource_names,
            ..PolicyRule::default()
        },
    );
    let path = (verbs(), texts(&["/x", "/x*", "/y/*", "*"], 1..3)).prop_map(|(verbs, non_resource_urls)| {
        PolicyRule { verbs, non_resource_urls, ..PolicyRule::default() }
    });
    prop_oneof![4 => resource, 1 => path]
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        4 => select(&["jane", "joe", "science", "system:serviceaccount:team-a:ci"][..]).prop_map(Subject::user),
        4 => select(&["science", "art", "jane"][..]).prop_map(Subject::group),
        2 => select(&["", "team-a", "team-b"][..]).prop_map(|namespace| Subject::service_account(namespace, "ci")),
        1 => Just(Subject { kind: "Robot".into(), name: "jane".into(), ..Subject::default() }),
    ]
}

fn role() -> impl Strategy<Value = Object> {
    (prop::option::of(select(&NAMESPACES[..])), select(&ROLES[..]), prop::collection::vec(rule(), 0..4))
        .prop_map(|(namespace, name, rules)| match namespace {
            Some(namespace) => Role { metadata: Metadata::new(name).in_namespace(namespace), rules }.into(),
            None => ClusterRole { metadata: Metadata::new(name), rules, aggregation_rule: None }.into(),
        })
}

fn binding() -> impl Strategy<Value = Object> {
    let role = prop_oneof![
        select(&ROLES[..]).prop_map(RoleRef::role),
        select(&ROLES[..]).prop_map(RoleRef::cluster_role),
    ];
    let namespace = prop_oneof![1 => Just(None), 3 => select(&NAMESPACES[..]).prop_map(Some)];
    (namespace, select(&BINDINGS[..]), role, prop::collection::vec(subject(), 0..4)).prop_map(
        |(namespace, name, role_ref, subjects)| {
            let metadata = Metadata::new(name);
            match namespace {
                Some(namespace) => {
                    RoleBinding { metadata: metadata.in_namespace(namespace), role_ref, subjects }.into()
                }
                None => ClusterRoleBinding { metadata, role_ref, subjects }.into(),
            }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let bindings = prop::collection::vec(binding(), 0..8);
    (prop::collection::vec(role(), 0..12), bindings).prop_map(|(roles, bindings)| {
        let mut policy = Policy::new();
        for object in roles.into_iter().chain(bindings) {
            policy.apply(Change::Stored(object)).unwrap();
        }
        policy
    })
}

#[derive(Clone, Debug)]
struct Question {
    user: String,
    groups: Vec<String>,
    texts: [&'static str; 6],
    path: Option<&'static str>,
}

impl Question {
    fn caller(&self) -> Caller<'_> {
        Caller { user: &self.user, groups: &self.groups }
    }

    fn attributes(&self) -> Attributes<'static> {
        let [verb, group, resource, subresource, name, namespace] = self.texts;
        if let Some(path) = self.path {
            return PathAttributes { verb, path }.into();
        }
        ResourceAttributes::new(verb, group, resource)
            .with_subresource(subresource)
            .with_name(name)
            .in_namespace(namespace)
            .into()
    }
}

fn question() -> impl Strategy<Value = Question> {
    (
        select(
            &["jane", "joe", "nobody", "system:serviceaccount:team-a:ci", "system:serviceaccount:team-b:ci"]
                [..],
        ),
        texts(&["science", "art", "jane", "unknown"], 0..4),
        (
            select(&["get", "list", "update", "*", "", "Get"][..]),
            select(&["", "g", "h", "other", "*"][..]),
            select(&["pods", "assets", "jobs", "*", "", "a/b", "x/"][..]),
            select(&["", "", "log", "model", "*", "c", "b/c"][..]),
            select(&["", "a", "b", "*"][..]),
            select(&["", "team-a", "team-b", "team-c", "team-d"][..]),
        ),
        prop_oneof![5 => Just(None), 1 => select(&["/x", "/xy", "/y/", "/y", ""][..]).prop_map(Some)],
    )
        .prop_map(|(user, groups, (verb, group, resource, subresource, name, namespace), path)| {
            Question {
                user: user.into(),
                groups,
                texts: [verb, group, resource, subresource, name, namespace],
                path,
            }
        })
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    prop::collection::vec(question(), 40)
}

/// What both must have in common in every respect that can be asked.
fn assert_same(a: &Snapshot, b: &Snapshot, questions: &[Question]) {
    for question in questions {
        let (caller, attributes) = (question.caller(), question.attributes());
        assert_eq!(a.decide(caller, &attributes), b.decide(caller, &attributes), "{question:?}");
        let texts = [a, b].map(|snapshot| {
            let explanation = snapshot.explain(caller, &attributes);
            (explanation.reason(), explanation.to_string(), explanation.others.len())
        });
        assert_eq!(texts[0], texts[1], "{question:?}");
        for namespace in NAMESPACES {
            assert_eq!(a.rules(caller, namespace), b.rules(caller, namespace), "{question:?}");
        }
        if let Attributes::Resource(asked) = &attributes {
            let [of_a, of_b] = [a, b].map(|snapshot| visible(snapshot, caller, asked));
            assert_eq!(of_a, of_b, "{question:?}");
        }
    }
}

/// The namespaces, sorted; none for all.
fn visible(snapshot: &Snapshot, caller: Caller<'_>, asked: &ResourceAttributes<'_>) -> Option<Vec<String>> {
    match snapshot.visible(caller, asked) {
        Visible::All => None,
        Visible::Some(namespaces) => {
            let mut names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
            names.sort_unstable();
            Some(names)
        }
    }
}

fn key(object: &Object) -> ObjectKey {
    let metadata = object.metadata();
    let namespace = metadata.namespace.as_ref().map(|namespace| namespace.parse().unwrap());
    ObjectKey { kind: object.kind(), namespace, name: metadata.name.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_snapshot_decides_as_a_plain_walk_does(policy in policy(), questions in questions()) {
        let snapshot = Snapshot::build(&policy, 1);
        for question in &questions {
            let (caller, attributes) = (question.caller(), question.attributes());
            let plain = reference::decide(&policy, caller, &attributes);
            prop_assert_eq!(snapshot.decide(caller, &attributes), plain, "{:?}", question);
            prop_assert_eq!(snapshot.decide_resolved(&snapshot.resolve(caller), &attributes), Ok(plain));
            let explanation = snapshot.explain(caller, &attributes);
            prop_assert_eq!(!explanation.allowing.is_empty(), plain.is_allowed());
            prop_assert_eq!(explanation.allowing.first().map(|grant| format!("RBAC: allowed by {grant}")), snapshot.reason(caller, &attributes));
            if plain == (Verdict::NoOpinion { unresolved: true }) {
                prop_assert!(!explanation.unresolved.is_empty());
            }
            if let Attributes::Resource(asked) = &attributes {
                let seen = visible(&snapshot, caller, asked);
                for namespace in NAMESPACES {
                    let may = reference::decide(&policy, caller, &asked.in_namespace(namespace).into()).is_allowed();
                    prop_assert_eq!(seen.as_ref().is_none_or(|seen| seen.iter().any(|name| name == namespace)), may);
                }
            }
        }
    }

    #[test]
    fn without_a_binding_nothing_is_allowed(policy in policy(), questions in questions()) {
        let mut roles = Policy::new();
        for object in policy.objects().filter(|object| !object.kind().is_binding()) {
            roles.apply(Change::Stored(object)).unwrap();
        }
        let snapshot = Snapshot::build(&roles, 1);
        for question in &questions {
            let verdict = snapshot.decide(question.caller(), &question.attributes());
            prop_assert_eq!(verdict, Verdict::NoOpinion { unresolved: false });
        }
    }

    #[test]
    fn one_more_binding_takes_no_right_and_its_end_takes_what_it_gave(
        policy in policy(),
        object in binding(),
        questions in questions(),
    ) {
        let key = key(&object);
        let mut without = policy;
        without.apply(Change::Remove(key.clone())).unwrap();
        let handle = PolicyHandle::new(without);
        let before = handle.snapshot();
        let generation = handle.apply([Change::Stored(object)]).unwrap();
        let with = handle.snapshot();
        prop_assert_eq!((with.generation(), generation), (2, 2));
        for question in &questions {
            let (caller, attributes) = (question.caller(), question.attributes());
            if before.decide(caller, &attributes).is_allowed() {
                prop_assert!(with.decide(caller, &attributes).is_allowed(), "{:?}", question);
            }
        }
        prop_assert_eq!(handle.remove(&key), 3);
        let after = handle.snapshot();
        assert_same(&before, &after, &questions);
        // who still holds the former snapshot is told as before
        prop_assert_eq!(with.generation(), 2);
    }

    #[test]
    fn any_changes_end_where_building_all_ends(
        policy in policy(),
        changes in prop::collection::vec(prop_oneof![
            6 => binding().prop_map(Change::Stored),
            3 => binding().prop_map(|object| Change::Remove(key(&object))),
            1 => role().prop_map(Change::Stored),
            1 => role().prop_map(|object| Change::Remove(key(&object))),
        ], 1..20),
        together in any::<bool>(),
        questions in questions(),
    ) {
        let handle = PolicyHandle::new(policy.clone());
        let mut plain = policy;
        let mut generation = 1;
        if together {
            generation = handle.apply(changes.clone()).unwrap();
        }
        for change in changes {
            plain.apply(change.clone()).unwrap();
            if !together {
                let next = handle.apply([change]).unwrap();
                prop_assert_eq!(next, generation + 1);
                generation = next;
            }
        }
        prop_assert_eq!(handle.generation(), generation);
        assert_same(&handle.load(), &Snapshot::build(&plain, generation), &questions);
    }

    #[test]
    fn what_one_holds_covers_itself_and_all_that_it_allows(held in prop::collection::vec(rule(), 1..4), question in question()) {
        prop_assert!(catalog_rbac::engine::covers(&held, &held));
        let attributes = question.attributes();
        let atom = match &attributes {
            // what is asked without a name asks for one that is empty, which no rule can say
            Attributes::Resource(asked) if !asked.name.is_empty() && !asked.resource.contains('/') => PolicyRule {
                verbs: vec![asked.verb.into()],
                api_groups: vec![asked.api_group.into()],
                resources: vec![match asked.subresource {
                    "" => asked.resource.into(),
                    subresource => format!("{}/{subresource}", asked.resource),
                }],
                resource_names: vec![asked.name.into()],
                ..PolicyRule::default()
            },
            _ => return Ok(()),
        };
        if held.iter().any(|rule| rule.allows(&attributes)) {
            prop_assert!(catalog_rbac::engine::covers(&held, &[atom]));
        }
    }
}

#[test]
fn kinds_are_named_as_in_manifests() {
    assert_eq!(ObjectKind::from_name("RoleBinding"), Some(ObjectKind::RoleBinding));
    assert_eq!(ObjectKind::from_name("rolebinding"), None);
}

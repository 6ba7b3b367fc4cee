//! Policies and questions as the tables write them.

use std::collections::BTreeMap;

use catalog_core::yaml::{Limits, Node};
use catalog_rbac::engine::{
    Attributes, Caller, Change, PathAttributes, Policy, ResourceAttributes, Snapshot, Verdict,
    object::{
        ClusterRole, ClusterRoleBinding, Metadata, Object, PolicyRule, RBAC_GROUP, Role, RoleBinding,
        RoleRef, Subject,
    },
};
use serde::{Deserialize, de::DeserializeOwned};

pub(crate) fn read<T: DeserializeOwned>(text: &str) -> T {
    Node::parse(text, Limits::default())
        .and_then(|node| node.deserialize())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A policy and questions to it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default)]
    pub(crate) about: String,
    /// Whether there is something in it that Kubernetes would refuse today.
    #[serde(default)]
    pub(crate) stored: bool,
    #[serde(default)]
    cluster_roles: BTreeMap<String, Vec<PolicyRule>>,
    #[serde(default)]
    roles: BTreeMap<String, Vec<PolicyRule>>,
    #[serde(default)]
    cluster_role_bindings: BTreeMap<String, Binding>,
    #[serde(default)]
    role_bindings: BTreeMap<String, Binding>,
    pub(crate) cases: Vec<Case>,
    #[serde(default)]
    pub(crate) reviews: Vec<Review>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    role: String,
    to: Vec<To>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum To {
    Short(String),
    Whole(Subject),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    u: String,
    #[serde(default)]
    g: Vec<String>,
    r#do: String,
    of: Option<Vec<String>>,
    path: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    r#in: String,
    is: Is,
    because: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Is {
    Allow,
    None,
    Unresolved,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Review {
    pub(crate) u: String,
    #[serde(default)]
    pub(crate) g: Vec<String>,
    pub(crate) r#in: String,
    pub(crate) rules: Vec<PolicyRule>,
    pub(crate) paths: Vec<PolicyRule>,
    #[serde(default)]
    pub(crate) error: String,
}

impl Group {
    pub(crate) fn objects(&self) -> Vec<Object> {
        let place = |key: &str| {
            let (namespace, name) = key.split_once('/').unwrap();
            Metadata::new(name).in_namespace(namespace)
        };
        let rules = |rules: &Vec<PolicyRule>| rules.clone();
        let mut objects: Vec<Object> = Vec::new();
        for (name, of) in &self.cluster_roles {
            let metadata = Metadata::new(name);
            objects.push(ClusterRole { metadata, rules: rules(of), aggregation_rule: None }.into());
        }
        for (key, of) in &self.roles {
            objects.push(Role { metadata: place(key), rules: rules(of) }.into());
        }
        for (name, binding) in &self.cluster_role_bindings {
            let (metadata, (role_ref, subjects)) = (Metadata::new(name), binding.parts());
            objects.push(ClusterRoleBinding { metadata, role_ref, subjects }.into());
        }
        for (key, binding) in &self.role_bindings {
            let (metadata, (role_ref, subjects)) = (place(key), binding.parts());
            objects.push(RoleBinding { metadata, role_ref, subjects }.into());
        }
        objects
    }

    pub(crate) fn policy(&self) -> Policy {
        let mut policy = Policy::new();
        for object in self.objects() {
            let change = if self.stored { Change::Stored(object) } else { Change::Put(object) };
            policy.apply(change).unwrap();
        }
        policy
    }
}

impl Binding {
    fn parts(&self) -> (RoleRef, Vec<Subject>) {
        let (kind, name) = self.role.split_once(' ').unwrap();
        let role_ref = RoleRef { api_group: RBAC_GROUP.into(), kind: kind.into(), name: name.into() };
        (role_ref, self.to.iter().map(To::subject).collect())
    }
}

impl To {
    fn subject(&self) -> Subject {
        let text = match self {
            Self::Whole(subject) => return subject.clone(),
            Self::Short(text) => text,
        };
        match text.split_once(' ').unwrap() {
            ("User", name) => Subject::user(name),
            ("Group", name) => Subject::group(name),
            ("ServiceAccount", name) => {
                let (namespace, name) = name.split_once('/').unwrap();
                Subject::service_account(namespace, name)
            }
            (kind, _) => panic!("no subject is a {kind}"),
        }
    }
}

impl Case {
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { user: &self.u, groups: &self.g }
    }

    pub(crate) fn attributes(&self) -> Attributes<'_> {
        if let Some(path) = &self.path {
            return PathAttributes { verb: &self.r#do, path }.into();
        }
        let of: Vec<&str> = self.of.iter().flatten().map(String::as_str).collect();
        let asked = ResourceAttributes::new(&self.r#do, of[0], of[1])
            .with_subresource(of.get(2).copied().unwrap_or_default())
            .with_name(&self.name)
            .in_namespace(&self.r#in);
        asked.into()
    }

    /// Compares every way to ask with what is written down.
    pub(crate) fn check(&self, snapshot: &Snapshot) {
        let (caller, attributes) = (self.caller(), self.attributes());
        let verdict = snapshot.decide(caller, &attributes);
        let is = match verdict {
            Verdict::Allow => Is::Allow,
            Verdict::NoOpinion { unresolved: false } => Is::None,
            Verdict::NoOpinion { unresolved: true } => Is::Unresolved,
        };
        assert_eq!(is, self.is, "{self:?}");
        assert_eq!(snapshot.decide_resolved(&snapshot.resolve(caller), &attributes), Ok(verdict), "{self:?}");
        let explanation = snapshot.explain(caller, &attributes);
        assert_eq!(!explanation.allowing.is_empty(), self.is == Is::Allow, "{self:?}: {explanation:?}");
        assert_eq!(snapshot.reason(caller, &attributes).is_some(), self.is == Is::Allow, "{self:?}");
        if let Some(because) = &self.because {
            assert_eq!(&explanation.reason(), because, "{self:?}");
        }
    }
}

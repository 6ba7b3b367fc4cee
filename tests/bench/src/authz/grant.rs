//! The policy: 1,000 namespaces of three roles, twelve cluster roles, and bindings of two to five subjects.

use catalog_rbac::engine::{
    Policy, PolicyError,
    object::{ClusterRole, ClusterRoleBinding, Metadata, PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

use super::random::Random;

pub(crate) const GROUP: &str = "catalog.kubeflow.org";
pub(crate) const NAMESPACES: usize = 1_000;
pub(crate) const USERS: usize = 10_000;
pub(crate) const GROUPS: usize = 1_000;
const CLUSTER_ROLES: usize = 12;

/// A binding, and the rules that it gives.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// None for the whole cluster.
    pub(crate) namespace: Option<String>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) role: String,
    pub(crate) rules: Vec<PolicyRule>,
}

impl Grant {
    /// So many in namespaces, and those of the whole cluster.
    pub(crate) fn all(bindings: usize, random: &mut Random) -> Vec<Self> {
        let mut grants: Vec<Self> = (0..bindings).map(|_| grant(random)).collect();
        grants.extend(cluster_grants());
        grants
    }

    /// What the binding refers to.
    pub(crate) fn role_ref(&self) -> RoleRef {
        match self.role.split_once(' ') {
            Some(("Role", name)) => RoleRef::role(name),
            Some((_, name)) => RoleRef::cluster_role(name),
            None => RoleRef::default(),
        }
    }
}

fn rule(verbs: &[&str], resources: &[&str]) -> PolicyRule {
    let texts = |texts: &[&str]| texts.iter().copied().map(String::from).collect();
    PolicyRule {
        verbs: texts(verbs),
        api_groups: vec![GROUP.into()],
        resources: texts(resources),
        ..PolicyRule::default()
    }
}

/// The three roles of a namespace; the last is of that namespace alone.
fn roles(namespace: &str) -> [(&'static str, Vec<PolicyRule>); 3] {
    let own = PolicyRule {
        resource_names: vec![format!("{namespace}-tag"), format!("{namespace}-deploy")],
        ..rule(&["execute"], &["actions"])
    };
    [
        ("viewer", vec![rule(&["get", "list"], &["assets", "catalogsources"])]),
        (
            "editor",
            vec![
                rule(&["get", "list", "create", "update", "delete"], &["assets", "catalogsources"]),
                rule(&["get", "create"], &["jobs"]),
            ],
        ),
        ("runner", vec![rule(&["get"], &["assets"]), own]),
    ]
}

/// The rules of a cluster role; none of the first eight is bound in the whole cluster.
fn cluster_rules(number: usize) -> Vec<PolicyRule> {
    match number {
        0 => vec![rule(&["get", "list"], &["assets"])],
        1 => vec![rule(&["*"], &["assets", "catalogsources"])],
        2 => vec![rule(&["get", "list"], &["*"])],
        3 => vec![rule(&["get", "list"], &["jobs"]), rule(&["create"], &["jobs"])],
        4 => vec![rule(&["approve", "get"], &["approvals"])],
        5 => vec![rule(&["execute"], &["actions"])],
        6 => vec![rule(&["get", "list"], &["audit"])],
        7 => vec![rule(&["update"], &["catalogsources"]), rule(&["get"], &["jobs"])],
        8 => vec![rule(&["*"], &["*"])],
        9 => vec![rule(&["get", "list"], &["audit", "approvals"])],
        10 => vec![rule(&["get", "list"], &["plugins"])],
        _ => vec![rule(&["get"], &["capabilities"])],
    }
}

pub(crate) fn user(number: usize) -> String {
    format!("user-{number}@example.com")
}

pub(crate) fn group(number: usize) -> String {
    format!("group-{number}")
}

pub(crate) fn namespace(number: usize) -> String {
    format!("team-{number}")
}

fn grant(random: &mut Random) -> Grant {
    let namespace = namespace(random.below(NAMESPACES));
    let subjects = 2 + random.below(4);
    let subject = |_| match random.below(10) {
        0..5 => Subject::user(user(random.below(USERS))),
        5..9 => Subject::group(group(random.below(GROUPS))),
        _ => Subject::service_account(&namespace, format!("worker-{}", random.below(3))),
    };
    let subjects = (0..subjects).map(subject).collect();
    let number = random.below(16);
    let (role, rules) = if number < 8 {
        (format!("ClusterRole cluster-{number}"), cluster_rules(number))
    } else {
        let [viewer, editor, runner] = roles(&namespace);
        let (name, rules) = [viewer, editor, runner].into_iter().nth(number % 3).unwrap_or_default();
        (format!("Role {name}"), rules)
    };
    Grant { namespace: Some(namespace), subjects, role, rules }
}

/// Eleven bindings of the whole cluster, of which two are of everybody who is known.
fn cluster_grants() -> Vec<Grant> {
    let grant = |number: usize, subject: String| Grant {
        namespace: None,
        subjects: vec![Subject::group(subject)],
        role: format!("ClusterRole cluster-{number}"),
        rules: cluster_rules(number),
    };
    let mut grants: Vec<Grant> = (0..4).map(|number| grant(8, format!("operators-{number}"))).collect();
    grants.extend((0..5).map(|number| grant(9, format!("auditors-{number}"))));
    grants.extend([10, 11].map(|number| grant(number, "system:authenticated".into())));
    grants
}

pub(crate) fn policy(grants: &[Grant]) -> Result<Policy, PolicyError> {
    let mut policy = Policy::new();
    for number in 0..CLUSTER_ROLES {
        let metadata = Metadata::new(format!("cluster-{number}"));
        policy.add(ClusterRole { metadata, rules: cluster_rules(number), aggregation_rule: None })?;
    }
    for number in 0..NAMESPACES {
        let namespace = namespace(number);
        for (name, rules) in roles(&namespace) {
            policy.add(Role { metadata: Metadata::new(name).in_namespace(&namespace), rules })?;
        }
    }
    for (number, grant) in grants.iter().enumerate() {
        let metadata = Metadata::new(format!("binding-{number}"));
        let subjects = grant.subjects.clone();
        let role_ref = grant.role_ref();
        match &grant.namespace {
            Some(namespace) => {
                policy.add(RoleBinding { metadata: metadata.in_namespace(namespace), role_ref, subjects })?;
            }
            None => policy.add(ClusterRoleBinding { metadata, role_ref, subjects })?,
        }
    }
    Ok(policy)
}

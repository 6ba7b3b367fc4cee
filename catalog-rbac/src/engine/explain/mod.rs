//! Why a policy says what it says.

mod quote;

use std::fmt;

use self::quote::quoted;
use super::{
    Attributes, Caller, Snapshot,
    object::{RBAC_GROUP, RoleRef, Subject},
    snapshot::Binding,
};

/// A binding that gives a role to the caller.
#[derive(Clone, Debug)]
pub struct Grant {
    binding: Binding,
    subject: usize,
}

/// Why a policy says what it says: every binding that names the caller there, by what it does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Explanation {
    /// Those whose role allows it, in the order in which they are asked.
    pub allowing: Vec<Grant>,
    /// Those whose role does not.
    pub others: Vec<Grant>,
    /// Those whose role is not there.
    pub unresolved: Vec<Grant>,
}

impl Grant {
    pub(super) fn new(binding: Binding, subject: usize) -> Self {
        Self { binding, subject }
    }

    /// The binding's name.
    pub fn binding(&self) -> &str {
        self.binding.name()
    }

    /// The binding's namespace; none for one of the whole cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.binding.namespace()
    }

    /// The role.
    pub fn role_ref(&self) -> &RoleRef {
        self.binding.role_ref()
    }

    /// The first of the binding's subjects that is the caller.
    pub fn subject(&self) -> Option<&Subject> {
        self.binding.subjects().get(self.subject)
    }

    /// What Kubernetes says of a role that is not there.
    fn not_found(&self) -> String {
        let role = self.role_ref();
        match role.role_kind() {
            Some(_) => format!("{}.{RBAC_GROUP} {} not found", role.kind.to_lowercase(), quoted(&role.name)),
            None => format!("unsupported role reference kind: {}", quoted(&role.kind)),
        }
    }
}

/// As Kubernetes names it: `RoleBinding "editors/team-a" of Role "editor" to User "jane"`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role_ref();
        match self.namespace() {
            Some(namespace) => {
                write!(f, "RoleBinding {}", quoted(&format!("{}/{namespace}", self.binding())))
            }
            None => write!(f, "ClusterRoleBinding {}", quoted(self.binding())),
        }?;
        write!(f, " of {} {}", role.kind, quoted(&role.name))?;
        let Some(subject) = self.subject() else { return Ok(()) };
        if subject.kind != "ServiceAccount" {
            return write!(f, " to {} {}", subject.kind, quoted(&subject.name));
        }
        let own = Some(subject.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let namespace = own.or(self.namespace()).unwrap_or_default();
        write!(f, " to {} {}", subject.kind, quoted(&format!("{}/{namespace}", subject.name)))
    }
}

impl Explanation {
    /// The reason in Kubernetes' words: what allows it, or which roles are not there; empty if there is no more to say than no.
    pub fn reason(&self) -> String {
        match self.allowing.first() {
            Some(grant) => allowed_by(grant),
            None => not_found(&self.unresolved).map(|text| format!("RBAC: {text}")).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.allowing.is_empty() {
            return f.write_str(&self.reason());
        }
        match self.others.as_slice() {
            [] => f.write_str("no binding names the caller there")?,
            [grant] => write!(f, "not allowed by {grant}")?,
            [grant, others @ ..] => write!(f, "not allowed by {grant}, nor by {} more", others.len())?,
        }
        not_found(&self.unresolved).map_or(Ok(()), |text| write!(f, "; {text}"))
    }
}

fn allowed_by(grant: &Grant) -> String {
    format!("RBAC: allowed by {grant}")
}

/// What Kubernetes says of roles that are not there: each once, and several in brackets.
pub(super) fn not_found(grants: &[Grant]) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in grants.iter().map(Grant::not_found) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => None,
        [text] => Some(text.clone()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

impl Snapshot {
    /// Every binding that names the caller where it is asked, and whether it allows what is asked.
    pub fn explain<'a>(&self, caller: impl Into<Caller<'a>>, attributes: &Attributes<'_>) -> Explanation {
        let mut explanation = Explanation::default();
        self.visit(caller.into(), attributes, |grant, allows| {
            match allows {
                Some(true) => explanation.allowing.push(grant()),
                Some(false) => explanation.others.push(grant()),
                None => explanation.unresolved.push(grant()),
            }
            true
        });
        explanation
    }

    /// What allows it, in Kubernetes' words, if something does: as [`explain`](Self::explain), up to the first that does.
    pub fn reason<'a>(&self, caller: impl Into<Caller<'a>>, attributes: &Attributes<'_>) -> Option<String> {
        let mut reason = None;
        self.visit(caller.into(), attributes, |grant, allows| {
            if allows == Some(true) {
                reason = Some(allowed_by(&grant()));
            }
            reason.is_none()
        });
        reason
    }
}

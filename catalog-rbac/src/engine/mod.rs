//! Kubernetes RBAC in the process: the same objects, the same answers, in some tens of nanoseconds.
//!
//! Nothing here reads a file, a clock or the network. A [`Policy`] is made of manifests or objects; a [`PolicyHandle`] keeps it and
//! its compiled [`Snapshot`]; a [`RbacAuthorizer`] answers the layers of this crate by it.
//!
//! ```
//! use catalog_core::identity::{Authenticator, Identity};
//! use catalog_rbac::engine::{Attributes, Policy, PolicyHandle, ResourceAttributes, Visible};
//!
//! let policy = Policy::parse(
//!     "
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: ClusterRole
//! metadata: {name: viewer}
//! rules:
//! - {apiGroups: [catalog.kubeflow.org], resources: [assets], verbs: [get, list]}
//! ---
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: {name: viewers, namespace: team-a}
//! roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: viewer}
//! subjects:
//! - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: science}
//! ",
//! )?;
//! let handle = PolicyHandle::new(policy);
//! let jane = Identity::new("jane", Authenticator::Oidc).with_group("science");
//!
//! let list = ResourceAttributes::new("list", "catalog.kubeflow.org", "assets");
//! let in_team_a = Attributes::from(list.in_namespace("team-a"));
//! let snapshot = handle.load();
//! assert!(snapshot.decide(&jane, &in_team_a).is_allowed());
//! assert!(!snapshot.decide(&jane, &list.in_namespace("team-b").into()).is_allowed());
//! assert_eq!(
//!     snapshot.explain(&jane, &in_team_a).reason(),
//!     r#"RBAC: allowed by RoleBinding "viewers/team-a" of ClusterRole "viewer" to Group "science""#,
//! );
//!
//! let Visible::Some(namespaces) = snapshot.visible(&jane, &list) else { panic!("not everywhere") };
//! assert_eq!(namespaces.iter().map(ToString::to_string).collect::<Vec<_>>(), ["team-a"]);
//! # Ok::<_, catalog_rbac::engine::PolicyError>(())
//! ```

mod authorizer;
mod escalation;
mod explain;
mod handle;
mod masters;
pub mod object;
mod policy;
mod request;
mod review;
mod snapshot;
mod verdict;

pub use self::{
    authorizer::RbacAuthorizer,
    escalation::{Escalation, covers, uncovered},
    explain::{Explanation, Grant},
    handle::PolicyHandle,
    masters::{MASTERS_GROUP, MastersAuthorizer},
    policy::{Change, Fault, Policy, PolicyError},
    request::{Attributes, Caller, PathAttributes, ResourceAttributes},
    review::{NonResourceRule, ResourceRule, RulesReview},
    snapshot::{ResolvedIdentity, Snapshot, Stale, Visible, VisibleNamespaces},
    verdict::Verdict,
};

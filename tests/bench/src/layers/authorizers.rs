//! What decides: the embedded engine with many bindings, and a cluster whose answers are kept.

use std::{sync::Arc, time::Duration};

use catalog_core::directory::NamespaceDirectory;
use catalog_rbac::{
    engine::{
        Policy, PolicyHandle, RbacAuthorizer,
        object::{
            ClusterRole, ClusterRoleBinding, Metadata, Object, PolicyRule, RBAC_GROUP, RoleBinding, RoleRef,
            Subject,
        },
    },
    sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig},
};
use catalog_testkit_kubernetes::TestCluster;
use kube::{
    Api,
    api::{ApiResource, GroupVersionKind, PostParams},
};

use crate::AnyError;

const VIEWER: &str = "viewer";

fn role() -> Object {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let rule = PolicyRule {
        api_groups: texts(&["catalog.kubeflow.org"]),
        resources: texts(&["assets"]),
        verbs: texts(&["get", "list"]),
        ..PolicyRule::default()
    };
    ClusterRole { metadata: Metadata::new(VIEWER), rules: vec![rule], ..ClusterRole::default() }.into()
}

fn role_ref() -> RoleRef {
    RoleRef { api_group: RBAC_GROUP.into(), kind: "ClusterRole".into(), name: VIEWER.into() }
}

fn subject(user: &str) -> Vec<Subject> {
    vec![Subject {
        kind: "User".into(),
        api_group: RBAC_GROUP.into(),
        name: user.into(),
        ..Subject::default()
    }]
}

/// With so many bindings, one of which lets `user` list in `t0`.
pub(super) fn embedded(bindings: usize, user: &str) -> Result<RbacAuthorizer, AnyError> {
    let mut policy = Policy::new();
    policy.add(role())?;
    for number in 0..bindings {
        let user = if number == 0 { user.to_owned() } else { format!("user-{number}") };
        let metadata = Metadata::new(format!("b{number}")).in_namespace(format!("t{}", number % 1_000));
        policy.add(RoleBinding { metadata, role_ref: role_ref(), subjects: subject(&user) })?;
    }
    Ok(RbacAuthorizer::new(Arc::new(PolicyHandle::new(policy))))
}

/// A cluster that lets `user` list everywhere, and is asked once.
pub(super) async fn cluster(
    directory: Arc<dyn NamespaceDirectory>,
    user: &str,
) -> Result<SubjectAccessReviewAuthorizer, AnyError> {
    let client = TestCluster::fake().client();
    let binding =
        ClusterRoleBinding { metadata: Metadata::new("one"), role_ref: role_ref(), subjects: subject(user) };
    for object in [role(), binding.into()] {
        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk(RBAC_GROUP, "v1", object.kind().as_str()));
        let object = serde_json::from_value(serde_json::to_value(&object)?)?;
        Api::<kube::api::DynamicObject>::all_with(client.clone(), &resource)
            .create(&PostParams::default(), &object)
            .await?;
    }
    let config = SubjectAccessReviewConfig {
        allow_ttl: Duration::from_hours(1),
        ..SubjectAccessReviewConfig::default()
    };
    Ok(SubjectAccessReviewAuthorizer::new(client, directory, config))
}

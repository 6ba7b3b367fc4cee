//! The authorizer that asks a cluster.

mod decisions;
mod failures;
mod kept;
mod visible;

use std::sync::Arc;

use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision},
    identity::Identity,
    permission::Permission,
};
use catalog_rbac::sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig};
use kube::Client;

use crate::cluster::Tenants;

fn authorizer(client: Client) -> SubjectAccessReviewAuthorizer {
    configured(client, SubjectAccessReviewConfig::default())
}

fn configured(client: Client, config: SubjectAccessReviewConfig) -> SubjectAccessReviewAuthorizer {
    SubjectAccessReviewAuthorizer::new(client, Arc::new(Tenants::default()), config)
}

/// What somebody may do to the object of that name.
async fn decide_on(
    authorizer: &SubjectAccessReviewAuthorizer,
    identity: &Identity,
    permission: &Permission,
    tenant: &str,
    name: &str,
) -> Result<Decision, AuthorizerError> {
    let tenant = tenant.parse().unwrap();
    authorizer.decide(identity, Attributes::new(permission, Some(&tenant), Some(name))).await
}

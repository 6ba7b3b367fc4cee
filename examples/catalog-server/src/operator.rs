//! The scope of whoever runs the program: of its own work, and of who has the database's credentials.

use catalog_core::{
    authorizer::{InsecureAllowAll, Refusal, authorize},
    identity::Identity,
    permission::{Permission, Reach, Resource, Verb},
    tenant::{TenantScope, TenantSelector},
};

/// That of a component of the program, which may do everything.
pub(crate) async fn scope(component: &'static str, tenant: TenantSelector) -> Result<TenantScope, Refusal> {
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::TenantOrAll);
    let identity = Identity::system(component);
    let granted = authorize(&InsecureAllowAll, &identity, &permission, Some(&tenant), None).await?;
    granted.scope.ok_or(Refusal::TenantRequired)
}

//! Whoever runs the program, and their scope: of its own work, and of who has the database's credentials.

use std::fs;

use catalog_core::{
    authorizer::{InsecureAllowAll, Refusal, authorize},
    identity::Identity,
    permission::{Permission, Reach, Resource, Verb},
    store::Attribution,
    tenant::{TenantScope, TenantSelector},
};

/// That of a component of the program, which may do everything.
pub(crate) async fn scope(component: &'static str, tenant: TenantSelector) -> Result<TenantScope, Refusal> {
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::TenantOrAll);
    let identity = Identity::system(component);
    let granted = authorize(&InsecureAllowAll, &identity, &permission, Some(&tenant), None).await?;
    granted.scope.ok_or(Refusal::TenantRequired)
}

/// How the record names who changes something by a command: by the system's user.
pub(crate) fn component() -> String {
    format!("operator:{}", user())
}

/// On whose account a command changes something.
pub(crate) fn attribution() -> Attribution {
    // once, in a process that ends with the command
    Attribution::system(component().leak())
}

/// The name of the system's user who runs the process, or the number of one without a name. No variable of the environment says it,
/// which could say anything.
fn user() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

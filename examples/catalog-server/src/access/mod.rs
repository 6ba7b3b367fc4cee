//! Who is known, and what decides what they may.

mod authentication;
mod authorization;
mod demo;

use std::{sync::Arc, time::Duration};

use catalog_core::{
    authorizer::Authorizer,
    directory::NamespaceDirectory,
    http::{Routes, Security},
    store::{Changes, database::Database},
};
use catalog_rbac::http::Authz;

pub(crate) use self::{authentication::Authentication, authorization::Authorization, demo::DEMO};
use crate::{
    AnyError,
    cluster::Cluster,
    config::{AuthMode, Config, TenancyMode},
    tenants::DEFAULT,
};

/// How often the files of tokens, roles and bindings are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Who is known, and what they may.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) authentication: Authentication,
    pub(crate) authorization: Authorization,
}

impl Access {
    /// As the configuration says; `directory` tells a cluster that decides of which tenants it is asked.
    pub(crate) async fn new(
        config: &Config,
        cluster: &Cluster,
        database: &Database,
        changes: &Changes,
        directory: &Arc<dyn NamespaceDirectory>,
    ) -> Result<Self, AnyError> {
        Ok(Self {
            authentication: Authentication::new(config, cluster).await?,
            authorization: Authorization::new(config, cluster, database, changes, directory).await?,
        })
    }

    pub(crate) fn authorizer(&self) -> Arc<dyn Authorizer> {
        Arc::clone(&self.authorization.authorizer)
    }
}

/// How callers show who they are, for the document.
pub(crate) fn security(config: &Config) -> Security {
    let by_token =
        |mode: &AuthMode| matches!(mode, AuthMode::Tokens | AuthMode::Oidc | AuthMode::TokenReview);
    if config.auth.mode.iter().any(by_token) { Security::Bearer } else { Security::Anonymous }
}

/// The routes that tell callers what they may.
pub(crate) fn routes(config: &Config, authorizer: Arc<dyn Authorizer>) -> Result<Routes, AnyError> {
    let authz = Authz::new(authorizer);
    Ok(match config.tenancy.mode {
        TenancyMode::Single => authz.with_default_namespace(DEFAULT.parse()?).routes(),
        TenancyMode::Namespace => authz.routes(),
    })
}

//! Who is known, and what decides what they may.

mod authentication;
mod authorization;
mod demo;
mod login;

use std::{sync::Arc, time::Duration};

use catalog_core::{
    authorizer::Authorizer,
    directory::NamespaceDirectory,
    http::{Routes, Security},
    store::{Changes, database::Database},
};
use catalog_rbac::{http::Authz, login::Login};

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
    pub(crate) login: Option<Login>,
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
        let login = login::login(config, database).await?;
        Ok(Self {
            authentication: Authentication::new(config, cluster, login.as_ref()).await?,
            authorization: Authorization::new(config, cluster, database, changes, directory).await?,
            login,
        })
    }

    pub(crate) fn authorizer(&self) -> Arc<dyn Authorizer> {
        Arc::clone(&self.authorization.authorizer)
    }
}

/// How browsers log in, for the document.
pub(crate) fn offline_login(config: &Config) -> Result<Option<Login>, AnyError> {
    login::offline(config)
}

/// How callers show who they are, for the document.
pub(crate) fn security(config: &Config, login: Option<&Login>) -> Security {
    let by_token =
        |mode: &AuthMode| matches!(mode, AuthMode::Tokens | AuthMode::Oidc | AuthMode::TokenReview);
    match (config.auth.mode.iter().any(by_token), login.map(Login::session_cookie)) {
        (true, None) => Security::Bearer,
        (true, Some(cookie)) => Security::BearerOrSession(cookie),
        (false, Some(cookie)) => Security::Session(cookie),
        (false, None) => Security::Anonymous,
    }
}

/// The routes that tell callers what they may, and those by which browsers log in.
pub(crate) fn routes(
    config: &Config,
    authorizer: Arc<dyn Authorizer>,
    login: Option<&Login>,
) -> Result<Routes, AnyError> {
    let authz = Authz::new(authorizer);
    let told = match config.tenancy.mode {
        TenancyMode::Single => authz.with_default_namespace(DEFAULT.parse()?).routes(),
        TenancyMode::Namespace => authz.routes(),
    };
    Ok(told.merge(login.map(Login::routes).unwrap_or_default()))
}

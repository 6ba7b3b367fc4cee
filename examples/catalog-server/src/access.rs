//! Who is known, and what decides what they may.

use std::{path::Path, sync::Arc, time::Duration};

use catalog_core::{
    authorizer::{Authorizer, InsecureAllowAll},
    http::{Routes, Security},
    identity::{Authenticator, Identity},
    provider::read_text,
    yaml,
};
use catalog_ha::Component;
use catalog_rbac::{
    authenticate::{
        AnonymousAuthenticator, AuthenticatorChain, ProxyAuthenticator, TokenAuthenticator, TokenFile,
        TokenList,
    },
    engine::{Policy, PolicyHandle, RbacAuthorizer},
    http::Authz,
};
use http::HeaderName;

use crate::{
    AnyError,
    config::{AuthMode, AuthzMode, Config, ConfigError, Profile, TenancyMode},
    tenants::DEFAULT,
};

/// The demo's tokens: each with its user and group, and what the group may.
pub(crate) const DEMO: [(&str, &str, &str, &str); 5] = [
    ("demo-team-a-engineer", "ada@team-a.example", "team-a-engineers", "works in team-a"),
    ("demo-team-b-engineer", "ben@team-b.example", "team-b-engineers", "works in team-b"),
    ("demo-team-a-viewer", "vera@team-a.example", "team-a-viewers", "reads team-a"),
    ("demo-operator", "olga@example.com", "operators", "does everything everywhere"),
    ("demo-auditor", "ari@example.com", "auditors", "reads the audit trail alone"),
];

/// The demo's roles.
const ROLES: &str = include_str!("../sample/roles.yaml");

/// How often the file of tokens is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Who is known, and what they may.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) chain: AuthenticatorChain,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    tokens: Option<TokenFile>,
}

impl Access {
    /// As the configuration says. The file of tokens is followed for as long as the process lives.
    pub(crate) async fn new(config: &Config) -> Result<Self, AnyError> {
        let (mut chain, mut tokens) = (AuthenticatorChain::new(), None);
        // anonymity is for those who show nothing, so it is asked last, wherever it stands
        let is_last = |mode: &&AuthMode| **mode == AuthMode::Anonymous;
        let modes = config.auth.mode.iter();
        for mode in modes.clone().filter(|mode| !is_last(mode)).chain(modes.filter(is_last)) {
            chain = match mode {
                AuthMode::Anonymous => chain.with(AnonymousAuthenticator::new()),
                AuthMode::Proxy => chain.with(proxy(config)?),
                AuthMode::Tokens => match &config.auth.tokens_file {
                    None => chain.with(TokenAuthenticator::new(demo_tokens()?)),
                    Some(path) => {
                        let file = TokenFile::open(path).await?;
                        let following = file.clone();
                        tokio::spawn(async move { following.watch(LOOK).await });
                        let authenticator = file.authenticator();
                        tokens = Some(file);
                        chain.with(authenticator)
                    }
                },
            };
        }
        Ok(Self { chain, authorizer: authorizer(config)?, tokens })
    }

    /// Degraded while the file of tokens cannot be read: those that it held before count.
    pub(crate) fn tokens_component(&self) -> Component {
        match self.tokens.as_ref().and_then(TokenFile::error) {
            None => Component::ok(),
            Some(error) => Component::degraded(error.to_string()),
        }
    }
}

/// How callers show who they are, for the document.
pub(crate) fn security(config: &Config) -> Security {
    if config.auth.mode.contains(&AuthMode::Tokens) { Security::Bearer } else { Security::Anonymous }
}

/// The routes that tell callers what they may.
pub(crate) fn routes(config: &Config, authorizer: Arc<dyn Authorizer>) -> Result<Routes, AnyError> {
    let authz = Authz::new(authorizer);
    Ok(match config.tenancy.mode {
        TenancyMode::Single => authz.with_default_namespace(DEFAULT.parse()?).routes(),
        TenancyMode::Namespace => authz.routes(),
    })
}

/// What decides what callers may.
pub(crate) fn authorizer(config: &Config) -> Result<Arc<dyn Authorizer>, AnyError> {
    Ok(match config.authz.mode {
        AuthzMode::None => Arc::new(InsecureAllowAll),
        AuthzMode::Rbac => Arc::new(RbacAuthorizer::new(Arc::new(PolicyHandle::new(policy(config)?)))),
    })
}

/// The roles and bindings of the files, or the demo's.
fn policy(config: &Config) -> Result<Policy, AnyError> {
    if config.rbac.files.is_empty() && config.profile == Profile::Demo {
        return Ok(Policy::from_manifests([("roles.yaml", ROLES)])?);
    }
    let mut texts = Vec::new();
    for file in &config.rbac.files {
        let name = file.display().to_string();
        let text = read_text(Path::new(file), yaml::Limits::default().bytes)
            .map_err(|error| ConfigError::new(name.clone(), error.to_string()))?;
        texts.push((name, text));
    }
    let manifests = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    Policy::from_manifests(manifests)
        .map_err(|error| ConfigError::new("rbac.files", format!("\n{error}")).into())
}

fn proxy(config: &Config) -> Result<ProxyAuthenticator, ConfigError> {
    let refused = |message: String| ConfigError::new("auth.proxy_secret", message);
    let secret = config.auth.proxy_secret.as_deref().unwrap_or_default();
    let header = HeaderName::from_bytes(config.auth.proxy_secret_header.as_bytes())
        .map_err(|error| ConfigError::new("auth.proxy_secret_header", error.to_string()))?;
    ProxyAuthenticator::new().with_shared_secret(header, secret).map_err(|error| refused(error.to_string()))
}

/// The tokens of the demo, which no other profile knows.
fn demo_tokens() -> Result<TokenList, AnyError> {
    DEMO.iter().try_fold(TokenList::new(), |list, (token, user, group, _)| {
        let identity = Identity::new(*user, Authenticator::Token).with_group(*group);
        Ok(list.with_plain_token(token, identity)?)
    })
}

//! How browsers log in.

use catalog_core::{
    page::PageTokens,
    store::{SettingStore, database::Database, sql::SqlSettingStore},
};
use catalog_rbac::{
    authenticate::OidcIssuer,
    login::{Login, LoginConfig, LoginConfigError, LoginError},
};

use super::authentication::issuers;
use crate::{
    AnyError,
    config::{AuthMode, Config, ConfigError},
};

/// Where a login leads that was begun without a path.
const LANDING: &str = "/docs/";

/// The login, where the mode is on; its cookies are sealed by the configured keys, or by one that all replicas share.
pub(super) async fn login(config: &Config, database: &Database) -> Result<Option<Login>, AnyError> {
    if !config.auth.mode.contains(&AuthMode::Login) {
        return Ok(None);
    }
    let mut keys = config.auth.login_keys.clone();
    if keys.is_empty() {
        let fresh = PageTokens::generate_key()?;
        keys.push(SqlSettingStore::new(database.clone()).get_or_insert("login_key", fresh).await?);
    }
    Ok(Some(with_keys(config, keys)?))
}

/// The login as its routes and the document show it: what it seals nobody else opens.
pub(super) fn offline(config: &Config) -> Result<Option<Login>, AnyError> {
    if !config.auth.mode.contains(&AuthMode::Login) {
        return Ok(None);
    }
    Ok(Some(with_keys(config, vec![PageTokens::generate_key()?])?))
}

fn with_keys(config: &Config, keys: Vec<String>) -> Result<Login, AnyError> {
    let auth = &config.auth;
    let client_id = auth.login_client_id.clone().unwrap_or_default();
    let base_url = auth.login_url.clone().unwrap_or_default();
    let mut login = LoginConfig::new(issuer(config)?, client_id, base_url, keys);
    login.client_secret.clone_from(&auth.login_client_secret);
    login.landing = LANDING.into();
    Login::new(login).map_err(|error| match error {
        LoginError::Config(error) => unfit(&error).into(),
        other => other.into(),
    })
}

/// The issuer that the configuration names, or the first of the file.
fn issuer(config: &Config) -> Result<OidcIssuer, ConfigError> {
    let wanted = config.auth.login_issuer.as_ref();
    let mut issuers = issuers(config)?.into_iter();
    issuers
        .find(|issuer| wanted.is_none_or(|wanted| *wanted == issuer.issuer))
        .ok_or_else(|| ConfigError::new("auth.login_issuer", "is none of those of `auth.oidc_file`"))
}

fn unfit(error: &LoginConfigError) -> ConfigError {
    let key = match error.key() {
        "client_id" => "auth.login_client_id",
        "client_secret" => "auth.login_client_secret",
        "base_url" => "auth.login_url",
        "keys" => "auth.login_keys",
        _ => "auth.oidc_file",
    };
    ConfigError::new(key, error.fault())
}

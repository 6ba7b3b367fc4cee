//! Clients of a real API server.

use std::path::Path;

use http::{HeaderName, HeaderValue};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Reads how to reach the server of a kubeconfig's current context.
pub(crate) async fn kubeconfig(path: &str) -> Config {
    let kubeconfig = Kubeconfig::read_from(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn client(config: Config) -> Client {
    Client::try_from(config).unwrap_or_else(|error| panic!("cannot make a client: {error}"))
}

/// A client that has a token and nothing else.
pub(crate) fn client_as(config: &Config, token: &str) -> Client {
    let mut config = config.clone();
    config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    client(config)
}

/// A client whose user acts as another.
pub(crate) fn client_for(config: &Config, user: &str, groups: &[&str]) -> Client {
    let mut config = config.clone();
    let header = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        (HeaderName::from_static(name), value)
    };
    config.headers.push(header("impersonate-user", user));
    config.headers.extend(groups.iter().map(|group| header("impersonate-group", group)));
    client(config)
}

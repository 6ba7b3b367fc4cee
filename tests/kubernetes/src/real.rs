//! Clients of a real API server.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

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

/// How to reach that server with a token; its certificates are those that `roots`, in DER, signed.
pub(crate) fn kubeconfig_as(server: &str, roots: Option<&[Vec<u8>]>, token: &str) -> Value {
    let pem = |root: &Vec<u8>| {
        let text = STANDARD.encode(root);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    let roots = roots.map(|roots| STANDARD.encode(roots.iter().map(pem).collect::<String>()));
    // what is null is not there
    let cluster = json!({"server": server, "certificate-authority-data": roots});
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    })
}

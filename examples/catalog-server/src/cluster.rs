//! The Kubernetes cluster that the server asks, if it asks one.

use kube::Config;
use tokio::sync::OnceCell;

use crate::{AnyError, config::ConfigError};

/// The client of the cluster, made when somebody needs it: of the kubeconfig that `KUBECONFIG` names, or of the Pod's service account.
#[derive(Debug, Default)]
pub(crate) struct Cluster(OnceCell<Client>);

/// A client, which does not show its credentials.
#[derive(Clone)]
struct Client(kube::Client);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Cluster {
    /// The client, which the setting `key` asks for.
    pub(crate) async fn client(&self, key: &'static str) -> Result<kube::Client, AnyError> {
        let made = self.0.get_or_try_init(async || {
            let unknown = |error: &dyn std::error::Error| {
                ConfigError::new(key, format!("no Kubernetes cluster is known: {error}"))
            };
            let mut config = Config::infer().await.map_err(|error| unknown(&error))?;
            // who asks has deadlines, and tries again by itself
            config.default_retry = false;
            kube::Client::try_from(config).map(Client).map_err(|error| unknown(&error))
        });
        Ok(made.await?.0.clone())
    }
}

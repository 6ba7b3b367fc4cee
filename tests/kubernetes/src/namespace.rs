//! A namespace for one test.

use std::fmt;
use std::thread;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client, Config};

use crate::cluster::{Flavour, TestCluster};
use crate::fake::{self, Fake};
use crate::real;

/// A namespace with a random name, removed with all that is in it when this is dropped.
pub struct TestNamespace {
    name: String,
    client: Client,
    end: End,
}

/// How a namespace comes to its end.
enum End {
    Fake(Fake),
    Given(Box<Config>),
    /// Its server ends too.
    WithServer,
}

/// A service account of which the test has a token.
#[derive(Clone, Debug)]
pub struct Account {
    /// A token that is good for the API server.
    pub token: String,
    /// The name of the user that the token stands for.
    pub user: String,
    /// The uid of the service account.
    pub uid: String,
}

impl TestNamespace {
    pub(crate) async fn create(cluster: &TestCluster) -> Self {
        let name = format!("test-{}", fake::suffix(10));
        let client = cluster.client();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let created = namespaces.create(&PostParams::default(), &namespace).await;
        if let Err(error) = created {
            panic!("cannot create namespace {name}: {error}");
        }
        let end = match (cluster.as_fake(), cluster.flavour(), cluster.config()) {
            (Some(fake), ..) => End::Fake(fake.clone()),
            (None, Flavour::Given, Some(config)) => End::Given(Box::new(config.clone())),
            _ => End::WithServer,
        };
        Self { name, client, end }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new service account, which may nothing yet, with a token.
    pub async fn service_account(&self, name: &str) -> Account {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.name);
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let account = ServiceAccount { metadata, ..ServiceAccount::default() };
        let parameters = PostParams::default();
        let account = accounts
            .create(&parameters, &account)
            .await
            .unwrap_or_else(|error| panic!("cannot create service account {name}: {error}"));
        let token = accounts
            .create_token_request(name, &parameters, &TokenRequest::default())
            .await
            .unwrap_or_else(|error| panic!("cannot get a token of service account {name}: {error}"));
        Account {
            token: token.status.map(|status| status.token).unwrap_or_default(),
            user: format!("system:serviceaccount:{}:{name}", self.name),
            uid: account.metadata.uid.unwrap_or_default(),
        }
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        match &self.end {
            End::Fake(fake) => fake.remove_namespace(&self.name),
            End::WithServer => {}
            End::Given(config) => {
                let (config, name) = ((**config).clone(), self.name.clone());
                // The test's own runtime may be about to end, and cannot be waited for from here.
                let removal = thread::spawn(move || remove(config, &name));
                if !matches!(removal.join(), Ok(Ok(()))) {
                    eprintln!("kubernetes: namespace {} could not be removed", self.name);
                }
            }
        }
    }
}

fn remove(config: Config, name: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let namespaces: Api<Namespace> = Api::all(real::client(config));
        namespaces.delete(name, &DeleteParams::background()).await?;
        Ok(())
    })
}

impl fmt::Debug for TestNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestNamespace").field("name", &self.name).finish_non_exhaustive()
    }
}

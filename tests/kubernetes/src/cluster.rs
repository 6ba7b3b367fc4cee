//! The API server of a test, whichever there is.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use kube::{Client, Config};

use crate::assets::Assets;
use crate::fake::Fake;
use crate::namespace::TestNamespace;
use crate::real;

/// Names a kubeconfig file.
const KUBECONFIG: &str = "CATALOG_TEST_KUBECONFIG";

/// Names a folder with the programs of an API server.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// Says that the fake will not do.
const REQUIRE: &str = "CATALOG_TEST_REQUIRE_KUBERNETES";

/// What kind of API server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// A cluster that somebody runs, with all its controllers.
    Given,
    /// An API server that was started for the test, without controllers.
    Started,
    /// The fake in the process.
    Fake,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "the cluster of a kubeconfig",
            Self::Started => "an API server of their own",
            Self::Fake => "the fake in the process",
        })
    }
}

/// An API server to test against; dropped, it takes with it what was started for it.
#[derive(Debug)]
pub struct TestCluster {
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Given(Box<Config>),
    Started(Box<Assets>),
    Fake(Fake),
}

impl TestCluster {
    /// The best API server that the environment offers, ready to serve.
    pub async fn start() -> Self {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let backend = match Choice::new(variable).unwrap_or_else(|error| panic!("{error}")) {
            Choice::Kubeconfig(path) => Backend::Given(Box::new(real::kubeconfig(&path).await)),
            Choice::Assets(folder) => Backend::Started(Box::new(Assets::start(folder.as_ref()).await)),
            Choice::Fake => Backend::Fake(Fake::new()),
        };
        let cluster = Self { backend };
        cluster.tell();
        cluster
    }

    /// The fake, whatever the environment offers: for what no real server does when asked to.
    #[must_use]
    pub fn fake() -> Self {
        Self { backend: Backend::Fake(Fake::new()) }
    }

    /// Says once for all tests of the process what they run against.
    fn tell(&self) {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| eprintln!("kubernetes: the tests run against {}", self.flavour()));
    }

    /// What kind of API server it is.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        match &self.backend {
            Backend::Given(_) => Flavour::Given,
            Backend::Started(_) => Flavour::Started,
            Backend::Fake(_) => Flavour::Fake,
        }
    }

    /// The fake, to make it fail and to see what it was asked; `None` where it is a real server.
    #[must_use]
    pub fn as_fake(&self) -> Option<&Fake> {
        match &self.backend {
            Backend::Fake(fake) => Some(fake),
            _ => None,
        }
    }

    /// How to reach it over the network as an administrator; `None` where it is the fake.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        match &self.backend {
            Backend::Given(config) => Some(config),
            Backend::Started(assets) => Some(assets.config()),
            Backend::Fake(_) => None,
        }
    }

    /// A client of an administrator.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.backend {
            Backend::Given(config) => real::client((**config).clone()),
            Backend::Started(assets) => real::client(assets.config().clone()),
            Backend::Fake(fake) => fake.client(),
        }
    }

    /// A client that proves who it is by a token, such as that of a service account.
    #[must_use]
    pub fn client_as(&self, token: &str) -> Client {
        match &self.backend {
            Backend::Given(config) => real::client_as(config, token),
            Backend::Started(assets) => real::client_as(assets.config(), token),
            Backend::Fake(fake) => fake.client_as(token),
        }
    }

    /// A client of any user: the administrator acts as that one.
    #[must_use]
    pub fn client_for(&self, user: &str, groups: &[&str]) -> Client {
        match &self.backend {
            Backend::Given(config) => real::client_for(config, user, groups),
            Backend::Started(assets) => real::client_for(assets.config(), user, groups),
            Backend::Fake(fake) => fake.client_for(user, groups),
        }
    }

    /// A kubeconfig, as a file in `folder`, by which another process reaches it as whom the token names. The fake is reached for as
    /// long as the runtime lives.
    pub async fn kubeconfig(&self, folder: &Path, token: &str) -> PathBuf {
        let kubeconfig = match &self.backend {
            Backend::Given(config) => {
                real::kubeconfig_as(&config.cluster_url.to_string(), config.root_cert.as_deref(), token)
            }
            Backend::Started(assets) => {
                let config = assets.config();
                real::kubeconfig_as(&config.cluster_url.to_string(), config.root_cert.as_deref(), token)
            }
            Backend::Fake(fake) => {
                real::kubeconfig_as(&format!("http://{}", fake.serve().await), None, token)
            }
        };
        let path = folder.join("kubeconfig");
        // JSON is YAML
        fs::write(&path, kubeconfig.to_string())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A namespace that is nobody else's, until it is dropped.
    pub async fn namespace(&self) -> TestNamespace {
        TestNamespace::create(self).await
    }
}

/// What the environment asks for.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Kubeconfig(String),
    Assets(String),
    Fake,
}

impl Choice {
    fn new(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        if let Some(path) = variable(KUBECONFIG) {
            return Ok(Self::Kubeconfig(path));
        }
        if let Some(folder) = variable(ASSETS) {
            return Ok(Self::Assets(folder));
        }
        if variable(REQUIRE).is_none_or(|value| value == "0") {
            return Ok(Self::Fake);
        }
        Err(format!("`{REQUIRE}` is set, but neither `{KUBECONFIG}` nor `{ASSETS}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_chooses() {
        let choice = |set: &[(&str, &str)]| {
            let find =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            Choice::new(find)
        };
        assert_eq!(choice(&[]), Ok(Choice::Fake));
        assert_eq!(choice(&[(REQUIRE, "0")]), Ok(Choice::Fake));
        assert!(choice(&[(REQUIRE, "1")]).is_err());
        assert_eq!(choice(&[(REQUIRE, "1"), (ASSETS, "/a")]), Ok(Choice::Assets("/a".to_owned())));
        let both = [(ASSETS, "/a"), (KUBECONFIG, "/k")];
        assert_eq!(choice(&both), Ok(Choice::Kubeconfig("/k".to_owned())));
    }
}

//! A Kubernetes API server for tests: a given one, one that is started for the test, or a fake in the process.
//!
//! ```
//! use catalog_testkit_kubernetes::TestCluster;
//! use k8s_openapi::api::coordination::v1::Lease;
//! use kube::Api;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), kube::Error> {
//! let cluster = TestCluster::start().await;
//! let namespace = cluster.namespace().await;
//! let leases: Api<Lease> = Api::namespaced(cluster.client(), namespace.name());
//! assert!(leases.list(&Default::default()).await?.items.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Which one it is says the environment, the first of these that is set:
//!
//! - `CATALOG_TEST_KUBECONFIG`: a kubeconfig file; the user of its current context has to be an administrator who
//!   may act as others. Tests make namespaces of their own and remove them, but also cluster roles.
//! - `KUBEBUILDER_ASSETS`: a folder with `etcd` and `kube-apiserver`, which are started on free ports of the
//!   loopback interface and stopped in the end. No controllers run: a deleted namespace never goes away, and
//!   aggregated cluster roles stay empty.
//! - otherwise the [`fake`], unless `CATALOG_TEST_REQUIRE_KUBERNETES=1` says that a real one has to be there.
#![expect(clippy::panic, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod assets;
mod cluster;
mod credentials;
pub mod fake;
mod namespace;
mod real;

pub use self::cluster::{Flavour, TestCluster};
pub use self::namespace::{Account, TestNamespace};

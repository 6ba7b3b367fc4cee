//! What decides what callers may.

use std::sync::Arc;

use catalog_core::{
    authorizer::{Authorizer, InsecureAllowAll},
    directory::NamespaceDirectory,
    store::{Changes, database::Database},
};
use catalog_ha::Component;
use catalog_rbac::{
    TimedAuthorizer, UnionAuthorizer,
    engine::{MastersAuthorizer, PolicyHandle, RbacAuthorizer},
    policy::{
        FilePolicy, FilePolicyStatus, KubernetesAuthorizer, KubernetesPolicy,
        database::{SqlPolicy, SqlPolicyStore},
    },
    sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig},
};

use super::{LOOK, demo};
use crate::{
    AnyError,
    cluster::Cluster,
    config::{AuthzMode, Config, ConfigError, Profile, RbacSource},
};

/// The authorizer, and where its policy comes from.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) authorizer: Arc<dyn Authorizer>,
    policy: Source,
}

/// Where a policy comes from; each that changes is followed for as long as the process lives.
#[derive(Clone, Debug)]
enum Source {
    /// There is none, or it never changes.
    Fixed,
    Files(FilePolicy),
    Database(SqlPolicy),
    Cluster(KubernetesPolicy),
}

impl Authorization {
    /// As the configuration says.
    pub(super) async fn new(
        config: &Config,
        cluster: &Cluster,
        database: &Database,
        changes: &Changes,
        directory: &Arc<dyn NamespaceDirectory>,
    ) -> Result<Self, AnyError> {
        let api_group = config.authz.api_group.clone();
        let embedded = |handle: &Arc<PolicyHandle>| -> Arc<dyn Authorizer> {
            Arc::new(RbacAuthorizer::new(Arc::clone(handle)).with_api_group(api_group.clone()))
        };
        let reviews = async || -> Result<_, AnyError> {
            let client = cluster.client("authz.mode").await?;
            let how = SubjectAccessReviewConfig {
                api_group: api_group.clone().into(),
                ..SubjectAccessReviewConfig::default()
            };
            Ok(SubjectAccessReviewAuthorizer::new(client, Arc::clone(directory), how))
        };
        let (authorizer, policy): (Arc<dyn Authorizer>, Source) = match config.authz.mode {
            AuthzMode::None => (Arc::new(InsecureAllowAll), Source::Fixed),
            AuthzMode::Sar => (Arc::new(TimedAuthorizer::new("sar", reviews().await?)), Source::Fixed),
            AuthzMode::RbacKubernetes => {
                let policy = KubernetesPolicy::new(cluster.client("authz.mode").await?);
                let following = policy.clone();
                tokio::spawn(async move { following.run().await });
                let decides = KubernetesAuthorizer::new(policy.clone(), reviews().await?);
                // as the cluster has it, whose policy does not say so
                let decides = UnionAuthorizer::new()
                    .with_allow("masters", MastersAuthorizer)
                    .with_allow("rbac", decides);
                (Arc::new(TimedAuthorizer::new("rbac-kubernetes", decides)), Source::Cluster(policy))
            }
            AuthzMode::Rbac if config.rbac.source() == RbacSource::Database => {
                let policy = SqlPolicy::load(SqlPolicyStore::new(database.clone(), changes.clone())).await?;
                let following = policy.clone();
                tokio::spawn(async move { following.watch(LOOK).await });
                (embedded(policy.handle()), Source::Database(policy))
            }
            AuthzMode::Rbac if config.rbac.files.is_empty() && config.profile == Profile::Demo => {
                (embedded(&Arc::new(PolicyHandle::new(demo::policy()?))), Source::Fixed)
            }
            AuthzMode::Rbac => {
                let files = FilePolicy::load(&config.rbac.files)
                    .await
                    .map_err(|error| ConfigError::new("rbac.files", "are no policy").caused_by(error))?;
                let following = files.clone();
                tokio::spawn(async move { following.watch(LOOK).await });
                (embedded(files.handle()), Source::Files(files))
            }
        };
        Ok(Self { authorizer, policy })
    }

    /// Degraded while the policy in force is not what its source says, as far as that is known.
    pub(crate) fn component(&self) -> Component {
        match &self.policy {
            Source::Fixed => Component::ok(),
            Source::Files(files) => match files.status() {
                FilePolicyStatus::Ok { generation, .. } => of_generation(generation),
                FilePolicyStatus::Failed { error, .. } => Component::degraded(error.to_string()),
            },
            Source::Database(policy) => match policy.status() {
                status if status.error.is_some() => Component::degraded(
                    "the policy in the database cannot be read; the one before is in force",
                ),
                status => Component::ok().with_detail(format!("version {}", status.version)),
            },
            Source::Cluster(policy) => {
                let status = policy.status();
                match (status.synced, status.left_out) {
                    (false, _) => Component::degraded(
                        "the cluster's policy is not read yet; the cluster is asked itself",
                    ),
                    (true, 0) => of_generation(status.generation),
                    (true, left_out) => Component::degraded(format!(
                        "{left_out} objects of the cluster's policy cannot be read"
                    )),
                }
            }
        }
    }
}

fn of_generation(generation: u64) -> Component {
    Component::ok().with_detail(format!("generation {generation}"))
}

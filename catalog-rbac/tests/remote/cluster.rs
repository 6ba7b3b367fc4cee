//! A cluster's roles and bindings, and a client that writes down what it sends.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use catalog_core::{
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord},
    name::Namespace,
    tenant::TenantScope,
};
use catalog_testkit_kubernetes::fake::On;
use http_body_util::BodyExt;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    client::Body,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Every review of access.
pub(crate) fn reviews() -> On {
    On::verb("create").resource("subjectaccessreviews")
}

/// A rule for resources of the catalog.
pub(crate) fn rule(verbs: &[&str], resources: &[&str]) -> Value {
    json!({"apiGroups": ["catalog.kubeflow.org"], "resources": resources, "verbs": verbs})
}

pub(crate) fn to_user(name: &str) -> Value {
    json!({"apiGroup": RBAC, "kind": "User", "name": name})
}

pub(crate) fn to_group(name: &str) -> Value {
    json!({"apiGroup": RBAC, "kind": "Group", "name": name})
}

/// What roles a cluster has, to be changed by a test.
#[derive(Clone)]
pub(crate) struct Rbac(pub(crate) Client);

impl Rbac {
    /// A role of a namespace, with a binding of the same name.
    pub(crate) async fn grant(&self, namespace: &str, name: &str, rules: &[Value], subject: &Value) {
        self.role(namespace, name, rules).await;
        self.bind(namespace, name, "Role", name, subject).await;
    }

    pub(crate) async fn role(&self, namespace: &str, name: &str, rules: &[Value]) {
        let role = json!({"metadata": {"name": name}, "rules": rules});
        create(&Api::<Role>::namespaced(self.0.clone(), namespace), role).await;
    }

    pub(crate) async fn set_rules(&self, namespace: &str, role: &str, rules: &[Value]) {
        let api: Api<Role> = Api::namespaced(self.0.clone(), namespace);
        let patch = Patch::Merge(json!({ "rules": rules }));
        api.patch(role, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) async fn bind(&self, namespace: &str, name: &str, kind: &str, role: &str, subject: &Value) {
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
            "subjects": [subject],
        });
        create(&Api::<RoleBinding>::namespaced(self.0.clone(), namespace), binding).await;
    }

    pub(crate) async fn unbind(&self, namespace: &str, name: &str) {
        let bindings: Api<RoleBinding> = Api::namespaced(self.0.clone(), namespace);
        bindings.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// A cluster role, whole; it has to be of a name that no other test has.
    pub(crate) async fn cluster_role(&self, role: Value) {
        create(&Api::<ClusterRole>::all(self.0.clone()), role).await;
    }

    pub(crate) async fn cluster_bind(&self, name: &str, role: &str, subject: &Value) {
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        });
        create(&Api::<ClusterRoleBinding>::all(self.0.clone()), binding).await;
    }

    /// Removes what is in no namespace, and so would outlive the test.
    pub(crate) async fn remove_of_cluster(&self, names: &[&str]) {
        for name in names {
            let roles: Api<ClusterRole> = Api::all(self.0.clone());
            let bindings: Api<ClusterRoleBinding> = Api::all(self.0.clone());
            // there need not be both
            let _ = roles.delete(name, &DeleteParams::default()).await;
            let _ = bindings.delete(name, &DeleteParams::default()).await;
        }
    }
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// What was sent: the bodies, in their order.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<Value>>>);

impl Sent {
    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// A client that sends by another one what it writes down here.
    pub(crate) fn by(&self, client: Client) -> Client {
        let sent = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (client, sent) = (client.clone(), sent.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                sent.0.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
                client.send(http::Request::from_parts(parts, Body::from(body.to_vec()))).await
            }
        });
        Client::new(service, "default")
    }
}

/// A client of a cluster that knows a field more than anybody: it shows `"resourceNames":["odd"]` as `"unless":["odd"]`.
pub(crate) fn newer(client: Client) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let client = client.clone();
        async move {
            let response = client.send(request).await?;
            Ok::<_, kube::Error>(response.map(|body| {
                // what the fake sends comes object by object
                body.map_frame(|frame| {
                    frame.map_data(|data| {
                        let text = String::from_utf8_lossy(&data);
                        text.replace(r#""resourceNames":["odd"]"#, r#""unless":["odd"]"#).into()
                    })
                })
            }))
        }
    });
    Client::new(service, "default")
}

/// Tenants by name, of which it lists two at a time.
#[derive(Debug, Default)]
pub(crate) struct Tenants(BTreeSet<Namespace>);

impl Tenants {
    pub(crate) fn new(names: &[&str]) -> Arc<Self> {
        Arc::new(Self(names.iter().map(|name| name.parse().unwrap()).collect()))
    }
}

#[async_trait]
impl NamespaceDirectory for Tenants {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        Ok(self.0.get(name).cloned().map(|name| Arc::new(NamespaceRecord::new(name))))
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        let names =
            self.0.iter().filter(|name| scope.covers(name) && after.is_none_or(|after| *name > after));
        Ok(names.take(most.min(2)).map(|name| Arc::new(NamespaceRecord::new(name.clone()))).collect())
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(2), waiting).await;
    waited.unwrap_or_else(|_| panic!("not in time: {what}"));
}

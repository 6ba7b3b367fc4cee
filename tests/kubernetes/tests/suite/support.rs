//! What the checks share.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PostParams};
use kube::core::Status;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An object from its JSON.
pub(crate) fn object<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn config_map(name: &str, value: &str) -> ConfigMap {
    object(json!({ "metadata": { "name": name, "labels": { "value": value } }, "data": { "key": value } }))
}

pub(crate) async fn create<T>(client: &Client, namespace: &str, json: Value) -> T
where
    T: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<T> = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &object(json)).await.unwrap()
}

/// Why a request was refused.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("no refusal: {other:?}"),
    }
}

/// Asserts code and reason of a refusal and returns its message.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, kube::Error>, code: u16, reason: &str) -> String {
    let status = refusal(result);
    assert_eq!((status.code, status.reason.as_str()), (code, reason), "{status:?}");
    status.message
}

pub(crate) fn version(metadata: &ObjectMeta) -> String {
    metadata.resource_version.clone().unwrap()
}

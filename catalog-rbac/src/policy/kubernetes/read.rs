use std::error::Error;

use catalog_core::name::Namespace;
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::engine::{
    Change, Policy,
    object::{ClusterRole, ClusterRoleBinding, Object, ObjectKey, ObjectKind, Role, RoleBinding},
};

/// What names an object of a cluster; none if it cannot be one's.
pub(super) fn key(kind: ObjectKind, object: &DynamicObject) -> Option<ObjectKey> {
    let name = object.metadata.name.clone()?;
    let namespace = match &object.metadata.namespace {
        Some(namespace) if kind.is_namespaced() => Some(Namespace::new(namespace).ok()?),
        None if !kind.is_namespaced() => None,
        _ => return None,
    };
    Some(ObjectKey { kind, namespace, name })
}

/// The object, as the engine has it.
///
/// Field by field, and what is not known is refused: it might be what keeps a rule narrow.
pub(super) fn object(
    kind: ObjectKind,
    object: DynamicObject,
) -> Result<Object, Box<dyn Error + Send + Sync>> {
    let DynamicObject { metadata, data, .. } = object;
    let Value::Object(mut fields) = data else { return Err("it has no fields".into()) };
    let known: &[&str] = match kind {
        ObjectKind::Role => &["rules"],
        ObjectKind::ClusterRole => &["rules", "aggregationRule"],
        ObjectKind::RoleBinding | ObjectKind::ClusterRoleBinding => &["roleRef", "subjects"],
    };
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(format!("the field {field:?} is unknown").into());
    }
    let labels = metadata.labels;
    let metadata = json!({"name": metadata.name, "namespace": metadata.namespace, "labels": labels});
    fields.insert("metadata".into(), metadata);
    let object = match kind {
        ObjectKind::Role => of::<Role>(fields)?,
        ObjectKind::ClusterRole => of::<ClusterRole>(fields)?,
        ObjectKind::RoleBinding => of::<RoleBinding>(fields)?,
        ObjectKind::ClusterRoleBinding => of::<ClusterRoleBinding>(fields)?,
    };
    // whether a policy takes it, so that none of those beside it is refused for its sake
    Policy::new().apply(Change::Stored(object.clone()))?;
    Ok(object)
}

fn of<T: DeserializeOwned + Into<Object>>(fields: Map<String, Value>) -> Result<Object, serde_json::Error> {
    serde_json::from_value::<T>(Value::Object(fields)).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: ObjectKind, object: Value) -> Result<Object, String> {
        let object = serde_json::from_value(object).unwrap();
        super::object(kind, object).map_err(|error| error.to_string())
    }

    fn role(fields: &Value) -> Result<Object, String> {
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {
                "name": "r", "namespace": "team-a", "labels": {"a": "b"}, "uid": "1", "resourceVersion": "2",
                "managedFields": [{"manager": "kubectl"}],
            },
        });
        object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        read(ObjectKind::Role, object)
    }

    #[test]
    fn what_a_cluster_keeps_besides_is_passed_over() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
        let Object::Role(read) = role(&json!({ "rules": rules })).unwrap() else { panic!() };
        assert_eq!((read.metadata.name.as_str(), read.metadata.labels["a"].as_str()), ("r", "b"));
        assert_eq!(read.rules[0].verbs, ["get"]);
        // what an older version of Kubernetes stored, and this one would not
        assert!(role(&json!({"rules": [{"verbs": []}]})).is_ok());
        assert!(role(&json!({ "rules": null })).is_ok());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for fields in [
            json!({"rules": [{"verbs": ["get"], "unless": "it rains"}]}),
            json!({"rules": [], "unless": "it rains"}),
            json!({"rules": "all"}),
        ] {
            assert!(role(&fields).is_err(), "{fields}");
        }
        assert!(read(ObjectKind::Role, json!({"metadata": {"name": "r"}, "rules": []})).is_err());
        let binding = json!({"metadata": {"name": "b"}, "subjects": []});
        assert!(read(ObjectKind::ClusterRoleBinding, binding).is_err());
    }
}

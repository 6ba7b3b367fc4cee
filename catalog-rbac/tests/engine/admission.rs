use catalog_core::yaml::{Limits, Node};
use catalog_rbac::engine::{
    Change, Policy,
    object::{ClusterRole, ClusterRoleBinding, Object, Role, RoleBinding},
};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::read;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    object: Value,
    before: Option<Value>,
    refused: Vec<String>,
}

fn object(value: &Value) -> Object {
    fn of<T: serde::de::DeserializeOwned + Into<Object>>(value: &Value) -> Object {
        serde_json::from_value::<T>(value.clone()).unwrap().into()
    }
    match value["kind"].as_str().unwrap() {
        "Role" => of::<Role>(value),
        "ClusterRole" => of::<ClusterRole>(value),
        "RoleBinding" => of::<RoleBinding>(value),
        "ClusterRoleBinding" => of::<ClusterRoleBinding>(value),
        kind => panic!("{kind}"),
    }
}

#[test]
fn what_kubernetes_stores_is_taken_and_nothing_else() {
    for case in read::<Vec<Case>>(include_str!("admission.yaml")) {
        let mut policy = Policy::new();
        if let Some(before) = &case.before {
            policy.apply(Change::Put(object(before))).unwrap();
        }
        let before = policy.clone();
        let outcome = policy.apply(Change::Put(object(&case.object)));
        let faults = outcome.map_or_else(|error| error.faults().to_vec(), |_| Vec::new());
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        // a label that is wrong is told of by its own name, not by that of all labels
        let matches = fields.len() == case.refused.len()
            && fields.iter().zip(&case.refused).all(|(field, refused)| field.starts_with(refused.as_str()));
        assert!(matches, "{}: {fields:?} instead of {:?}", case.about, case.refused);
        assert_eq!(case.refused.is_empty(), policy != before || case.before.as_ref() == Some(&case.object));
        assert!(
            case.before.is_some()
                || policy.apply(Change::Stored(object(&case.object))).is_ok()
                || case.refused.iter().all(|field| field.starts_with("metadata.n"))
        );
    }
}

#[test]
fn the_table_is_yaml_that_keeps_its_lines() {
    assert!(
        Node::parse(include_str!("admission.yaml"), Limits::default()).unwrap().items().unwrap().len() > 50
    );
}

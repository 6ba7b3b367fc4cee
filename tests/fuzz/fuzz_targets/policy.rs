//! Whatever text is taken for a policy is one: it reads back as itself, it lets nobody do anything whom no binding names, and asking it
//! does not fail.
#![no_main]

use catalog_core::identity::{Authenticator, Identity};
use catalog_rbac::engine::{Attributes, Policy, ResourceAttributes, Snapshot, object::Object};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    let items: Vec<Object> = policy.objects().collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    if let Ok(again) = Policy::parse(&list) {
        assert_eq!(again, policy, "{list}");
    }
    let snapshot = Snapshot::build(&policy, 1);
    let nobody = Identity::new("\u{1}nobody names this", Authenticator::Token);
    for (verb, resource, namespace) in [("get", "assets", "team-a"), ("*", "*", ""), ("", "", "")] {
        let asked = ResourceAttributes::new(verb, "catalog.kubeflow.org", resource).in_namespace(namespace);
        let asked = Attributes::from(asked);
        let verdict = snapshot.decide(&nobody, &asked);
        assert_eq!(verdict.is_allowed(), snapshot.reason(&nobody, &asked).is_some());
        assert!(!verdict.is_allowed(), "{text}");
    }
});

//! A decision as a plain walk over the objects, from the sentences of the rules and from nothing else in this crate.

use catalog_rbac::engine::{
    Attributes, Caller, Policy, ResourceAttributes, Verdict,
    object::{Object, PolicyRule, RoleRef, Subject},
};

pub(crate) fn decide(policy: &Policy, caller: Caller<'_>, attributes: &Attributes<'_>) -> Verdict {
    let asked_in = match attributes {
        Attributes::Resource(asked) => asked.namespace,
        Attributes::Path(_) => "",
    };
    let mut unresolved = false;
    for object in policy.objects() {
        let (namespace, role, subjects) = match &object {
            Object::ClusterRoleBinding(binding) => ("", &binding.role_ref, &binding.subjects),
            Object::RoleBinding(binding) => {
                let namespace = binding.metadata.namespace.as_deref().unwrap();
                if namespace != asked_in {
                    continue;
                }
                (namespace, &binding.role_ref, &binding.subjects)
            }
            _ => continue,
        };
        if !subjects.iter().any(|subject| is_caller(subject, namespace, caller)) {
            continue;
        }
        match rules(policy, role, namespace) {
            Some(rules) if rules.iter().any(|rule| allows(rule, attributes)) => return Verdict::Allow,
            Some(_) => {}
            None => unresolved = true,
        }
    }
    Verdict::NoOpinion { unresolved }
}

fn is_caller(subject: &Subject, namespace: &str, caller: Caller<'_>) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == caller.user,
        "Group" => caller.groups.contains(&subject.name),
        "ServiceAccount" => {
            let namespace = if subject.namespace.is_empty() { namespace } else { &subject.namespace };
            !namespace.is_empty()
                && caller.user == format!("system:serviceaccount:{namespace}:{}", subject.name)
        }
        _ => false,
    }
}

/// Of roles that aggregate none.
fn rules(policy: &Policy, role_ref: &RoleRef, namespace: &str) -> Option<Vec<PolicyRule>> {
    policy.objects().find_map(|object| match (&object, role_ref.kind.as_str()) {
        (Object::ClusterRole(role), "ClusterRole") if role.metadata.name == role_ref.name => {
            Some(role.rules.clone())
        }
        (Object::Role(role), "Role")
            if role.metadata.name == role_ref.name
                && role.metadata.namespace.as_deref() == Some(namespace) =>
        {
            Some(role.rules.clone())
        }
        _ => None,
    })
}

fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    let any = |entries: &[String], wanted: &str| entries.iter().any(|entry| entry == "*" || entry == wanted);
    match attributes {
        Attributes::Resource(asked) => {
            any(&rule.verbs, asked.verb)
                && any(&rule.api_groups, asked.api_group)
                && resource(rule, asked)
                && (rule.resource_names.is_empty()
                    || rule.resource_names.iter().any(|name| name == asked.name))
        }
        Attributes::Path(asked) => {
            let covers = |entry: &String| {
                entry == "*"
                    || entry == asked.path
                    || (entry.ends_with('*') && asked.path.starts_with(entry.trim_end_matches('*')))
            };
            any(&rule.verbs, asked.verb) && rule.non_resource_urls.iter().any(covers)
        }
    }
}

fn resource(rule: &PolicyRule, asked: &ResourceAttributes<'_>) -> bool {
    let combined = match asked.subresource {
        "" => asked.resource.to_owned(),
        subresource => format!("{}/{subresource}", asked.resource),
    };
    rule.resources.iter().any(|entry| {
        entry == "*"
            || *entry == combined
            || (!asked.subresource.is_empty() && *entry == format!("*/{}", asked.subresource))
    })
}

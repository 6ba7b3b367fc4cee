use std::collections::BTreeSet;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use crate::{
    AnyError,
    authz::{
        contender::Contender,
        workload::{Question, Workload},
    },
    is_own, role,
};

/// Roles with domains: a binding is a role link in a namespace, and the lines of a role are the same for all of them.
pub(crate) struct Casbin {
    enforcer: Enforcer,
    requests: Vec<[String; 4]>,
}

const PACE: usize = 300;

const MODEL: &str = r#"
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = (p.obj == "*" || r.obj == p.obj) && (p.act == "*" || r.act == p.act) && g(r.sub, p.sub, r.dom)
"#;

impl Casbin {
    pub(crate) fn new(workload: &Workload) -> Result<Self, AnyError> {
        let questions = workload.questions.get(..PACE).unwrap_or(&workload.questions);
        let mut lines: BTreeSet<Vec<String>> = BTreeSet::new();
        let mut memberships: BTreeSet<Vec<String>> = BTreeSet::new();
        for grant in &workload.grants {
            for rule in &grant.rules {
                let object = |resource: &String| {
                    if rule.resource_names.is_empty() { resource.clone() } else { format!("{resource}/own") }
                };
                for resource in &rule.resources {
                    lines.extend(
                        rule.verbs
                            .iter()
                            .map(|verb| vec![role(grant).to_owned(), object(resource), verb.clone()]),
                    );
                }
            }
            for subject in &grant.subjects {
                let name = match subject.kind.as_str() {
                    "ServiceAccount" => {
                        format!("User system:serviceaccount:{}:{}", subject.namespace, subject.name)
                    }
                    kind => format!("{kind} {}", subject.name),
                };
                if let Some(namespace) = &grant.namespace {
                    memberships.insert(vec![name, role(grant).to_owned(), namespace.clone()]);
                } else {
                    // a role of the whole cluster is one in each namespace that is asked about
                    let domains = questions.iter().map(|question| question.namespace.clone());
                    memberships.extend(
                        domains.map(|namespace| vec![name.clone(), role(grant).to_owned(), namespace]),
                    );
                }
            }
        }
        for (number, question) in questions.iter().enumerate() {
            let names = question.groups.iter().map(|group| format!("Group {group}"));
            for name in names.chain([format!("User {}", question.user)]) {
                memberships.insert(vec![number.to_string(), name, question.namespace.clone()]);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let enforcer = runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await?;
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
            enforcer.add_policies(lines.into_iter().collect()).await?;
            enforcer.add_grouping_policies(memberships.into_iter().collect()).await?;
            Ok::<_, casbin::Error>(enforcer)
        })?;
        Ok(Self { enforcer, requests: questions.iter().enumerate().map(request).collect() })
    }
}

fn request((number, question): (usize, &Question)) -> [String; 4] {
    let object =
        if is_own(question) { format!("{}/own", question.resource) } else { question.resource.into() };
    [number.to_string(), question.namespace.clone(), object, question.verb.to_owned()]
}

impl Contender for Casbin {
    fn one(&self, question: usize) -> bool {
        let Some([caller, namespace, object, verb]) = self.requests.get(question) else { return false };
        let asked = (caller.as_str(), namespace.as_str(), object.as_str(), verb.as_str());
        self.enforcer.enforce(asked).unwrap_or(false)
    }

    fn pace(&self) -> usize {
        PACE
    }
}

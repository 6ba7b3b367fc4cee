use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use catalog_rbac::engine::object::{PolicyRule, Subject};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

use crate::{
    AnyError,
    authz::{
        contender::Contender,
        grant::{Grant, namespace},
        workload::{Question, Workload},
    },
    is_own, role,
};

/// Roles of a namespace are groups that its entity names, and each role is a policy that asks for membership.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

const PACE: usize = 2_000;

fn uid(kind: &str, id: &str) -> Result<EntityUid, AnyError> {
    Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
}

/// The roles that are bound in namespaces, with their rules.
fn roles(workload: &Workload) -> Vec<(&str, &[PolicyRule])> {
    let mut roles: Vec<(&str, &[PolicyRule])> = Vec::new();
    for grant in workload.grants.iter().filter(|grant| grant.namespace.is_some()) {
        if !roles.iter().any(|(name, _)| *name == role(grant)) {
            roles.push((role(grant), &grant.rules));
        }
    }
    roles
}

/// An attribute cannot hold a `-`.
fn attribute(role: &str) -> String {
    role.replace('-', "_")
}

/// A star is a group of actions.
fn actions(rule: &PolicyRule) -> String {
    let text = |entry: &String| if entry == "*" { "any".to_owned() } else { entry.clone() };
    let resources: Vec<String> = rule.resources.iter().map(text).collect();
    let of_verb = |verb: String| -> Vec<String> {
        resources.iter().map(|resource| format!("Action::\"{verb} {resource}\"")).collect()
    };
    let all: Vec<String> = rule.verbs.iter().map(text).flat_map(of_verb).collect();
    format!("action in [{}]", all.join(", "))
}

fn policies(workload: &Workload) -> Result<PolicySet, AnyError> {
    let mut text = String::new();
    for (name, rules) in roles(workload) {
        for rule in rules {
            let limit = if rule.resource_names.is_empty() { "" } else { " && context.own" };
            writeln!(
                text,
                "permit(principal, {}, resource) when {{ principal in resource.{}{limit} }};",
                actions(rule),
                attribute(name)
            )?;
        }
    }
    let mut seen = HashSet::new();
    for grant in workload.grants.iter().filter(|grant| grant.namespace.is_none()) {
        for rule in grant.rules.iter().filter(|_| seen.insert(role(grant))) {
            writeln!(text, "permit(principal in Role::\"{}\", {}, resource);", role(grant), actions(rule))?;
        }
    }
    Ok(text.parse()?)
}

fn subject(subject: &Subject) -> Result<EntityUid, AnyError> {
    match subject.kind.as_str() {
        "Group" => uid("Group", &subject.name),
        "User" => uid("User", &subject.name),
        _ => uid("User", &format!("system:serviceaccount:{}:{}", subject.namespace, subject.name)),
    }
}

fn grant_role(grant: &Grant) -> Result<EntityUid, AnyError> {
    match &grant.namespace {
        Some(namespace) => uid("Role", &format!("{namespace}/{}", role(grant))),
        None => uid("Role", role(grant)),
    }
}

impl Cedar {
    pub(crate) fn new(workload: &Workload) -> Result<Self, AnyError> {
        let questions = workload.questions.get(..PACE).unwrap_or(&workload.questions);
        let mut parents: HashMap<EntityUid, HashSet<EntityUid>> = HashMap::new();
        for grant in &workload.grants {
            for member in &grant.subjects {
                parents.entry(subject(member)?).or_default().insert(grant_role(grant)?);
            }
        }
        for (number, question) in questions.iter().enumerate() {
            let of = parents.entry(uid("Caller", &number.to_string())?).or_default();
            of.insert(uid("User", &question.user)?);
            for group in &question.groups {
                of.insert(uid("Group", group)?);
            }
            // a verb or a resource of its own is within those of all
            let [verb, resource] = [question.verb, question.resource];
            let action = parents.entry(uid("Action", &format!("{verb} {resource}"))?).or_default();
            for other in [format!("any {resource}"), format!("{verb} any"), "any any".to_owned()] {
                action.insert(uid("Action", &other)?);
            }
        }
        let mut entities = Vec::new();
        for (uid, parents) in parents {
            entities.push(Entity::new(uid, HashMap::new(), parents)?);
        }
        for name in (0..1_000).map(namespace).chain([String::new()]) {
            let mut attributes = HashMap::new();
            for (role, _) in roles(workload) {
                let value = RestrictedExpression::new_entity_uid(uid("Role", &format!("{name}/{role}"))?);
                attributes.insert(attribute(role), value);
            }
            entities.push(Entity::new(uid("Namespace", &name)?, attributes, HashSet::new())?);
        }
        let requests = questions.iter().enumerate().map(|(number, question)| request(number, question));
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: policies(workload)?,
            entities: Entities::from_entities(entities, None)?,
            requests: requests.collect::<Result<_, _>>()?,
        })
    }
}

fn request(number: usize, question: &Question) -> Result<Request, AnyError> {
    let own = RestrictedExpression::new_bool(is_own(question));
    Ok(Request::new(
        uid("Caller", &number.to_string())?,
        uid("Action", &format!("{} {}", question.verb, question.resource))?,
        uid("Namespace", &question.namespace)?,
        Context::from_pairs([("own".to_owned(), own)])?,
        None,
    )?)
}

impl Contender for Cedar {
    fn one(&self, question: usize) -> bool {
        self.requests.get(question).is_some_and(|request| {
            let answer = self.authorizer.is_authorized(request, &self.policies, &self.entities);
            answer.decision() == Decision::Allow
        })
    }

    fn pace(&self) -> usize {
        PACE
    }
}

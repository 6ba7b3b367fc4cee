//! The policy and the questions to it.

use catalog_rbac::engine::{Attributes, Caller, Policy, PolicyError, ResourceAttributes, object::Subject};

use super::{
    grant::{GROUP, GROUPS, Grant, NAMESPACES, USERS, group, namespace, policy, user},
    random::Random,
};

const RESOURCES: [&str; 6] = ["assets", "catalogsources", "actions", "jobs", "approvals", "audit"];
const VERBS: [&str; 7] = ["get", "list", "create", "update", "delete", "execute", "approve"];

/// A policy, and questions with their answers.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) bindings: usize,
    pub(crate) policy: Policy,
    pub(crate) grants: Vec<Grant>,
    pub(crate) questions: Vec<Question>,
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) verb: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) allowed: bool,
}

impl Question {
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { user: &self.user, groups: &self.groups }
    }

    pub(crate) fn asked(&self) -> ResourceAttributes<'_> {
        ResourceAttributes::new(self.verb, GROUP, self.resource)
            .with_name(&self.name)
            .in_namespace(&self.namespace)
    }

    pub(crate) fn attributes(&self) -> Attributes<'_> {
        self.asked().into()
    }
}

impl Workload {
    pub(crate) fn new(bindings: usize, questions: usize) -> Result<Self, PolicyError> {
        let mut random = Random::new(42);
        let grants = Grant::all(bindings, &mut random);
        let mut workload = Self { bindings, policy: policy(&grants)?, grants, questions: Vec::new() };
        while workload.questions.len() < questions {
            let question = match random.below(10) {
                0..7 => workload.granted(&mut random),
                7..9 => workload.refused(&mut random),
                _ => Self::cluster_wide(&mut random),
            };
            workload.questions.extend(question);
        }
        Ok(workload)
    }

    /// One that a binding of a namespace allows.
    fn granted(&self, random: &mut Random) -> Option<Question> {
        let grant = self.grants.get(random.below(self.bindings))?;
        let subject = random.pick(&grant.subjects)?;
        let rule = random.pick(&grant.rules)?;
        let mut question = Question {
            verb: VERBS
                .into_iter()
                .find(|verb| rule.verbs.iter().any(|other| other == verb || other == "*"))?,
            resource: RESOURCES
                .into_iter()
                .find(|resource| rule.resources.iter().any(|other| other == resource || other == "*"))?,
            name: random.pick(&rule.resource_names).cloned().unwrap_or_default(),
            namespace: grant.namespace.clone()?,
            ..Self::anybody(random)
        };
        match subject.kind.as_str() {
            "Group" => question.groups.insert(random.below(3), subject.name.clone()),
            "User" => question.user.clone_from(&subject.name),
            _ => question.user = format!("system:serviceaccount:{}:{}", subject.namespace, subject.name),
        }
        question.groups.truncate(4);
        question.allowed = true;
        Some(question)
    }

    /// One that nothing allows; what turns out to be allowed is none.
    fn refused(&self, random: &mut Random) -> Option<Question> {
        let question = Question {
            verb: random.pick(&VERBS)?,
            resource: random.pick(&RESOURCES)?,
            namespace: namespace(random.below(NAMESPACES)),
            ..Self::anybody(random)
        };
        (!self.allows(&question)).then_some(question)
    }

    /// One that a binding of the whole cluster allows.
    fn cluster_wide(random: &mut Random) -> Option<Question> {
        let mut question = Question {
            verb: random.pick(&VERBS)?,
            resource: random.pick(&RESOURCES)?,
            namespace: if random.below(2) == 0 { String::new() } else { namespace(random.below(NAMESPACES)) },
            ..Self::anybody(random)
        };
        question.groups.insert(random.below(3), format!("operators-{}", random.below(4)));
        question.groups.truncate(4);
        question.allowed = true;
        Some(question)
    }

    /// Somebody of four groups.
    fn anybody(random: &mut Random) -> Question {
        let mut groups: Vec<String> = (0..3).map(|_| group(random.below(GROUPS))).collect();
        groups.push("system:authenticated".into());
        Question {
            user: user(random.below(USERS)),
            groups,
            verb: "get",
            resource: "assets",
            name: String::new(),
            namespace: String::new(),
            allowed: false,
        }
    }

    /// A plain walk over all.
    fn allows(&self, question: &Question) -> bool {
        let is_caller = |subject: &Subject| match subject.kind.as_str() {
            "Group" => question.groups.contains(&subject.name),
            "User" => question.user == subject.name,
            _ => false,
        };
        self.grants.iter().any(|grant| {
            grant.namespace.as_ref().is_none_or(|namespace| *namespace == question.namespace)
                && grant.subjects.iter().any(is_caller)
                && grant.rules.iter().any(|rule| rule.allows(&question.attributes()))
        })
    }
}

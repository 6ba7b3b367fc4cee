use super::{
    Bindings, Snapshot,
    book::{MISSING, RuleList},
    bound::Bound,
};
use crate::engine::{
    Attributes, Caller,
    explain::Grant,
    object::{PolicyRule, RoleRef},
};

impl Snapshot {
    /// Tells of every binding that names the caller where it is asked, the cluster's first, each with whether it allows what is
    /// asked, if its role is there; until it is told to stop.
    pub(in crate::engine) fn visit(
        &self,
        caller: Caller<'_>,
        attributes: &Attributes<'_>,
        mut tell: impl FnMut(&dyn Fn() -> Grant, Option<bool>) -> bool,
    ) {
        let (question, namespace) = match attributes {
            Attributes::Resource(asked) => (Some(self.book.question(asked)), asked.namespace),
            Attributes::Path(_) => (None, ""),
        };
        let allows = |bound: &Bound| match (&question, attributes) {
            (Some(question), _) => question.is_allowed_by(bound.list),
            (None, Attributes::Path(asked)) => self.book.allows_path(bound.list, asked),
            (None, Attributes::Resource(_)) => false,
        };
        self.naming(caller, namespace, |bound, subject| {
            let grant = || Grant::new(bound.binding.clone(), subject);
            tell(&grant, (bound.list != MISSING).then(|| allows(bound)))
        });
    }

    /// The rules of every binding that names the caller there, the cluster's first, and the bindings whose role is not there.
    pub(in crate::engine) fn held(
        &self,
        caller: Caller<'_>,
        namespace: &str,
    ) -> (Vec<&PolicyRule>, Vec<Grant>) {
        let (mut rules, mut unresolved) = (Vec::new(), Vec::new());
        self.naming(caller, namespace, |bound, subject| {
            match self.book.list(bound.list).filter(|_| bound.list != MISSING) {
                Some(list) => rules.extend(list.rules()),
                None => unresolved.push(Grant::new(bound.binding.clone(), subject)),
            }
            true
        });
        (rules, unresolved)
    }

    fn naming<'s>(
        &'s self,
        caller: Caller<'_>,
        namespace: &str,
        mut tell: impl FnMut(&'s Bound, usize) -> bool,
    ) {
        let callers = self.subjects.of(caller).to_vec();
        let own = self.namespaces.tables.number(namespace);
        let own = own.and_then(|number| self.namespaces.bindings.get(number as usize));
        for bound in [Some(&self.cluster.bindings), own].into_iter().flatten().flat_map(Bindings::iter) {
            let is_caller = |subject: &Option<u32>| subject.is_some_and(|subject| callers.contains(&subject));
            let Some(subject) = bound.subjects.iter().position(is_caller) else { continue };
            if !tell(bound, subject) {
                return;
            }
        }
    }

    /// The rules of a role, if it is there.
    pub(in crate::engine) fn role_rules(
        &self,
        role: &RoleRef,
        namespace: Option<&str>,
    ) -> Option<&[PolicyRule]> {
        let list = self.book.roles.list(role, namespace);
        self.book.list(list).filter(|_| list != MISSING).map(RuleList::rules)
    }
}

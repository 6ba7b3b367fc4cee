use crate::{Component, fence::FencingToken};

/// How an election stands for one candidate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ElectorStatus {
    /// What the candidate is.
    pub role: Role,
    /// Who holds the lease, as far as is known.
    pub holder: Option<String>,
    /// The token that it leads by.
    pub token: Option<FencingToken>,
    /// What went wrong last, until something went right.
    pub problem: Option<String>,
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// It does not campaign: not yet, or no more.
    #[default]
    Idle,
    /// It waits for the lease.
    Standby,
    /// It leads.
    Leading,
    /// It was told to end its work, and has not yet.
    Ending,
}

impl ElectorStatus {
    /// As a component of readiness. That somebody else leads is well; what a candidate cannot know or do is no reason to send
    /// requests elsewhere.
    pub fn component(&self) -> Component {
        let holder = self.holder.as_deref().unwrap_or("nobody");
        let says = match (self.role, self.token) {
            (Role::Idle, _) => "does not campaign".to_owned(),
            (Role::Standby, _) => format!("`{holder}` leads"),
            (Role::Leading, Some(token)) => format!("leads, with token {token}"),
            (Role::Leading, None) => "leads".to_owned(),
            (Role::Ending, _) => "the work of a leader is to end and has not".to_owned(),
        };
        match &self.problem {
            Some(problem) => Component::degraded(format!("{says}; {problem}")),
            None if self.role == Role::Ending => Component::degraded(says),
            None => Component::ok().with_detail(says),
        }
    }
}

use std::sync::Arc;

use catalog_core::identity::{self, AUTHENTICATED_GROUP, Identity};
use http::{HeaderMap, header, request::Parts};

use super::{Authenticator, AuthenticatorError, Outcome, Refusal};

/// Authenticators in the order in which they are asked; the first that has an answer gives it for all.
///
/// An empty one knows nobody. An anonymous answer counts from its last member alone, and never for a request with a credential.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct AuthenticatorChain(Vec<Arc<dyn Authenticator>>);

/// What a whole chain says.
#[derive(Debug)]
pub(super) enum Verdict {
    Known(Arc<Identity>),
    Nobody,
    Refused(Refusal),
    Unavailable(AuthenticatorError),
}

impl AuthenticatorChain {
    /// Without members: nobody is known.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With one more member, asked after those before it.
    pub fn with(mut self, authenticator: impl Authenticator) -> Self {
        self.0.push(Arc::new(authenticator));
        self
    }

    /// What is known at once, or the position of the member that has to be waited for.
    pub(super) fn peek(&self, parts: &Parts) -> Result<Verdict, usize> {
        for (position, member) in self.0.iter().enumerate() {
            match member.peek(parts).map(|outcome| self.settle(position, outcome, parts)) {
                Some(Some(verdict)) => return Ok(verdict),
                Some(None) => {}
                None => return Err(position),
            }
        }
        Ok(Verdict::Nobody)
    }

    /// Asks the members from `position` on, the first of which did not know at once.
    pub(super) async fn ask(&self, position: usize, parts: &Parts) -> Verdict {
        for (position, member) in self.0.iter().enumerate().skip(position) {
            let outcome = match member.peek(parts) {
                Some(outcome) => outcome,
                None => match member.authenticate(parts).await {
                    Ok(outcome) => outcome,
                    Err(error) => return Verdict::Unavailable(error),
                },
            };
            if let Some(verdict) = self.settle(position, outcome, parts) {
                return verdict;
            }
        }
        Verdict::Nobody
    }

    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        for member in &self.0 {
            member.strip(headers);
        }
    }

    fn settle(&self, position: usize, outcome: Outcome, parts: &Parts) -> Option<Verdict> {
        match outcome {
            Outcome::Absent => None,
            Outcome::Refused(refusal) => Some(Verdict::Refused(refusal)),
            Outcome::Known(identity) if identity.authenticator == identity::Authenticator::Anonymous => {
                let last = position + 1 == self.0.len();
                let bare = !parts.headers.contains_key(header::AUTHORIZATION);
                (last && bare).then_some(Verdict::Known(identity))
            }
            Outcome::Known(identity) => Some(Verdict::Known(authenticated(identity))),
        }
    }
}

/// The identity in the group of all who are known. What keeps identities keeps them so, and nothing is copied for a request.
pub(super) fn authenticated(mut identity: Arc<Identity>) -> Arc<Identity> {
    if !identity.groups.iter().any(|group| group == AUTHENTICATED_GROUP) {
        Arc::make_mut(&mut identity).groups.push(AUTHENTICATED_GROUP.into());
    }
    identity
}

//! What a test wants to go wrong.

use std::time::Duration;

use http::StatusCode;

use super::request::Call;
use super::status::Failure;

/// What a request is about, as faults are matched and requests are counted by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; in lower case the method
    /// of a request that is about no resource.
    pub verb: String,
    /// The API group, empty for the core.
    pub group: String,
    /// The plural, empty where the path names no resource.
    pub resource: String,
    /// What follows the name, or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The name, or empty.
    pub name: String,
}

impl Subject {
    pub(super) fn of(call: &Call) -> Self {
        let asked = call.attributes.clone();
        Self {
            verb: asked.verb,
            group: asked.group,
            resource: asked.resource,
            subresource: asked.subresource,
            namespace: asked.namespace,
            name: asked.name,
        }
    }
}

/// Which requests are meant; what is not said is not looked at.
///
/// ```
/// # use catalog_testkit_kubernetes::fake::On;
/// let second_renewal = On::verb("update").resource("leases").nth(2);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct On {
    verb: Option<String>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    first: u64,
    last: Option<u64>,
}

impl On {
    /// Every request.
    pub fn any() -> Self {
        Self { first: 1, ..Self::default() }
    }

    /// Requests of one verb, such as `get`, `watch` or `deletecollection`.
    pub fn verb(verb: impl Into<String>) -> Self {
        Self { verb: Some(verb.into()), ..Self::any() }
    }

    /// Only of this resource, by its plural: `leases`, or with a subresource `serviceaccounts/token`.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Only in this namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only of the object of this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only the `n`th that matches, counted from 1 since the fault was injected.
    pub fn nth(mut self, n: u64) -> Self {
        self.first = n;
        self.last = Some(n);
        self
    }

    /// Only the first `n` that match.
    pub fn first(mut self, n: u64) -> Self {
        self.last = Some(n);
        self
    }

    /// Only those after the first `n` that match.
    pub fn after(mut self, n: u64) -> Self {
        self.first = n + 1;
        self
    }

    /// Whether it means such requests, whatever their number.
    pub fn matches(&self, subject: &Subject) -> bool {
        let resource = if subject.subresource.is_empty() {
            subject.resource.clone()
        } else {
            format!("{}/{}", subject.resource, subject.subresource)
        };
        let same =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        same(&self.verb, &subject.verb)
            && same(&self.resource, &resource)
            && same(&self.namespace, &subject.namespace)
            && same(&self.name, &subject.name)
    }

    fn means(&self, number: u64) -> bool {
        number >= self.first && self.last.is_none_or(|last| number <= last)
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// It is refused with this code and nothing is done.
    Refuse {
        /// The code, with the reason that goes with it.
        code: StatusCode,
        /// The header `Retry-After`, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// It is answered later; time may be paused.
    Delay(Duration),
    /// It is neither done nor answered.
    Hang,
    /// The connection breaks before anything is done.
    Disconnect,
    /// It is done, and the connection breaks before the answer.
    LoseAnswer,
    /// It is done, and never answered.
    HangAfterwards,
    /// A review is answered with an express no.
    Deny {
        /// The reason that is given.
        reason: String,
    },
    /// A review is answered with neither yes nor no, and this error.
    EvaluationError {
        /// The error.
        message: String,
    },
}

impl Effect {
    /// Refuses with a code, such as 401, 403, 409, 410, 500 or 503.
    ///
    /// # Panics
    /// If there is no such code.
    #[must_use]
    pub fn status(code: u16) -> Self {
        match StatusCode::from_u16(code) {
            Ok(code) => Self::Refuse { code, retry_after: None },
            Err(error) => panic!("{code}: {error}"),
        }
    }

    /// Refuses with 429 and says when to come back.
    #[must_use]
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::Refuse { code: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(retry_after) }
    }

    pub(super) fn refusal(&self) -> Option<Failure> {
        match self {
            Self::Refuse { code, retry_after } => Some(Failure::plain(*code).with_retry_after(*retry_after)),
            _ => None,
        }
    }
}

/// All faults, with how often each was met.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    faults: Vec<(On, Effect, u64)>,
}

impl Faults {
    pub(super) fn inject(&mut self, on: On, effect: Effect) {
        self.faults.push((on, effect, 0));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What happens to one more request, in the order in which the faults were injected.
    pub(super) fn meet(&mut self, subject: &Subject) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (on, effect, met) in &mut self.faults {
            if on.matches(subject) {
                *met += 1;
                effects.extend(on.means(*met).then(|| effect.clone()));
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(on: On) -> Vec<usize> {
        let mut faults = Faults::default();
        faults.inject(on, Effect::Hang);
        let subject = Subject { verb: "get".into(), resource: "leases".into(), ..Subject::default() };
        (1..=4).filter(|_| !faults.meet(&subject).is_empty()).collect()
    }

    #[test]
    fn numbers_count_what_matches() {
        assert_eq!(met(On::any()), [1, 2, 3, 4]);
        assert_eq!(met(On::verb("get").nth(2)), [2]);
        assert_eq!(met(On::verb("get").first(2)), [1, 2]);
        assert_eq!(met(On::any().resource("leases").after(3)), [4]);
        assert_eq!(met(On::verb("list")), [0; 0]);
        assert_eq!(met(On::any().name("x")), [0; 0]);
    }
}

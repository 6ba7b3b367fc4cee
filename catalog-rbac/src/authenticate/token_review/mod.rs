//! Tokens that a Kubernetes API server reviews.

mod flights;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use catalog_core::{
    clock::{Clock, SystemClock, Timestamp},
    identity::{self, ANONYMOUS_USER, Identity},
};
use http::request::Parts;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use kube::{Api, Client, api::PostParams};
use tokio::sync::Semaphore;

use self::flights::Flights;
use super::{
    Authenticator, AuthenticatorError, Outcome, Refusal, bearer::bearer, chain::authenticated, name,
    verdict::VerdictCache,
};

/// Asks a Kubernetes API server whose a bearer token is: of a service account, or of whom else it knows. It takes every token, so it
/// goes behind authenticators that know theirs.
///
/// Names that begin with `system:` stay as the API server says them. A verdict is kept for 10 s; one token is reviewed once at a
/// time, however many requests show it.
#[derive(Clone)]
#[must_use]
pub struct TokenReviewAuthenticator {
    reviewer: Arc<Reviewer>,
    flights: Arc<Flights<Reviewed>>,
    verdicts: Arc<VerdictCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Reviewer {
    reviews: Api<TokenReview>,
    audiences: Vec<String>,
    deadline: Duration,
    /// How many reviews may be under way.
    room: Arc<Semaphore>,
}

/// What came of a review, and when that was asked.
type Reviewed = (Result<Outcome, Arc<ReviewError>>, Timestamp);

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
enum ReviewError {
    #[error("the API server refused the review")]
    Refused(#[source] kube::Error),
    #[error("the API server took longer than {0:?}")]
    Slow(Duration),
    #[error("the API server answered without a verdict")]
    Empty,
}

/// A verdict is kept for so long: what is withdrawn in the cluster ends here no later.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// A review may take so long by default.
const DEADLINE: Duration = Duration::from_secs(2);
/// So many reviews may be under way.
const MAX_REVIEWS: usize = 64;

impl TokenReviewAuthenticator {
    /// Asks the API server of that client, which has to be allowed to create `tokenreviews`. A review may take 2 s.
    pub fn new(client: Client) -> Self {
        let reviewer = Reviewer {
            reviews: Api::all(client),
            audiences: Vec::new(),
            deadline: DEADLINE,
            room: Arc::new(Semaphore::new(MAX_REVIEWS)),
        };
        Self {
            reviewer: Arc::new(reviewer),
            flights: Arc::default(),
            verdicts: Arc::new(VerdictCache::new(KNOWN_FOR)),
            clock: Arc::new(SystemClock),
        }
    }

    /// Believes tokens for one of those audiences in place of those for the API server itself: who gets such a token from a caller
    /// cannot use it at the API server.
    pub fn with_audiences<A: Into<String>>(mut self, audiences: impl IntoIterator<Item = A>) -> Self {
        let reviewer = Arc::make_mut(&mut self.reviewer);
        reviewer.audiences = audiences.into_iter().map(Into::into).collect();
        // a verdict holds for the audiences that were asked about, and what it was cloned from asks about others
        (self.flights, self.verdicts) = (Arc::default(), Arc::new(VerdictCache::new(KNOWN_FOR)));
        self
    }

    /// With another time that a review may take, waiting for its turn included.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        Arc::make_mut(&mut self.reviewer).deadline = deadline;
        self
    }

    /// With another clock.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Forgets all verdicts: tokens are reviewed anew.
    pub fn forget_verdicts(&self) {
        self.verdicts.clear();
    }

    /// The token of a request, unless that is an answer already.
    fn token<'a>(&self, parts: &'a Parts, now: Timestamp) -> Result<&'a str, Outcome> {
        let token = match bearer(&parts.headers) {
            Ok(Some(token)) => token,
            Ok(None) => return Err(Outcome::Absent),
            Err(refusal) => return Err(Outcome::Refused(refusal)),
        };
        match self.verdicts.key(token).and_then(|key| self.verdicts.find(key, now)) {
            Some(known) => Err(known),
            None => Ok(token),
        }
    }
}

#[async_trait]
impl Authenticator for TokenReviewAuthenticator {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        self.token(parts, self.clock.now()).err()
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        let now = self.clock.now();
        let token = match self.token(parts, now) {
            Ok(token) => token,
            Err(outcome) => return Ok(outcome),
        };
        let review = || {
            let (reviewer, token) = (Arc::clone(&self.reviewer), token.to_owned());
            async move { (reviewer.review(token).await.map_err(Arc::new), now) }
        };
        let key = self.verdicts.key(token);
        let (reviewed, asked_at) = match key {
            None => review().await,
            Some(key) => self.flights.join(key, review).await,
        };
        if let (Some(key), Ok(outcome)) = (key, &reviewed) {
            // who joins late keeps it no longer than who asked
            self.verdicts.note(key, outcome, asked_at, None);
        }
        reviewed.map_err(AuthenticatorError::new)
    }
}

impl fmt::Debug for TokenReviewAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReviewAuthenticator")
            .field("audiences", &self.reviewer.audiences)
            .field("deadline", &self.reviewer.deadline)
            .finish_non_exhaustive()
    }
}

impl Reviewer {
    async fn review(&self, token: String) -> Result<Outcome, ReviewError> {
        let audiences = (!self.audiences.is_empty()).then(|| self.audiences.clone());
        let spec = TokenReviewSpec { audiences, token: Some(token) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = async {
            // closed never
            let _room = self.room.acquire().await;
            self.reviews.create(&PostParams::default(), &review).await
        };
        let answer = tokio::time::timeout(self.deadline, answer).await;
        let answer = answer.map_err(|_| ReviewError::Slow(self.deadline))?.map_err(ReviewError::Refused)?;
        Ok(self.judge(answer.status.ok_or(ReviewError::Empty)?))
    }

    fn judge(&self, status: TokenReviewStatus) -> Outcome {
        let refused = |reason| Outcome::Refused(Refusal::invalid(reason));
        if status.authenticated != Some(true) {
            return refused("the API server does not know the token");
        }
        // a server that knows no audiences has checked none
        let good = status.audiences.unwrap_or_default();
        if !self.audiences.is_empty() && !self.audiences.iter().any(|audience| good.contains(audience)) {
            return refused("the API server did not check the audience");
        }
        match status.user.and_then(identity) {
            Some(identity) => Outcome::Known(authenticated(Arc::new(identity))),
            None => refused("the API server names no user"),
        }
    }
}

fn identity(user: UserInfo) -> Option<Identity> {
    let name = user.username.filter(|name| name::fault(name).is_none() && name != ANONYMOUS_USER)?;
    let mut identity = Identity::new(name, identity::Authenticator::TokenReview);
    identity.groups = user.groups.unwrap_or_default();
    identity.extra = user.extra.unwrap_or_default();
    Some(identity)
}

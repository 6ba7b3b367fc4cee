use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::clock::Clock;
use http::{HeaderMap, header, request::Parts};

use super::{
    base_url::BaseUrl,
    cookie::{Cookies, Found},
    origin::is_cross_site,
    seal::{Kind, Sealer},
    session::Session,
};
use crate::authenticate::{Authenticator, Outcome, Refusal, RefusalKind};

/// Knows browsers by the session that a [`Login`](super::Login) gave them.
///
/// A session that is broken or over is 401 and never anonymity. One that comes along with a request that would change something
/// and is not known to come from a page of the service is 403. A request with `Authorization` is left to those who know that:
/// browsers send cookies without being asked.
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionAuthenticator {
    pub(super) base_url: BaseUrl,
    pub(super) cookies: Cookies,
    pub(super) sealer: Arc<Sealer>,
    pub(super) clock: Arc<dyn Clock>,
}

impl SessionAuthenticator {
    fn judge(&self, parts: &Parts) -> Outcome {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return Outcome::Absent;
        }
        let sealed = match self.cookies.find(Kind::Session, &parts.headers) {
            Found::Nothing => return Outcome::Absent,
            Found::Several => return Outcome::Refused(Refusal::malformed("several session cookies")),
            Found::One(sealed) => sealed,
        };
        let Ok(session) = self.sealer.open::<Session>(Kind::Session, sealed) else {
            return Outcome::Refused(Refusal::invalid("the session was not sealed here"));
        };
        if session.has_expired(self.clock.now()) {
            return Outcome::Refused(Refusal::new(RefusalKind::Expired, "the session is over"));
        }
        if is_cross_site(&parts.method, &parts.headers, &self.base_url) {
            return Outcome::Refused(Refusal::new(
                RefusalKind::CrossSite,
                "the request is not of the same origin",
            ));
        }
        Outcome::Known(Arc::new(session.into_identity()))
    }
}

#[async_trait]
impl Authenticator for SessionAuthenticator {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        Some(self.judge(parts))
    }

    fn strip(&self, headers: &mut HeaderMap) {
        self.cookies.strip(headers);
    }
}

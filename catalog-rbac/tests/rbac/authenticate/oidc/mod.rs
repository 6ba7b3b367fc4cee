//! Tokens of OpenID Connect issuers, of an issuer within the process.

mod claims;
mod hostile;
pub(crate) mod key;
mod keys;
pub(crate) mod op;
pub(crate) mod provider;

use std::time::Duration;

use catalog_core::clock::{ManualClock, Timestamp};
use catalog_rbac::authenticate::{AnonymousAuthenticator, AuthenticatorChain, OidcAuthenticator, OidcIssuer};
use serde_json::{Value, json};

use self::{
    key::{Key, Kind},
    op::Op,
};
use super::{Answer, ask};

/// What the clocks of the tests say at first, in seconds.
pub(crate) const NOW: i64 = 1_750_000_000;

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_unix_ms(NOW * 1_000).unwrap())
}

/// An issuer with one key, and who believes it.
struct Setup {
    op: Op,
    key: Key,
    clock: ManualClock,
    oidc: OidcAuthenticator,
    chain: AuthenticatorChain,
}

impl Setup {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut OidcIssuer)) -> Self {
        let (op, key, clock) = (Op::start().await, Key::new(Kind::Es256, "one"), clock());
        op.publish(&[&key]);
        let mut issuer = OidcIssuer::new(op.issuer(), "catalog").with_insecure_http();
        change(&mut issuer);
        let oidc = OidcAuthenticator::new([issuer]).unwrap().with_clock(clock.clone());
        let chain = AuthenticatorChain::new().with(oidc.clone()).with(AnonymousAuthenticator::new());
        Self { op, key, clock, oidc, chain }
    }

    /// The claims of a token that is good for an hour.
    fn claims(&self) -> Value {
        json!({
            "iss": self.op.issuer(), "sub": "jane", "aud": "catalog",
            "exp": NOW + 3_600, "iat": NOW, "nbf": NOW,
        })
    }

    /// The claims with others in the place of some, and without those that are null.
    fn changed(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        let Value::Object(changes) = changes else { panic!("no claims: {changes}") };
        for (name, value) in changes {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(&name),
                value => claims.as_object_mut().unwrap().insert(name, value),
            };
        }
        claims
    }

    async fn ask(&self, token: &str) -> Answer {
        ask(&self.chain, &[("authorization", &format!("Bearer {token}"))]).await
    }

    async fn outcome(&self, token: &str) -> String {
        self.ask(token).await.outcome().to_owned()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

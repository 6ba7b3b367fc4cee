use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use catalog_core::name::Namespace;

use super::{
    ClassLimits, Limit, Rate, RateLimits, RouteClass,
    key::Keys,
    limiter::{Limiter, Time},
};

/// What a request is counted against.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Budget {
    /// That of its peer.
    Peer,
    /// That of its identity within the tenant.
    Identity,
    /// That of its tenant.
    Tenant,
}

impl Budget {
    /// The budget, as headers and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Identity => "identity",
            Self::Tenant => "tenant",
        }
    }
}

/// A request came too early. It is in the extensions of the response that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many requests of this {}", budget.as_str())]
pub struct RateLimited {
    /// Whose budget is used up.
    pub budget: Budget,
    /// Of which class of routes; none for a peer's, which has no classes.
    pub class: Option<RouteClass>,
    /// The rate.
    pub rate: Rate,
    /// How long to wait.
    pub retry_after: Duration,
}

/// Counts requests against [`RateLimits`], which may be replaced at any time. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct RateLimiters {
    shared: Arc<Shared>,
}

struct Shared {
    table: ArcSwap<Table>,
    keys: Keys,
    capacity: usize,
    time: Time,
}

/// So many keys a limit knows by default: some 3 MiB where all are used.
const CAPACITY: usize = 65_536;

type Which = (Budget, Option<RouteClass>, Rate);

/// The limits in force, with a limiter for each rate.
#[derive(Default)]
struct Table {
    limits: RateLimits,
    limiters: HashMap<Which, Arc<Limiter>>,
    peer: Option<Arc<Limiter>>,
    everybody: TenantLimiters,
    tenants: BTreeMap<Namespace, TenantLimiters>,
}

#[derive(Default)]
struct TenantLimiters {
    tenant: [Option<Arc<Limiter>>; 3],
    identity: [Option<Arc<Limiter>>; 3],
}

impl RateLimiters {
    /// With those limits.
    pub fn new(limits: &RateLimits) -> Self {
        Self::with_capacity(limits, CAPACITY)
    }

    /// With those limits, each of which knows `capacity` keys at most.
    pub fn with_capacity(limits: &RateLimits, capacity: usize) -> Self {
        let shared =
            Shared { table: ArcSwap::default(), keys: Keys::default(), capacity, time: Time::default() };
        let limiters = Self { shared: Arc::new(shared) };
        limiters.replace(limits);
        limiters
    }

    /// Puts other limits in force. What was used up of a limit whose rate stays the same stays used up.
    pub fn replace(&self, limits: &RateLimits) {
        // two who replace at once would each keep what the other did not
        self.shared.table.rcu(|before| self.table(before, limits.clone()));
    }

    /// The limits in force.
    pub fn limits(&self) -> RateLimits {
        self.shared.table.load().limits.clone()
    }

    /// How many keys have used up something, of all limits.
    pub fn keys(&self) -> usize {
        self.shared.table.load().limiters.values().map(|limiter| limiter.keys()).sum()
    }

    /// Counts a request of that peer.
    ///
    /// # Errors
    /// [`RateLimited`] when it came too early; it is not counted then.
    pub fn check_peer(&self, address: IpAddr) -> Result<(), RateLimited> {
        let table = self.shared.table.load();
        let Some(limiter) = &table.peer else { return Ok(()) };
        let key = self.shared.keys.of_peer(address);
        limiter.check(key).map_err(|retry_after| limited(Budget::Peer, None, limiter, retry_after))
    }

    /// Counts a request of a known caller to a route of that class: first against what it may do within the tenant, then against
    /// what all may do there. A request to several tenants, or none, is counted against what the caller may do outside of tenants.
    ///
    /// # Errors
    /// [`RateLimited`] when it came too early.
    pub fn check(
        &self,
        namespace: Option<&Namespace>,
        user: &str,
        class: RouteClass,
    ) -> Result<(), RateLimited> {
        let (table, keys) = (self.shared.table.load(), &self.shared.keys);
        let own = namespace.and_then(|namespace| table.tenants.get(namespace)).unwrap_or(&table.everybody);
        if let Some(limiter) = of(&own.identity, class) {
            let key = keys.of_identity(namespace, user);
            limiter.check(key).map_err(|wait| limited(Budget::Identity, Some(class), limiter, wait))?;
        }
        if let (Some(limiter), Some(namespace)) = (of(&own.tenant, class), namespace) {
            let key = keys.of_tenant(namespace);
            limiter.check(key).map_err(|wait| limited(Budget::Tenant, Some(class), limiter, wait))?;
        }
        Ok(())
    }

    /// Lets so much time pass, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn forward(&self, by: Duration) {
        self.shared.time.forward(by);
    }

    fn table(&self, before: &Table, limits: RateLimits) -> Table {
        let mut limiters = HashMap::new();
        let mut limiter = |budget: Budget, class: Option<RouteClass>, limit: Limit| {
            let which = (budget, class, limit.rate()?);
            let make = || {
                before.limiters.get(&which).map_or_else(
                    || Arc::new(Limiter::new(which.2, self.shared.capacity, self.shared.time.clone())),
                    Arc::clone,
                )
            };
            Some(Arc::clone(limiters.entry(which).or_insert_with(make)))
        };
        let mut classes = |budget: Budget, own: &ClassLimits, everybody: &ClassLimits| {
            RouteClass::ALL.map(|class| {
                let limit = own.of(class).or(everybody.of(class)).unwrap_or_default();
                limiter(budget, Some(class), limit)
            })
        };
        let (tenant, identity) = (limits.tenant, limits.identity);
        let everybody = TenantLimiters {
            tenant: classes(Budget::Tenant, &tenant, &tenant),
            identity: classes(Budget::Identity, &identity, &identity),
        };
        let tenants = limits.tenants.iter().map(|(namespace, own)| {
            let limiters = TenantLimiters {
                tenant: classes(Budget::Tenant, &own.tenant, &tenant),
                identity: classes(Budget::Identity, &own.identity, &identity),
            };
            (namespace.clone(), limiters)
        });
        let tenants = tenants.collect();
        let peer = limiter(Budget::Peer, None, limits.peer);
        Table { limits, limiters, peer, everybody, tenants }
    }
}

fn of(limiters: &[Option<Arc<Limiter>>; 3], class: RouteClass) -> Option<&Limiter> {
    let [read, write, refresh] = limiters;
    match class {
        RouteClass::Read => read,
        RouteClass::Write => write,
        RouteClass::Refresh => refresh,
    }
    .as_deref()
}

fn limited(
    budget: Budget,
    class: Option<RouteClass>,
    limiter: &Limiter,
    retry_after: Duration,
) -> RateLimited {
    RateLimited { budget, class, rate: limiter.rate, retry_after }
}

impl fmt::Debug for RateLimiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimiters").field(&self.shared.table.load().limits).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(yaml: serde_json::Value) -> RateLimits {
        serde_json::from_value(yaml).unwrap()
    }

    fn burst(limiters: &RateLimiters, namespace: &str, user: &str, class: RouteClass) -> usize {
        let namespace: Namespace = namespace.parse().unwrap();
        (0..100).take_while(|_| limiters.check(Some(&namespace), user, class).is_ok()).count()
    }

    #[test]
    fn classes_identities_and_tenants_have_budgets_of_their_own() {
        let limiters = RateLimiters::new(&limits(serde_json::json!({
            "tenant": {"read": "60/h burst 10", "write": "60/h burst 4"},
            "identity": {"read": "60/h burst 7"},
            "tenants": {"big": {"tenant": {"read": "60/h burst 50"}, "identity": {"read": "unlimited"}}},
        })));
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Read), 7);
        assert_eq!(burst(&limiters, "a", "joe", RouteClass::Read), 3, "the tenant's");
        assert_eq!(burst(&limiters, "a", "joe", RouteClass::Write), 4);
        assert_eq!(burst(&limiters, "a", "joe", RouteClass::Refresh), 100);
        assert_eq!(burst(&limiters, "b", "jane", RouteClass::Read), 7, "another tenant's is another");
        assert_eq!(burst(&limiters, "big", "jane", RouteClass::Read), 50);
        assert_eq!(burst(&limiters, "big", "jane", RouteClass::Write), 4, "as everybody's");
        let outside = (0..100).take_while(|_| limiters.check(None, "jane", RouteClass::Read).is_ok());
        assert_eq!(outside.count(), 7);
    }

    #[test]
    fn limits_change_at_run_time_and_what_stays_is_not_given_anew() {
        let limiters = RateLimiters::new(&limits(serde_json::json!({
            "peer": "60/h burst 2", "tenant": {"read": "60/h burst 5", "write": "60/h burst 5"},
        })));
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Read), 5);
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Write), 5);
        assert_eq!((0..9).take_while(|_| limiters.check_peer(peer).is_ok()).count(), 2);
        let changed = limits(serde_json::json!({
            "peer": "60/h burst 2", "tenant": {"read": "60/h burst 5", "write": "60/h burst 8"},
        }));
        limiters.replace(&changed);
        assert_eq!(limiters.limits(), changed);
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Read), 0);
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Write), 8);
        assert!(limiters.check_peer(peer).is_err());
        assert_eq!(limiters.keys(), 3);
        limiters.forward(Duration::from_hours(1));
        assert!(limiters.check_peer(peer).is_ok());
        limiters.replace(&RateLimits::default());
        assert_eq!(burst(&limiters, "a", "jane", RouteClass::Read), 100);
    }

    #[test]
    fn what_is_no_limit_is_refused_by_name() {
        for (given, part) in [
            (serde_json::json!({"tenant": {"reed": "1/s"}}), "reed"),
            (serde_json::json!({"tenant": {"read": "fast"}}), "`fast` is no rate"),
            (serde_json::json!({"tenants": {"Team": {}}}), "Team"),
        ] {
            let error = serde_json::from_value::<RateLimits>(given).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}

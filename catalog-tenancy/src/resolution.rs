//! From what a request says to the tenant that it means.

use std::{collections::BTreeSet, sync::Arc};

use catalog_core::{name::Namespace, permission::Reach, tenant::TenantSelector};
use http::request::Parts;

use crate::{
    TenantError,
    resolver::{TenantBound, TenantResolver},
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Resolution {
    pub(crate) mode: Mode,
    pub(crate) resolvers: Vec<Arc<dyn TenantResolver>>,
    pub(crate) defaults: Vec<Arc<dyn TenantResolver>>,
    pub(crate) bounds: Vec<Arc<dyn TenantBound>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Mode {
    Single(Namespace),
    #[default]
    Many,
}

impl Resolution {
    /// The tenant of a request to a route of that reach.
    pub(crate) fn resolve(&self, request: &Parts, reach: Reach) -> Result<TenantSelector, TenantError> {
        let named = self.named(request)?;
        match &self.mode {
            Mode::Single(only) => in_single(only, named, reach),
            Mode::Many => {
                let meant = match named {
                    Some(named) => named,
                    None => self.default(request)?.ok_or_else(|| self.required())?,
                };
                self.bounds.iter().try_fold(meant, |meant, bound| match bound.bound(request)? {
                    Some(allowed) => narrowed(meant, allowed),
                    None => Ok(meant),
                })
            }
        }
    }

    fn named(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let mut found: Option<TenantSelector> = None;
        for resolver in &self.resolvers {
            let Some(selector) = resolver.resolve(request)? else { continue };
            match &found {
                Some(first) if *first != selector => {
                    return Err(TenantError::Conflict {
                        first: first.to_string(),
                        second: selector.to_string(),
                    });
                }
                _ => found = Some(selector),
            }
        }
        Ok(found)
    }

    fn default(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        for default in &self.defaults {
            if let Some(selector) = default.resolve(request)? {
                return Ok(Some(selector));
            }
        }
        Ok(None)
    }

    fn required(&self) -> TenantError {
        let ways = self.resolvers.iter().map(|resolver| resolver.how());
        TenantError::Required { how: ways.collect::<Vec<_>>().join(" or ") }
    }
}

fn in_single(
    only: &Namespace,
    named: Option<TenantSelector>,
    reach: Reach,
) -> Result<TenantSelector, TenantError> {
    match named {
        Some(TenantSelector::One(named)) if named != *only => {
            Err(TenantError::NotTheOne { only: only.clone() })
        }
        Some(TenantSelector::Set(_)) => Err(TenantError::NotTheOne { only: only.clone() }),
        // a route of one tenant refuses to serve all of them, also where there is only one
        Some(TenantSelector::All) if reach == Reach::Tenant => Ok(TenantSelector::All),
        Some(TenantSelector::One(_) | TenantSelector::All) | None => Ok(TenantSelector::One(only.clone())),
    }
}

/// What of the meant tenants is among the allowed ones. One that was named is there or refused; never is there more than was meant.
fn narrowed(meant: TenantSelector, allowed: Vec<Namespace>) -> Result<TenantSelector, TenantError> {
    match meant {
        TenantSelector::One(one) if allowed.contains(&one) => Ok(TenantSelector::One(one)),
        TenantSelector::One(_) => Err(TenantError::OutOfBounds { asked: meant }),
        TenantSelector::Set(set) => {
            let both: BTreeSet<Namespace> = allowed.into_iter().filter(|one| set.contains(one)).collect();
            Ok(TenantSelector::Set(Arc::new(both)))
        }
        TenantSelector::All => Ok(TenantSelector::Set(Arc::new(allowed.into_iter().collect()))),
    }
}

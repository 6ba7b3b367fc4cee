use std::time::Duration;

use catalog_core::{
    backoff::Backoff,
    refresh::Refresher,
    source::{Refresh, RefreshState, Source, SourceSpec},
    store::{AssetStore, SourceKey, SourceStore},
    tenant::{TenantScope, TenantSelector},
};
use tokio::time::Instant;

use super::{LoadError, Loader, NAME};
use crate::operator;

/// A configured source, and what is known of how it does.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) scope: TenantScope,
    pub(super) key: SourceKey,
    spec: SourceSpec,
    /// Of what it lists, when its last refresh was seen.
    fingerprint: Option<String>,
    last: Option<Refresh>,
    failures: u32,
    /// No refresh is asked for before.
    not_before: Option<Instant>,
}

/// How a source does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// It is not there as it is configured.
    Absent,
    /// It is switched off.
    Off,
    /// It has not been read as it is now.
    Waiting,
    /// Reading it has failed.
    Failed,
    /// It was read.
    Read,
}

/// A refresh that was asked for is asked for again after that, if nothing has come of it.
const AGAIN: Duration = Duration::from_secs(5);

impl Target {
    /// How it does, by what is in the store.
    pub(super) async fn look<A: AssetStore, S: SourceStore>(
        &mut self,
        refresher: &Refresher<A, S>,
        backoff: Backoff,
        source: Option<&Source>,
    ) -> Seen {
        let Some(source) = source.filter(|source| source.spec == self.spec) else { return Seen::Absent };
        if !source.spec.enabled {
            return Seen::Off;
        }
        let refresh = source.status.last_refresh.as_ref();
        let Some(refresh) = refresh.filter(|refresh| refresh.revision == source.revision) else {
            return Seen::Waiting;
        };
        if self.last.as_ref() != Some(refresh) {
            // what it lists may have changed since, and only then is it worth while to look
            self.fingerprint = refresher.fingerprint(&self.spec).await;
            self.not_before = None;
            if self.last.is_some() && refresh.state == RefreshState::Failed {
                self.failures += 1;
                self.not_before = Some(Instant::now() + backoff.after(self.failures));
            }
            self.last = Some(refresh.clone());
        }
        match refresh.state {
            _ if refresh.fingerprint != self.fingerprint => Seen::Waiting,
            RefreshState::Failed => Seen::Failed,
            RefreshState::Succeeded => Seen::Read,
        }
    }

    /// Whether a refresh may be asked for now; it then may not for a while.
    pub(super) fn may_ask(&mut self) -> bool {
        let now = Instant::now();
        let may = self.not_before.is_none_or(|at| at <= now);
        if may {
            self.not_before = Some(now + AGAIN);
        }
        may
    }

    /// Has a refresh be asked for after that.
    pub(super) fn ask_after(&mut self, pause: Duration) {
        self.not_before = Some(Instant::now() + pause);
    }
}

impl<A, S> Loader<A, S> {
    /// Every configured source.
    pub(super) async fn targets(&self) -> Result<Vec<Target>, LoadError> {
        let mut targets = Vec::new();
        for wanted in self.wanted.iter() {
            let scope = operator::scope(NAME, TenantSelector::One(wanted.namespace.clone())).await?;
            targets.extend(wanted.sources.iter().map(|(plugin, spec)| Target {
                scope: scope.clone(),
                key: SourceKey { plugin: plugin.clone(), id: spec.id.clone() },
                spec: wanted.managed(spec),
                fingerprint: None,
                last: None,
                failures: 0,
                not_before: None,
            }));
        }
        Ok(targets)
    }
}

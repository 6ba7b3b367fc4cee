//! What must work for the server to be sent requests.

use std::future::ready;

use catalog_core::{
    registry::{PluginState, Registry},
    store::database::Database,
};
use catalog_ha::{Component, Drain, Readiness, State, migrate::Migrator, singleton::Leadership};

use crate::{access::Access, audit::Trail, limits::LastRead, progress::Progress};

/// What is asked whether it works.
pub(crate) struct Checked {
    pub(crate) drain: Drain,
    pub(crate) database: Database,
    pub(crate) migrator: Migrator,
    pub(crate) registry: Registry,
    pub(crate) progress: Progress,
    pub(crate) access: Access,
    pub(crate) trail: Trail,
    pub(crate) leadership: Option<Leadership>,
    pub(crate) limits: LastRead,
}

impl Checked {
    pub(crate) fn readiness(self) -> Readiness {
        let Self { drain, database, migrator, registry, progress, access, trail, leadership, limits } = self;
        let space = trail.space.clone();
        let Access { authentication, authorization, .. } = access;
        Readiness::new(drain)
            .with_check("database", move || {
                let database = database.clone();
                async move {
                    match database.ping().await {
                        Ok(()) => Component::ok(),
                        Err(error) => Component::failed(error.to_string()),
                    }
                }
            })
            .with_check("migrations", move || {
                let migrator = migrator.clone();
                async move { migrator.component().await }
            })
            .with_check("initial_load", move || ready(progress.component()))
            .with_check("plugins", move || ready(plugins(&registry)))
            .with_check("tokens", move || ready(authentication.component()))
            .with_check("policy", move || ready(authorization.component()))
            .with_check("leader", move || {
                ready(leadership.as_ref().map_or_else(Component::ok, Leadership::component))
            })
            .with_check("audit", move || {
                let trail = trail.clone();
                async move { trail.component().await }
            })
            .with_check("audit_space", move || ready(space.component()))
            .with_check("limits", move || ready(limits.component()))
    }
}

/// Degraded as soon as one plugin is: the others serve.
fn plugins(registry: &Registry) -> Component {
    let parts = registry.plugins().iter().map(|plugin| {
        let part = match plugin.state() {
            PluginState::Serving => Component::ok(),
            PluginState::Degraded { error, .. } => Component::degraded(error),
            _ => Component::degraded("starting"),
        };
        (plugin.name().to_string(), part)
    });
    let whole = parts.fold(Component::ok(), |whole, (name, part)| whole.with_part(name, part));
    let broken = whole.details.values().filter(|part| part.status != State::Ok).count();
    if broken == 0 {
        return whole;
    }
    Component {
        status: State::Degraded,
        detail: Some(format!("{broken} of {} do not serve", whole.details.len())),
        ..whole
    }
}

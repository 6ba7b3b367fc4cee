//! What must work for the server to be sent requests.

use catalog_core::{
    registry::{PluginState, Registry},
    store::database::Database,
};
use catalog_ha::{Component, Drain, Readiness, State, migrate::Migrator};

use crate::progress::Progress;

pub(crate) fn readiness(
    drain: Drain,
    database: Database,
    migrator: Migrator,
    registry: Registry,
    progress: Progress,
) -> Readiness {
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
        .with_check("initial_load", move || std::future::ready(progress.component()))
        .with_check("plugins", move || std::future::ready(plugins(&registry)))
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

//! Logs.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    AnyError,
    config::{ConfigError, Log, LogFormat},
};

/// Begins to log, to standard error.
pub(crate) fn start(log: &Log) -> Result<(), AnyError> {
    let filter =
        EnvFilter::try_new(&log.filter).map_err(|error| ConfigError::new("log.filter", error.to_string()))?;
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Human => {
            registry
                .with(fmt::layer().with_writer(stderr).with_target(false).with_ansi(stderr().is_terminal()))
                .try_init()?;
        }
        LogFormat::Json => {
            registry.with(fmt::layer().with_writer(stderr).json().flatten_event(true)).try_init()?;
        }
    }
    Ok(())
}

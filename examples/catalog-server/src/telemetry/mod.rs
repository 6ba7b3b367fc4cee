//! Logs.

mod json;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    EnvFilter,
    fmt::{self, format::JsonFields},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::json::Json;
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
            let layer = fmt::layer().event_format(Json).fmt_fields(JsonFields::new()).with_writer(stderr);
            registry.with(layer).try_init()?;
        }
    }
    Ok(())
}

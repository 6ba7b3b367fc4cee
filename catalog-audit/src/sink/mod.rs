//! Where sealed events are sent: a webhook, a collector of OpenTelemetry, files.
//!
//! Sinks read behind the sealer, from a cursor in the database, so that a slow one costs no request anything and no memory. Each event
//! arrives at least once, in order, and carries its id, by which whoever receives it twice can tell.

mod client;
mod exporter;
mod file;
mod otlp;
mod webhook;

use std::{error::Error, fmt};

use async_trait::async_trait;
use serde_json::Value;

pub use self::{
    exporter::{ExportError, Exporter, Lag},
    file::{FileSink, FileSinkConfig},
    otlp::OtlpSink,
    webhook::{WebhookError, WebhookSink},
};

/// Takes events.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug + 'static {
    /// Takes them, all or none that counts: when it returns, they are where they should be. Each is as the wire shows it.
    ///
    /// # Errors
    /// [`SinkError`]; the same events come again.
    async fn deliver(&self, events: &[Value]) -> Result<(), SinkError>;
}

/// Events were not taken.
#[derive(Debug)]
pub struct SinkError {
    refused: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl SinkError {
    /// Trying again may help.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refused: false, source: source.into() }
    }

    /// The receiver will never take them.
    pub fn refused(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refused: true, source: source.into() }
    }

    /// Whether the receiver will never take them.
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.refused { "the sink refuses the events" } else { "the sink is unavailable" })
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

//! Plugins: what a catalog is made of.

use std::{error::Error, fmt};

use async_trait::async_trait;

#[cfg(feature = "yaml")]
pub use self::builtin::{DefinitionError, builtin, parse_definition};
use crate::schema::PluginDefinition;

#[cfg(feature = "yaml")]
mod builtin;

/// One plugin. Most are only data, a [`DataPlugin`]; one with code of its own starts and stops what that code needs.
#[async_trait]
pub trait Plugin: Send + Sync + fmt::Debug + 'static {
    /// What it lists.
    fn definition(&self) -> &PluginDefinition;

    /// Readies what the plugin needs. It is called again, later and later, for as long as it fails, panics or does not end in
    /// time, and once more when the plugin's routes have failed too often; until it succeeds those routes answer 503.
    ///
    /// # Errors
    /// [`PluginError`], whose text operators read.
    async fn start(&self) -> Result<(), PluginError> {
        Ok(())
    }

    /// Lets go of it.
    async fn stop(&self) {}
}

/// A plugin that is only data.
#[derive(Clone, Debug)]
pub struct DataPlugin {
    definition: PluginDefinition,
}

impl DataPlugin {
    /// Of that definition.
    pub fn new(definition: PluginDefinition) -> Self {
        Self { definition }
    }
}

#[async_trait]
impl Plugin for DataPlugin {
    fn definition(&self) -> &PluginDefinition {
        &self.definition
    }
}

/// A plugin could not start.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PluginError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PluginError {
    /// With that text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// With the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

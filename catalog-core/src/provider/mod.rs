//! What reads a source's assets from where they are.

mod catalog;
mod file;
mod sources;

use std::{error::Error, fmt};

use async_trait::async_trait;

pub use self::{
    catalog::{CatalogReader, NameGlobs},
    file::{FileProvider, FileRoot},
    sources::{SourcesFile, SourcesFileError},
};
use crate::{
    asset::{AssetDraft, FieldFault},
    name::KindName,
    schema::PluginDefinition,
    source::SourceSpec,
};

/// Reads the assets of sources of one type.
#[async_trait]
pub trait Provider: Send + Sync + fmt::Debug + 'static {
    /// The type of the sources it reads: `yaml`.
    fn source_type(&self) -> &str;

    /// Reads all that a source lists now. A faulty item is counted and left out; the others are given.
    ///
    /// # Errors
    /// [`ProviderError`] when the source cannot be read at all; nothing is changed then.
    async fn load(&self, plugin: &PluginDefinition, source: &SourceSpec) -> Result<Loaded, ProviderError>;
}

/// What a source lists.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The sound items, by kind. A kind of the plugin that is not here has none.
    pub drafts: Vec<(KindName, Vec<AssetDraft>)>,
    /// The faulty ones.
    pub rejected: Vec<Rejected>,
}

/// An item that was left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// Where it stands: `models.yaml:12`.
    pub place: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<FieldFault>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(name) = &self.name {
            write!(f, "item `{name}`: ")?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// A source could not be read. The text is for the people of its tenant: it holds no path of the machine.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// With that text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// With the cause, which is logged and not shown.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

//! What reads a source's assets from where they are.

mod catalog;
mod file;
mod fingerprint;
mod sources;
mod text;
mod turns;

use std::{error::Error, fmt};

use async_trait::async_trait;

pub use self::{
    catalog::{CatalogReader, NameGlobs},
    file::{FileProvider, FileRoot},
    fingerprint::fingerprint,
    sources::{SourcesFile, SourcesFileError},
    text::read_text,
};
use crate::{
    asset::{AssetDraft, FieldFault},
    excerpt::shown,
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

    /// What tells that which the source lists now from what it listed before, if that can be had for little and without a doubt, as
    /// for a file it can; else none.
    async fn fingerprint(&self, _source: &SourceSpec) -> Option<String> {
        None
    }
}

/// What a source lists.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The sound items, by kind. A kind of the plugin that is not here has none.
    pub drafts: Vec<(KindName, Vec<AssetDraft>)>,
    /// The faulty ones.
    pub rejected: Vec<Rejected>,
}

/// An item that was left out. Its `Display` is one line of bounded length, whatever the item holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// Where it stands: `models.yaml:12`.
    pub place: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<FieldFault>,
}

/// So many faults of an item are told; the others are counted.
const FAULTS_SHOWN: usize = 8;

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", shown(&self.place))?;
        if let Some(name) = &self.name {
            write!(f, "item `{}`: ", shown(name))?;
        }
        for (index, fault) in self.faults.iter().take(FAULTS_SHOWN).enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        match self.faults.len().saturating_sub(FAULTS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_cannot_forge_a_line_nor_fill_a_page() {
        let fault = |index: usize| FieldFault {
            pointer: format!("/customProperties/{index}\n2026-01-01 INFO all is well {}", "x".repeat(1_000)),
            message: format!("has the unknown `metadataType` `\u{1b}[2J{}`", "y".repeat(1_000_000)),
        };
        let rejected = Rejected {
            place: "a\nb.yaml:3".into(),
            name: Some(format!("a\r\n{}", "z".repeat(1_000_000))),
            faults: (0..1_000).map(fault).collect(),
        };
        let told = rejected.to_string();
        assert!(!told.contains(char::is_control), "{told}");
        assert!(
            told.starts_with("a\\nb.yaml:3: item `a\\r\\nzzz") && told.ends_with("; and 992 more"),
            "{told}"
        );
        assert!(told.len() < 4_000, "{}", told.len());
    }
}

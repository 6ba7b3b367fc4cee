//! What a catalog lists.
//!
//! A provider makes an [`AssetDraft`] from what it read; a store adds what only it knows (id, revision, times) and keeps the
//! [`AssetRecord`], whose wire document is made once, when it is written, and never again when it is read.

mod attribute;
mod custom;
mod draft;
mod record;

pub(crate) use self::attribute::decimal;
pub use self::{
    attribute::{AttributeValue, Attributes, CommonField, FieldRef},
    custom::CustomKind,
    draft::{AssetDraft, FieldFault},
    record::{AssetKey, AssetRecord, CollectionKey},
};

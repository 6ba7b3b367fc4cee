//! An asset as a store keeps it.

use serde::{Serialize, Serializer, ser::SerializeMap};
use uuid::Uuid;

use super::{AssetDraft, AttributeValue, CommonField, FieldRef};
use crate::{
    clock::Timestamp,
    name::{AssetName, KindName, Namespace, PluginName, SourceId},
};

/// Which list of which plugin.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct CollectionKey {
    /// The plugin.
    pub plugin: PluginName,
    /// The kind of its entity.
    pub kind: KindName,
}

/// Which asset of a tenant's collection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AssetKey {
    /// Its name.
    pub name: AssetName,
    /// Its source, needed where two sources of the tenant use the name.
    pub source: Option<SourceId>,
}

/// A draft with what the store adds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AssetRecord {
    /// UUIDv7, the asset's for as long as its source lists it.
    pub id: Uuid,
    /// Its tenant.
    pub namespace: Namespace,
    /// Its plugin and kind.
    pub collection: CollectionKey,
    /// Its source.
    pub source: SourceId,
    /// 1 at first, one more at each change.
    pub revision: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub last_update_time: Timestamp,
    /// What its source says.
    pub draft: AssetDraft,
}

impl AssetRecord {
    /// The asset's JSON document, as every list and get sends it.
    pub fn document(&self) -> String {
        // texts and JSON values always serialize
        serde_json::to_string(&Document(self)).unwrap_or_default()
    }

    /// What a filter or an order sees of the field.
    pub fn attribute(&self, field: &FieldRef) -> Option<AttributeValue> {
        let text = |text: &Option<String>| text.clone().map(AttributeValue::String);
        let attributes = &self.draft.attributes;
        match field {
            FieldRef::Common(common) => match common {
                CommonField::Id => Some(AttributeValue::String(self.id.to_string())),
                CommonField::Name => Some(AttributeValue::String(self.draft.name.to_string())),
                CommonField::DisplayName => text(&self.draft.display_name),
                CommonField::Description => text(&self.draft.description),
                CommonField::Provider => text(&self.draft.provider),
                CommonField::SourceId => Some(AttributeValue::String(self.source.to_string())),
                CommonField::Lifecycle => Some(AttributeValue::String(self.draft.lifecycle.clone())),
                CommonField::Tags => Some(AttributeValue::Strings(attributes.tags.clone())),
                CommonField::CreateTime => Some(AttributeValue::Timestamp(self.create_time)),
                CommonField::LastUpdateTime => Some(AttributeValue::Timestamp(self.last_update_time)),
            },
            FieldRef::Declared(name, _) => attributes.fields.get(name).cloned(),
            FieldRef::Custom(key, kind) => {
                attributes.custom.get(key).filter(|value| kind.takes(value)).cloned()
            }
            FieldRef::Label(key) => attributes.labels.get(key).cloned().map(AttributeValue::String),
        }
    }
}

struct Document<'a>(&'a AssetRecord);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AssetRecord { draft, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("namespace", &self.0.namespace)?;
        map.serialize_entry("plugin", &self.0.collection.plugin)?;
        map.serialize_entry("kind", &self.0.collection.kind)?;
        map.serialize_entry("name", &draft.name)?;
        for (key, value) in [
            ("displayName", &draft.display_name),
            ("description", &draft.description),
            ("provider", &draft.provider),
        ] {
            if let Some(text) = value {
                map.serialize_entry(key, text)?;
            }
        }
        map.serialize_entry("sourceId", &self.0.source)?;
        map.serialize_entry("revision", &self.0.revision)?;
        map.serialize_entry("labels", &draft.attributes.labels)?;
        map.serialize_entry("annotations", &draft.annotations)?;
        map.serialize_entry("tags", &draft.attributes.tags)?;
        map.serialize_entry("lifecycle", &draft.lifecycle)?;
        map.serialize_entry("createTime", &self.0.create_time)?;
        map.serialize_entry("lastUpdateTime", &self.0.last_update_time)?;
        for (key, value) in &draft.fields {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("customProperties", &draft.custom_properties)?;
        map.end()
    }
}

//! The values of an asset that filters and orders compare.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::CustomKind;
use crate::{clock::Timestamp, name::FieldName, schema::FieldType};

/// A field that every asset has and a filter may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum CommonField {
    /// The asset's UUIDv7.
    Id,
    /// Its name within its source.
    Name,
    /// What people call it.
    DisplayName,
    /// What it is.
    Description,
    /// Who makes it.
    Provider,
    /// The source it came from.
    SourceId,
    /// Where it stands in its life: `active`, `deprecated`.
    Lifecycle,
    /// Its tags.
    Tags,
    /// When it was made.
    CreateTime,
    /// When it was last changed.
    LastUpdateTime,
}

impl CommonField {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Id,
        Self::Name,
        Self::DisplayName,
        Self::Description,
        Self::Provider,
        Self::SourceId,
        Self::Lifecycle,
        Self::Tags,
        Self::CreateTime,
        Self::LastUpdateTime,
    ];

    /// The other names that every asset uses, so that no definition may declare them.
    pub const RESERVED: [&'static str; 8] =
        ["namespace", "plugin", "kind", "revision", "labels", "annotations", "customProperties", "artifacts"];

    /// The field's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::DisplayName => "displayName",
            Self::Description => "description",
            Self::Provider => "provider",
            Self::SourceId => "sourceId",
            Self::Lifecycle => "lifecycle",
            Self::Tags => "tags",
            Self::CreateTime => "createTime",
            Self::LastUpdateTime => "lastUpdateTime",
        }
    }

    /// The field of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// What its values are.
    pub fn field_type(self) -> FieldType {
        match self {
            Self::Tags => FieldType::Strings,
            Self::CreateTime | Self::LastUpdateTime => FieldType::Timestamp,
            _ => FieldType::String,
        }
    }
}

/// One field that a filter or an order names, resolved against the schema.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum FieldRef {
    /// A field that every asset has.
    Common(CommonField),
    /// A field that the entity declares.
    Declared(FieldName, FieldType),
    /// `customProperties.<key>`, where only values of the kind count; those of another kind are as absent.
    Custom(String, CustomKind),
    /// `labels.<key>`.
    Label(String),
}

impl FieldRef {
    /// What the field's values are.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Common(field) => field.field_type(),
            Self::Declared(_, field_type) => *field_type,
            Self::Custom(_, kind) => kind.field_type(),
            Self::Label(_) => FieldType::String,
        }
    }
}

/// One comparable value.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Of a field of type `string`.
    String(String),
    /// Of a field of type `integer`.
    Integer(i64),
    /// Of a field of type `number`; finite.
    Number(f64),
    /// Of a field of type `boolean`.
    Boolean(bool),
    /// Of a field of type `timestamp`.
    Timestamp(Timestamp),
    /// Of a field of type `strings`.
    Strings(Vec<String>),
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => text.serialize(serializer),
            Self::Integer(number) => number.serialize(serializer),
            Self::Number(number) => match RawValue::from_string(decimal(*number)) {
                Ok(raw) => raw.serialize(serializer),
                // not a finite one, which no attribute is
                Err(_) => number.serialize(serializer),
            },
            Self::Boolean(truth) => truth.serialize(serializer),
            Self::Timestamp(time) => time.unix_ms().serialize(serializer),
            Self::Strings(texts) => texts.serialize(serializer),
        }
    }
}

/// The number as attributes and statements write it: the shortest digits that read back as it; and where whole numbers of 64 bits
/// reach so far all its digits, for `jsonb` writes the shortest out with noughts and then it would pass for one of them.
pub(crate) fn decimal(number: f64) -> String {
    if (1e16..1e19).contains(&number.abs()) {
        return format!("{number:.1}");
    }
    // another formatter may choose other digits where several are shortest
    serde_json::to_string(&number).unwrap_or_default()
}

/// The declared, custom and label values of one asset, as stores keep them beside the document.
///
/// JSON form: `{"fields":{…},"custom":{…},"labels":{…},"tags":[…]}`; times are milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Attributes {
    /// Of the declared fields, those that a filter or an order may name.
    pub fields: BTreeMap<FieldName, AttributeValue>,
    /// Of the custom properties, those of a comparable kind.
    pub custom: BTreeMap<String, AttributeValue>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The tags.
    pub tags: Vec<String>,
}

//! Where a page ends, read from the last document on it: so a list fetches documents and nothing else.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;
use uuid::Uuid;

use super::{AssetQuery, StoreError, StoreErrorKind};
use crate::{
    asset::{AttributeValue, FieldRef},
    clock::Timestamp,
    order::{OrderKey, SortKey},
    page::Position,
    schema::FieldType,
    search::SearchText,
};

impl AssetQuery {
    /// Where the asset of that document stands in the list.
    ///
    /// # Errors
    /// `Corrupt` if the document is not that of an asset, or the field not of its type.
    pub fn position_of(&self, document: &str) -> Result<Position, StoreError> {
        let corrupt = |error: serde_json::Error| StoreError::new(StoreErrorKind::Corrupt, error);
        let wanted = Wanted { field: wire_name(self.order.key()) };
        let mut deserializer = serde_json::Deserializer::from_str(document);
        let found = wanted.deserialize(&mut deserializer).map_err(corrupt)?;
        let id = found.id.ok_or(StoreErrorKind::Corrupt)?;
        let key = match self.order.key() {
            OrderKey::Field(FieldRef::Common(crate::asset::CommonField::Id)) => SortKey::Text(id.to_string()),
            OrderKey::Field(field) => key(field.field_type(), found.field).ok_or(StoreErrorKind::Corrupt)?,
            OrderKey::Relevance => {
                let name = found.name.as_deref().ok_or(StoreErrorKind::Corrupt)?;
                let titles = [Some(name), found.display_name.as_deref()];
                let title = SearchText::new(titles.into_iter().flatten(), []);
                SortKey::of_relevance(title.is_called(&self.words), name)
            }
        };
        let name = match found.name {
            _ if !self.order.key().then_by_name() => String::new(),
            Some(name) => name.into_owned(),
            None => return Err(StoreErrorKind::Corrupt.into()),
        };
        Ok(Position { key, name, id })
    }
}

/// What the field of an order is called in a document; relevance is of the names, which are read always.
fn wire_name(key: &OrderKey) -> &str {
    match key {
        OrderKey::Field(FieldRef::Common(field)) => field.as_str(),
        OrderKey::Field(FieldRef::Declared(name, _)) => name.as_str(),
        OrderKey::Field(FieldRef::Custom(key, _) | FieldRef::Label(key)) => key,
        OrderKey::Relevance => "name",
    }
}

/// None for a value of another type.
fn key(field_type: FieldType, value: Option<Value>) -> Option<SortKey> {
    let value = match value {
        None | Some(Value::Null) => None,
        Some(value) => Some(match field_type {
            FieldType::Integer => AttributeValue::Integer(value.as_i64()?),
            FieldType::Number => AttributeValue::Number(value.as_f64()?),
            FieldType::Boolean => AttributeValue::Boolean(value.as_bool()?),
            FieldType::Timestamp => AttributeValue::Timestamp(value.as_str()?.parse::<Timestamp>().ok()?),
            FieldType::String => AttributeValue::String(value.as_str()?.into()),
            FieldType::Strings | FieldType::Object | FieldType::Objects => return None,
        }),
    };
    Some(SortKey::of(field_type, value))
}

/// Reads of a document only what a position is made of.
struct Wanted<'a> {
    field: &'a str,
}

#[derive(Default)]
struct Read<'de> {
    id: Option<Uuid>,
    name: Option<Cow<'de, str>>,
    display_name: Option<String>,
    field: Option<Value>,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Read<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the document of an asset")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Read<'de>, M::Error> {
        let mut read = Read::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "id" => {
                    let Key(id) = map.next_value()?;
                    read.id = Some(id.parse().map_err(M::Error::custom)?);
                }
                "name" => {
                    let Key(name) = map.next_value()?;
                    read.field = (self.field == "name").then(|| Value::from(name.as_ref()));
                    read.name = Some(name);
                }
                "displayName" => {
                    let Key(name) = map.next_value()?;
                    if self.field == "displayName" {
                        read.field = Some(Value::from(name.as_ref()));
                    }
                    read.display_name = Some(name.into_owned());
                }
                key if key == self.field => read.field = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(read)
    }
}

/// A text that is borrowed where it holds no escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{asset::CollectionKey, order::OrderBy, schema::EntitySchema};

    const DOCUMENT: &str = r#"{"id":"01a20dda-8f56-714c-8c11-1e92a9da355e","name":"acme/\u0062","displayName":"Big One",
        "createTime":"2025-01-15T00:00:00.000Z","lifecycle":"active","count":7,"score":2,"open":true,
        "seen":"2025-01-15T01:00:00+01:00","word":"x"}"#;

    fn position(order: Option<&str>, words: &[&str], document: &str) -> Result<SortKey, StoreErrorKind> {
        let field = |name, kind| json!({"name": name, "displayName": name, "type": kind, "sortable": true});
        let fields = [
            ("count", "integer"),
            ("score", "number"),
            ("open", "boolean"),
            ("seen", "timestamp"),
            ("word", "string"),
        ];
        let fields: Vec<_> = fields.map(|(name, kind)| field(name, kind)).into();
        let schema = json!({"kind": "Thing", "plural": "things", "displayName": "Thing", "fields": fields});
        let schema: EntitySchema = serde_json::from_value(schema).unwrap();
        let mut query =
            AssetQuery::new(CollectionKey { plugin: "test".parse().unwrap(), kind: schema.kind.clone() });
        query.order =
            order.map_or(OrderBy::relevance(), |field| OrderBy::parse(Some(field), None, &schema).unwrap());
        query.words = words.iter().map(ToString::to_string).collect();
        query.position_of(document).map(|position| position.key).map_err(|error| error.kind())
    }

    #[test]
    fn every_order_finds_its_key() {
        let time = SortKey::Integer(1_736_899_200_000);
        for (field, expected) in [
            ("id", SortKey::Text("01a20dda-8f56-714c-8c11-1e92a9da355e".into())),
            ("name", SortKey::Text("acme/b".into())),
            ("displayName", SortKey::Text("Big One".into())),
            ("provider", SortKey::Text(String::new())),
            ("createTime", time.clone()),
            ("count", SortKey::Integer(7)),
            ("score", SortKey::Number(2.0)),
            ("open", SortKey::Integer(1)),
            ("seen", time),
            ("word", SortKey::Text("x".into())),
        ] {
            assert_eq!(position(Some(field), &[], DOCUMENT), Ok(expected), "{field}");
        }
        assert_eq!(position(None, &["big", "b"], DOCUMENT), Ok(SortKey::Text("0acme/b".into())));
        assert_eq!(position(None, &["fast"], DOCUMENT), Ok(SortKey::Text("1acme/b".into())));
    }

    #[test]
    fn what_is_no_asset_is_corrupt() {
        for document in ["", "[]", "{}", r#"{"id":"x"}"#, &DOCUMENT.replace("\"count\":7", "\"count\":\"7\"")]
        {
            assert_eq!(position(Some("count"), &[], document), Err(StoreErrorKind::Corrupt), "{document}");
        }
    }
}

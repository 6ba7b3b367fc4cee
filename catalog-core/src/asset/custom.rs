//! Custom properties, in the typed form of Kubeflow's metadata.

use serde_json::{Map, Value, json};

use super::AttributeValue;
use crate::schema::FieldType;

/// The comparable kinds of a custom property.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum CustomKind {
    /// `MetadataStringValue`, `.string_value`.
    String,
    /// `MetadataIntValue`, `.int_value`: the wire carries it as text.
    Integer,
    /// `MetadataDoubleValue`, `.double_value`.
    Number,
    /// Either of the two: what a comparison with a number means that does not say which.
    AnyNumber,
    /// `MetadataBoolValue`, `.bool_value`.
    Boolean,
}

impl CustomKind {
    /// The kind of that suffix: `string_value`.
    pub fn from_suffix(suffix: &str) -> Option<Self> {
        match suffix {
            "string_value" => Some(Self::String),
            "int_value" => Some(Self::Integer),
            "double_value" => Some(Self::Number),
            "bool_value" => Some(Self::Boolean),
            _ => None,
        }
    }

    /// What values of the kind are.
    pub fn field_type(self) -> FieldType {
        match self {
            Self::String => FieldType::String,
            Self::Integer => FieldType::Integer,
            Self::Number | Self::AnyNumber => FieldType::Number,
            Self::Boolean => FieldType::Boolean,
        }
    }

    /// Whether `value` is one of the kind.
    pub fn takes(self, value: &AttributeValue) -> bool {
        match value {
            AttributeValue::String(_) => self == Self::String,
            AttributeValue::Integer(_) => matches!(self, Self::Integer | Self::AnyNumber),
            AttributeValue::Number(_) => matches!(self, Self::Number | Self::AnyNumber),
            AttributeValue::Boolean(_) => self == Self::Boolean,
            AttributeValue::Timestamp(_) | AttributeValue::Strings(_) => false,
        }
    }
}

/// Brings one custom property to its wire form and takes its comparable value out of it, if its kind has one.
///
/// A plain scalar is taken for the typed form that says the same.
pub(super) fn normalize(value: Value) -> Result<(Value, Option<AttributeValue>), String> {
    match value {
        Value::Object(map) => typed(map),
        Value::String(text) => {
            let wire = json!({"metadataType": "MetadataStringValue", "string_value": text});
            Ok((wire, Some(AttributeValue::String(text))))
        }
        Value::Bool(truth) => {
            let wire = json!({"metadataType": "MetadataBoolValue", "bool_value": truth});
            Ok((wire, Some(AttributeValue::Boolean(truth))))
        }
        Value::Number(number) => {
            if let Some(whole) = number.as_i64() {
                let wire = json!({"metadataType": "MetadataIntValue", "int_value": whole.to_string()});
                Ok((wire, Some(AttributeValue::Integer(whole))))
            } else {
                let double = number.as_f64().filter(|d| d.is_finite()).ok_or("is no finite number")?;
                let wire = json!({"metadataType": "MetadataDoubleValue", "double_value": double});
                Ok((wire, Some(AttributeValue::Number(double))))
            }
        }
        Value::Null | Value::Array(_) => Err("must be a text, number, boolean or typed value".into()),
    }
}

fn typed(map: Map<String, Value>) -> Result<(Value, Option<AttributeValue>), String> {
    let kind = map.get("metadataType").and_then(Value::as_str).ok_or("needs a `metadataType`")?;
    let part = |key: &str| map.get(key).ok_or_else(|| format!("of type `{kind}` needs a `{key}`"));
    let wrong = |key: &str, want: &str| format!("`{key}` must be {want}");
    let attribute = match kind {
        "MetadataStringValue" => {
            let text = part("string_value")?.as_str().ok_or_else(|| wrong("string_value", "a text"))?;
            Some(AttributeValue::String(text.into()))
        }
        "MetadataIntValue" => {
            let value = part("int_value")?;
            let whole = value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok());
            Some(AttributeValue::Integer(
                whole.ok_or_else(|| wrong("int_value", "a whole number of 64 bits"))?,
            ))
        }
        "MetadataDoubleValue" => {
            let double = part("double_value")?.as_f64().filter(|d| d.is_finite());
            Some(AttributeValue::Number(double.ok_or_else(|| wrong("double_value", "a finite number"))?))
        }
        "MetadataBoolValue" => {
            let truth = part("bool_value")?.as_bool();
            Some(AttributeValue::Boolean(truth.ok_or_else(|| wrong("bool_value", "true or false"))?))
        }
        // kept and served, never compared
        "MetadataStructValue" | "MetadataProtoValue" => None,
        other => return Err(format!("has the unknown `metadataType` `{other}`")),
    };
    Ok((Value::Object(map), attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_and_plain_forms_give_the_same() {
        for (plain, typed) in [
            (json!("a"), json!({"metadataType": "MetadataStringValue", "string_value": "a"})),
            (json!(7), json!({"metadataType": "MetadataIntValue", "int_value": "7"})),
            (json!(0.5), json!({"metadataType": "MetadataDoubleValue", "double_value": 0.5})),
            (json!(true), json!({"metadataType": "MetadataBoolValue", "bool_value": true})),
        ] {
            assert_eq!(normalize(plain).unwrap(), normalize(typed).unwrap());
        }
    }

    #[test]
    fn a_value_that_is_not_of_its_type_is_refused() {
        for bad in [
            json!(null),
            json!([1]),
            json!({"string_value": "a"}),
            json!({"metadataType": "MetadataIntValue", "int_value": "7.5"}),
            json!({"metadataType": "MetadataIntValue", "double_value": 7}),
            json!({"metadataType": "MetadataBoolValue", "bool_value": "true"}),
            json!({"metadataType": "MetadataDateValue"}),
        ] {
            assert!(normalize(bad.clone()).is_err(), "{bad}");
        }
    }
}

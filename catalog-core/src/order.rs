//! The order of a list: one field, then the id, so that it is total.

use std::fmt;

use crate::{
    asset::{AttributeValue, CommonField, FieldRef},
    name::FieldName,
    schema::{EntitySchema, FieldType},
};

/// Which way a list runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub enum Direction {
    /// Smallest first; values that are absent come before all others.
    #[default]
    Ascending,
    /// Largest first; values that are absent come last.
    Descending,
}

/// The order of a list of assets. After the field comes the id, in the same direction.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct OrderBy {
    field: FieldRef,
    direction: Direction,
}

/// Why an order cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// There is no such field, or lists cannot be ordered by it.
    #[error("`{name}` is no sortable field; those are {sortable}")]
    Field {
        /// What was asked for.
        name: String,
        /// What could have been.
        sortable: String,
    },
    /// Neither `ASC` nor `DESC`.
    #[error("`{0}` is neither `ASC` nor `DESC`")]
    Direction(String),
}

/// The fields of every asset that a list may be ordered by.
const SORTABLE: [CommonField; 7] = [
    CommonField::Name,
    CommonField::Id,
    CommonField::DisplayName,
    CommonField::Provider,
    CommonField::Lifecycle,
    CommonField::CreateTime,
    CommonField::LastUpdateTime,
];

impl Default for OrderBy {
    fn default() -> Self {
        Self { field: FieldRef::Common(CommonField::Name), direction: Direction::Ascending }
    }
}

impl OrderBy {
    /// Reads `orderBy` and `sortOrder` of a request. Kubeflow's `ID`, `NAME`, `CREATE_TIME`, `LAST_UPDATE_TIME` are taken too.
    ///
    /// # Errors
    /// [`OrderError`] names what is wrong and what would be right.
    pub fn parse(
        field: Option<&str>,
        direction: Option<&str>,
        schema: &EntitySchema,
    ) -> Result<Self, OrderError> {
        let direction = match direction {
            None => Direction::Ascending,
            Some(word) if word.eq_ignore_ascii_case("asc") => Direction::Ascending,
            Some(word) if word.eq_ignore_ascii_case("desc") => Direction::Descending,
            Some(word) => return Err(OrderError::Direction(word.chars().take(64).collect())),
        };
        let field = match field {
            None => FieldRef::Common(CommonField::Name),
            Some(name) => resolve(name, schema).ok_or_else(|| OrderError::Field {
                name: name.chars().take(64).collect(),
                sortable: Self::sortable(schema).collect::<Vec<_>>().join(", "),
            })?,
        };
        Ok(Self { field, direction })
    }

    /// The names of all fields that lists of the entity may be ordered by.
    pub fn sortable(schema: &EntitySchema) -> impl Iterator<Item = &str> {
        let declared = schema.fields.iter().filter(|field| field.sortable).map(|field| field.name.as_str());
        SORTABLE.into_iter().map(|field| -> &str { field.as_str() }).chain(declared)
    }

    /// The field.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Which way.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Where a value stands in the order; one that is absent stands before all others.
    pub fn sort_key(&self, value: Option<AttributeValue>) -> SortKey {
        match value {
            Some(AttributeValue::String(text)) => SortKey::Text(text),
            Some(AttributeValue::Integer(number)) => SortKey::Integer(number),
            Some(AttributeValue::Number(number)) => SortKey::Number(number),
            Some(AttributeValue::Boolean(truth)) => SortKey::Integer(truth.into()),
            Some(AttributeValue::Timestamp(time)) => SortKey::Integer(time.unix_ms()),
            Some(AttributeValue::Strings(_)) | None => SortKey::absent(self.field.field_type()),
        }
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.field {
            FieldRef::Common(field) => field.as_str(),
            FieldRef::Declared(name, _) => name.as_str(),
            FieldRef::Custom(key, _) | FieldRef::Label(key) => key,
        };
        let direction = match self.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        write!(f, "{name} {direction}")
    }
}

fn resolve(name: &str, schema: &EntitySchema) -> Option<FieldRef> {
    let common = match name {
        "ID" => Some(CommonField::Id),
        "NAME" => Some(CommonField::Name),
        "CREATE_TIME" => Some(CommonField::CreateTime),
        "LAST_UPDATE_TIME" => Some(CommonField::LastUpdateTime),
        _ => SORTABLE.into_iter().find(|field| field.as_str() == name),
    };
    let declared = || {
        let field = schema.field(name).filter(|field| field.sortable)?;
        let name: FieldName = field.name.clone();
        Some(FieldRef::Declared(name, field.field_type))
    };
    common.map(FieldRef::Common).or_else(declared)
}

/// Where an asset stands in an order, apart from its id.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum SortKey {
    /// By bytes.
    Text(String),
    /// Also booleans (0, 1) and times (milliseconds).
    Integer(i64),
    /// Finite.
    Number(f64),
}

impl SortKey {
    /// The longest text that a list is ordered by, in bytes: it is part of a page token, and so of a URL.
    pub const MAX_TEXT: usize = 512;

    /// The key of an absent value: before all others.
    pub fn absent(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Integer | FieldType::Boolean | FieldType::Timestamp => Self::Integer(i64::MIN),
            FieldType::Number => Self::Number(f64::MIN),
            FieldType::String | FieldType::Strings | FieldType::Object | FieldType::Objects => {
                Self::Text(String::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> EntitySchema {
        serde_json::from_value(serde_json::json!({
            "kind": "McpServer", "plural": "mcpservers", "displayName": "Server", "fields": [
                {"name": "toolCount", "displayName": "Tools", "type": "integer", "sortable": true},
                {"name": "image", "displayName": "Image", "type": "string", "filterable": true},
            ]
        }))
        .unwrap()
    }

    #[test]
    fn aliases_common_and_declared_fields_are_found() {
        let schema = schema();
        for (name, shown) in [
            (None, "name asc"),
            (Some("NAME"), "name asc"),
            (Some("LAST_UPDATE_TIME"), "lastUpdateTime asc"),
            (Some("provider"), "provider asc"),
            (Some("toolCount"), "toolCount asc"),
        ] {
            assert_eq!(OrderBy::parse(name, None, &schema).unwrap().to_string(), shown);
        }
        assert_eq!(OrderBy::parse(None, Some("DESC"), &schema).unwrap().direction(), Direction::Descending);
    }

    #[test]
    fn what_is_not_sortable_is_refused_and_what_is_gets_named() {
        let schema = schema();
        for bad in ["image", "namespace", "", "name desc", "1; drop table", "labels.a"] {
            let error = OrderBy::parse(Some(bad), None, &schema).unwrap_err();
            assert!(error.to_string().contains("toolCount"), "{error}");
        }
        assert!(OrderBy::parse(None, Some("down"), &schema).is_err());
    }
}

//! The order of a list: one field, then the name, then the id, so that it is total.

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

/// The order of a list of assets. After the key come the name, where the key does not hold it, and the id, in the same direction.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct OrderBy {
    key: OrderKey,
    direction: Direction,
}

/// What a list is ordered by.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum OrderKey {
    /// A field.
    Field(FieldRef),
    /// How well the words of a search are met: assets whose names hold all of them come first; within both groups by name.
    Relevance,
}

impl OrderKey {
    /// What its values are.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Field(field) => field.field_type(),
            Self::Relevance => FieldType::String,
        }
    }

    /// Whether assets of one key are ordered by their names before their ids: the key neither holds the name nor is one asset's own.
    pub fn then_by_name(&self) -> bool {
        match self {
            Self::Field(field) => !matches!(field, FieldRef::Common(CommonField::Name | CommonField::Id)),
            Self::Relevance => false,
        }
    }
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

const ALIASES: [(&str, CommonField); 4] = [
    ("ID", CommonField::Id),
    ("NAME", CommonField::Name),
    ("CREATE_TIME", CommonField::CreateTime),
    ("LAST_UPDATE_TIME", CommonField::LastUpdateTime),
];

impl Default for OrderBy {
    fn default() -> Self {
        Self { key: OrderKey::Field(FieldRef::Common(CommonField::Name)), direction: Direction::Ascending }
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
        Ok(Self { key: OrderKey::Field(field), direction })
    }

    /// The best of a search first.
    pub fn relevance() -> Self {
        Self { key: OrderKey::Relevance, direction: Direction::Ascending }
    }

    /// The names of all fields that lists of the entity may be ordered by.
    pub fn sortable(schema: &EntitySchema) -> impl Iterator<Item = &str> {
        let declared = schema.fields.iter().filter(|field| field.sortable).map(|field| field.name.as_str());
        SORTABLE.into_iter().map(|field| -> &str { field.as_str() }).chain(declared)
    }

    /// Other names of some of them, by which clients of Kubeflow's catalog call them.
    pub fn aliases() -> impl Iterator<Item = &'static str> {
        ALIASES.into_iter().map(|(alias, _)| alias)
    }

    /// What comes before the id.
    pub fn key(&self) -> &OrderKey {
        &self.key
    }

    /// Which way.
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.key {
            OrderKey::Field(FieldRef::Common(field)) => field.as_str(),
            OrderKey::Field(FieldRef::Declared(name, _)) => name.as_str(),
            OrderKey::Field(FieldRef::Custom(key, _) | FieldRef::Label(key)) => key,
            // no field is called so
            OrderKey::Relevance => "*relevance",
        };
        let direction = match self.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        write!(f, "{name} {direction}")
    }
}

fn resolve(name: &str, schema: &EntitySchema) -> Option<FieldRef> {
    let alias = ALIASES.into_iter().find(|(alias, _)| *alias == name).map(|(_, field)| field);
    let common = alias.or_else(|| SORTABLE.into_iter().find(|field| field.as_str() == name));
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

    /// Of a value of that type; one that is absent stands before all others.
    pub fn of(field_type: FieldType, value: Option<AttributeValue>) -> Self {
        match value {
            Some(AttributeValue::String(text)) => Self::Text(text),
            Some(AttributeValue::Integer(number)) => Self::Integer(number),
            Some(AttributeValue::Number(number)) => Self::Number(number),
            Some(AttributeValue::Boolean(truth)) => Self::Integer(truth.into()),
            Some(AttributeValue::Timestamp(time)) => Self::Integer(time.unix_ms()),
            Some(AttributeValue::Strings(_)) | None => Self::absent(field_type),
        }
    }

    /// Of an asset of that name in the order by relevance; `called` is whether its names hold all words of the search.
    pub fn of_relevance(called: bool, name: &str) -> Self {
        Self::Text(format!("{}{name}", if called { '0' } else { '1' }))
    }

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

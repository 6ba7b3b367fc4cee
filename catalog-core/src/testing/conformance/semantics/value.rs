use std::cmp::Ordering;

use serde_json::Value;

use crate::{
    clock::Timestamp,
    schema::FieldType,
    testing::conformance::entity::{Field, Place},
};

/// One value of a document, as filters and orders see it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::testing::conformance) enum Cell {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    /// The text as it stands in the document, and the milliseconds that it means.
    Time(String, i64),
    Texts(Vec<String>),
}

impl Cell {
    /// How it stands to another of its type.
    pub(in crate::testing::conformance) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Integer(a), Self::Integer(b)) | (Self::Time(_, a), Self::Time(_, b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// As the language of filters writes it.
    pub(super) fn literal(&self) -> String {
        match self {
            Self::Text(text) | Self::Time(text, _) => quoted(text),
            Self::Integer(number) => number.to_string(),
            // with a point or an exponent, so that it reads as no integer
            Self::Number(number) => format!("{number:?}"),
            Self::Boolean(truth) => truth.to_string(),
            Self::Texts(texts) => quoted(texts.first().map(String::as_str).unwrap_or_default()),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The value of a field in a document: none where it is missing or is not of the field's type.
pub(in crate::testing::conformance) fn cell(document: &Value, field: &Field) -> Option<Cell> {
    let value = field.value(document);
    match field.of_type {
        FieldType::String => value.as_str().map(|text| Cell::Text(text.into())),
        FieldType::Integer if field.place == Place::Custom => value.as_str()?.parse().ok().map(Cell::Integer),
        FieldType::Integer => value.as_i64().map(Cell::Integer),
        FieldType::Number => value.as_f64().map(Cell::Number),
        FieldType::Boolean => value.as_bool().map(Cell::Boolean),
        FieldType::Timestamp => {
            let text = value.as_str()?;
            let time: Timestamp = text.parse().ok()?;
            Some(Cell::Time(text.into(), time.unix_ms()))
        }
        FieldType::Strings => {
            let texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Cell::Texts)
        }
        FieldType::Object | FieldType::Objects => None,
    }
}

/// Where a document stands in the ascending order of a field: what is absent first, and what is equal by name and id.
pub(in crate::testing::conformance) fn rank(a: &Value, b: &Value, field: &Field) -> Ordering {
    let text = |document: &Value, field: &str| document[field].as_str().unwrap_or_default().to_owned();
    let place = |document: &Value| (text(document, "name"), text(document, "id"));
    by_value(a, b, field).then_with(|| place(a).cmp(&place(b)))
}

fn by_value(a: &Value, b: &Value, field: &Field) -> Ordering {
    match (sort_key(a, field), sort_key(b, field)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => a.order(&b).unwrap_or(Ordering::Equal),
    }
}

/// What an order goes by; none where that is absent. An absent text stands where the empty one does.
pub(in crate::testing::conformance) fn sort_key(document: &Value, field: &Field) -> Option<Cell> {
    cell(document, field).filter(|cell| !matches!(cell, Cell::Text(text) if text.is_empty()))
}

/// Up to `count` different values of a field among the documents, spread over their range; of lists their elements.
pub(in crate::testing::conformance) fn samples(items: &[Value], field: &Field, count: usize) -> Vec<Cell> {
    let mut found: Vec<Cell> = Vec::new();
    for item in items {
        match cell(item, field) {
            Some(Cell::Texts(texts)) => found.extend(texts.into_iter().map(Cell::Text)),
            Some(cell) => found.push(cell),
            None => {}
        }
    }
    // long texts make long URLs
    found.retain(|cell| !matches!(cell, Cell::Text(text) if text.len() > 500));
    found.sort_by(|a, b| a.order(b).unwrap_or(Ordering::Equal));
    found.dedup();
    if found.len() <= count {
        return found;
    }
    let last = found.len() - 1;
    (0..count).filter_map(|step| found.get(last * step / (count - 1).max(1)).cloned()).collect()
}

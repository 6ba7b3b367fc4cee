//! Finds the field that a comparison names.

use super::error::{FilterError, FilterErrorKind};
use crate::{
    asset::{CommonField, CustomKind, FieldRef},
    excerpt::shown,
    schema::{EntitySchema, FieldType},
};

/// Bytes of the key of a label or custom property.
const MAX_KEY_BYTES: usize = 256;

/// A field as it was written: names with dots between them.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) first: Segment,
    pub(super) rest: Vec<Segment>,
}

/// One name of a path.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) at: usize,
    pub(super) text: String,
    /// It stood in back-ticks, so it is never a type suffix.
    pub(super) literal: bool,
}

/// The field of a comparison.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) field: TargetField,
    /// As errors call it.
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) enum TargetField {
    Known(FieldRef),
    /// The custom property of that key; the value will tell its kind.
    Open(String),
}

impl Path {
    /// A path may stand in one pair of back-ticks as a whole: `` `labels.app.kubernetes.io/name` ``.
    fn opened(self) -> Self {
        if !self.first.literal || !self.rest.is_empty() {
            return self;
        }
        let at = self.first.at;
        let segment = |text: &str| Segment { at, text: text.into(), literal: false };
        let mut names = self.first.text.split('.').map(segment);
        let first = names.next().unwrap_or_else(|| segment(&self.first.text));
        Self { first, rest: names.collect() }
    }

    /// Takes the type suffix from the end, where something is left before it.
    fn take_suffix(&mut self, kept: usize) -> Option<(Segment, CustomKind)> {
        let last = self.rest.last().filter(|last| !last.literal && self.rest.len() > kept)?;
        let kind = CustomKind::from_suffix(&last.text)?;
        self.rest.pop().map(|segment| (segment, kind))
    }
}

impl Target {
    /// Finds the field that the path names.
    pub(super) fn resolve(path: Path, schema: &EntitySchema) -> Result<Self, FilterError> {
        let mut path = path.opened();
        let prefixed = matches!(path.first.text.as_str(), "customProperties" | "labels");
        let suffix = path.take_suffix(usize::from(prefixed));
        let key = path.rest.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(".");
        let name = shown(&if key.is_empty() {
            path.first.text.clone()
        } else {
            format!("{}.{key}", path.first.text)
        });
        let (field, suffix) = if prefixed {
            property(&path, key, suffix)?
        } else {
            (TargetField::Known(declared(&path, &name, schema)?), suffix)
        };
        let target = Self { field, name };
        match suffix {
            Some((segment, kind)) => target.fitting(&segment, kind),
            None => Ok(target),
        }
    }

    /// Lets pass a type suffix that says no more than the schema.
    fn fitting(self, suffix: &Segment, kind: CustomKind) -> Result<Self, FilterError> {
        let TargetField::Known(field) = &self.field else { return Ok(self) };
        let fits = match field.field_type() {
            FieldType::String | FieldType::Strings => kind == CustomKind::String,
            FieldType::Integer => matches!(kind, CustomKind::Integer | CustomKind::Number),
            FieldType::Number => kind == CustomKind::Number,
            FieldType::Boolean => kind == CustomKind::Boolean,
            FieldType::Timestamp | FieldType::Object | FieldType::Objects => false,
        };
        if fits {
            return Ok(self);
        }
        let expected =
            format!("no suffix, or one that fits the {} `{}`", field.field_type().as_str(), self.name);
        Err(FilterError::new(FilterErrorKind::TypeMismatch, suffix.at, expected).found(&suffix.text))
    }
}

type Suffix = Option<(Segment, CustomKind)>;

/// A label or custom property. The suffix that chose the kind of a custom property is used up.
fn property(path: &Path, key: String, suffix: Suffix) -> Result<(TargetField, Suffix), FilterError> {
    let Some(segment) = path.rest.first().filter(|_| !key.is_empty()) else {
        let expected = format!("a key after `{}.`", path.first.text);
        return Err(FilterError::new(FilterErrorKind::UnknownField, path.first.at, expected));
    };
    if key.len() > MAX_KEY_BYTES {
        return Err(FilterError::new(
            FilterErrorKind::Limit,
            segment.at,
            format!("a key of at most {MAX_KEY_BYTES} bytes"),
        ));
    }
    Ok(match suffix {
        suffix if path.first.text == "labels" => (TargetField::Known(FieldRef::Label(key)), suffix),
        Some((_, kind)) => (TargetField::Known(FieldRef::Custom(key, kind)), None),
        None => (TargetField::Open(key), None),
    })
}

/// A field that every asset has or the entity declares.
fn declared(path: &Path, name: &str, schema: &EntitySchema) -> Result<FieldRef, FilterError> {
    let error = |kind, expected| Err(FilterError::new(kind, path.first.at, expected).found(name));
    let plain = path.rest.is_empty();
    if let Some(common) = CommonField::named(&path.first.text).filter(|_| plain) {
        return Ok(FieldRef::Common(common));
    }
    match schema.field(&path.first.text).filter(|_| plain) {
        Some(field) if field.filterable && field.field_type.is_comparable() => {
            Ok(FieldRef::Declared(field.name.clone(), field.field_type))
        }
        Some(_) => error(FilterErrorKind::NotFilterable, "a field to filter by".into()),
        None => {
            let expected =
                format!("a field of `{}`, `customProperties.<key>` or `labels.<key>`", schema.kind);
            error(FilterErrorKind::UnknownField, expected)
        }
    }
}

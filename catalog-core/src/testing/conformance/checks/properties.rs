//! Filters on labels and custom properties.

use serde_json::{Map, Value};

use super::{Verdict, enough, filter::holds};
use crate::{
    schema::FieldType,
    testing::conformance::{
        entity::{Field, Place},
        faults::{Faults, Stop},
        probe::{Probe, Subject},
        semantics::{Condition, Operator, Test, samples},
    },
};

/// Keys of each list that are asked for.
const KEYS: usize = 8;

/// The fields of which some document has a value, by what an object of the document holds.
fn fields(
    subject: &Subject,
    object: &str,
    field: impl Fn(&str, &Value) -> Option<Field>,
) -> Result<Vec<Field>, Stop> {
    let objects = subject.items()?.iter().filter_map(|item| item[object].as_object());
    let mut found: Vec<Field> = Vec::new();
    for (key, value) in objects.flat_map(Map::iter) {
        if let Some(field) = field(key, value) {
            let known = |other: &Field| other.name == field.name && other.of_type == field.of_type;
            if !found.iter().any(known) && found.len() < KEYS {
                found.push(field);
            }
        }
    }
    Ok(found)
}

/// Compares a field with values of it in all ways that its type has.
async fn compare(probe: &Probe<'_>, faults: &mut Faults, subject: &Subject, field: &Field) -> Verdict {
    let of = |test| Condition::Of(field.clone(), test);
    let values = samples(subject.items()?, field, 3);
    let mut conditions = vec![of(Test::IsNull), of(Test::IsNotNull), of(Test::In(values.clone()))];
    for value in values {
        let compare = |operator| of(Test::Compare(operator, value.clone()));
        conditions.extend([Operator::Equal, Operator::NotEqual].map(compare));
        conditions.push(compare(Operator::Equal).negated());
        if field.of_type != FieldType::Boolean {
            conditions.extend(Operator::RANGES.map(compare));
        }
    }
    if field.of_type == FieldType::String {
        conditions.push(of(Test::Like { pattern: "%a%".into(), folds: false }));
    }
    for condition in conditions {
        holds(probe, faults, subject, &condition).await?;
    }
    Ok(())
}

pub(super) async fn labels_are_filtered(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let label = |key: &str, _: &Value| {
            Some(Field { name: key.into(), of_type: FieldType::String, place: Place::Label })
        };
        for field in fields(subject, "labels", label)? {
            cases += 1;
            compare(probe, faults, subject, &field).await?;
        }
    }
    enough(cases, "no asset has labels")
}

/// Each by the suffix of its kind, as Kubeflow's clients send it.
pub(super) async fn custom_properties_are_filtered(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let property = |key: &str, value: &Value| {
            let kinds = [
                ("string_value", FieldType::String),
                ("int_value", FieldType::Integer),
                ("double_value", FieldType::Number),
                ("bool_value", FieldType::Boolean),
            ];
            let (_, of_type) = kinds.into_iter().find(|(kind, _)| value.get(kind).is_some())?;
            Some(Field { name: key.into(), of_type, place: Place::Custom })
        };
        for field in fields(subject, "customProperties", property)? {
            cases += 1;
            compare(probe, faults, subject, &field).await?;
        }
    }
    enough(cases, "no asset has custom properties of a kind that can be compared")
}

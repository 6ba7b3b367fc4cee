//! Filters whose results are worked out from the documents.

use serde_json::Value;

use super::{Verdict, enough};
use crate::{
    schema::FieldType,
    testing::conformance::{
        entity::Field,
        faults::{Faults, Stop},
        probe::{Probe, Subject, ids},
        semantics::{Cell, Condition, Operator, Test, cell, samples},
    },
};

const NO_VALUES: &str = "no filter field of the plugin has values to compare with";
/// Values that each field is compared with.
const VALUES: usize = 3;

/// Asks for what the condition matches, and holds it against the documents.
pub(super) async fn holds(
    probe: &Probe<'_>,
    faults: &mut Faults,
    subject: &Subject,
    condition: &Condition,
) -> Verdict {
    let matches = |item: &&Value| condition.holds(item) == Some(true);
    let due: Vec<&Value> = subject.items()?.iter().filter(matches).collect();
    let due: Vec<&str> = due.into_iter().map(|item| item["id"].as_str().unwrap_or_default()).collect();
    let ask = probe.get(&subject.entity.list).with("filterQuery", condition.text());
    match probe.walk(&ask, 1_000, probe.plan.max_assets / 1_000 + 2).await {
        Err(reason) => faults.add(reason),
        Ok(walk) => {
            let is = ids(&walk.items);
            let (more, fewer) = (
                is.iter().filter(|id| !due.contains(id)).count(),
                due.iter().filter(|id| !is.contains(id)).count(),
            );
            faults.expect(is == due, || {
                let text = condition.text();
                format!(
                    "`{text}` matches {} of `{}`, {more} of them wrongly, and misses {fewer}",
                    is.len(),
                    subject.entity.kind
                )
            });
        }
    }
    Ok(())
}

/// A filter field of a list, with values of it.
type Case<'a> = (&'a Subject, &'a Field, Vec<Cell>);

/// Each filter field of the lists that the predicate takes.
fn cases<'a>(probe: &'a Probe<'_>, takes: impl Fn(FieldType) -> bool) -> Result<Vec<Case<'a>>, Stop> {
    let mut cases = Vec::new();
    for subject in probe.subjects()? {
        let items = subject.items()?;
        for field in subject.entity.filters.iter().filter(|field| takes(field.of_type)) {
            let values = samples(items, field, VALUES);
            if !values.is_empty() {
                cases.push((subject, field, values));
            }
        }
    }
    enough(cases.len(), NO_VALUES)?;
    Ok(cases)
}

fn of(field: &Field, test: Test) -> Condition {
    Condition::Of(field.clone(), test)
}

fn compare(field: &Field, operator: Operator, value: &Cell) -> Condition {
    of(field, Test::Compare(operator, value.clone()))
}

/// Whether some documents have a value of the field and some have none.
fn is_partial(subject: &Subject, field: &Field) -> bool {
    let items = subject.items().unwrap_or_default();
    let absent = items.iter().filter(|item| cell(item, field).is_none()).count();
    absent > 0 && absent < items.len()
}

fn is_text(kind: FieldType) -> bool {
    kind == FieldType::String
}

pub(super) async fn equal_matches(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, field, values) in cases(probe, |_| true)? {
        for value in values {
            holds(probe, faults, subject, &compare(field, Operator::Equal, &value)).await?;
        }
    }
    Ok(())
}

/// Decided where a field is missing in some documents; the others are compared all the same.
pub(super) async fn not_equal_leaves_out_the_missing(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut partial = 0;
    for (subject, field, values) in cases(probe, |_| true)? {
        partial += usize::from(is_partial(subject, field));
        for value in values.iter().take(2) {
            holds(probe, faults, subject, &compare(field, Operator::NotEqual, value)).await?;
        }
    }
    enough(partial, "no filter field is missing in some assets and there in others")
}

pub(super) async fn in_matches(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, field, values) in cases(probe, |_| true)? {
        holds(probe, faults, subject, &of(field, Test::In(values.clone()))).await?;
        holds(probe, faults, subject, &of(field, Test::NotIn(values))).await?;
    }
    Ok(())
}

/// `NOT` of what is unknown is unknown, also within AND and OR.
pub(super) async fn not_is_three_valued(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut partial = 0;
    for (subject, field, values) in cases(probe, |_| true)? {
        partial += usize::from(is_partial(subject, field));
        let Some(value) = values.first() else { continue };
        let equal = compare(field, Operator::Equal, value);
        holds(probe, faults, subject, &equal.clone().negated()).await?;
        holds(probe, faults, subject, &equal.clone().negated().negated()).await?;
        let other = of(field, Test::IsNull);
        holds(probe, faults, subject, &equal.clone().and(other.clone()).negated()).await?;
        holds(probe, faults, subject, &equal.or(other).negated()).await?;
    }
    enough(partial, "no filter field is missing in some assets and there in others")
}

pub(super) async fn null_tests_match(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut partial = 0;
    for subject in probe.subjects()? {
        for field in &subject.entity.filters {
            partial += usize::from(is_partial(subject, field));
            holds(probe, faults, subject, &of(field, Test::IsNull)).await?;
            holds(probe, faults, subject, &of(field, Test::IsNotNull)).await?;
            holds(probe, faults, subject, &of(field, Test::IsNull).negated()).await?;
        }
    }
    enough(partial, "no filter field is missing in some assets and there in others")
}

pub(super) async fn ranges_match(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let ordered = |kind| {
        matches!(kind, FieldType::String | FieldType::Integer | FieldType::Number | FieldType::Timestamp)
    };
    for (subject, field, values) in cases(probe, ordered)? {
        for value in values {
            for operator in Operator::RANGES {
                holds(probe, faults, subject, &compare(field, operator, &value)).await?;
            }
        }
    }
    Ok(())
}

/// Patterns made of a text: its beginning, its end, one character left open, and its wildcards taken literally.
pub(super) async fn like_minds_case_and_wildcards(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, field, values) in cases(probe, is_text)? {
        for value in values.iter().take(2) {
            let Cell::Text(text) = value else { continue };
            let (head, tail) = split(text);
            let like = |pattern: String| of(field, Test::Like { pattern, folds: false });
            let patterns = [
                format!("{}%", escaped(&head)),
                format!("%{}", escaped(&tail)),
                format!("{}%", escaped(&flipped(&head))),
                format!("_{}", escaped(&text.chars().skip(1).collect::<String>())),
                escaped(text),
                escaped(&head),
                "%".to_owned(),
                "\\%".to_owned(),
            ];
            for pattern in patterns {
                holds(probe, faults, subject, &like(pattern)).await?;
            }
            holds(probe, faults, subject, &of(field, Test::NotLike(format!("{}%", escaped(&head))))).await?;
        }
    }
    Ok(())
}

pub(super) async fn ilike_folds_ascii(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, field, values) in cases(probe, is_text)? {
        for value in values.iter().take(2) {
            let Cell::Text(text) = value else { continue };
            let pattern = format!("{}%", escaped(&flipped(&split(text).0)));
            holds(probe, faults, subject, &of(field, Test::Like { pattern, folds: true })).await?;
        }
    }
    Ok(())
}

/// On a list `=` means contains, and LIKE asks whether any element passes.
pub(super) async fn lists_are_tested_by_their_elements(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, field, values) in cases(probe, |kind| kind == FieldType::Strings)? {
        for value in &values {
            let Cell::Text(text) = value else { continue };
            holds(probe, faults, subject, &compare(field, Operator::Equal, value)).await?;
            holds(probe, faults, subject, &compare(field, Operator::NotEqual, value)).await?;
            let part = Cell::Text(split(text).0);
            holds(probe, faults, subject, &compare(field, Operator::Equal, &part)).await?;
            let pattern = format!("{}%", escaped(&split(text).0));
            holds(probe, faults, subject, &of(field, Test::Like { pattern, folds: false })).await?;
        }
    }
    Ok(())
}

pub(super) async fn and_and_or_combine(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let all = cases(probe, |_| true)?;
    for pair in all.windows(2) {
        let [(subject, field, values), (other_subject, other, other_values)] = pair else { continue };
        if !std::ptr::eq(*subject, *other_subject) {
            continue;
        }
        let (Some(value), Some(other_value)) = (values.last(), other_values.first()) else { continue };
        let a = compare(field, Operator::Equal, value);
        let b = compare(other, Operator::NotEqual, other_value);
        holds(probe, faults, subject, &a.clone().and(b.clone())).await?;
        holds(probe, faults, subject, &a.clone().or(b.clone())).await?;
        holds(probe, faults, subject, &a.clone().or(b.clone()).negated()).await?;
        holds(probe, faults, subject, &a.clone().or(b.negated()).and(of(field, Test::IsNotNull))).await?;
    }
    // AND binds closer than OR, and keywords know no case
    for subject in probe.subjects()? {
        let items = subject.items()?;
        let Some(first) = items.first().and_then(|item| item["name"].as_str()) else { continue };
        let literal = first.replace('\\', "\\\\").replace('\'', "''");
        let text = format!("name = '{literal}' or name = '{literal}' aNd name is null");
        let ask = probe.get(&subject.entity.list).with("filterQuery", text);
        let answer = probe.send(ask).await?.good()?;
        let due = items.iter().filter(|item| item["name"] == first).map(|item| item["id"].as_str());
        let due: Vec<&str> = due.map(Option::unwrap_or_default).collect();
        faults.same(format!("what {answer} lists"), &ids(answer.list("items")?), &due);
    }
    Ok(())
}

/// `totalSize` counts what the filter matches, not the page.
pub(super) async fn filtered_total_is_counted(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut narrow = 0;
    for (subject, field, values) in cases(probe, |_| true)? {
        let Some(value) = values.first() else { continue };
        let condition = compare(field, Operator::Equal, value);
        let due = subject.items()?.iter().filter(|item| condition.holds(item) == Some(true)).count();
        narrow += usize::from(due > 1 && due < subject.items()?.len());
        let ask = probe.get(&subject.entity.list).with("filterQuery", condition.text());
        let answer = probe.send(ask.with("includeTotal", "true").with("pageSize", "1")).await?.good()?;
        faults.same(
            format!("`totalSize` of {answer}"),
            &answer.json()["totalSize"].as_u64(),
            &u64::try_from(due).ok(),
        );
    }
    enough(narrow, "no value of a filter field is shared by some assets and not by all")
}

/// The first half of a text, at most twelve characters, and the rest.
fn split(text: &str) -> (String, String) {
    let half = text.chars().count().div_ceil(2).min(12);
    (text.chars().take(half).collect(), text.chars().skip(half).collect())
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

/// Large ASCII letters small, and small ones large.
fn flipped(text: &str) -> String {
    let flip = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(flip).collect()
}

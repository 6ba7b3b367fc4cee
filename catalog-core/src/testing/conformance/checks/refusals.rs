//! Filters that are none.

use super::{Verdict, enough, filter::holds};
use crate::{
    schema::FieldType,
    testing::conformance::{
        answer::Answer,
        entity::Field,
        faults::Faults,
        probe::{Probe, Subject},
        semantics::{Cell, Condition, Operator, Test},
    },
};

/// Texts that do not have the form of a filter, all of them about a field that every asset has.
const MALFORMED: [&str; 28] = [
    "name",
    "name =",
    "= 'x'",
    "name 'x'",
    "name = 'x",
    "name = x",
    "name == 'x'",
    "name = 'x' AND",
    "name = 'x' name = 'y'",
    "AND name = 'x'",
    "OR",
    "NOT",
    "(name = 'x'",
    "name = 'x')",
    "()",
    "name IN",
    "name IN ()",
    "name IN ('x'",
    "name IN ('x',)",
    "name IN 'x'",
    "name IS",
    "name IS 'x'",
    "name LIKE",
    "name NOT = 'x'",
    "'x' = name",
    "name = 'x' && name = 'y'",
    "name ~ 'x'",
    "name = 'x'; drop table assets",
];

async fn ask(
    probe: &Probe<'_>,
    subject: &Subject,
    filter: &str,
) -> Result<Answer, crate::testing::conformance::faults::Stop> {
    probe.send(probe.get(&subject.entity.list).with("filterQuery", filter)).await
}

pub(super) async fn malformed_filter_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for filter in MALFORMED {
            let answer = ask(probe, subject, filter).await?;
            faults.refused(&answer, 400, "invalid_filter");
            if answer.status == 400 {
                positioned(faults, &answer, filter);
            }
        }
    }
    Ok(())
}

/// The problem says at which character of the filter the fault begins, and what was expected.
fn positioned(faults: &mut Faults, answer: &Answer, filter: &str) {
    let error = &answer.json()["errors"][0];
    faults.same(
        format!("`parameter` of the error of {answer}"),
        &error["parameter"].as_str(),
        &Some("filterQuery"),
    );
    let length = u64::try_from(filter.chars().count()).unwrap_or(u64::MAX);
    let position = error["position"].as_u64();
    faults.expect(position.is_some_and(|position| position <= length), || {
        format!("{answer} without the position of the fault within the filter")
    });
    faults.expect(error["detail"].as_str().is_some_and(|detail| detail.contains("expected")), || {
        format!("{answer} without what was expected")
    });
}

pub(super) async fn filter_beyond_limits_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (deep, most) = (33, 101);
    let filters = [
        format!("name = '{}'", "x".repeat(4_096)),
        format!("{}name = 'x'{}", "(".repeat(deep), ")".repeat(deep)),
        vec!["name = 'x'"; most].join(" OR "),
        format!("name IN ({})", vec!["'x'"; 201].join(", ")),
    ];
    for subject in probe.subjects()? {
        for filter in &filters {
            faults.refused(&ask(probe, subject, filter).await?, 400, "invalid_filter");
        }
    }
    Ok(())
}

/// Made-up fields, those that are told but not to filter by, and what the server keeps beside the document.
pub(super) async fn undeclared_field_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        let entity = &subject.entity;
        let told = entity.fields.iter().map(|field| field.name.as_str());
        let told = told.filter(|name| !entity.filters.iter().any(|field| field.name == *name));
        for field in ["noSuchField", "namespace", "search", "document", "labels", "customProperties"]
            .into_iter()
            .chain(told)
        {
            faults.refused(&ask(probe, subject, &format!("{field} = 'x'")).await?, 400, "invalid_filter");
        }
    }
    Ok(())
}

pub(super) async fn value_of_another_type_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for Field { name, of_type, .. } in &subject.entity.filters {
            let wrong: &[&str] = match of_type {
                FieldType::String => &["= 5", "= true", "LIKE 5"],
                FieldType::Integer => &["= 'many'", "= true", "LIKE 'a%'", "> '5'"],
                FieldType::Number => &["= 'many'", "= true", "LIKE 'a%'"],
                FieldType::Boolean => &["= 'true'", "= 1", "> true", "LIKE 't%'"],
                FieldType::Timestamp => &["= 5", "> 'yesterday'", "LIKE '2025%'"],
                FieldType::Strings => &["= 5", "> 'a'", "< 'a'"],
                FieldType::Object | FieldType::Objects => &["= 'a'"],
            };
            for test in wrong {
                faults.refused(&ask(probe, subject, &format!("{name} {test}")).await?, 400, "invalid_filter");
            }
        }
    }
    Ok(())
}

/// Words of SQL within a value are a value; outside of one they are no filter.
pub(super) async fn injection_has_no_effect(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let Some(field) = subject.entity.filters.iter().find(|field| field.name == "name") else { continue };
        cases += 1;
        for value in [
            "' OR '1'='1",
            "x' OR 1=1 --",
            "\\' OR \\'1\\'=\\'1",
            "'; DROP TABLE assets; --",
            "\" OR \"\"=\"",
            "$1",
            "?",
            "%",
            "x\\",
        ] {
            let value = Cell::Text(value.into());
            for test in [
                Test::Compare(Operator::Equal, value.clone()),
                Test::Compare(Operator::NotEqual, value.clone()),
                Test::In(vec![value.clone()]),
            ] {
                holds(probe, faults, subject, &Condition::Of(field.clone(), test)).await?;
            }
        }
        for filter in [
            "1 = 1",
            "name = 'x' OR 1=1",
            "name = 'x' OR true",
            "name = 'x' -- ",
            "name = 'x' /* */",
            "name = 'x' UNION SELECT 1",
            "id IN (SELECT id FROM assets)",
            "namespace = 'x' OR namespace != 'x'",
            "name = 'x' OR EXISTS (SELECT 1)",
            "json_extract(attributes, '$') = 'x'",
            "labels.`a' OR '1'='1`",
            "name\u{0} = 'x'",
        ] {
            faults.refused(&ask(probe, subject, filter).await?, 400, "invalid_filter");
        }
    }
    enough(cases, "no list can be filtered by `name`")
}

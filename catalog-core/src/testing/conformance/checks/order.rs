use std::cmp::Ordering;

use serde_json::Value;

use super::{Verdict, enough, paging::FEW_ASSETS};
use crate::{
    schema::FieldType,
    testing::conformance::{
        entity::Field,
        faults::{Faults, Stop},
        probe::{Probe, Subject, ids},
        semantics::{rank, sort_key},
    },
};

/// The list in an order, all of it.
async fn ordered(
    probe: &Probe<'_>,
    subject: &Subject,
    by: &str,
    direction: &str,
) -> Result<Vec<Value>, Stop> {
    let ask = probe.get(&subject.entity.list).with("orderBy", by).with("sortOrder", direction);
    let pages = probe.plan.max_assets / 1_000 + 2;
    let walk = probe.walk(&ask, 1_000, pages).await.map_err(Stop::fail)?;
    let all = subject.items()?.len();
    if walk.items.len() == all {
        return Ok(walk.items);
    }
    Err(Stop::fail(format!("ordered by {by} {direction} the list has {} assets of {all}", walk.items.len())))
}

/// A sort field of a list, with the documents as they should come.
type Case<'a> = (&'a Subject, &'a Field, Vec<&'a Value>);

/// Each sort field of each list that can show an order.
fn cases<'a>(probe: &'a Probe<'_>) -> Result<Vec<Case<'a>>, Stop> {
    let mut cases = Vec::new();
    for subject in probe.subjects()? {
        let items = subject.items()?;
        for sort in subject.entity.sorts.iter().filter(|_| items.len() >= 3) {
            let mut sorted: Vec<&Value> = items.iter().collect();
            sorted.sort_by(|a, b| rank(a, b, sort));
            cases.push((subject, sort, sorted));
        }
    }
    enough(cases.len(), FEW_ASSETS)?;
    Ok(cases)
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap_or_default()
}

/// What orders assets of one value.
fn place(item: &Value) -> (&str, &str) {
    (item["name"].as_str().unwrap_or_default(), id(item))
}

/// Where two sequences part.
fn parting(is: &[&str], should: &[&str]) -> String {
    match is.iter().zip(should).position(|(is, should)| is != should) {
        Some(at) => format!("at place {} of {}", at + 1, should.len()),
        None => format!("in length, {} to {}", is.len(), should.len()),
    }
}

pub(super) fn usual_order_is_by_name(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    let by_name = Field::new("name", FieldType::String);
    for subject in probe.subjects()? {
        let items = subject.items()?;
        cases += usize::from(items.len() >= 3);
        let mut sorted: Vec<&Value> = items.iter().collect();
        sorted.sort_by(|a, b| rank(a, b, &by_name));
        let (is, should) = (ids(items), sorted.into_iter().map(id).collect::<Vec<_>>());
        faults.expect(is == should, || {
            format!("the list of `{}` is not ordered by name: {}", subject.entity.kind, parting(&is, &should))
        });
    }
    enough(cases, FEW_ASSETS)
}

pub(super) async fn ascending_is_sorted(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, sort, sorted) in cases(probe)? {
        let items = ordered(probe, subject, &sort.name, "ASC").await?;
        let (is, should) = (ids(&items), sorted.into_iter().map(id).collect::<Vec<_>>());
        faults.expect(is == should, || {
            format!(
                "by {} ASC the list of `{}` is not sorted: {}",
                sort.name,
                subject.entity.kind,
                parting(&is, &should)
            )
        });
    }
    Ok(())
}

/// Whether ascending is right is another check's; only where values differ can a reverse be told.
pub(super) async fn descending_is_the_reverse(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, sort, _) in cases(probe)? {
        let up = ordered(probe, subject, &sort.name, "ASC").await?;
        let down = ordered(probe, subject, &sort.name, "DESC").await?;
        let (mut up, down) = (ids(&up), ids(&down));
        up.reverse();
        faults.expect(up == down, || {
            format!(
                "by {} DESC the list of `{}` is not the reverse of ASC: {}",
                sort.name,
                subject.entity.kind,
                parting(&down, &up)
            )
        });
    }
    Ok(())
}

pub(super) async fn equal_values_are_ordered_by_name(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut ties = 0;
    for (subject, sort, _) in cases(probe)? {
        for (direction, due) in [("ASC", Ordering::Less), ("DESC", Ordering::Greater)] {
            let items = ordered(probe, subject, &sort.name, direction).await?;
            for pair in items.windows(2) {
                let [first, second] = pair else { continue };
                if sort_key(first, sort) == sort_key(second, sort) && sort.name != "id" {
                    ties += 1;
                    faults.expect(place(first).cmp(&place(second)) == due, || {
                        format!(
                            "by {} {direction} `{}` and `{}` are equal and not ordered by name and id",
                            sort.name,
                            id(first),
                            id(second)
                        )
                    });
                }
            }
        }
    }
    enough(ties, "no two assets share a value of a sort field")
}

pub(super) async fn absent_values_come_first(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut partial = 0;
    for (subject, sort, sorted) in cases(probe)? {
        let absent = sorted.iter().filter(|item| sort_key(item, sort).is_none()).count();
        if absent == 0 || absent == sorted.len() {
            continue;
        }
        partial += 1;
        let up = ordered(probe, subject, &sort.name, "ASC").await?;
        let first = up.iter().take_while(|item| sort_key(item, sort).is_none()).count();
        faults.same(
            format!("the number of assets without `{}` at the head of ASC", sort.name),
            &first,
            &absent,
        );
        let down = ordered(probe, subject, &sort.name, "DESC").await?;
        let last = down.iter().rev().take_while(|item| sort_key(item, sort).is_none()).count();
        faults.same(
            format!("the number of assets without `{}` at the end of DESC", sort.name),
            &last,
            &absent,
        );
    }
    enough(partial, "no sort field is absent in some assets and present in others")
}

pub(super) async fn kubeflow_aliases_are_taken(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let aliases = [
        ("ID", "id"),
        ("NAME", "name"),
        ("CREATE_TIME", "createTime"),
        ("LAST_UPDATE_TIME", "lastUpdateTime"),
    ];
    for subject in probe.subjects()? {
        for (alias, field) in aliases {
            let by_alias = ordered(probe, subject, alias, "DESC").await?;
            let by_field = ordered(probe, subject, field, "DESC").await?;
            faults.expect(ids(&by_alias) == ids(&by_field), || {
                format!("`{alias}` orders otherwise than `{field}`")
            });
        }
    }
    Ok(())
}

/// Unknown fields, fields that are none to order by, and attempts to say more than a field.
pub(super) async fn bad_order_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        let list = probe.get(&subject.entity.list);
        let unsortable = subject.entity.fields.iter().map(|field| field.name.as_str());
        let unsortable =
            unsortable.filter(|name| !subject.entity.sorts.iter().any(|sort| sort.name == *name));
        let made_up =
            ["noSuchField", "name desc", "name;drop table assets", "name,id", "(select 1)", "1", "labels.a"];
        for field in made_up.into_iter().chain(unsortable) {
            let answer = probe.send(list.clone().with("orderBy", field)).await?;
            faults.refused(&answer, 400, "invalid_order_by");
        }
        for direction in ["down", "ASC;", "1"] {
            let answer = probe.send(list.clone().with("sortOrder", direction)).await?;
            faults.refused(&answer, 400, "invalid_order_by");
        }
    }
    Ok(())
}

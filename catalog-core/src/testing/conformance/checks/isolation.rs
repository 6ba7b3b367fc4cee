use std::collections::BTreeSet;

use serde_json::Value;

use super::{Verdict, enough, get::NOBODYS_NAME};
use crate::testing::conformance::{
    answer::Answer,
    ask::Ask,
    faults::Faults,
    probe::{Probe, Tenant, ids, name},
};

/// Foreign assets that are asked for.
const MAX_ASSETS: usize = 10;

pub(super) fn tenants_share_no_asset(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (_, b) = probe.tenants()?;
    let mut cases = 0;
    for subject in probe.subjects()? {
        let (own, foreign) = (subject.items()?, subject.items_of(Tenant::B)?);
        cases += usize::from(!own.is_empty() && !foreign.is_empty());
        let own: BTreeSet<&str> = ids(own).into_iter().collect();
        for item in foreign {
            let id = item["id"].as_str().unwrap_or_default();
            faults.expect(!own.contains(id), || format!("`{id}` is listed for both tenants"));
            faults.same(format!("`namespace` of `{}`", name(item)), &item["namespace"].as_str(), &Some(b));
        }
    }
    enough(cases, "no list has assets in both tenants")
}

/// The names of an answer's headers.
fn header_names(answer: &Answer) -> BTreeSet<&str> {
    answer.headers.keys().map(http::HeaderName::as_str).collect()
}

/// The body of a refusal without what names the request.
fn body(answer: &Answer) -> Value {
    let mut body = answer.json().clone();
    for own in ["requestId", "instance"] {
        if let Some(value) = body.get_mut(own) {
            *value = Value::Null;
        }
    }
    body
}

/// Whether two refusals say the same, also where each repeats the name that was asked for.
fn alike(a: (&Answer, &str), b: (&Answer, &str)) -> bool {
    let anonymous = |(answer, name): (&Answer, &str)| body(answer).to_string().replace(name, "…");
    body(a.0) == body(b.0) || anonymous(a) == anonymous(b)
}

/// Holds the refusal of what is another tenant's against that of what nobody has.
async fn as_nothing(
    probe: &Probe<'_>,
    faults: &mut Faults,
    (foreign, its_name): (Ask, &str),
    (nothing, no_name): (Ask, &str),
) -> Verdict {
    let (foreign, nothing) = (probe.send(foreign).await?, probe.send(nothing).await?);
    faults.expect(foreign.status == 404, || {
        format!("{foreign} for what is another tenant's where 404 was due")
    });
    let told_by = if foreign.status != nothing.status {
        "status"
    } else if header_names(&foreign) != header_names(&nothing) {
        "headers"
    } else if !alike((&foreign, its_name), (&nothing, no_name)) {
        "body"
    } else {
        return Ok(());
    };
    faults.add(format!("{foreign}, whose {told_by} tells what is another tenant's from what nobody has"));
    Ok(())
}

/// By name and by id.
pub(super) async fn foreign_asset_is_as_nothing(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    probe.tenants()?;
    let mut cases = 0;
    for subject in probe.subjects()? {
        let own: BTreeSet<&str> = subject.items()?.iter().map(name).collect();
        let foreign = subject.items_of(Tenant::B)?.iter().filter(|item| !own.contains(name(item)));
        for item in foreign.take(MAX_ASSETS) {
            cases += 1;
            let nothing = || (probe.get(subject.entity.path(NOBODYS_NAME)), NOBODYS_NAME);
            for wanted in [name(item), item["id"].as_str().unwrap_or_default()] {
                let foreign = (probe.get(subject.entity.path(wanted)), wanted);
                as_nothing(probe, faults, foreign, nothing()).await?;
            }
            let artifacts = subject.entity.artifacts(name(item)).zip(subject.entity.artifacts(NOBODYS_NAME));
            if let Some((foreign, nothing)) = artifacts {
                let foreign = (probe.get(foreign), name(item));
                as_nothing(probe, faults, foreign, (probe.get(nothing), NOBODYS_NAME)).await?;
            }
        }
    }
    enough(cases, "the second tenant has no asset of a name that the first has not")
}

pub(super) async fn foreign_source_is_as_nothing(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (_, b) = probe.tenants()?;
    let path = format!("{}/sources", probe.base()?);
    let own = probe.send(probe.get(&path)).await?.good()?;
    let foreign = probe.send(probe.ask(Tenant::B, &path)?).await?.good()?;
    let own: Vec<&Value> = own.list("items")?.iter().map(|source| &source["id"]).collect();
    let mut cases = 0;
    for source in foreign.list("items")? {
        faults.same("`namespace` of a source", &source["namespace"].as_str(), &Some(b));
        if own.contains(&&source["id"]) || cases == MAX_ASSETS {
            continue;
        }
        cases += 1;
        let id = source["id"].as_str().unwrap_or_default();
        let foreign = (probe.get(format!("{path}/{id}")), id);
        as_nothing(probe, faults, foreign, (probe.get(format!("{path}/no-such-source")), "no-such-source"))
            .await?;
    }
    enough(cases, "the second tenant has no source of an id that the first has not")
}

/// No filter, order or search of one tenant lists what is another's.
pub(super) async fn filters_do_not_reach_out(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (a, _) = probe.tenants()?;
    let mut cases = 0;
    for subject in probe.subjects()? {
        let Some(foreign) = subject.items_of(Tenant::B)?.first() else { continue };
        cases += 1;
        let id = foreign["id"].as_str().unwrap_or_default();
        let list = probe.get(&subject.entity.list);
        let source = foreign["sourceId"].as_str().unwrap_or_default();
        for ask in [
            list.clone().with("filterQuery", format!("id = '{id}'")),
            list.clone().with("filterQuery", format!("id = '{id}' OR name IS NOT NULL")),
            list.clone().with("filterQuery", format!("NOT (id != '{id}')")),
            list.clone().with("source", source),
            list.clone().with("orderBy", "id").with("sortOrder", "DESC"),
            list.clone().with("q", name(foreign).chars().take(40).collect::<String>()),
        ] {
            let answer =
                probe.send(ask.with("pageSize", "1000").with("includeTotal", "true")).await?.good()?;
            let items = answer.list("items")?;
            let strange = items.iter().filter(|item| item["namespace"] != *a).count();
            faults.expect(strange == 0, || format!("{answer} with {strange} assets of other tenants"));
            let own = u64::try_from(subject.items()?.len()).unwrap_or(u64::MAX);
            let total = answer.json()["totalSize"].as_u64();
            faults.expect(total.is_some_and(|total| total <= own), || {
                format!("{answer} with `totalSize` {total:?} where the tenant has {own}")
            });
        }
    }
    enough(cases, "the second tenant has no assets of the plugin")
}

/// By parameter and header, and by two parameters.
pub(super) async fn two_tenants_in_one_request_conflict(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let (a, b) = probe.tenants()?;
    for subject in probe.subjects()? {
        let answer = probe.send(probe.get(&subject.entity.list).header("x-namespace", b)).await?;
        faults.refused(&answer, 400, "tenant_conflict");
        let ask = probe.cluster(&subject.entity.list).header("x-namespace", a).with("namespace", b);
        faults.refused(&probe.send(ask).await?, 400, "tenant_conflict");
        let twice = probe.send(probe.get(&subject.entity.list).with("namespace", b)).await?;
        faults.expect(twice.status == 400, || format!("{twice} where 400 was due"));
    }
    Ok(())
}

pub(super) async fn header_names_the_tenant(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let tenant = probe.tenant()?;
    for subject in probe.subjects()? {
        let ask = probe.cluster(&subject.entity.list).header("x-namespace", tenant).with("pageSize", "1000");
        let answer = probe.send(ask).await?.good()?;
        let (is, due) = (ids(answer.list("items")?), ids(subject.items()?));
        faults.expect(
            due.get(..is.len()) == Some(is.as_slice()) && (is.len() == due.len() || is.len() == 1_000),
            || format!("{answer} with other assets than the parameter `namespace` gives"),
        );
    }
    Ok(())
}

/// Unless the caller has one tenant, which then is meant.
pub(super) async fn missing_tenant_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let tenant = probe.tenant()?;
    let mut sources = vec![format!("{}/sources", probe.base()?)];
    sources.extend(probe.subjects()?.iter().map(|subject| subject.entity.list.clone()));
    for path in sources {
        let answer = probe.send(probe.cluster(path)).await?;
        let own = |item: &Value| item["namespace"] == tenant;
        let usual = probe.plan.reader_of_a.is_some()
            && answer.status == 200
            && answer.list("items").is_ok_and(|items| items.iter().all(own));
        if !usual {
            faults.refused(&answer, 400, "tenant_required");
        }
    }
    Ok(())
}

pub(super) async fn bad_tenant_name_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    probe.tenant()?;
    let long = "a".repeat(64);
    for subject in probe.subjects()? {
        for bad in ["Team_A", "-a", "a-", "a.b", "a/b", "a b", "ä", "' OR '1'='1", "**", &long] {
            let answer = probe.send(probe.cluster(&subject.entity.list).with("namespace", bad)).await?;
            faults.refused(&answer, 400, "invalid_namespace");
        }
    }
    Ok(())
}

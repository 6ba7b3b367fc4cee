use std::collections::BTreeMap;

use serde_json::Value;

use super::{Verdict, enough};
use crate::testing::conformance::{
    ask::Ask,
    faults::Faults,
    probe::{Probe, Subject, name},
};

/// Assets that are asked for by their names.
const MAX_ASSETS: usize = 40;
const NO_ASSETS: &str = "the tenant has no assets of the plugin";

/// A name that nothing has.
pub(super) const NOBODYS_NAME: &str = "conformance/no such name-7f3a";

/// How often each name is used: that of two sources needs its source to be named.
fn uses(items: &[Value]) -> BTreeMap<&str, usize> {
    items.iter().fold(BTreeMap::new(), |mut uses, item| {
        *uses.entry(name(item)).or_default() += 1;
        uses
    })
}

fn by_name(probe: &Probe<'_>, subject: &Subject, item: &Value, ambiguous: bool) -> Ask {
    let ask = probe.get(subject.entity.path(name(item)));
    if ambiguous { ask.with("source", item["sourceId"].as_str().unwrap_or_default()) } else { ask }
}

pub(super) async fn listed_assets_are_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let items = subject.items()?;
        let uses = uses(items);
        for item in items.iter().take(MAX_ASSETS) {
            cases += 1;
            let ambiguous = uses.get(name(item)).is_some_and(|uses| *uses > 1);
            if ambiguous {
                let answer = probe.send(probe.get(subject.entity.path(name(item)))).await?;
                faults.refused(&answer, 409, "ambiguous_name");
            }
            let answer = probe.send(by_name(probe, subject, item, ambiguous)).await?;
            if answer.status == 200 {
                faults.expect(answer.json() == item, || {
                    format!("{answer} with another document than the list's")
                });
            } else {
                faults.add(format!("{answer} for an asset that is listed"));
            }
        }
    }
    enough(cases, NO_ASSETS)
}

// no `..`, which what stands between may take for a step up
pub(super) async fn unknown_name_is_not_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for name in [NOBODYS_NAME, "...", "' OR '1'='1", "%", "\u{10ffff}"] {
            let answer = probe.send(probe.get(subject.entity.path(name))).await?;
            faults.refused(&answer, 404, "not_found");
        }
    }
    Ok(())
}

/// A tag, the same for the same document, and another for another.
pub(super) async fn asset_has_an_etag(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let (items, mut tags) = (subject.items()?, BTreeMap::new());
        let uses = uses(items);
        for item in items.iter().filter(|item| uses.get(name(item)) == Some(&1)).take(5) {
            let first = probe.send(by_name(probe, subject, item, false)).await?.good()?;
            let again = probe.send(by_name(probe, subject, item, false)).await?.good()?;
            let Some(tag) = first.header("etag") else {
                faults.add(format!("{first} without `ETag`"));
                continue;
            };
            cases += 1;
            faults.same(format!("the second `ETag` of {again}"), &again.header("etag"), &Some(tag));
            if let Some(other) = tags.insert(tag.to_owned(), name(item)) {
                faults.add(format!("`{other}` and `{}` have one `ETag`, {tag}", name(item)));
            }
        }
    }
    enough(cases, NO_ASSETS)
}

pub(super) async fn known_etag_is_not_modified(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let items = subject.items()?;
        let uses = uses(items);
        let Some(item) = items.iter().find(|item| uses.get(name(item)) == Some(&1)) else { continue };
        let ask = by_name(probe, subject, item, false);
        let answer = probe.send(ask.clone()).await?.good()?;
        let Some(tag) = answer.header("etag") else {
            faults.add(format!("{answer} without `ETag`"));
            continue;
        };
        cases += 1;
        for (given, status) in
            [(tag.to_owned(), 304), (format!("\"another\", {tag}"), 304), ("\"another\"".to_owned(), 200)]
        {
            let answer = probe.send(ask.clone().header("if-none-match", &given)).await?;
            let empty = status == 200 || answer.body.is_empty();
            faults.expect(answer.status == status && empty, || {
                format!("{answer} to `If-None-Match: {given}` where {status} was due, 304 without a body")
            });
        }
    }
    enough(cases, NO_ASSETS)
}

pub(super) async fn artifacts_are_listed(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let Some(nowhere) = subject.entity.artifacts(NOBODYS_NAME) else { continue };
        faults.refused(&probe.send(probe.get(nowhere)).await?, 404, "not_found");
        let items = subject.items()?;
        let uses = uses(items);
        for item in items.iter().filter(|item| uses.get(name(item)) == Some(&1)).take(MAX_ASSETS) {
            let Some(path) = subject.entity.artifacts(name(item)) else { continue };
            cases += 1;
            let answer = probe.send(probe.get(&path)).await?.good()?;
            let artifacts = answer.list("items")?;
            let size = answer.json()["size"].as_u64();
            faults.same(format!("`size` of {answer}"), &size, &u64::try_from(artifacts.len()).ok());
            if artifacts.len() < 100 {
                let walk = probe.walk(&probe.get(&path), 1, 100).await;
                let walked = walk.map(|walk| walk.items);
                faults.expect(walked.as_deref() == Ok(artifacts), || {
                    format!("{answer} with other artifacts than are found one by one")
                });
            }
        }
    }
    enough(cases, "no entity of the plugin with artifacts has assets")
}

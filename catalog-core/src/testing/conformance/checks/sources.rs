use std::collections::BTreeSet;

use serde_json::Value;

use super::{Verdict, enough};
use crate::{
    clock::Timestamp,
    testing::conformance::{
        faults::{Faults, Stop},
        probe::Probe,
    },
};

const NO_SOURCES: &str = "the tenant has no sources of the plugin";
const STATES: [&str; 5] = ["available", "loading", "partial", "error", "disabled"];
/// Parts of a property's key that say that its value is a secret.
const SECRETS: [&str; 8] =
    ["password", "passwd", "secret", "token", "apikey", "api_key", "credential", "privatekey"];

fn path(probe: &Probe<'_>) -> Result<String, Stop> {
    Ok(format!("{}/sources", probe.base()?))
}

async fn sources(probe: &Probe<'_>) -> Result<Vec<Value>, Stop> {
    let walk = probe.walk(&probe.get(path(probe)?), 100, 100).await.map_err(Stop::fail)?;
    enough(walk.items.len(), NO_SOURCES)?;
    Ok(walk.items)
}

fn id(source: &Value) -> &str {
    source["id"].as_str().unwrap_or_default()
}

/// `sources` and `count` mirror `items` and `size`; pages do not differ from the whole.
pub(super) async fn have_their_envelope(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let answer = probe.send(probe.get(path(probe)?)).await?.good()?;
    let (items, body) = (answer.list("items")?, answer.json());
    faults.expect(body["sources"] == body["items"], || format!("{answer}, where `sources` is not `items`"));
    let size = u64::try_from(items.len()).ok();
    faults.same(format!("`size` of {answer}"), &body["size"].as_u64(), &size);
    faults.same(format!("`count` of {answer}"), &body["count"].as_u64(), &size);
    faults.same(format!("`pageSize` of {answer}"), &body["pageSize"].as_u64(), &Some(100));
    let ids = |items: &[Value]| items.iter().map(|source| id(source).to_owned()).collect::<Vec<_>>();
    let single = probe.walk(&probe.get(path(probe)?), 1, items.len() + 1).await.map_err(Stop::fail)?;
    let due = ids(items);
    faults.expect(ids(&single.items).get(..due.len()) == Some(due.as_slice()), || {
        "pages of one source lead elsewhere than one page".into()
    });
    for bad in ["0", "x"] {
        let refused = probe.send(probe.get(path(probe)?).with("pageSize", bad)).await?;
        faults.refused(&refused, 400, "invalid_page_size");
    }
    let refused = probe.send(probe.get(path(probe)?).with("noSuchParameter", "1")).await?;
    faults.refused(&refused, 400, "invalid_parameter");
    Ok(())
}

pub(super) async fn are_complete(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut seen = BTreeSet::new();
    for source in sources(probe).await? {
        let id = id(&source).to_owned();
        let mut expect =
            |holds: bool, what: &str| faults.expect(holds, || format!("{what} of source `{id}`"));
        for field in ["id", "namespace", "plugin", "name", "type"] {
            let filled = source[field].as_str().is_some_and(|text| !text.is_empty());
            expect(filled, &format!("no text is `{field}`"));
        }
        expect(source["plugin"] == *probe.plan.plugin, "another plugin is `plugin`");
        if let Some(tenants) = &probe.plan.tenants {
            expect(source["namespace"] == *tenants.a, "another tenant is `namespace`");
        }
        expect(source["enabled"].is_boolean(), "neither true nor false is `enabled`");
        for field in ["labels", "include", "exclude"] {
            expect(source[field].is_array(), &format!("no list is `{field}`"));
        }
        expect(source["properties"].is_object(), "no object is `properties`");
        expect(
            source["revision"].as_u64().is_some_and(|revision| revision > 0),
            "no number from 1 is `revision`",
        );
        for field in ["createTime", "lastUpdateTime"] {
            let time = source[field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            expect(time.is_some(), &format!("no time is `{field}`"));
        }
        let state = source["status"]["state"].as_str().unwrap_or_default();
        expect(STATES.contains(&state), "no known state is `status.state`");
        expect(source["status"]["entityCount"].is_u64(), "no number is `status.entityCount`");
        expect(seen.insert(id.clone()), "used twice is the id");
    }
    Ok(())
}

/// One by one they are as in the list, but for how long ago they were refreshed.
pub(super) async fn listed_sources_are_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let without_age = |mut source: Value| {
        if let Some(status) = source["status"].as_object_mut() {
            status.remove("age");
        }
        source
    };
    let path = path(probe)?;
    for source in sources(probe).await?.into_iter().take(20) {
        let answer = probe.send(probe.get(format!("{path}/{}", id(&source)))).await?.good()?;
        faults.expect(without_age(answer.json().clone()) == without_age(source), || {
            format!("{answer} with another document than the list's")
        });
        faults.expect(answer.header("etag").is_some(), || format!("{answer} without `ETag`"));
    }
    for nothing in ["no-such-source", "A%20b", "a%2Fb"] {
        let answer = probe.send(probe.get(format!("{path}/{nothing}"))).await?;
        faults.refused(&answer, 404, "not_found");
    }
    Ok(())
}

pub(super) async fn assets_come_from_listed_sources(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let sources = sources(probe).await?;
    let known: BTreeSet<&str> = sources.iter().map(id).collect();
    let mut cases = 0;
    for subject in probe.subjects()? {
        for item in subject.items()? {
            cases += 1;
            let source = item["sourceId"].as_str().unwrap_or_default();
            faults.expect(known.contains(source), || {
                format!("the source `{source}` of an asset is not listed")
            });
        }
        // and `source` chooses what is of one
        for source in known.iter().take(5) {
            let ask = probe.get(&subject.entity.list).with("source", *source);
            let walk =
                probe.walk(&ask, 1_000, probe.plan.max_assets / 1_000 + 2).await.map_err(Stop::fail)?;
            let due = subject.items()?.iter().filter(|item| item["sourceId"] == **source).count();
            let strange = walk.items.iter().filter(|item| item["sourceId"] != **source).count();
            faults.expect(strange == 0 && walk.items.len() == due, || {
                format!(
                    "`source={source}` lists {} assets, {strange} of other sources, where {due} were due",
                    walk.items.len()
                )
            });
        }
    }
    enough(cases, "the tenant has no assets of the plugin")
}

/// What stands under a key that looks like a credential's is no value that could be one, nor is a password in a URL.
pub(super) async fn secrets_are_not_shown(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for source in sources(probe).await? {
        let of = id(&source).to_owned();
        secrets("", &source["properties"], &mut |key, hidden| {
            cases += 1;
            faults.expect(hidden, || format!("source `{of}` shows what is in `{key}`"));
        });
    }
    enough(cases, "no source has a property that looks like a secret")
}

/// Tells of each value that looks like a secret whether it is hidden.
fn secrets(key: &str, value: &Value, note: &mut impl FnMut(&str, bool)) {
    let lower = key.to_ascii_lowercase();
    if SECRETS.iter().any(|part| lower.contains(part)) && !lower.ends_with("ref") {
        note(key, value.as_str().is_none_or(is_hidden) && !value.is_number());
        return;
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| secrets(key, value, note)),
        Value::Array(list) => list.iter().for_each(|value| secrets(key, value, note)),
        Value::String(text) => {
            let authority = text
                .split_once("://")
                .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
            let password = authority.and_then(|authority| authority.rsplit_once('@')?.0.split_once(':'));
            if let Some((_, password)) = password {
                note(key, is_hidden(password));
            }
        }
        _ => {}
    }
}

fn is_hidden(text: &str) -> bool {
    text.is_empty() || text.to_ascii_lowercase().contains("redacted") || text.chars().all(|c| c == '*')
}

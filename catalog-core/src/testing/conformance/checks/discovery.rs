use serde_json::Value;

use super::Verdict;
use crate::testing::conformance::{
    faults::{Faults, Stop},
    probe::Probe,
};

const PLUGINS: &str = "/api/plugins";

/// The plugin's entry in the list of all.
pub(super) async fn entry(probe: &Probe<'_>) -> Result<Value, Stop> {
    let answer = probe.send(probe.cluster(PLUGINS)).await?.good()?;
    let entry = answer.list("plugins")?.iter().find(|plugin| plugin["name"] == *probe.plan.plugin).cloned();
    entry.ok_or_else(|| Stop::fail(format!("{answer} does not list the plugin")))
}

pub(super) async fn plugin_is_listed(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let answer = probe.send(probe.cluster(PLUGINS)).await?.good()?;
    let plugins = answer.list("plugins")?;
    faults.same("`count`", &answer.json()["count"].as_u64(), &u64::try_from(plugins.len()).ok());
    let entries = plugins.iter().filter(|plugin| plugin["name"] == *probe.plan.plugin).count();
    faults.same("the number of entries of the plugin", &entries, &1);
    let entry = entry(probe).await?;
    for field in ["version", "basePath"] {
        faults.expect(entry[field].is_string(), || format!("`{field}` of the entry is no text"));
    }
    faults
        .expect(entry["healthy"].is_boolean(), || "`healthy` of the entry is neither true nor false".into());
    for field in ["status", "management", "capabilitiesV2"] {
        faults.expect(entry[field].is_object(), || format!("`{field}` of the entry is no object"));
    }
    Ok(())
}

pub(super) async fn plugin_alone_equals_its_entry(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let entry = entry(probe).await?;
    let alone = probe.send(probe.cluster(format!("{PLUGINS}/{}", probe.plan.plugin))).await?.good()?;
    faults.expect(*alone.json() == entry, || format!("{alone} with another document than the list's"));
    Ok(())
}

/// `ETag` and `Cache-Control` on all three routes; 304 for who has the answer, and only then.
pub(super) async fn discovery_is_cached(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let plugin = &probe.plan.plugin;
    for path in
        [PLUGINS.to_owned(), format!("{PLUGINS}/{plugin}"), format!("{PLUGINS}/{plugin}/capabilities")]
    {
        let first = probe.send(probe.cluster(&path)).await?.good()?;
        let Some(tag) = first.header("etag") else {
            faults.add(format!("{first} without `ETag`"));
            continue;
        };
        let control = first.header("cache-control").unwrap_or_default();
        faults.expect(control.contains("private") && control.contains("max-age="), || {
            format!("{first} with `Cache-Control: {control}` where `private, max-age=…` was due")
        });
        let known = probe.send(probe.cluster(&path).header("if-none-match", tag)).await?;
        faults.expect(known.status == 304 && known.body.is_empty(), || {
            format!("{known} to `If-None-Match` of its `ETag` where 304 without a body was due")
        });
        let other = probe.send(probe.cluster(&path).header("if-none-match", "\"another\"")).await?;
        faults.expect(other.status == 200, || {
            format!("{other} to `If-None-Match` of another tag where 200 was due")
        });
    }
    Ok(())
}

pub(super) async fn unknown_plugin_is_not_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for path in ["no-such-plugin", "no-such-plugin/capabilities"] {
        let answer = probe.send(probe.cluster(format!("{PLUGINS}/{path}"))).await?;
        faults.refused(&answer, 404, "not_found");
    }
    Ok(())
}

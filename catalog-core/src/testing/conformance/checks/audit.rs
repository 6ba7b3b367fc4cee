use serde_json::Value;

use super::{Verdict, enough, openapi::mounted};
use crate::{
    clock::Timestamp,
    testing::conformance::{
        answer::Answer,
        faults::{Faults, Stop},
        probe::Probe,
    },
};

const EVENTS: &str = "/api/audit/v1alpha1/events";
const OUTCOMES: [&str; 4] = ["success", "failure", "denied", "unknown"];

/// The first page of a list that is not the plugin's, if it is mounted and the reader may see it.
pub(super) async fn first_page(probe: &Probe<'_>, path: &str) -> Result<Answer, Stop> {
    mounted(probe, path).await?;
    let answer = probe.send(probe.get(path)).await?;
    if answer.status == 403 {
        return Err(Stop::skip(format!("the first tenant's reader may not read `{path}`")));
    }
    answer.good()
}

/// The envelope that such lists have, and what they refuse.
pub(super) async fn envelope(probe: &Probe<'_>, faults: &mut Faults, path: &str) -> Verdict {
    let answer = first_page(probe, path).await?;
    let items = answer.list("items")?;
    let size = u64::try_from(items.len()).ok();
    faults.same(format!("`size` of {answer}"), &answer.json()["size"].as_u64(), &size);
    faults.same(format!("`pageSize` of {answer}"), &answer.json()["pageSize"].as_u64(), &Some(100));
    if items.len() > 1 {
        let first = probe.send(probe.get(path).with("pageSize", "1")).await?.good()?;
        faults.same(format!("the number of items of {first}"), &first.list("items")?.len(), &1);
        faults
            .expect(first.json()["nextPageToken"].is_string(), || format!("{first} without `nextPageToken`"));
    }
    for (parameter, value, code) in [
        ("pageSize", "0", "invalid_page_size"),
        ("pageToken", "x", "invalid_page_token"),
        ("noSuchParameter", "1", "invalid_parameter"),
    ] {
        let refused = probe.send(probe.get(path).with(parameter, value)).await?;
        faults.refused(&refused, 400, code);
    }
    Ok(())
}

/// Every item is of the tenant that was asked for.
pub(super) async fn of_the_tenant(probe: &Probe<'_>, faults: &mut Faults, path: &str) -> Verdict {
    let tenant = probe.tenant()?;
    let answer = first_page(probe, path).await?;
    let items = answer.list("items")?;
    for item in items {
        faults.same(format!("`namespace` of {}", item["id"]), &item["namespace"].as_str(), &Some(tenant));
    }
    enough(items.len(), "the list is empty")
}

pub(super) async fn events_have_their_envelope(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    envelope(probe, faults, EVENTS).await?;
    let answer = first_page(probe, EVENTS).await?;
    faults.expect(answer.json()["events"] == answer.json()["items"], || {
        format!("{answer}, where `events` is not `items`")
    });
    Ok(())
}

pub(super) async fn events_are_complete(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let answer = first_page(probe, EVENTS).await?;
    let events = answer.list("items")?;
    for event in events {
        let mut expect =
            |holds: bool, what: &str| faults.expect(holds, || format!("{what} of event {}", event["id"]));
        for field in ["id", "eventType", "requestId", "resourceType", "action", "actionVerb", "hash"] {
            expect(event[field].is_string(), &format!("no text is `{field}`"));
        }
        expect(event["sequence"].is_u64(), "no number is `sequence`");
        let time = event["time"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        expect(time.is_some(), "no time is `time`");
        expect(event["actor"]["user"].is_string(), "no text is `actor.user`");
        expect(
            event["resourceIds"].as_array().is_some_and(|ids| ids.iter().all(Value::is_string)),
            "no list of texts is `resourceIds`",
        );
        expect(
            event["outcome"].as_str().is_some_and(|outcome| OUTCOMES.contains(&outcome)),
            "no known outcome is `outcome`",
        );
        expect(event["statusCode"].is_u64(), "no number is `statusCode`");
    }
    enough(events.len(), "the tenant has no audit events")
}

pub(super) async fn events_are_of_the_tenant(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    of_the_tenant(probe, faults, EVENTS).await
}

//! Page tokens that are not the list's own.

use super::{
    Verdict, enough,
    paging::{FEW_ASSETS, long_enough},
};
use crate::testing::conformance::{
    ask::Ask,
    faults::{Faults, Stop},
    probe::{Probe, Subject, Tenant},
    semantics::{Condition, Operator, Test, samples},
};

/// Lists long enough, each with the token of its first page.
async fn lists<'a>(probe: &'a Probe<'_>) -> Result<Vec<(&'a Subject, Ask, String)>, Stop> {
    let mut lists = Vec::new();
    for subject in probe.subjects()? {
        let ask = probe.get(&subject.entity.list);
        if long_enough(subject)? {
            let token = probe.token(&ask, 1).await?;
            let token =
                token.ok_or_else(|| Stop::fail("the first page of one asset has no `nextPageToken`"))?;
            lists.push((subject, ask, token));
        }
    }
    enough(lists.len(), FEW_ASSETS)?;
    Ok(lists)
}

async fn refused(probe: &Probe<'_>, faults: &mut Faults, ask: Ask, token: &str) -> Verdict {
    let answer = probe.send(ask.with("pageToken", token)).await?;
    faults.refused(&answer, 400, "invalid_page_token");
    Ok(())
}

/// One character changed, at several places; cut off; grown; made up.
pub(super) async fn changed_token_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (_, ask, token) in lists(probe).await? {
        let letters: Vec<char> = token.chars().collect();
        let last = letters.len().saturating_sub(1);
        let places = [
            0,
            1,
            last / 8,
            last / 4,
            last / 3,
            last / 2,
            last * 2 / 3,
            last * 3 / 4,
            last.saturating_sub(1),
            last,
        ];
        for place in places {
            let changed = letters.iter().enumerate().map(|(at, letter)| match letter {
                letter if at != place => *letter,
                'Q' => 'R',
                _ => 'Q',
            });
            refused(probe, faults, ask.clone(), &changed.collect::<String>()).await?;
        }
        for length in [1, last / 2, last] {
            refused(probe, faults, ask.clone(), &letters.iter().take(length).collect::<String>()).await?;
        }
        for other in [
            format!("{token}AAAA"),
            format!("{token}{token}"),
            "1".into(),
            "bm90IGEgdG9rZW4".into(),
            "Ω".into(),
        ] {
            refused(probe, faults, ask.clone(), &other).await?;
        }
    }
    Ok(())
}

pub(super) async fn of_another_order_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (_, ask, token) in lists(probe).await? {
        refused(probe, faults, ask.clone().with("sortOrder", "DESC"), &token).await?;
        refused(probe, faults, ask.clone().with("orderBy", "createTime"), &token).await?;
        let by_id = ask.clone().with("orderBy", "id");
        if let Some(token) = probe.token(&by_id, 1).await? {
            refused(probe, faults, ask, &token).await?;
        }
    }
    Ok(())
}

/// Of another filter, other words, another source.
pub(super) async fn of_another_filter_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (subject, ask, token) in lists(probe).await? {
        refused(probe, faults, ask.clone().with("filterQuery", "name IS NOT NULL"), &token).await?;
        refused(probe, faults, ask.clone().with("q", "a"), &token).await?;
        let source = subject.items()?.first().and_then(|item| item["sourceId"].as_str()).unwrap_or_default();
        refused(probe, faults, ask.clone().with("source", source), &token).await?;
        let field = subject.entity.filters.iter().find(|field| field.name == "name");
        let value = field.and_then(|field| samples(subject.items().ok()?, field, 1).pop());
        if let (Some(field), Some(value)) = (field, value) {
            let filter =
                |operator| Condition::Of(field.clone(), Test::Compare(operator, value.clone())).text();
            let filtered = ask.clone().with("filterQuery", filter(Operator::NotEqual));
            if let Some(token) = probe.token(&filtered, 1).await? {
                refused(probe, faults, ask.clone(), &token).await?;
                refused(probe, faults, ask.with("filterQuery", filter(Operator::AtLeast)), &token).await?;
            }
        }
    }
    Ok(())
}

/// Of another entity, of the plugin's or of another plugin's, and of the sources.
pub(super) async fn of_another_list_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let lists = lists(probe).await?;
    let mut others: Vec<String> = vec![format!("{}/sources", probe.base()?)];
    let plugins = probe.send(probe.cluster("/api/plugins")).await?.good()?;
    for plugin in plugins.list("plugins")? {
        for entity in plugin["capabilitiesV2"]["entities"].as_array().into_iter().flatten() {
            others.extend(entity["endpoints"]["list"].as_str().map(str::to_owned));
        }
    }
    for (subject, _, token) in lists {
        for other in others.iter().filter(|other| **other != subject.entity.list).take(4) {
            refused(probe, faults, probe.get(other), &token).await?;
        }
    }
    Ok(())
}

pub(super) async fn of_another_tenant_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    probe.tenants()?;
    for (subject, _, token) in lists(probe).await? {
        refused(probe, faults, probe.ask(Tenant::B, &subject.entity.list)?, &token).await?;
    }
    Ok(())
}

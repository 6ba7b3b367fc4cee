use super::{Verdict, enough, get::NOBODYS_NAME};
use crate::testing::conformance::{
    ask::Ask,
    caller::Caller,
    faults::{Faults, Stop},
    probe::{Probe, Tenant, name},
};

/// The paths of the plugin's routes that belong to a tenant, each leading to something of the first tenant where it has some.
async fn tenant_paths(probe: &Probe<'_>) -> Result<Vec<String>, Stop> {
    let mut paths = Vec::new();
    for subject in probe.subjects()? {
        let entity = &subject.entity;
        let name = subject.items()?.first().map_or(NOBODYS_NAME, name);
        paths.extend([entity.list.clone(), entity.path(name)]);
        paths.extend(entity.artifacts(name));
    }
    let sources = format!("{}/sources", probe.base()?);
    let answer = probe.send(probe.get(&sources)).await?.good()?;
    let source =
        answer.list("items")?.first().and_then(|source| source["id"].as_str()).unwrap_or("no-such-source");
    paths.push(format!("{sources}/{source}"));
    paths.push(sources);
    Ok(paths)
}

fn cluster_paths(probe: &Probe<'_>) -> Vec<String> {
    let plugin = format!("/api/plugins/{}", probe.plan.plugin);
    vec!["/api/plugins".into(), format!("{plugin}/capabilities"), plugin]
}

/// Requests to all of the plugin's routes, by that caller.
async fn everywhere(probe: &Probe<'_>, caller: &Caller) -> Result<Vec<Ask>, Stop> {
    let mut asks: Vec<Ask> = cluster_paths(probe).into_iter().map(|path| Ask::new(path, caller)).collect();
    for path in tenant_paths(probe).await? {
        let ask = Ask::new(path, caller);
        asks.push(match &probe.plan.tenants {
            Some(tenants) => ask.with("namespace", &tenants.a),
            None => ask,
        });
    }
    Ok(asks)
}

pub(super) async fn nobody_is_unauthenticated(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    if !probe.plan.nobody {
        return Err(Stop::skip("it is not said that credentials are required"));
    }
    for ask in everywhere(probe, &Caller::default()).await? {
        let answer = probe.send(ask).await?;
        faults.refused(&answer, 401, "unauthenticated");
        faults.expect(answer.header("www-authenticate").is_some(), || {
            format!("{answer} without `WWW-Authenticate`")
        });
    }
    Ok(())
}

pub(super) async fn stranger_is_forbidden(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let Some(stranger) = &probe.plan.stranger else {
        return Err(Stop::skip("no caller is given who may do nothing"));
    };
    for ask in everywhere(probe, stranger).await? {
        faults.refused(&probe.send(ask).await?, 403, "forbidden");
    }
    Ok(())
}

/// The first tenant's reader, who must have been named.
fn named_reader<'a>(probe: &'a Probe<'_>) -> Result<&'a Caller, Stop> {
    probe
        .plan
        .reader_of_a
        .as_ref()
        .ok_or_else(|| Stop::skip("no caller is given who may read the first tenant only"))
}

pub(super) async fn reader_is_forbidden_elsewhere(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let reader = named_reader(probe)?;
    let (_, b) = probe.tenants()?;
    for path in tenant_paths(probe).await? {
        faults.refused(&probe.send(Ask::new(path, reader).with("namespace", b)).await?, 403, "forbidden");
    }
    Ok(())
}

/// In both spellings, on the lists that know them.
pub(super) async fn all_tenants_need_the_right(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let reader = named_reader(probe)?;
    probe.tenant()?;
    let mut lists = vec![format!("{}/sources", probe.base()?)];
    lists.extend(probe.subjects()?.iter().map(|subject| subject.entity.list.clone()));
    for list in lists {
        for (parameter, value) in [("namespace", "*"), ("allNamespaces", "true")] {
            let answer = probe.send(Ask::new(&list, reader).with(parameter, value)).await?;
            faults.refused(&answer, 403, "forbidden");
        }
    }
    Ok(())
}

/// Who may not read a tenant is told the same of what is there and of what is not.
pub(super) async fn forbidden_does_not_tell_what_exists(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let reader = named_reader(probe)?;
    let (_, b) = probe.tenants()?;
    let mut cases = 0;
    for subject in probe.subjects()? {
        let Some(there) = subject.items_of(Tenant::B)?.first().map(name) else { continue };
        cases += 1;
        let ask = |name| Ask::new(subject.entity.path(name), reader).with("namespace", b);
        let (there, nowhere) = (probe.send(ask(there)).await?, probe.send(ask(NOBODYS_NAME)).await?);
        let told = |answer: &crate::testing::conformance::answer::Answer| {
            (answer.status, answer.code(), answer.json()["detail"].clone())
        };
        faults.expect(told(&there) == told(&nowhere), || format!("{there}, and {nowhere}, with other words"));
        faults.refused(&nowhere, 403, "forbidden");
    }
    enough(cases, "the second tenant has no assets of the plugin")
}

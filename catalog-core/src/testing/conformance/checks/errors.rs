use http::Method;
use serde_json::Value;

use super::{Verdict, get::NOBODYS_NAME};
use crate::testing::conformance::{
    answer::Answer,
    ask::Ask,
    faults::{Faults, Stop},
    probe::Probe,
};

/// Requests that go wrong, with the status and the code that are due.
fn wrong(probe: &Probe<'_>) -> Result<Vec<(Ask, u16, &'static str)>, Stop> {
    let base = probe.base()?;
    let mut wrong = vec![
        (probe.get("/no-such-route"), 404, "route_not_found"),
        (probe.get(format!("{base}/no-such-route")), 404, "route_not_found"),
        (probe.get(format!("{base}/sources/no-such-source")), 404, "not_found"),
        (probe.cluster("/api/plugins/no-such-plugin"), 404, "not_found"),
        (probe.cluster("/api/plugins").with("noSuchParameter", "1"), 400, "invalid_parameter"),
    ];
    for subject in probe.subjects()? {
        let list = &subject.entity.list;
        wrong.extend([
            (probe.get(subject.entity.path(NOBODYS_NAME)), 404, "not_found"),
            (probe.get(list).method(Method::DELETE), 405, "method_not_allowed"),
            (probe.get(list).with("pageSize", "0"), 400, "invalid_page_size"),
            (probe.get(list).with("pageToken", "x"), 400, "invalid_page_token"),
            (probe.get(list).with("orderBy", "noSuchField"), 400, "invalid_order_by"),
            (probe.get(list).with("filterQuery", "name ="), 400, "invalid_filter"),
            (probe.get(list).with("q", "a ".repeat(400)), 400, "invalid_search"),
            (probe.get(list).with("includeTotal", "yes"), 400, "invalid_parameter"),
        ]);
    }
    Ok(wrong)
}

fn problem(faults: &mut Faults, answer: &Answer) {
    let kind = answer.header("content-type").unwrap_or_default();
    faults.expect(kind.starts_with("application/problem+json"), || {
        format!("{answer} as `{kind}` where `application/problem+json` was due")
    });
    let body = answer.json();
    for field in ["type", "title", "detail", "code", "requestId"] {
        let filled = body[field].as_str().is_some_and(|text| !text.is_empty());
        faults.expect(filled, || format!("{answer} without `{field}`"));
    }
    faults.same(
        format!("`status` in the body of {answer}"),
        &body["status"].as_u64(),
        &Some(answer.status.into()),
    );
    let code = answer.code();
    let plain = code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    faults.expect(plain, || format!("{answer} with a code that is not in snake case"));
    for (index, error) in body["errors"].as_array().into_iter().flatten().enumerate() {
        let told = error["code"].is_string() && error["detail"].is_string();
        let placed = error["pointer"].is_string() || error["parameter"].is_string();
        faults.expect(told && placed, || {
            format!("{answer} with errors[{index}] without `code`, `detail`, or a `pointer` or `parameter`")
        });
    }
    let text = body["detail"].as_str().unwrap_or_default();
    let internal = ["panicked", ".rs:", "unwrap", "sqlx", "SELECT ", "select a."];
    faults.expect(!internal.iter().any(|word| text.contains(word)), || {
        format!("{answer} with something internal in its detail")
    });
}

pub(super) async fn are_problems(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (ask, status, code) in wrong(probe)? {
        let answer = probe.send(ask).await?;
        faults.refused(&answer, status, code);
        problem(faults, &answer);
    }
    Ok(())
}

/// The id in the body is that of the header.
pub(super) async fn name_the_request(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for (ask, ..) in wrong(probe)? {
        let answer = probe.send(ask).await?;
        let told = answer.json()["requestId"].as_str();
        let header = answer.header("x-request-id");
        faults.expect(told.is_some() && told == header, || {
            format!("{answer} with `requestId` {told:?} and `X-Request-Id` {header:?}")
        });
    }
    Ok(())
}

pub(super) async fn method_not_allowed_tells_allowed(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for method in [Method::DELETE, Method::PATCH] {
            let answer = probe.send(probe.get(&subject.entity.list).method(method)).await?;
            faults.refused(&answer, 405, "method_not_allowed");
            let allowed = answer.header("allow").unwrap_or_default();
            faults.expect(allowed.split(',').any(|method| method.trim() == "GET"), || {
                format!("{answer} with `Allow: {allowed}`, where at least GET is")
            });
        }
    }
    Ok(())
}

/// Requests that end in different ways: what is there, what is not, what is wrong.
fn requests(probe: &Probe<'_>) -> Result<Vec<Ask>, Stop> {
    let mut asks = vec![probe.cluster("/api/plugins"), probe.get("/no-such-route")];
    for subject in probe.subjects()? {
        asks.push(probe.get(&subject.entity.list));
        asks.push(probe.get(&subject.entity.list).with("pageSize", "0"));
        asks.push(probe.get(subject.entity.path(NOBODYS_NAME)));
    }
    Ok(asks)
}

pub(super) async fn request_id_is_echoed(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let long = "x".repeat(128);
    for ask in requests(probe)? {
        for id in ["conformance-1", "a", "!~", &long] {
            let answer = probe.send(ask.clone().header("x-request-id", id)).await?;
            faults.same(format!("`X-Request-Id` of {answer}"), &answer.header("x-request-id"), &Some(id));
        }
    }
    Ok(())
}

/// A request without an id gets one, and so does one whose id is none.
pub(super) async fn bad_request_id_is_replaced(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let long = "x".repeat(129);
    for ask in requests(probe)? {
        let mut made: Vec<Value> = Vec::new();
        for id in [None, Some("with space"), Some(&long), Some("ä")] {
            let ask = id.into_iter().fold(ask.clone(), |ask, id| ask.header("x-request-id", id));
            let answer = probe.send(ask).await?;
            let given = answer.header("x-request-id").unwrap_or_default().to_owned();
            faults.expect(!given.is_empty() && Some(given.as_str()) != id, || {
                format!("{answer} with `X-Request-Id: {given}` where a new one was due")
            });
            faults.expect(!made.iter().any(|other| *other == *given), || {
                format!("{answer} with `X-Request-Id: {given}`, which another request has")
            });
            made.push(given.into());
        }
    }
    Ok(())
}

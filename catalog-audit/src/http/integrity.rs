//! Whether events are as they were sealed.

use axum::response::Response;
use catalog_core::{
    http::{Doc, Parameter, Query, Reply, Routes, Scope, Shape, json},
    permission::Verb,
    problem::Problem,
};
use http::Uri;
use serde_json::{Value, json};

use super::{AuditApi, invalid, may, problem};
use crate::{
    seal::{Ledger, Range, Verified},
    store::{AuditStore, SealStore},
};

const PATH: &str = "/api/audit/v1alpha1/integrity";
/// So many events are looked at for one request.
const MOST: i64 = 100_000;
/// Of so many tenants.
const LEDGERS: usize = 1_000;

pub(super) fn routes<S: AuditStore + SealStore + Clone>(api: &AuditApi<S>) -> Routes {
    let doc = Doc::new(
        "verifyAuditEvents",
        "Whether the events are as they were sealed, and which is the first that is not. At most 100,000 are looked at: `to` says how far.",
        Reply::json("AuditIntegrity"),
    );
    let doc = doc.with_parameters([
        Parameter::query("from", "The first place to look at; for one tenant only.").shaped(Shape::integer()),
        Parameter::query("to", "The last place to look at; for one tenant only.").shaped(Shape::integer()),
    ]);
    let verifying = api.clone();
    Routes::new().get(PATH, may(Verb::Get), api.doc(doc), move |scope: Scope, uri: Uri| {
        verify(verifying.clone(), scope, uri)
    })
}

pub(super) fn shapes() -> Vec<(String, Shape)> {
    let broken = || {
        Shape::object([
            ("sequence", Shape::integer()),
            ("id?", Shape::uuid()),
            ("fault", Shape::one_of(&["altered", "removed", "replaced", "forged", "truncated", "added"])),
        ])
    };
    let ledger = Shape::object([
        ("namespace?", Shape::string().described("Absent where the events are nobody's.")),
        ("verified", Shape::boolean()),
        ("from", Shape::integer()),
        ("to", Shape::integer()),
        ("sealed", Shape::integer().described("The last place there is.")),
        ("firstBroken?", broken()),
    ]);
    let integrity = Shape::object([
        ("verified", Shape::boolean()),
        ("namespace?", Shape::string()),
        ("from?", Shape::integer()),
        ("to?", Shape::integer()),
        ("sealed?", Shape::integer()),
        ("firstBroken?", broken()),
        ("items", Shape::list(Shape::named("AuditLedgerIntegrity")).described("Of each tenant by itself.")),
    ]);
    vec![("AuditIntegrity".into(), integrity), ("AuditLedgerIntegrity".into(), ledger)]
}

async fn verify<S: AuditStore + SealStore + Clone>(
    api: AuditApi<S>,
    Scope(scope): Scope,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &["from", "to"])?;
    let (from, to) = (place(&query, "from")?, place(&query, "to")?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(invalid("to", "the parameter `to` is less than `from`"));
    }
    let one = scope.single().and_then(|namespace| Ledger::within(&scope, Some(namespace)));
    if one.is_none() && (from.is_some() || to.is_some()) {
        return Err(invalid("from", "a range is one tenant's"));
    }
    let ledgers = match &one {
        Some(ledger) => vec![ledger.clone()],
        None => api.parts.store.ledgers(&scope).await.map_err(|error| problem(&error))?,
    };
    let (mut left, mut items) = (MOST, Vec::new());
    for ledger in ledgers.iter().take(LEDGERS) {
        if left <= 0 {
            break;
        }
        let verified = verify_one(&api, ledger, Range { from, to }, left).await?;
        left -= (verified.to - verified.from + 1).max(0);
        items.push(shown(ledger, &verified));
    }
    let verified = items.iter().all(|item| item["verified"] == true);
    let mut body = match (one, items.first()) {
        (Some(_), Some(item)) => item.clone(),
        _ => json!({}),
    };
    if let Value::Object(fields) = &mut body {
        fields.insert("verified".into(), verified.into());
        fields.insert("items".into(), items.into());
    }
    Ok(json(body.to_string()))
}

/// At most `most` events from the first on; the end of the chain only if it is within them.
async fn verify_one<S: AuditStore + SealStore + Clone>(
    api: &AuditApi<S>,
    ledger: &Ledger,
    mut range: Range,
    most: i64,
) -> Result<Verified, Problem> {
    let problem = |error| problem(&error);
    if range.to.is_none() || range.to.zip(range.from).is_some_and(|(to, from)| to - from >= most) {
        let end = api.parts.store.head(ledger).await.map_err(problem)?.map_or(0, |head| head.sequence);
        let removed = api.parts.store.removal(ledger).await.map_err(problem)?;
        let first = range.from.unwrap_or(1).max(removed.map_or(1, |block| block.terms.last_sequence + 1));
        if end - first >= most {
            range.to = Some(first.saturating_add(most - 1));
        }
    }
    api.parts.verifier.verify(ledger, range, None).await.map_err(problem)
}

fn place(query: &Query<'_>, name: &str) -> Result<Option<i64>, Problem> {
    let parse = |text: &str| match text.parse::<i64>() {
        Ok(place) if place > 0 => Ok(place),
        _ => Err(invalid(name, format!("the parameter `{name}` is a whole number from 1 on"))),
    };
    query.non_empty(name).map(parse).transpose()
}

fn shown(ledger: &Ledger, verified: &Verified) -> Value {
    let mut item = json!({
        "namespace": Some(ledger.as_str()).filter(|name| !name.is_empty()),
        "verified": verified.first_broken.is_none(),
        "from": verified.from,
        "to": verified.to,
        "sealed": verified.sealed,
        "firstBroken": verified.first_broken.as_ref().map(|broken| {
            let mut shown = json!({"sequence": broken.sequence, "fault": broken.fault});
            if let (Some(id), Value::Object(fields)) = (broken.id, &mut shown) {
                fields.insert("id".into(), json!(id));
            }
            shown
        }),
    });
    if let Value::Object(fields) = &mut item {
        fields.retain(|_, value| !value.is_null());
    }
    item
}

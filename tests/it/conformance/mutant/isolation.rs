use catalog_tests::{ENGINEER_A, OPERATOR, STRANGER};

use super::{Answered, Asked, Mutant, as_it_is};

/// The same in team-b, where team-a has nothing of that name.
fn elsewhere(asked: &Asked, answered: &Answered) -> Option<Asked> {
    let nothing = answered.status == 404 && asked.has("namespace", "team-a");
    (nothing && (asked.is_asset() || asked.is_source())).then(|| asked.in_tenant("team-b"))
}

/// What tells that something is there after all.
fn known(answered: &mut Answered, status: u16, body: &'static str) {
    if answered.status == 200 {
        answered.status = status;
        answered.headers.remove("etag");
        answered.body = body.into();
    }
}

const NOT_FOUND: &str = r#"{"type":"urn:catalog:problem:not_found","title":"Not Found","status":404,"detail":"it is another tenant's","code":"not_found","requestId":"1"}"#;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::asks("all tenants have the same assets", "tenants-share-no-asset", |asked| {
        if asked.is_list() && asked.has("namespace", "team-b") {
            *asked = asked.in_tenant("team-a");
        }
    }),
    Mutant::asks_again("the tenant is ignored on get", "foreign-asset-is-as-nothing", elsewhere, as_it_is),
    Mutant::asks_again(
        "a foreign asset is forbidden",
        "foreign-asset-is-as-nothing",
        elsewhere,
        |answered| {
            known(answered, 403, r#"{"code":"forbidden"}"#);
        },
    ),
    Mutant::asks_again(
        "a foreign asset is told apart in words",
        "foreign-asset-is-as-nothing",
        elsewhere,
        |answered| {
            known(answered, 404, NOT_FOUND);
        },
    ),
    Mutant::asks_again(
        "a foreign asset is told apart by a header",
        "foreign-asset-is-as-nothing",
        |asked, answered| {
            let mut other = asked.clone();
            // still not there, but by another way
            other.path = asked.path.replace("private", "nowhere");
            (answered.status == 404 && asked.is_asset() && !asked.path.contains("conformance"))
                .then_some(other)
        },
        |answered| answered.header("x-tenant", "team-b"),
    ),
    Mutant::asks_again(
        "the tenant is ignored for sources",
        "foreign-source-is-as-nothing",
        elsewhere,
        as_it_is,
    ),
    Mutant::asks_again(
        "a filter by id knows no tenant",
        "filters-do-not-reach-out",
        |asked, answered| {
            let by_id = asked.get("filterQuery").is_some_and(|filter| filter.starts_with("id = "));
            (by_id && answered.json()["size"] == 0).then(|| asked.in_tenant("team-b"))
        },
        as_it_is,
    ),
    Mutant::answers("the total counts all tenants", "filters-do-not-reach-out", |asked, answered| {
        if asked.has("includeTotal", "true") {
            answered.edit(|json| json["totalSize"] = 52.into());
        }
    }),
    Mutant::asks("the parameter wins over the header", "two-tenants-in-one-request-conflict", |asked| {
        if asked.get("namespace").is_some() {
            asked.headers.remove("x-namespace");
        }
    }),
    Mutant::asks("the header is not read", "header-names-the-tenant", |asked| {
        asked.headers.remove("x-namespace");
    }),
    Mutant::asks("no tenant is all tenants", "missing-tenant-is-refused", |asked| {
        if asked.is_list() && asked.get("namespace").is_none() && !asked.headers.contains_key("x-namespace") {
            *asked = asked.in_tenant("*");
        }
    }),
    Mutant::answers("a bad name is a tenant without assets", "bad-tenant-name-is-refused", |_, answered| {
        if answered.is("invalid_namespace") {
            answered.status = 200;
            answered.body = r#"{"items":[],"size":0,"pageSize":100}"#.into();
        }
    }),
    Mutant::answers("401 does not say how", "nobody-is-unauthenticated", |_, answered| {
        answered.headers.remove("www-authenticate");
    }),
    Mutant::asks("nobody is let in to artifacts", "nobody-is-unauthenticated", |asked| {
        if asked.is_artifacts() && asked.user().is_none() {
            asked.act_as(ENGINEER_A);
        }
    }),
    Mutant::asks("a stranger is let in", "stranger-is-forbidden", |asked| {
        if asked.is_source() && asked.user() == Some(STRANGER) {
            asked.act_as(ENGINEER_A);
        }
    }),
    Mutant::asks("a reader may read all", "reader-is-forbidden-elsewhere", |asked| {
        if asked.is_asset() && asked.user() == Some(ENGINEER_A) {
            asked.act_as(OPERATOR);
        }
    }),
    Mutant::asks("all tenants are for everybody", "all-tenants-need-the-right", |asked| {
        if asked.has("namespace", "*") || asked.has("allNamespaces", "true") {
            asked.act_as(OPERATOR);
        }
    }),
    Mutant::answers(
        "who may not is told what is not there",
        "forbidden-does-not-tell-what-exists",
        |asked, answered| {
            if answered.status == 403 && asked.path.contains("conformance") {
                answered.status = 404;
                answered.body = NOT_FOUND.into();
            }
        },
    ),
];

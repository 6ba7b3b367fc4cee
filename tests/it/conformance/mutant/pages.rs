use super::{Mutant, as_it_is};

const INVALID: &str = "invalid_page_token";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("the second page fails", "walks-agree", |asked, answered| {
        if asked.get("pageToken").is_some() && answered.status == 200 {
            answered.status = 500;
            answered.plain("failed");
        }
    }),
    Mutant::answers("lists fail", "walks-agree", |asked, answered| {
        if asked.is_list() {
            answered.status = 500;
            answered.plain("failed");
        }
    }),
    Mutant::answers("the last row of a page is dropped", "walks-agree", |asked, answered| {
        if asked.is_list() && answered.json().get("nextPageToken").is_some() {
            answered.edit_items(|items| {
                if items.len() > 1 {
                    items.pop();
                }
            });
        }
    }),
    Mutant::answers("a row is repeated on the next page", "walks-repeat-nothing", |asked, answered| {
        if asked.is_list() && asked.get("pageToken").is_some() {
            answered.edit_items(|items| items.extend_from_within(..items.len().min(1)));
        }
    }),
    Mutant::answers("a full page always has a token", "last-page-has-no-token", |asked, answered| {
        let page = answered.json();
        if asked.is_list() && page["size"] == page["pageSize"] && page.get("nextPageToken").is_none() {
            answered.edit(|json| json["nextPageToken"] = "bW9yZQ".into());
        }
    }),
    Mutant::answers("an ordered walk misses rows between pages", "ordered-walks-agree", |asked, answered| {
        if asked.is_list() && asked.get("orderBy").is_some() && asked.get("pageToken").is_some() {
            answered.edit_items(|items| {
                items.drain(..items.len().min(1));
            });
        }
    }),
    Mutant::answers(
        "a token is bound to its page size",
        "page-size-may-change-on-the-way",
        |asked, answered| {
            if asked.get("pageToken").is_some() && asked.has("pageSize", "2") {
                answered.status = 400;
                answered.body = r#"{"code":"invalid_page_token"}"#.into();
            }
        },
    ),
    Mutant::asks_again(
        "a broken token is the first page",
        "changed-token-is-refused",
        |asked, answered| answered.is(INVALID).then(|| asked.without(&["pageToken"])),
        as_it_is,
    ),
    Mutant::asks("the end of a token is not looked at", "changed-token-is-refused", |asked| {
        // as if only the first sixty letters were authenticated: the sound ones are put back
        if let Some(token) = asked.get("pageToken").filter(|token| token.ends_with("AAAA")) {
            let token = token.trim_end_matches("AAAA").to_owned();
            asked.set("pageToken", &token);
        }
    }),
    Mutant::asks_again(
        "a token knows no order",
        "token-of-another-order-is-refused",
        |asked, answered| answered.is(INVALID).then(|| asked.without(&["orderBy", "sortOrder"])),
        as_it_is,
    ),
    Mutant::asks_again(
        "a token knows no filter",
        "token-of-another-filter-is-refused",
        |asked, answered| answered.is(INVALID).then(|| asked.without(&["filterQuery", "q", "source"])),
        as_it_is,
    ),
    Mutant::asks_again(
        "a token knows no list",
        "token-of-another-list-is-refused",
        |asked, answered| (answered.is(INVALID) && !asked.is_list()).then(|| asked.without(&["pageToken"])),
        as_it_is,
    ),
    Mutant::asks_again(
        "a token knows no tenant",
        "token-of-another-tenant-is-refused",
        |asked, answered| {
            (answered.is(INVALID) && asked.has("namespace", "team-b")).then(|| asked.in_tenant("team-a"))
        },
        as_it_is,
    ),
];

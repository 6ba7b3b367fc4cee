use serde_json::Value;

use super::{Mutant, as_it_is};

const KNOWN: [&str; 10] = [
    "namespace",
    "allNamespaces",
    "filterQuery",
    "q",
    "source",
    "orderBy",
    "sortOrder",
    "pageSize",
    "pageToken",
    "includeTotal",
];

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("the last page has a token that is null", "list-has-its-envelope", |asked, answered| {
        if asked.is_list() {
            answered.edit(|json| {
                if json.get("nextPageToken").is_none() && json["items"].is_array() {
                    json["nextPageToken"] = Value::Null;
                }
            });
        }
    }),
    Mutant::answers("the size is one too many", "size-counts-the-items", |asked, answered| {
        if asked.is_list() {
            answered.edit(|json| json["size"] = (json["size"].as_u64().unwrap_or_default() + 1).into());
        }
    }),
    Mutant::asks("the page size is ignored", "page-size-is-honoured", |asked| {
        if asked.is_list() && asked.get("pageSize").is_some_and(|size| size.len() == 1 && size != "0") {
            asked.remove(&["pageSize"]);
        }
    }),
    Mutant::answers("the page size is told as it was asked", "large-page-size-is-cut", |asked, answered| {
        if let Some(size) = asked.get("pageSize").and_then(|size| size.parse::<u64>().ok()) {
            answered.edit(|json| json["pageSize"] = size.into());
        }
    }),
    Mutant::asks("a bad page size is the usual one", "bad-page-size-is-refused", |asked| {
        if asked.get("pageSize").is_some_and(|size| size.parse::<u64>().unwrap_or(0) == 0) {
            asked.remove(&["pageSize"]);
        }
    }),
    Mutant::answers("the total counts the page", "total-is-counted-where-asked", |asked, answered| {
        if asked.has("includeTotal", "true") {
            answered.edit(|json| json["totalSize"] = json["size"].clone());
        }
    }),
    Mutant::asks("the total is always there", "total-is-counted-where-asked", |asked| {
        if asked.is_list() {
            asked.set("includeTotal", "true");
        }
    }),
    Mutant::asks("unknown parameters are ignored", "unknown-parameter-is-refused", |asked| {
        asked.query.retain(|(name, _)| KNOWN.contains(&name.as_str()));
    }),
    Mutant::asks("of a repeated parameter the first counts", "repeated-parameter-is-refused", |asked| {
        let mut seen = Vec::new();
        asked.query.retain(|(name, _)| {
            let first = !seen.contains(name);
            seen.push(name.clone());
            first
        });
    }),
    Mutant::answers("assets have no revision", "assets-have-the-common-fields", |asked, answered| {
        if asked.is_list() {
            answered.edit_each(|item| drop(item.as_object_mut().and_then(|item| item.remove("revision"))));
        }
    }),
    Mutant::answers("times have no milliseconds", "assets-have-the-common-fields", |asked, answered| {
        if asked.is_list() {
            answered.edit_each(|item| item["createTime"] = "2025-01-01T10:00:00Z".into());
        }
    }),
    Mutant::answers("ids are random", "asset-ids-are-unique-uuid7", |asked, answered| {
        if asked.is_list() {
            answered.edit_each(|item| {
                let mut id = item["id"].as_str().unwrap_or_default().to_owned();
                if id.len() == 36 {
                    id.replace_range(14..15, "4");
                }
                item["id"] = id.into();
            });
        }
    }),
    Mutant::answers(
        "an asset is of another tenant",
        "assets-are-of-the-tenant-asked-for",
        |asked, answered| {
            if asked.is_list() {
                answered.edit_items(|items| {
                    items.iter_mut().take(1).for_each(|item| item["namespace"] = "team-b".into());
                });
            }
        },
    ),
    Mutant::answers("a text is a number", "declared-fields-have-their-types", |asked, answered| {
        if asked.is_list() {
            answered.edit_each(|item| {
                if item.get("license").is_some() {
                    item["license"] = 5.into();
                }
            });
        }
    }),
    Mutant::answers("an asset alone has another document", "listed-assets-are-found", |asked, answered| {
        if asked.is_asset() {
            answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("tags"))));
        }
    }),
    Mutant::asks("a slash in a name is not understood", "listed-assets-are-found", |asked| {
        if asked.is_asset() {
            asked.path = asked.path.replace("%2F", "%252F");
        }
    }),
    Mutant::asks("an ambiguous name is that of the first source", "listed-assets-are-found", |asked| {
        if asked.is_asset() && asked.get("source").is_none() && asked.path.ends_with("meadow-03") {
            asked.set("source", "main");
        }
    }),
    Mutant::answers("an unknown name is an empty answer", "unknown-name-is-not-found", |asked, answered| {
        if asked.is_asset() && answered.status == 404 {
            answered.status = 200;
            answered.body = "{}".into();
        }
    }),
    Mutant::answers("an asset has no tag", "asset-has-an-etag", |asked, answered| {
        if asked.is_asset() {
            answered.headers.remove("etag");
        }
    }),
    Mutant::answers("all assets have one tag", "asset-has-an-etag", |asked, answered| {
        if asked.is_asset() && answered.status == 200 {
            answered.header("etag", "\"1\"");
        }
    }),
    Mutant::asks("an asset is never 304", "known-etag-is-not-modified", |asked| {
        if asked.is_asset() {
            asked.headers.remove("if-none-match");
        }
    }),
    Mutant::answers("the last artifact is missing", "artifacts-are-listed", |asked, answered| {
        if asked.is_artifacts() {
            answered.edit_items(|items| drop(items.pop()));
        }
    }),
    Mutant::asks_again(
        "nothing has no artifacts",
        "artifacts-are-listed",
        |asked, answered| (asked.is_artifacts() && answered.status == 404).then(|| asked.clone()),
        |answered| {
            answered.status = 200;
            answered.body = r#"{"items":[],"size":0,"pageSize":100}"#.into();
        },
    ),
    Mutant::asks_again(
        "the empty page size is the usual one",
        "bad-page-size-is-refused",
        |asked, answered| {
            (answered.is("invalid_page_size") && asked.has("pageSize", ""))
                .then(|| asked.without(&["pageSize"]))
        },
        as_it_is,
    ),
];

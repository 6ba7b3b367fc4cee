use serde_json::Value;

use super::{Mutant, as_it_is};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::asks("the usual order is by time", "usual-order-is-by-name", |asked| {
        if asked.is_list() && asked.get("orderBy").is_none() {
            asked.set("orderBy", "createTime");
        }
    }),
    Mutant::asks("the order is ignored", "ascending-is-sorted", |asked| asked.remove(&["orderBy"])),
    Mutant::asks("descending is ascending", "descending-is-the-reverse", |asked| {
        asked.remove(&["sortOrder"]);
    }),
    Mutant::asks("ascending is descending", "ascending-is-sorted", |asked| {
        if asked.has("sortOrder", "ASC") {
            asked.set("sortOrder", "DESC");
        }
    }),
    Mutant::answers("texts are ordered without case", "ascending-is-sorted", |asked, answered| {
        if asked.has("orderBy", "provider") {
            answered.edit_items(|items| {
                items.sort_by_key(|item| item["provider"].as_str().unwrap_or_default().to_lowercase());
            });
        }
    }),
    Mutant::answers(
        "equal values come in any order",
        "equal-values-are-ordered-by-name",
        |asked, answered| {
            let Some(by) = asked.get("orderBy") else { return };
            answered.edit_items(|items| {
                items.chunk_by_mut(|a, b| a[by] == b[by]).for_each(<[Value]>::reverse);
            });
        },
    ),
    Mutant::answers("absent values come last", "absent-values-come-first", |asked, answered| {
        let Some(by) = asked.get("orderBy").filter(|_| asked.has("sortOrder", "ASC")) else { return };
        answered.edit_items(|items| items.sort_by_key(|item| item.get(by).is_none()));
    }),
    Mutant::asks("an alias is not known", "kubeflow-aliases-are-taken", |asked| {
        if asked.has("orderBy", "LAST_UPDATE_TIME") {
            asked.set("orderBy", "LATEST");
        }
    }),
    Mutant::asks_again(
        "an unknown order is the usual one",
        "bad-order-is-refused",
        |asked, answered| answered.is("invalid_order_by").then(|| asked.without(&["orderBy", "sortOrder"])),
        as_it_is,
    ),
];

use super::{Mutant, as_it_is};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::asks("words are ignored", "words-of-names-are-found", |asked| asked.remove(&["q"])),
    Mutant::answers(
        "only beginnings of names are searched",
        "words-of-names-are-found",
        |asked, answered| {
            let Some(q) = asked.get("q").map(str::to_lowercase) else { return };
            answered.edit_items(|items| {
                items.retain(|item| item["name"].as_str().unwrap_or_default().to_lowercase().starts_with(&q));
            });
        },
    ),
    Mutant::answers("only names are searched", "words-of-texts-are-found", |asked, answered| {
        let Some(q) = asked.get("q").map(str::to_lowercase) else { return };
        answered.edit_items(|items| {
            items.retain(|item| item["name"].as_str().unwrap_or_default().to_lowercase().contains(&q));
        });
    }),
    Mutant::asks("only the first word counts", "all-words-must-match", |asked| {
        if let Some(first) = asked.get("q").and_then(|q| q.split_whitespace().next()).map(str::to_owned) {
            asked.set("q", &first);
        }
    }),
    Mutant::asks("several words are one", "all-words-must-match", |asked| {
        if let Some(joined) = asked.get("q").filter(|q| q.contains(' ')).map(|q| q.replace(' ', "")) {
            asked.set("q", &joined);
        }
    }),
    Mutant::asks("capitals are not found", "case-does-not-matter", |asked| {
        if asked.get("q").is_some_and(|q| q.chars().any(char::is_uppercase)) {
            asked.set("q", "zqxjkvw");
        }
    }),
    Mutant::asks_again(
        "who finds nothing gets everything",
        "nonsense-finds-nothing",
        |asked, answered| {
            (asked.get("q").is_some() && answered.json()["size"] == 0).then(|| asked.without(&["q"]))
        },
        as_it_is,
    ),
];

//! `q`: each of its words begins a word of an asset's texts.
//!
//! Which texts are searched beside the common ones is the plugin's affair, and so is what parts two words. So what has the
//! word as a run of letters and digits in a common text must be found, and what has it nowhere must not.

use serde_json::Value;

use super::{Verdict, enough};
use crate::testing::conformance::{
    faults::{Faults, Stop},
    probe::{Probe, Subject, ids, name},
};

/// The texts of every asset that are searched.
const COMMON: [&str; 4] = ["name", "displayName", "description", "provider"];
/// Words that are searched for, of each list.
const WORDS: usize = 8;

/// The words of a text that all ways to part them agree on.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain = |word: &&str| word.len() >= 3 && word.bytes().all(|b| b.is_ascii_alphanumeric());
    // around a word only what never is part of one
    let parts = |c: char| !c.is_alphanumeric() && c != '_';
    text.split(parts).filter(plain).map(str::to_lowercase).collect::<Vec<_>>().into_iter()
}

fn has_word(item: &Value, fields: &[&str], wanted: &str) -> bool {
    fields.iter().any(|field| words(item[*field].as_str().unwrap_or_default()).any(|word| word == wanted))
}

/// Whether the text occurs anywhere in the document.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.to_lowercase().contains(text),
        Value::Array(list) => list.iter().any(|value| mentions(value, text)),
        Value::Object(map) => map.values().any(|value| mentions(value, text)),
        _ => false,
    }
}

/// Different words of the fields, spread over the list.
fn vocabulary(subject: &Subject, fields: &[&str]) -> Result<Vec<String>, Stop> {
    let mut found: Vec<String> = Vec::new();
    for item in subject.items()? {
        found.extend(fields.iter().flat_map(|field| words(item[*field].as_str().unwrap_or_default())));
    }
    found.sort();
    found.dedup();
    let step = found.len().div_ceil(WORDS).max(1);
    Ok(found.into_iter().step_by(step).collect())
}

async fn found(probe: &Probe<'_>, subject: &Subject, q: &str) -> Result<Vec<Value>, Stop> {
    let ask = probe.get(&subject.entity.list).with("q", q);
    let walk = probe.walk(&ask, 1_000, probe.plan.max_assets / 1_000 + 2).await.map_err(Stop::fail)?;
    let all = ids(subject.items()?);
    match ids(&walk.items).into_iter().find(|id| !all.contains(id)) {
        Some(id) => Err(Stop::fail(format!("`q={q}` finds `{id}`, which the list has not"))),
        None => Ok(walk.items),
    }
}

/// What is found has each word somewhere, and all that has each as a whole word in those fields is found.
async fn search(
    probe: &Probe<'_>,
    faults: &mut Faults,
    subject: &Subject,
    q: &str,
    fields: &[&str],
) -> Verdict {
    let wanted: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    let found = found(probe, subject, q).await?;
    for item in &found {
        faults.expect(wanted.iter().all(|word| mentions(item, word)), || {
            format!("`q={q}` finds `{}`, which has not all of these words", name(item))
        });
    }
    let found = ids(&found);
    for item in subject.items()?.iter().filter(|item| wanted.iter().all(|word| has_word(item, fields, word)))
    {
        let id = item["id"].as_str().unwrap_or_default();
        faults.expect(found.contains(&id), || format!("`q={q}` does not find `{}`", name(item)));
    }
    Ok(())
}

async fn words_are_found(probe: &Probe<'_>, faults: &mut Faults, fields: &[&str]) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        for word in vocabulary(subject, fields)? {
            cases += 1;
            search(probe, faults, subject, &word, fields).await?;
            // the beginning of a word stands for it
            if let Some(beginning) = word.get(..word.len().div_ceil(2).max(3)) {
                let whole = subject.items()?.iter().filter(|item| has_word(item, fields, &word));
                let (whole, found) = (whole.collect::<Vec<_>>(), found(probe, subject, beginning).await?);
                let found = ids(&found);
                for item in whole {
                    let id = item["id"].as_str().unwrap_or_default();
                    faults.expect(found.contains(&id), || {
                        format!("`q={beginning}` does not find `{}`, which has `{word}`", name(item))
                    });
                }
            }
        }
    }
    enough(cases, "the assets have no words of three ASCII letters or digits in these texts")
}

pub(super) async fn words_of_names_are_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    words_are_found(probe, faults, &["name"]).await
}

pub(super) async fn words_of_texts_are_found(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    words_are_found(probe, faults, &["displayName", "description", "provider"]).await
}

pub(super) async fn all_words_must_match(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let vocabulary = vocabulary(subject, &COMMON)?;
        for pair in vocabulary.windows(2) {
            let [a, b] = pair else { continue };
            cases += 1;
            search(probe, faults, subject, &format!("{a} {b}"), &COMMON).await?;
            search(probe, faults, subject, &format!("{b}  {a}"), &COMMON).await?;
        }
        // two words of one asset, in different texts where it has them
        for item in subject.items()?.iter().take(WORDS) {
            let both: Vec<String> =
                COMMON.iter().filter_map(|field| words(item[*field].as_str()?).last()).take(2).collect();
            if let [a, b] = both.as_slice() {
                search(probe, faults, subject, &format!("{b} {a}"), &COMMON).await?;
            }
        }
    }
    enough(cases, "the assets have no two different words")
}

pub(super) async fn case_does_not_matter(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        for word in vocabulary(subject, &COMMON)? {
            let small = found(probe, subject, &word).await?;
            let large = found(probe, subject, &word.to_uppercase()).await?;
            cases += usize::from(word.to_uppercase() != word);
            faults
                .expect(ids(&small) == ids(&large), || format!("`q={word}` finds other assets in capitals"));
        }
    }
    enough(cases, "the assets have no words of letters")
}

pub(super) async fn nonsense_finds_nothing(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        cases += usize::from(!subject.items()?.is_empty());
        let vocabulary = vocabulary(subject, &COMMON)?;
        let word = vocabulary.first().map(String::as_str).unwrap_or_default();
        for q in ["zqxjkvw7f3a", &format!("{word} zqxjkvw7f3a"), "%zqxjkvw%", "zqx' OR '1'='1"] {
            let found = found(probe, subject, q).await?.len();
            faults.expect(found == 0, || format!("`q={q}` finds {found} assets"));
        }
    }
    enough(cases, "the tenant has no assets of the plugin")
}

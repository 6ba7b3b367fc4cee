use std::collections::BTreeSet;

use super::{Verdict, enough};
use crate::testing::conformance::{
    faults::{Faults, Stop},
    probe::{Probe, Subject, ids},
};

/// Pages that a walk goes at most: of a long list its beginning is compared.
const MAX_PAGES: usize = 100;
pub(super) const FEW_ASSETS: &str = "no list of the plugin has three assets";

/// A list long enough for several pages.
pub(super) fn long_enough(subject: &Subject) -> Result<bool, Stop> {
    Ok(subject.items()?.len() >= 3)
}

/// A list that cannot even be walked in large pages fails here, and nowhere else.
pub(super) async fn walks_agree(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let whole = ids(subject.walked()?);
        cases += usize::from(long_enough(subject)?);
        for page_size in [1, 3, 7, 100] {
            match probe.walk(&probe.get(&subject.entity.list), page_size, MAX_PAGES).await {
                Err(reason) => faults.add(reason),
                Ok(walk) => {
                    let walked = ids(&walk.items);
                    let due = if walk.complete {
                        whole.as_slice()
                    } else {
                        whole.get(..walked.len()).unwrap_or(&whole)
                    };
                    faults.expect(walked == due, || {
                        format!(
                            "pages of {page_size} of `{}` lead through {} assets, not the same {} in the same order",
                            subject.entity.kind,
                            walked.len(),
                            due.len()
                        )
                    });
                }
            }
        }
    }
    enough(cases, FEW_ASSETS)
}

pub(super) async fn walks_repeat_nothing(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        cases += usize::from(long_enough(subject)?);
        for page_size in [1, 3, 7] {
            let walk = probe.walk(&probe.get(&subject.entity.list), page_size, MAX_PAGES).await;
            let walk = walk.map_err(Stop::fail)?;
            let mut seen = BTreeSet::new();
            for id in ids(&walk.items) {
                faults.expect(seen.insert(id), || format!("pages of {page_size} hold `{id}` twice"));
            }
        }
    }
    enough(cases, FEW_ASSETS)
}

/// Also where the last page is full.
pub(super) async fn last_page_has_no_token(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let all = subject.items()?.len();
        for (page_size, more) in [(all, false), (all + 1, false), (all.saturating_sub(1), true)] {
            if !(1..=1_000).contains(&page_size) {
                continue;
            }
            cases += 1;
            let ask = probe.get(&subject.entity.list).with("pageSize", page_size.to_string());
            let answer = probe.send(ask).await?.good()?;
            let there = answer.json().get("nextPageToken").is_some();
            faults
                .expect(there == more, || format!("{answer} of {all} assets has a `nextPageToken`: {there}"));
        }
    }
    enough(cases, "the tenant has no assets of the plugin")
}

/// Ordered by whatever there is, small pages lead through the same sequence as one large page.
pub(super) async fn ordered_walks_agree(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        if !long_enough(subject)? {
            continue;
        }
        for sort in &subject.entity.sorts {
            for direction in ["ASC", "DESC"] {
                cases += 1;
                let ask =
                    probe.get(&subject.entity.list).with("orderBy", &sort.name).with("sortOrder", direction);
                let large = probe.walk(&ask, 1_000, MAX_PAGES).await.map_err(Stop::fail)?;
                let small = probe.walk(&ask, 7, MAX_PAGES).await.map_err(Stop::fail)?;
                let (large, small) = (ids(&large.items), ids(&small.items));
                let due = if small.len() < MAX_PAGES * 7 {
                    Some(large.as_slice())
                } else {
                    large.get(..small.len())
                };
                faults.expect(Some(small.as_slice()) == due, || {
                    format!(
                        "pages of 7 of `{}` by {} {direction} lead elsewhere than one page",
                        subject.entity.kind, sort.name
                    )
                });
            }
        }
    }
    enough(cases, FEW_ASSETS)
}

pub(super) async fn page_size_may_change_on_the_way(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let whole = ids(subject.items()?);
        if !long_enough(subject)? {
            continue;
        }
        cases += 1;
        let ask = probe.get(&subject.entity.list);
        let Some(token) = probe.token(&ask, 1).await? else {
            faults.add("the first page of one asset has no `nextPageToken`");
            continue;
        };
        let answer = probe.send(ask.with("pageToken", token).with("pageSize", "2")).await?.good()?;
        let next = ids(answer.list("items")?);
        faults.expect(whole.get(1..3) == Some(next.as_slice()), || {
            format!("{answer} with other assets than the second and the third")
        });
    }
    enough(cases, FEW_ASSETS)
}

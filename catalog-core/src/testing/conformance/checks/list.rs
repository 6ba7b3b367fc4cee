use super::{Verdict, enough};
use crate::testing::conformance::{faults::Faults, probe::Probe};

pub(super) async fn has_its_envelope(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        let answer = probe.send(probe.get(&subject.entity.list)).await?.good()?;
        let kind = answer.header("content-type").unwrap_or_default();
        faults.expect(kind.starts_with("application/json"), || format!("{answer} as `{kind}`"));
        let body = answer.json();
        faults.expect(body["items"].is_array(), || format!("{answer} without a list `items`"));
        faults.expect(body["size"].is_u64(), || format!("{answer} without a number `size`"));
        faults.same(
            format!("`pageSize` where nothing is said, of {answer},"),
            &body["pageSize"].as_u64(),
            &Some(100),
        );
        let token = body.get("nextPageToken");
        faults.expect(token.is_none_or(|token| token.as_str().is_some_and(|text| !text.is_empty())), || {
            format!("{answer} with a `nextPageToken` that is no text; on the last page there is none")
        });
    }
    Ok(())
}

pub(super) async fn size_counts_the_items(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for page_size in ["1", "5", "100"] {
            let answer =
                probe.send(probe.get(&subject.entity.list).with("pageSize", page_size)).await?.good()?;
            let items = u64::try_from(answer.list("items")?.len()).ok();
            faults.same(format!("`size` of {answer}"), &answer.json()["size"].as_u64(), &items);
        }
    }
    Ok(())
}

pub(super) async fn page_size_is_honoured(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let mut cases = 0;
    for subject in probe.subjects()? {
        let all = subject.items()?.len();
        for page_size in [1, 2, 5, all, all + 1].into_iter().filter(|size| (1..=1_000).contains(size)) {
            cases += usize::from(page_size < all);
            let ask = probe.get(&subject.entity.list).with("pageSize", page_size.to_string());
            let answer = probe.send(ask).await?.good()?;
            faults.same(
                format!("the number of items of {answer}"),
                &answer.list("items")?.len(),
                &page_size.min(all),
            );
            let told = answer.json()["pageSize"].as_u64();
            faults.same(format!("`pageSize` of {answer}"), &told, &u64::try_from(page_size).ok());
        }
    }
    enough(cases, "no list has two assets")
}

pub(super) async fn large_page_size_is_cut(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for page_size in ["1001", "5000", "18446744073709551616"] {
            let answer =
                probe.send(probe.get(&subject.entity.list).with("pageSize", page_size)).await?.good()?;
            faults.same(format!("`pageSize` of {answer}"), &answer.json()["pageSize"].as_u64(), &Some(1_000));
        }
    }
    Ok(())
}

pub(super) async fn bad_page_size_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for page_size in ["0", "-1", "ten", "1.5", "", "0x10", " 5"] {
            let answer = probe.send(probe.get(&subject.entity.list).with("pageSize", page_size)).await?;
            faults.refused(&answer, 400, "invalid_page_size");
        }
    }
    Ok(())
}

/// Of the whole list, whatever the page; filtered totals are checked with the filters.
pub(super) async fn total_is_counted_where_asked(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        let all = u64::try_from(subject.items()?.len()).ok();
        let ask = probe.get(&subject.entity.list).with("pageSize", "2");
        for (flag, due) in [(Some("true"), all), (Some("false"), None), (None, None)] {
            let ask = flag.into_iter().fold(ask.clone(), |ask, flag| ask.with("includeTotal", flag));
            let answer = probe.send(ask).await?.good()?;
            faults.same(format!("`totalSize` of {answer}"), &answer.json()["totalSize"].as_u64(), &due);
        }
    }
    Ok(())
}

pub(super) async fn unknown_parameter_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for parameter in ["noSuchParameter", "pagesize", "offset", "tenant"] {
            let answer = probe.send(probe.get(&subject.entity.list).with(parameter, "1")).await?;
            faults.refused(&answer, 400, "invalid_parameter");
        }
    }
    Ok(())
}

pub(super) async fn repeated_parameter_is_refused(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    for subject in probe.subjects()? {
        for (parameter, first, second) in
            [("pageSize", "5", "5"), ("orderBy", "name", "id"), ("filterQuery", "name = 'a'", "name = 'b'")]
        {
            let ask = probe.get(&subject.entity.list).with(parameter, first).with(parameter, second);
            faults.refused(&probe.send(ask).await?, 400, "invalid_parameter");
        }
    }
    Ok(())
}

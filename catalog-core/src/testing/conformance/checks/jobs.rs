use super::{
    Verdict,
    audit::{envelope, first_page, of_the_tenant},
    enough,
};
use crate::{
    clock::Timestamp,
    testing::conformance::{faults::Faults, probe::Probe},
};

const JOBS: &str = "/api/jobs/v1alpha1/refresh";
const STATES: [&str; 5] = ["queued", "running", "succeeded", "failed", "canceled"];

pub(super) async fn have_their_envelope(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    envelope(probe, faults, JOBS).await
}

pub(super) async fn are_complete(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let answer = first_page(probe, JOBS).await?;
    let jobs = answer.list("items")?;
    for job in jobs {
        let mut expect =
            |holds: bool, what: &str| faults.expect(holds, || format!("{what} of job {}", job["id"]));
        for field in ["id", "namespace", "plugin", "requestedBy"] {
            expect(job[field].is_string(), &format!("no text is `{field}`"));
        }
        let time = job["requestedAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        expect(time.is_some(), "no time is `requestedAt`");
        let state = job["state"].as_str().unwrap_or_default();
        expect(STATES.contains(&state), "no known state is `state`");
        for field in ["attemptCount", "maxAttempts"] {
            expect(job[field].is_u64(), &format!("no number is `{field}`"));
        }
        let ended = matches!(state, "succeeded" | "failed" | "canceled");
        expect(ended == job["finishedAt"].is_string(), "at odds with its state is `finishedAt`");
    }
    // one by one they are found as well
    for id in jobs.iter().filter_map(|job| job["id"].as_str()).take(5) {
        let one = probe.send(probe.get(format!("{JOBS}/{id}"))).await?.good()?;
        faults.same(format!("`id` of {one}"), &one.json()["id"].as_str(), &Some(id));
    }
    enough(jobs.len(), "the tenant has no jobs")
}

pub(super) async fn are_of_the_tenant(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    of_the_tenant(probe, faults, JOBS).await
}

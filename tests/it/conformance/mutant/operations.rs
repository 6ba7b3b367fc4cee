use super::{Answered, Asked, Mutant};

/// Changes the list of events or of jobs.
fn edit(asked: &Asked, answered: &mut Answered, subject: &str, edit: fn(&mut serde_json::Value)) {
    if asked.path.contains(subject) {
        answered.edit_each(edit);
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::answers("events have one name only", "events-have-their-envelope", |asked, answered| {
        if asked.path.contains("/audit/") {
            answered.edit(|json| drop(json.as_object_mut().and_then(|json| json.remove("events"))));
        }
    }),
    Mutant::answers("an event has no known outcome", "events-are-complete", |asked, answered| {
        edit(asked, answered, "/audit/", |event| event["outcome"] = "fine".into());
    }),
    Mutant::answers("an event is of another tenant", "events-are-of-the-tenant", |asked, answered| {
        edit(asked, answered, "/audit/", |event| event["namespace"] = "team-b".into());
    }),
    Mutant::asks("jobs come all at once", "jobs-have-their-envelope", |asked| {
        if asked.path.contains("/jobs/") && asked.has("pageSize", "1") {
            asked.remove(&["pageSize"]);
        }
    }),
    Mutant::answers("a job that runs has ended", "jobs-are-complete", |asked, answered| {
        edit(asked, answered, "/jobs/", |job| job["state"] = "running".into());
    }),
    Mutant::answers("a job is of another tenant", "jobs-are-of-the-tenant", |asked, answered| {
        edit(asked, answered, "/jobs/", |job| job["namespace"] = "team-b".into());
    }),
];

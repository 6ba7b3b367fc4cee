use catalog_core::http::Shape;

use crate::record::JobState;

pub(super) fn shapes() -> Vec<(String, Shape)> {
    let state = || Shape::one_of(&JobState::ALL.map(JobState::as_str));
    let progress = Shape::object([
        ("done", Shape::integer()),
        ("total?", Shape::integer()),
        ("message?", Shape::string()),
    ]);
    let job = Shape::object([
        ("id", Shape::uuid()),
        ("namespace", Shape::string()),
        ("queue", Shape::string()),
        ("kind", Shape::string()),
        ("plugin?", Shape::string()),
        ("sourceId?", Shape::string()),
        ("requestedBy?", Shape::string()),
        ("requestedAt", Shape::time()),
        ("state", state()),
        ("scheduled", Shape::boolean().described("Queued, and not due before `nextAttemptAt`.")),
        ("dead", Shape::boolean().described("Failed, after as many attempts as it may have.")),
        ("cancelRequested", Shape::boolean().described("Its handler is told to give up.")),
        ("progress?", progress),
        ("attemptCount", Shape::integer()),
        ("maxAttempts", Shape::integer()),
        ("nextAttemptAt?", Shape::time()),
        ("startedAt?", Shape::time()),
        ("finishedAt?", Shape::time()),
        ("lastError?", Shape::string()),
        ("idempotencyKey?", Shape::string()),
        ("result?", Shape::any()),
    ]);
    let list = Shape::object([
        ("items", Shape::list(Shape::named("Job"))),
        ("size", Shape::integer()),
        ("pageSize", Shape::integer()),
        ("nextPageToken?", Shape::string()),
    ]);
    let status = Shape::object([("jobId", Shape::uuid()), ("status", state())]);
    let asked = Shape::object([("jobId", Shape::uuid()), ("sourceId", Shape::string()), ("status", state())]);
    let statuses = Shape::object([("items", Shape::list(asked)), ("size", Shape::integer())]);
    let queue = Shape::object([
        ("queue", Shape::string()),
        ("paused", Shape::boolean()),
        ("ready", Shape::integer().described("So many jobs are due.")),
        ("scheduled", Shape::integer().described("So many will be.")),
        ("running", Shape::integer()),
        ("oldestSeconds", Shape::integer().described("So long the oldest of those that are due has waited.")),
    ]);
    let queues = Shape::object([
        ("items", Shape::list(queue)),
        ("size", Shape::integer()),
        ("pausedNamespaces", Shape::list(Shape::string())),
    ]);
    let pause = Shape::object([
        ("queue?", Shape::string()),
        ("namespace?", Shape::string()),
        ("paused", Shape::boolean()),
    ]);
    vec![
        ("PauseStatus".into(), pause),
        ("QueueList".into(), queues),
        ("JobStatusList".into(), statuses),
        ("Job".into(), job),
        ("JobList".into(), list),
        ("JobStatus".into(), status),
    ]
}

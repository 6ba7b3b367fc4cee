-- Of two claims of one job the later has the greater token.
create sequence catalog_jobs_tokens;

-- What waits and runs: small rows, which leave when a job is over, so that claims cost the same however much was done before.
create table catalog_jobs_live (
    namespace    text collate "C" not null,
    id           uuid not null,
    queue        text collate "C" not null,
    -- the tenant, a stroke, and the limit key if there is one
    lane         text collate "C" not null,
    unique_key   text collate "C",
    priority     integer not null,
    -- 0 ready, 1 scheduled, 2 running
    phase        integer not null,
    -- from then on a scheduled job is due, and a running one without its lease; since then a ready one is
    until_ms     bigint not null,
    attempt      integer not null,
    max_attempts integer not null,
    token        bigint not null,
    worker       text,
    -- from then on a running job that is to be canceled is
    cancel_by_ms bigint,
    started_ms   bigint,
    -- as JSON
    progress     text,
    primary key (namespace, id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

create index catalog_jobs_live_ready on catalog_jobs_live (queue, lane, priority desc, id) where phase = 0;
create index catalog_jobs_live_scheduled on catalog_jobs_live (queue, until_ms) where phase = 1;
-- leases are renewed without it changing
create index catalog_jobs_live_running on catalog_jobs_live (queue, lane) where phase = 2;
create unique index catalog_jobs_live_unique on catalog_jobs_live (namespace, unique_key) where unique_key is not null;

-- What a job needs to know and what became of it. A live one is changed once, when it is over.
create table catalog_jobs_records (
    namespace       text collate "C" not null,
    id              uuid not null,
    queue           text collate "C" not null,
    lane            text collate "C" not null,
    kind            text collate "C" not null,
    plugin          text collate "C",
    source          text collate "C",
    requested_by    text,
    requested_ms    bigint not null,
    -- as JSON
    payload         text not null,
    priority        integer not null,
    max_attempts    integer not null,
    unique_key      text collate "C",
    idempotency_key text collate "C",
    -- of what was asked for with an idempotency key
    digest          text,
    -- 0 live, 1 succeeded, 2 failed, 3 dead, 4 canceled
    state           integer not null default 0,
    attempt         integer not null default 0,
    started_ms      bigint,
    finished_ms     bigint,
    error           text,
    -- as JSON
    result          text,
    -- as JSON
    progress        text,
    primary key (namespace, id)
) with (fillfactor = 70);

create unique index catalog_jobs_records_idempotency on catalog_jobs_records (namespace, idempotency_key)
    where idempotency_key is not null;

-- What is paused, and what claims within a limit take turns by: `queue/refresh`, `tenant/team-a`, `global`.
create table catalog_jobs_gates (
    gate   text collate "C" primary key,
    paused boolean not null
);

-- What is to be done again and again.
create table catalog_jobs_schedules (
    namespace text collate "C" not null,
    name      text collate "C" not null,
    -- as JSON
    schedule  text not null,
    -- when a job is to be enqueued next
    due_ms    bigint not null,
    primary key (namespace, name)
);

create index catalog_jobs_schedules_due on catalog_jobs_schedules (due_ms);

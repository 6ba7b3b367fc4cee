-- Of two claims of one job the later has the greater token.
create table catalog_jobs_tokens (last integer not null) strict;
insert into catalog_jobs_tokens (last) values (0);

-- What waits and runs: small rows, which leave when a job is over, so that claims cost the same however much was done before.
create table catalog_jobs_live (
    namespace    text not null,
    id           text not null,
    queue        text not null,
    -- the tenant, a stroke, and the limit key if there is one
    lane         text not null,
    unique_key   text,
    priority     integer not null,
    -- 0 ready, 1 scheduled, 2 running
    phase        integer not null,
    -- from then on a scheduled job is due, and a running one without its lease; since then a ready one is
    until_ms     integer not null,
    attempt      integer not null,
    max_attempts integer not null,
    token        integer not null,
    worker       text,
    -- from then on a running job that is to be canceled is
    cancel_by_ms integer,
    started_ms   integer,
    -- as JSON
    progress     text,
    primary key (namespace, id)
) strict, without rowid;

create index catalog_jobs_live_ready on catalog_jobs_live (queue, lane, priority desc, id) where phase = 0;
create index catalog_jobs_live_scheduled on catalog_jobs_live (queue, until_ms) where phase = 1;
-- leases are renewed without it changing
create index catalog_jobs_live_running on catalog_jobs_live (queue, lane) where phase = 2;
create unique index catalog_jobs_live_unique on catalog_jobs_live (namespace, unique_key) where unique_key is not null;

-- What a job needs to know and what became of it. A live one is changed once, when it is over.
create table catalog_jobs_records (
    namespace       text not null,
    id              text not null,
    queue           text not null,
    lane            text not null,
    kind            text not null,
    plugin          text,
    source          text,
    requested_by    text,
    requested_ms    integer not null,
    -- as JSON
    payload         text not null,
    priority        integer not null,
    max_attempts    integer not null,
    unique_key      text,
    idempotency_key text,
    -- of what was asked for with an idempotency key
    digest          text,
    -- 0 live, 1 succeeded, 2 failed, 3 dead, 4 canceled
    state           integer not null default 0,
    attempt         integer not null default 0,
    started_ms      integer,
    finished_ms     integer,
    error           text,
    -- as JSON
    result          text,
    -- as JSON
    progress        text,
    primary key (namespace, id)
) strict;

create unique index catalog_jobs_records_idempotency on catalog_jobs_records (namespace, idempotency_key)
    where idempotency_key is not null;

-- What is paused, and what claims within a limit take turns by: `queue/refresh`, `tenant/team-a`, `global`.
create table catalog_jobs_gates (
    gate   text primary key,
    paused integer not null
) strict, without rowid;

-- What is to be done again and again.
create table catalog_jobs_schedules (
    namespace text not null,
    name      text not null,
    -- as JSON
    schedule  text not null,
    -- when a job is to be enqueued next
    due_ms    integer not null,
    primary key (namespace, name)
) strict, without rowid;

create index catalog_jobs_schedules_due on catalog_jobs_schedules (due_ms);

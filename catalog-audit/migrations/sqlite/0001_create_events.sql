-- What was done, by whom, and what came of it. Rows are added and, when they are old enough, removed; none is ever changed.
create table catalog_audit_events (
    -- the order in which rows were added
    position      integer primary key autoincrement,
    id            blob not null unique,
    -- empty where it is no tenant's
    namespace     text not null,
    time_ms       integer not null,
    event_type    text not null,
    actor         text not null,
    -- empty where it is no plugin's
    plugin        text not null,
    resource_type text not null,
    action        text not null,
    outcome       text not null,
    -- empty where no request asked for it
    request_id    text not null,
    -- the rest, as JSON, in the very bytes that the digest is of
    details       text not null,
    digest        blob not null
) strict;
create index catalog_audit_events_namespace on catalog_audit_events (namespace, id);
create index catalog_audit_events_request on catalog_audit_events (request_id) where request_id <> '';

-- Requests that were about to change something: one whose event is not there was cut off.
create table catalog_audit_intents (
    id            blob primary key,
    time_ms       integer not null,
    namespace     text not null,
    event_type    text not null,
    actor         text not null,
    plugin        text not null,
    resource_type text not null,
    action        text not null,
    outcome       text not null,
    request_id    text not null,
    details       text not null,
    digest        blob not null
) strict, without rowid;

-- The place of each event in the chain of its tenant.
create table catalog_audit_chain (
    namespace     text not null,
    sequence      integer not null,
    id            blob not null unique,
    previous_hash blob not null,
    hash          blob not null,
    primary key (namespace, sequence)
) strict, without rowid;

-- Runs of a chain, each linked to the one before and signed.
create table catalog_audit_blocks (
    namespace           text not null,
    number              integer not null,
    -- seal, removal
    kind                text not null,
    first_sequence      integer not null,
    last_sequence       integer not null,
    previous_hash       blob not null,
    head_hash           blob not null,
    anchor              integer not null,
    previous_block_hash blob not null,
    block_hash          blob not null,
    time_ms             integer not null,
    key_id              text not null,
    signature           blob not null,
    primary key (namespace, number)
) strict, without rowid;

-- How far each chain is.
create table catalog_audit_heads (
    namespace  text primary key,
    sequence   integer not null,
    hash       blob not null,
    number     integer not null,
    block_hash blob not null
) strict, without rowid;

-- How far the sealer and each sink are.
create table catalog_audit_cursors (
    name     text primary key,
    position integer not null,
    -- why it does not go on; empty where it does
    parked   text not null,
    time_ms  integer not null
) strict, without rowid;
insert into catalog_audit_cursors (name, position, parked, time_ms) values ('seal', 0, '', 0);

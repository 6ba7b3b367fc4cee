-- The order in which events were added; they may be committed in another.
create sequence catalog_audit_events_position_seq;

-- What was done, by whom, and what came of it. Rows are added and, when they are old enough, removed; none is ever changed.
-- Partitioned by the time that is in the ids, so that what is old goes with its whole partition. Those of the weeks to come are made by
-- whoever removes old events; what has none is in the default one.
create table catalog_audit_events (
    position      bigint not null default nextval('catalog_audit_events_position_seq'),
    id            uuid primary key,
    -- empty where it is no tenant's
    namespace     text collate "C" not null,
    time_ms       bigint not null,
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
    digest        bytea not null
) partition by range (id);
alter sequence catalog_audit_events_position_seq owned by catalog_audit_events.position;
create index catalog_audit_events_position on catalog_audit_events (position);
create index catalog_audit_events_namespace on catalog_audit_events (namespace, id);
create index catalog_audit_events_request on catalog_audit_events (request_id) where request_id <> '';
create table catalog_audit_events_default partition of catalog_audit_events default;

-- Requests that were about to change something: one whose event is not there was cut off.
create table catalog_audit_intents (
    id            uuid primary key,
    time_ms       bigint not null,
    namespace     text collate "C" not null,
    event_type    text not null,
    actor         text not null,
    plugin        text not null,
    resource_type text not null,
    action        text not null,
    outcome       text not null,
    request_id    text not null,
    details       text not null,
    digest        bytea not null
);

-- The place of each event in the chain of its tenant, partitioned as the events are. That no place is there twice is the sealer's to
-- see to, of whom there is one.
create table catalog_audit_chain (
    namespace     text collate "C" not null,
    sequence      bigint not null,
    id            uuid not null unique,
    previous_hash bytea not null,
    hash          bytea not null,
    primary key (namespace, sequence, id)
) partition by range (id);
create table catalog_audit_chain_default partition of catalog_audit_chain default;

-- Runs of a chain, each linked to the one before and signed.
create table catalog_audit_blocks (
    namespace           text collate "C" not null,
    number              bigint not null,
    -- seal, removal
    kind                text not null,
    first_sequence      bigint not null,
    last_sequence       bigint not null,
    previous_hash       bytea not null,
    head_hash           bytea not null,
    anchor              bigint not null,
    previous_block_hash bytea not null,
    block_hash          bytea not null,
    time_ms             bigint not null,
    key_id              text not null,
    signature           bytea not null,
    primary key (namespace, number)
);

-- How far each chain is.
create table catalog_audit_heads (
    namespace  text collate "C" primary key,
    sequence   bigint not null,
    hash       bytea not null,
    number     bigint not null,
    block_hash bytea not null
);

-- How far the sealer and each sink are.
create table catalog_audit_cursors (
    name     text primary key,
    position bigint not null,
    -- why it does not go on; empty where it does
    parked   text not null,
    time_ms  bigint not null
);
insert into catalog_audit_cursors (name, position, parked, time_ms) values ('seal', 0, '', 0);

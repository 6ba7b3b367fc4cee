-- Who leads what, where the database says so. Times are the database's.
create table catalog_ha_leases (
    name          text primary key,
    -- empty when it was released
    holder        text not null,
    version       integer not null,
    duration_ms   integer not null,
    expires_at_ms integer not null,
    acquired_at_ms integer not null,
    transitions   integer not null
) strict, without rowid;

-- The newest token of each lease, whatever the lease is kept in. The number never falls; the timeline is the server's.
create table catalog_ha_fences (
    name     text primary key,
    timeline integer not null,
    number   integer not null,
    holder   text not null
) strict, without rowid;

-- Who leads what, where the database says so. Times are the database's.
create table catalog_ha_leases (
    name          text collate "C" primary key,
    -- empty when it was released
    holder        text not null,
    version       bigint not null,
    duration_ms   bigint not null,
    expires_at_ms bigint not null,
    acquired_at_ms bigint not null,
    transitions   bigint not null
);

-- The newest token of each lease, whatever the lease is kept in. The number never falls; the timeline is the server's.
create table catalog_ha_fences (
    name     text collate "C" primary key,
    timeline bigint not null,
    number   bigint not null,
    holder   text not null
);

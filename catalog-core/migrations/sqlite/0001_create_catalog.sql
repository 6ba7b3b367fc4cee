-- Assets: one row per (namespace, plugin, kind, source, name), with its wire document ready to be sent.
create table catalog_core_assets (
    id             text primary key,
    namespace      text not null,
    plugin         text not null,
    kind           text not null,
    source         text not null,
    name           text not null,
    display_name   text,
    description    text,
    provider       text,
    lifecycle      text not null,
    revision       integer not null,
    create_time_ms integer not null,
    update_time_ms integer not null,
    digest         blob not null,
    -- lower-case text that q looks into
    search         text not null,
    -- what filters and orders compare: {"fields":{},"custom":{},"labels":{},"tags":[]}
    attributes     text not null,
    document       text not null,
    artifacts      text not null,
    unique (namespace, plugin, kind, source, name)
) strict;

create index catalog_core_assets_by_name on catalog_core_assets (namespace, plugin, kind, name, id);
create index catalog_core_assets_by_create_time on catalog_core_assets (namespace, plugin, kind, create_time_ms, id);
create index catalog_core_assets_by_update_time on catalog_core_assets (namespace, plugin, kind, update_time_ms, id);

create table catalog_core_sources (
    namespace      text not null,
    plugin         text not null,
    id             text not null,
    -- the specification and the status, as JSON
    spec           text not null,
    status         text not null,
    revision       integer not null,
    create_time_ms integer not null,
    update_time_ms integer not null,
    primary key (namespace, plugin, id)
) strict;

-- What replicas share and nobody configured.
create table catalog_core_settings (
    key   text primary key,
    value text not null
) strict;

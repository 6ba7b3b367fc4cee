-- Texts are compared by their bytes, as SQLite and the program compare them.

-- Assets: one row per (namespace, plugin, kind, source, name), with its wire document ready to be sent.
create table catalog_core_assets (
    id             uuid primary key,
    namespace      text collate "C" not null,
    plugin         text collate "C" not null,
    kind           text collate "C" not null,
    source         text collate "C" not null,
    name           text collate "C" not null,
    display_name   text collate "C",
    description    text collate "C",
    provider       text collate "C",
    lifecycle      text collate "C" not null,
    revision       bigint not null,
    create_time_ms bigint not null,
    update_time_ms bigint not null,
    document       text not null,
    -- what filters and orders compare: {"fields":{},"custom":{},"labels":{},"tags":[]}
    attributes     jsonb not null,
    -- the words of the names, which rank a search
    title          text collate "C" not null,
    digest         bytea not null,
    -- the tokens of the full-text index
    search         tsvector not null,
    artifacts      text not null,
    unique (namespace, plugin, source, kind, name)
);

-- One for each order that every list has; within one value by name, as is usual, so that they serve filters by it too. Those of declared fields are made from the entities' schemas.
create index catalog_core_assets_by_name on catalog_core_assets (namespace, plugin, kind, name, id);
create index catalog_core_assets_by_id on catalog_core_assets (namespace, plugin, kind, id);
create index catalog_core_assets_by_display_name
    on catalog_core_assets (namespace, plugin, kind, (coalesce(display_name, '')), name, id);
create index catalog_core_assets_by_provider on catalog_core_assets (namespace, plugin, kind, (coalesce(provider, '')), name, id);
create index catalog_core_assets_by_lifecycle on catalog_core_assets (namespace, plugin, kind, lifecycle, name, id);
create index catalog_core_assets_by_create_time on catalog_core_assets (namespace, plugin, kind, create_time_ms, name, id);
create index catalog_core_assets_by_update_time on catalog_core_assets (namespace, plugin, kind, update_time_ms, name, id);
-- The list of all tenants, in the usual order.
create index catalog_core_assets_of_all_by_name on catalog_core_assets (plugin, kind, name, id);

create index catalog_core_assets_search on catalog_core_assets using gin (search);

-- One row per tenant and plugin: another number whenever what the plugin lists for the tenant has changed.
create table catalog_core_generations (
    namespace  text collate "C" not null,
    plugin     text collate "C" not null,
    generation bigint not null,
    primary key (namespace, plugin)
);

create table catalog_core_sources (
    namespace      text collate "C" not null,
    plugin         text collate "C" not null,
    id             text collate "C" not null,
    -- the specification and the status, as JSON
    spec           text not null,
    status         text not null,
    revision       bigint not null,
    create_time_ms bigint not null,
    update_time_ms bigint not null,
    primary key (namespace, plugin, id)
);

-- What replicas share and nobody configured.
create table catalog_core_settings (
    key   text collate "C" primary key,
    value text not null
);

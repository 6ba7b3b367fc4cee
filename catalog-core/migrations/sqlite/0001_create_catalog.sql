-- Assets: one row per (namespace, plugin, kind, source, name), with its wire document ready to be sent. What lists read stands first.
create table catalog_core_assets (
    -- what the full-text index points to
    seq            integer primary key,
    id             text not null unique,
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
    document       text not null,
    -- what filters and orders compare: {"fields":{},"custom":{},"labels":{},"tags":[]}
    attributes     text not null,
    -- the words of the names, which rank a search
    title          text not null,
    digest         blob not null,
    -- the tokens of the full-text index
    search         text not null,
    artifacts      text not null,
    unique (namespace, plugin, source, kind, name)
) strict;

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

-- The words are split and folded already, and hold no ASCII but letters and digits; the text itself is in the table of assets.
create virtual table catalog_core_search using fts5 (
    search, content = '', contentless_delete = 1, tokenize = 'ascii', detail = 'none'
);

create trigger catalog_core_assets_inserted after insert on catalog_core_assets begin
    insert into catalog_core_search (rowid, search) values (new.seq, new.search);
end;

create trigger catalog_core_assets_deleted after delete on catalog_core_assets begin
    delete from catalog_core_search where rowid = old.seq;
end;

create trigger catalog_core_assets_updated after update of search on catalog_core_assets when old.search <> new.search begin
    delete from catalog_core_search where rowid = old.seq;
    insert into catalog_core_search (rowid, search) values (new.seq, new.search);
end;

-- One row per tenant and plugin: another number whenever what the plugin lists for the tenant has changed.
create table catalog_core_generations (
    namespace  text not null,
    plugin     text not null,
    generation integer not null,
    primary key (namespace, plugin)
) strict, without rowid;

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

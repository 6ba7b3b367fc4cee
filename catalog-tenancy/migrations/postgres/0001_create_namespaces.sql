-- The directory of tenants, where the database is it.
create table catalog_tenancy_namespaces (
    name           text collate "C" primary key,
    display_name   text,
    -- as JSON
    labels         text not null,
    -- active, suspended, terminating
    phase          text not null,
    create_time_ms bigint not null,
    update_time_ms bigint not null
);

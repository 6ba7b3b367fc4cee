-- Roles and bindings, where the database keeps them.
create table catalog_rbac_objects (
    kind      text collate "C" not null,
    -- empty for what belongs to the cluster
    namespace text collate "C" not null,
    name      text collate "C" not null,
    -- the object without its kind, as JSON
    document  text not null,
    primary key (kind, namespace, name)
);
-- Grows with every change of the objects; who writes them locks its one row.
create table catalog_rbac_version (
    id      integer primary key check (id = 1),
    version bigint not null
);
insert into catalog_rbac_version (id, version) values (1, 0);

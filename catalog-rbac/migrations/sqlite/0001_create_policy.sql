-- Roles and bindings, where the database keeps them.
create table catalog_rbac_objects (
    kind      text not null,
    -- empty for what belongs to the cluster
    namespace text not null,
    name      text not null,
    -- the object without its kind, as JSON
    document  text not null,
    primary key (kind, namespace, name)
) strict, without rowid;
-- Grows with every change of the objects; who writes them locks its one row.
create table catalog_rbac_version (
    id      integer primary key check (id = 1),
    version integer not null
) strict;
insert into catalog_rbac_version (id, version) values (1, 0);

-- How much each tenant keeps. The number is changed in the transaction of each change, so that a quota is exact.
create table catalog_core_usage (
    namespace text not null,
    stock     text not null,
    used      integer not null,
    primary key (namespace, stock)
) strict, without rowid;

insert into catalog_core_usage (namespace, stock, used)
    select namespace, 'assets', count(*) from catalog_core_assets group by namespace
    union all
    select namespace, 'sources', count(*) from catalog_core_sources group by namespace;

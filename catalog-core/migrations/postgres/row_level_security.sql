-- No migration: it is switched on where it is wanted, and may be run again.
do $$
declare
    tenants text;
begin
    foreach tenants in array array['catalog_core_assets', 'catalog_core_generations', 'catalog_core_sources', 'catalog_core_usage'] loop
        execute format('alter table %I enable row level security', tenants);
        execute format('alter table %I force row level security', tenants);
        execute format('drop policy if exists catalog_core_tenant on %I', tenants);
        -- what a transaction is for: names of tenants with commas between them, or a star; without one it is for nobody
        execute format(
            'create policy catalog_core_tenant on %I using ('
            '(select current_setting(''catalog.scope'', true)) = ''*'' or '
            'namespace = any (string_to_array((select current_setting(''catalog.scope'', true)), '',''))'
            ')', tenants);
    end loop;
end
$$;

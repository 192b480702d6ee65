-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    relation text;
    role_name text;
    exposed text[] := array(select rolname from pg_roles where rolname in ('anon', 'authenticated'));
begin
    foreach relation in array array[
        'analysis_frameworks', 'assistant_brands', 'model_prices', 'qci_analyses', 'judge_requests'
    ] loop
        execute format('alter table %I enable row level security', relation);
    end loop;
    foreach relation in array array[
        'analysis_frameworks', 'assistant_brands', 'model_prices', 'qci_analyses', 'judge_requests',
        'analysis_backlog', 'calls_to_analyze'
    ] loop
        execute format('revoke all on table %I from public', relation);
        foreach role_name in array exposed loop
            execute format('revoke all on table %I from %I', relation, role_name);
        end loop;
    end loop;
    revoke all on function analysis_frameworks_keep() from public;
    foreach role_name in array exposed loop
        execute format('revoke all on sequence analysis_frameworks_id_seq from %I', role_name);
        execute format('revoke all on function analysis_frameworks_keep() from %I', role_name);
    end loop;
end
$$;

-- Nothing here is for the roles that a hosting platform exposes over HTTP: Callmark reads and writes
-- as the owner, which row level security does not bind, and everybody else sees no row.
do $$
declare
    table_name text;
    role_name text;
begin
    foreach table_name in array array[
        'runs', 'logs', 'vapi_calls_raw', 'vapi_assistants', 'vapi_assistant_prompt_history',
        'vapi_call_rejects', 'sync_state', 'sync_windows', 'refinery_schema_history'
    ] loop
        execute format('alter table %I enable row level security', table_name);
        execute format('revoke all on table %I from public', table_name);
        -- Supabase's exposed roles; plain PostgreSQL has none of them.
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on table %I from %I', table_name, role_name);
        end loop;
    end loop;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on sequence sync_windows_id_seq from %I', role_name);
    end loop;
end
$$;

-- One row is one table of the earlier system that `callmark adopt` copies from: how far it has come.
create table adoption_progress (
    table_name text not null,
    -- The key of the last row that was looked at; copying goes on behind it.
    last_key text,
    rows_read bigint not null default 0,
    -- Rows that are new in our tables.
    rows_taken bigint not null default 0,
    -- Rows that our tables already held; what these lacked was filled in.
    rows_present bigint not null default 0,
    rows_refused bigint not null default 0,
    -- Why rows were refused, and what is odd about those that were taken: a reason and how often.
    reasons jsonb not null default '{}',
    started_at timestamptz not null,
    updated_at timestamptz not null,
    done_at timestamptz,
    constraint adoption_progress_pkey primary key (table_name),
    constraint adoption_progress_reasons_are_an_object check (jsonb_typeof(reasons) = 'object')
);

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    role_name text;
begin
    alter table adoption_progress enable row level security;
    revoke all on table adoption_progress from public;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on table adoption_progress from %I', role_name);
    end loop;
end
$$;

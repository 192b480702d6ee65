-- One row is one change to stored rows that follows a migration: how far `callmark migrate` has come with it.
create table backfills (
    -- As the code calls it.
    name text not null,
    -- The key of the last row that was looked at, as JSON; the next batch goes on behind it.
    last_key jsonb,
    rows_read bigint not null default 0,
    rows_changed bigint not null default 0,
    updated_at timestamptz not null,
    done_at timestamptz,
    constraint backfills_pkey primary key (name)
);

-- Changed calls were stored without lz4, whatever their columns said, and scores had never been told of it.
-- Where no row is stored yet, nothing is left to do.
insert into backfills (name, updated_at, done_at)
values ('compress_calls', now(), case when not exists (select from vapi_calls_raw) then now() end),
       ('compress_scores', now(), case when not exists (select from qci_analyses) then now() end);

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    role_name text;
begin
    alter table backfills enable row level security;
    revoke all on table backfills from public;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on table backfills from %I', role_name);
    end loop;
end
$$;

-- One row is a condition that somebody has to know of, from when the watchdog saw it until it was gone.
create table alerts (
    id uuid not null,
    kind text not null,
    script_name text not null,
    -- What it is counted from: the last success, the last start, the start of what runs too long.
    since timestamptz not null,
    summary text not null,
    raised_at timestamptz not null,
    cleared_at timestamptz,
    -- When the bus took the event that says so; until then it is published again.
    raise_published_at timestamptz,
    clear_published_at timestamptz,
    constraint alerts_pkey primary key (id),
    constraint alerts_kind_known check (kind in ('missed', 'late', 'too_long', 'low_headroom')),
    constraint alerts_clear_after_raise check (cleared_at >= raised_at),
    constraint alerts_clear_published_once_cleared check (clear_published_at is null or cleared_at is not null)
);

-- A condition that lasts is raised once.
create unique index alerts_one_open_per_condition on alerts (kind, script_name) where cleared_at is null;

create index alerts_newest_first on alerts (raised_at desc, id desc);
create index alerts_unpublished on alerts (raised_at)
    where raise_published_at is null or (cleared_at is not null and clear_published_at is null);

-- One row is a script that is expected to run by itself, since when the watchdog has known of it.
create table watched_scripts (
    script_name text not null,
    watched_since timestamptz not null,
    constraint watched_scripts_pkey primary key (script_name)
);

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    table_name text;
    role_name text;
begin
    foreach table_name in array array['alerts', 'watched_scripts'] loop
        execute format('alter table %I enable row level security', table_name);
        execute format('revoke all on table %I from public', table_name);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on table %I from %I', table_name, role_name);
        end loop;
    end loop;
end
$$;

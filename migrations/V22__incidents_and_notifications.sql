-- One row is something that went wrong, from its first sign until it was over.
create table incidents (
    id uuid not null,
    -- What it is about: a script, or else a function or an alarm of the stack.
    subject text not null,
    kind text not null,
    -- The same for the same trouble, whatever numbers stand in its text.
    fingerprint text not null,
    summary text not null,
    -- The newest run that showed it.
    run_id uuid,
    since timestamptz not null,
    last_seen_at timestamptz not null,
    occurrences bigint not null default 1,
    ended_at timestamptz,
    -- When somebody was last told of it, and when of its end.
    told_at timestamptz,
    end_told_at timestamptz,
    -- Who is telling of it does so until then, and nobody else.
    held_until timestamptz,
    constraint incidents_pkey primary key (id),
    constraint incidents_kind_known check (
        kind in (
            'run_failed', 'run_incomplete', 'missed', 'late', 'too_long', 'low_headroom', 'alarm', 'errors', 'undelivered'
        )
    ),
    constraint incidents_end_after_start check (ended_at >= since),
    constraint incidents_end_told_once_ended check (end_told_at is null or ended_at is not null)
);

-- The same trouble is one incident, however often it shows.
create unique index incidents_one_open_per_trouble on incidents (subject, fingerprint) where ended_at is null;

create index incidents_newest_first on incidents (since desc, id desc);
-- What ended, and whose end nobody was told.
create index incidents_end_untold on incidents (ended_at)
    where ended_at is not null and told_at is not null and end_told_at is null;

-- One row is one message on one channel, or what became of it.
create table notifications (
    id uuid not null,
    -- Absent for a test.
    incident_id uuid,
    kind text not null,
    channel text not null,
    status text not null,
    -- What was tried last: the message with everything, or its few plain words.
    form text not null,
    attempts integer not null,
    title text not null,
    body text not null,
    error text,
    created_at timestamptz not null,
    constraint notifications_pkey primary key (id),
    constraint notifications_incident_fkey foreign key (incident_id) references incidents (id) on delete cascade,
    constraint notifications_kind_known check (kind in ('failure', 'reminder', 'recovery', 'test')),
    constraint notifications_channel_known check (channel in ('slack', 'email', 'none')),
    constraint notifications_status_known check (status in ('sent', 'failed', 'recorded')),
    constraint notifications_form_known check (form in ('full', 'minimal')),
    constraint notifications_failed_says_why check (status <> 'failed' or error is not null)
);

create index notifications_newest_first on notifications (created_at desc, id desc);
create index notifications_by_incident on notifications (incident_id, created_at desc);

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    table_name text;
    role_name text;
begin
    foreach table_name in array array['incidents', 'notifications'] loop
        execute format('alter table %I enable row level security', table_name);
        execute format('revoke all on table %I from public', table_name);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on table %I from %I', table_name, role_name);
        end loop;
    end loop;
end
$$;

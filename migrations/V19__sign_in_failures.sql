-- One row is somebody or something that sign-ins have lately failed for: a name, an address, or a name from an address.
create table sign_in_failures (
    -- A hash under the key of the sessions: what is typed as a name may be a password, and addresses are personal.
    subject bytea not null,
    -- How many attempts are let through before there is a wait.
    allowed integer not null,
    -- Attempts in a row, each counted before its password was looked at; a sign-in that succeeds takes its own back.
    failures integer not null,
    -- When the next attempt is looked at, once there are as many failures as are allowed; till then, the last attempt.
    free_at timestamptz not null,
    constraint sign_in_failures_pkey primary key (subject),
    constraint sign_in_failures_subject_hashed check (octet_length(subject) = 32),
    constraint sign_in_failures_counted check (allowed > 0 and failures >= 0)
);

create index sign_in_failures_free_at on sign_in_failures (free_at);

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
alter table sign_in_failures enable row level security;

revoke all on table sign_in_failures from public;

do $$
declare
    role_name text;
begin
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on table sign_in_failures from %I', role_name);
    end loop;
end
$$;

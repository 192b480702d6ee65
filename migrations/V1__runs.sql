-- One row is one run of one script: who asked for it, how it ended, what it counted.
create table runs (
    id uuid not null,
    script_name text not null,
    status text not null,
    triggered_by text not null,
    batch_id uuid not null,
    started_at timestamptz not null,
    deadline_at timestamptz not null,
    finished_at timestamptz,
    duration_ms integer generated always as ((extract(epoch from (finished_at - started_at)) * 1000)::integer) stored,
    records_fetched integer not null default 0,
    records_inserted integer not null default 0,
    records_updated integer not null default 0,
    records_failed integer not null default 0,
    calls_analyzed integer not null default 0,
    api_cost numeric(12, 6) default 0,
    error_message text,
    metadata jsonb not null default '{}',
    constraint runs_pkey primary key (id),
    constraint runs_status_known check (status in ('running', 'success', 'partial', 'error', 'skipped')),
    constraint runs_finished_iff_not_running check ((status = 'running') = (finished_at is null)),
    constraint runs_finish_after_start check (finished_at >= started_at),
    constraint runs_error_says_why check (status <> 'error' or error_message is not null),
    constraint runs_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

-- The lease: at most one living run a script.
create unique index runs_one_running_per_script on runs (script_name) where status = 'running';

-- Idempotency: an event that is being handled, or was handled well, is not handled again.
create unique index runs_one_per_event on runs (script_name, (metadata ->> 'event_id'))
    where status in ('running', 'success', 'partial');

create index runs_newest_first on runs (started_at desc, id desc);
create index runs_by_script on runs (script_name, started_at desc, id desc);
create index runs_by_status on runs (status, started_at desc, id desc);
create index runs_by_batch on runs (batch_id, started_at);

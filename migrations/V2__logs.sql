-- One row is one step of a run, as the run told it.
create table logs (
    id uuid not null,
    run_id uuid not null,
    timestamp timestamptz not null default now(),
    level text not null,
    step text not null,
    message text not null,
    meta jsonb not null default '{}',
    constraint logs_pkey primary key (id),
    constraint logs_run_fkey foreign key (run_id) references runs (id) on delete cascade,
    constraint logs_level_known check (level in ('DEBUG', 'INFO', 'WARNING', 'ERROR'))
);

create index logs_by_run on logs (run_id, timestamp, id);
-- Pruning walks the oldest lines first.
create index logs_by_age on logs (timestamp);

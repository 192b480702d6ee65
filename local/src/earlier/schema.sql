-- The earlier system's tables, functions, and what people built on them.
create table public.runs (
    id uuid primary key default gen_random_uuid(),
    legacy_id int,
    script_name text not null,
    status text not null check (status in ('running', 'success', 'error')),
    started_at timestamptz,
    finished_at timestamptz,
    duration_ms int,
    records_fetched int,
    records_inserted int,
    records_updated int,
    records_failed int,
    error_message text,
    triggered_by text,
    batch_id text,
    calls_analyzed int,
    api_cost numeric(10, 4),
    metadata jsonb default '{}'
);

create table public.logs (
    id uuid primary key default gen_random_uuid(),
    run_id uuid references public.runs (id) on delete cascade,
    "timestamp" timestamptz default now(),
    level text check (level in ('INFO', 'ERROR', 'WARNING', 'DEBUG')),
    step text,
    message text,
    meta jsonb default '{}'
);
create index idx_logs_run_id on public.logs (run_id);

create table public.vapi_calls_raw (
    id text primary key,
    assistant_id text,
    customer_id text,
    status text,
    ended_reason text,
    created_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    duration_seconds int,
    transcript text,
    cost numeric,
    customer_phone_number text,
    recording_url text,
    vapi_success_evaluation text,
    raw_json jsonb,
    synced_at timestamptz default now(),
    has_calendar_booking bool default false,
    has_tool_calls bool default false,
    tool_names text[]
);
create index idx_calls_started_at on public.vapi_calls_raw (started_at desc);

create table public.vapi_assistants (
    assistant_id text primary key,
    name text,
    model text,
    voice text,
    prompt text,
    raw_json jsonb,
    synced_at timestamptz default now(),
    updated_at timestamptz
);

create table public.vapi_assistant_prompt_history (
    id serial primary key,
    assistant_id text,
    prompt text,
    model text,
    voice text,
    version_number int,
    changed_at timestamptz default now(),
    raw_json jsonb
);

create table public.analysis_frameworks (
    id serial primary key,
    name text not null,
    is_active bool default false,
    framework_type text default 'qci',
    prompt_template text,
    model_config jsonb
);

create table public.qci_analyses (
    id serial primary key,
    call_id text references public.vapi_calls_raw (id),
    framework_id int references public.analysis_frameworks (id),
    total_score numeric,
    dynamics_score numeric,
    objections_score numeric,
    brand_score numeric,
    outcome_score numeric,
    coaching_tips jsonb,
    key_issues jsonb,
    call_classification text,
    analysis_model text,
    analysis_cost numeric,
    analyzed_at timestamptz default now(),
    unique (call_id, framework_id)
);

create function public.get_dashboard_metrics(
    p_assistant_id text default null, p_date_from timestamptz default null, p_date_to timestamptz default null
) returns json language sql stable as $$
    select json_build_object('totalCalls', count(*), 'avgDuration', round(avg(duration_seconds), 1))
    from vapi_calls_raw
    where started_at >= coalesce(p_date_from, now() - interval '30 days')
      and (p_assistant_id is null or assistant_id = p_assistant_id)
$$;

create function public.get_calls_list(
    p_assistant_id text default null, p_date_from timestamptz default null, p_date_to timestamptz default null,
    p_quality_filter text default 'all', p_limit int default 100, p_offset int default 0
) returns table (id text, started_at timestamptz, duration_seconds int) language sql stable as $$
    select id, started_at, duration_seconds from vapi_calls_raw
    where started_at is not null order by started_at desc limit p_limit offset p_offset
$$;

create function public.get_timeline_data(
    p_assistant_id text default null, p_date_from timestamptz default null, p_date_to timestamptz default null,
    p_granularity text default 'day'
) returns table (date text, total_calls bigint, quality_calls bigint, analyzed_calls bigint)
language sql stable as $$
    select to_char(date_trunc(p_granularity, started_at), 'YYYY-MM-DD'), count(*), count(*), count(*)
    from vapi_calls_raw where started_at is not null group by 1 order by 1
$$;

-- What people built on them.
create view public.long_calls as
select id, assistant_id, duration_seconds, raw_json ->> 'type' as type
from public.vapi_calls_raw
where duration_seconds > 60;

create view public.long_calls_by_assistant as
select a.name, count(*) as calls
from public.long_calls as c
left join public.vapi_assistants as a using (assistant_id)
group by a.name;

create table public.call_notes (
    call_id text references public.vapi_calls_raw (id),
    note text
);

create function public.count_of_calls() returns bigint language sql stable as $$ select count(*) from vapi_calls_raw $$;

alter table public.vapi_calls_raw enable row level security;
create policy "readable when signed in" on public.vapi_calls_raw for select using (true);

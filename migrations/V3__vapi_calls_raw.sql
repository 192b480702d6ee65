-- One row is one Vapi call as Vapi last described it: typed columns beside the redacted document.
create table vapi_calls_raw (
    id text not null,
    org_id text,
    type text,
    status text,
    ended_reason text,
    assistant_id text,
    assistant_name text,
    assistant_version text,
    squad_id text,
    phone_number_id text,
    customer_id text,
    customer_phone_number text,
    created_at timestamptz,
    updated_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    duration_seconds integer,
    cost numeric,
    transcript text,
    recording_url text,
    vapi_success_evaluation text,
    has_calendar_booking boolean not null default false,
    has_tool_calls boolean not null default false,
    tool_names text[] not null default '{}',
    raw_json jsonb not null,
    document_hash bytea not null,
    synced_at timestamptz not null,
    -- Every date filter uses this: seven calls of ten never start.
    call_at timestamptz generated always as (coalesce(started_at, created_at)) stored,
    constraint vapi_calls_raw_pkey primary key (id),
    constraint vapi_calls_raw_id_not_blank check (id <> ''),
    constraint vapi_calls_raw_hash_is_128_bit check (octet_length(document_hash) = 16)
);

create index vapi_calls_raw_newest_first on vapi_calls_raw (call_at desc, id desc);
create index vapi_calls_raw_by_assistant on vapi_calls_raw (assistant_id, call_at desc, id desc);
-- The calls that a sync asks for again by id, because they had not ended when last seen.
create index vapi_calls_raw_open on vapi_calls_raw (created_at)
    where status is null or status not in ('ended', 'not-found', 'deletion-failed');

-- lz4 sees the repetition in these documents (64 KB of history to pglz's 4) at a third of the cost.
-- A server built without it keeps its default compression.
do $$
begin
    alter table vapi_calls_raw
        alter column raw_json set compression lz4,
        alter column transcript set compression lz4;
exception
    when feature_not_supported or invalid_parameter_value then
        raise notice 'this server has no lz4: documents take the default compression';
end
$$;

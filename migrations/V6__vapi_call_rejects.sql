-- One row is one document that could not be stored as a call, kept with the reason until it lands.
create table vapi_call_rejects (
    id uuid not null,
    call_id text,
    reason text not null,
    sqlstate text,
    document text,
    document_bytes integer not null,
    document_hash bytea not null,
    attempts integer not null default 1,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    resolved_at timestamptz,
    run_id uuid,
    constraint vapi_call_rejects_pkey primary key (id),
    constraint vapi_call_rejects_run_fkey foreign key (run_id) references runs (id) on delete set null,
    constraint vapi_call_rejects_one_per_document unique (document_hash)
);

create index vapi_call_rejects_by_call on vapi_call_rejects (call_id);

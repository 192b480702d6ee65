-- One row is one Vapi assistant as last listed; deleted_at is set once a complete listing lacks it.
create table vapi_assistants (
    assistant_id text not null,
    org_id text,
    name text,
    model text,
    voice text,
    prompt text,
    tools jsonb,
    raw_json jsonb not null,
    document_hash bytea not null,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    synced_at timestamptz not null,
    constraint vapi_assistants_pkey primary key (assistant_id),
    constraint vapi_assistants_id_not_blank check (assistant_id <> '')
);

create index vapi_assistants_by_name on vapi_assistants (name);

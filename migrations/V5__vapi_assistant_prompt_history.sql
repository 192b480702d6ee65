-- One row is one version of an assistant: a new one when its prompt, model, voice or tools change.
create table vapi_assistant_prompt_history (
    assistant_id text not null,
    version_number integer not null,
    prompt text,
    model text,
    voice text,
    tools jsonb,
    changed_at timestamptz not null,
    raw_json jsonb not null,
    version_hash bytea not null,
    constraint vapi_assistant_prompt_history_pkey primary key (assistant_id, version_number),
    constraint vapi_assistant_prompt_history_assistant_fkey foreign key (assistant_id)
        references vapi_assistants (assistant_id) on delete cascade,
    constraint vapi_assistant_prompt_history_version_positive check (version_number > 0)
);

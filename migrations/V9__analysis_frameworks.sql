-- One row is one version of one way to score calls: its rubric, the prompt of its judge, and the model.
create table analysis_frameworks (
    id integer generated always as identity,
    name text not null,
    version integer not null,
    is_active boolean not null default false,
    framework_type text not null default 'qci',
    rubric jsonb not null,
    prompt_template text not null,
    -- `model`, and beside it whatever else goes into each request as it stands: temperature, max_tokens.
    model_config jsonb not null,
    -- Of rubric, prompt and model together; set by the trigger below.
    sha256 text not null default '',
    created_at timestamptz not null default now(),
    constraint analysis_frameworks_pkey primary key (id),
    constraint analysis_frameworks_version_unique unique (name, version),
    constraint analysis_frameworks_name_not_blank check (btrim(name) <> ''),
    constraint analysis_frameworks_version_positive check (version > 0),
    constraint analysis_frameworks_prompt_not_blank check (btrim(prompt_template) <> ''),
    constraint analysis_frameworks_rubric_is_an_object check (jsonb_typeof(rubric) = 'object'),
    constraint analysis_frameworks_model_named check (jsonb_typeof(model_config -> 'model') = 'string')
);

-- Scores of two frameworks cannot be compared: one counts.
create unique index analysis_frameworks_one_active on analysis_frameworks (framework_type) where is_active;

-- A score says by which framework it was given, so a framework that gave one must stay as it was.
create function analysis_frameworks_keep() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    new.sha256 := encode(sha256(convert_to(
        jsonb_build_array(new.rubric, new.prompt_template, new.model_config)::text, 'UTF8')), 'hex');
    -- An insert must not reach the inner condition: the table that it names comes with a later migration.
    if tg_op = 'UPDATE' then
        if (new.sha256, new.name, new.version, new.framework_type)
            is distinct from (old.sha256, old.name, old.version, old.framework_type)
            and exists (select from qci_analyses where framework_id = old.id)
        then
            raise exception 'framework %@% has given scores and stays as it is', old.name, old.version
                using errcode = 'restrict_violation', hint = 'Insert it again with a higher version.';
        end if;
    end if;
    return new;
end
$$;

create trigger analysis_frameworks_keep
    before insert or update on analysis_frameworks
    for each row execute function analysis_frameworks_keep();

-- What the dashboard counts is read from indexes alone: a call's row is wide, and a month has a hundred thousand of them.
-- Such reading looks up the row of whatever is younger than the last vacuum, so vacuum may not wait for a fifth of a table
-- to change, as it does by default; of a table that mostly grows it looks at the new pages only.
alter table vapi_calls_raw set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
alter table qci_analyses set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);

-- The same two indexes, with what is counted and filtered by. An assistant is looked for by its own index,
-- so the first does without it.
drop index vapi_calls_raw_newest_first;
drop index vapi_calls_raw_by_assistant;
-- Never null; a constraint that says so would be copied to the tables that a sync makes like this one, where nothing
-- generates it.
alter table vapi_calls_raw
    add column has_transcript boolean generated always as (coalesce(transcript, '') <> '') stored;
create index vapi_calls_raw_newest_first on vapi_calls_raw (call_at desc, id desc)
    include (duration_seconds, has_transcript);
create index vapi_calls_raw_by_assistant on vapi_calls_raw (assistant_id, call_at desc, id desc)
    include (duration_seconds, has_transcript);

-- A score's copy of what is asked of its call, since no index spans two tables; null where there is no score.
alter table qci_analyses
    add column call_at timestamptz,
    add column assistant_id text,
    add column duration_seconds integer;

update qci_analyses as analysis
set call_at = call.call_at,
    assistant_id = call.assistant_id,
    duration_seconds = call.duration_seconds
from vapi_calls_raw as call
where call.id = analysis.call_id
  and analysis.status = 'scored';

create index qci_analyses_by_call_time on qci_analyses (framework_id, call_at desc, call_id desc)
    include (total_score, duration_seconds)
    where status = 'scored';
create index qci_analyses_by_assistant on qci_analyses (framework_id, assistant_id, call_at desc, call_id desc)
    include (total_score, duration_seconds)
    where status = 'scored';

-- The lock makes a sync that changes the call at this moment wait for the score or the score for the sync:
-- whichever comes second sees the other. Whoever stores a score locks one call, so that nobody waits in a circle.
create function qci_analyses_copy_call() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    select call.call_at, call.assistant_id, call.duration_seconds
    into new.call_at, new.assistant_id, new.duration_seconds
    from vapi_calls_raw as call
    where call.id = new.call_id
    for share;
    return new;
end
$$;

create trigger qci_analyses_copy_call
    before insert or update on qci_analyses
    for each row when (new.status = 'scored') execute function qci_analyses_copy_call();

create function vapi_calls_raw_tell_scores() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    update qci_analyses
    set call_at = new.call_at,
        assistant_id = new.assistant_id,
        duration_seconds = new.duration_seconds
    where call_id = new.id
      and status = 'scored';
    return null;
end
$$;

create trigger vapi_calls_raw_tell_scores
    after update on vapi_calls_raw
    for each row when (
        (old.call_at, old.assistant_id, old.duration_seconds)
            is distinct from (new.call_at, new.assistant_id, new.duration_seconds)
    )
    execute function vapi_calls_raw_tell_scores();

do $$
declare
    signature text;
    role_name text;
begin
    foreach signature in array array['qci_analyses_copy_call()', 'vapi_calls_raw_tell_scores()'] loop
        execute format('revoke all on function %s from public', signature);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on function %s from %I', signature, role_name);
        end loop;
    end loop;
end
$$;

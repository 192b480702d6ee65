-- A scoring run reads what is new instead of every call. A call is new to a framework if it was stored or changed by a
-- transaction that the framework's mark does not cover.

-- The transaction that stored the call or changed its document last. Rows of before get this migration's. It may be null:
-- a sync makes temporary tables like this one, and a constraint would be copied to them. It is the database that writes
-- it, and not the program, so that an earlier version of the program keeps it, too.
alter table vapi_calls_raw add column changed_in xid8 default pg_current_xact_id();

create function vapi_calls_raw_note_change() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    new.changed_in := pg_current_xact_id();
    return new;
end
$$;

create trigger vapi_calls_raw_note_change
    before update on vapi_calls_raw
    for each row when (old.document_hash is distinct from new.document_hash)
    execute function vapi_calls_raw_note_change();

-- The call had another version than the one that was looked at when the row was written. A sync may change a call while
-- it is judged, and a run that was taken for dead may store what it thought of an older version.
alter table qci_analyses add column is_outdated boolean not null default false;

-- The lock makes a sync that changes the call at this moment wait for the analysis or the analysis for the sync:
-- whichever comes second sees the other.
create function qci_analyses_note_version() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    new.is_outdated := false;
    if new.status = 'skipped' then
        select call.document_hash <> new.call_hash
        into new.is_outdated
        from vapi_calls_raw as call
        where call.id = new.call_id
        for share;
        -- The foreign key refuses a call that is not there.
        new.is_outdated := coalesce(new.is_outdated, false);
    end if;
    return new;
end
$$;

create trigger qci_analyses_note_version
    before insert or update on qci_analyses
    for each row when (new.status = 'skipped' or new.is_outdated)
    execute function qci_analyses_note_version();

-- One row is how far a framework's backlog was read: of the calls that transactions before the mark stored or changed,
-- those that the framework still has to look at are in analysis_pending or qci_analyses_due.
create table analysis_marks (
    framework_id integer not null,
    -- Null where every call has to be read.
    changed_before xid8,
    -- The transaction that wrote this row. A restored dump has another one in `xmin`: transactions are counted anew
    -- there, and the mark means nothing.
    written_in xid8 not null default pg_current_xact_id(),
    constraint analysis_marks_pkey primary key (framework_id),
    constraint analysis_marks_framework_fkey foreign key (framework_id)
        references analysis_frameworks (id) on delete cascade
);

-- One row is a call that the mark covers and that the framework had not looked at when the mark moved. Only the run that
-- moves a mark writes here, and it holds the mark's row; so there is no foreign key that would lock calls.
create table analysis_pending (
    framework_id integer not null,
    call_id text not null,
    constraint analysis_pending_pkey primary key (framework_id, call_id),
    constraint analysis_pending_framework_fkey foreign key (framework_id)
        references analysis_frameworks (id) on delete cascade
);

-- Whoever deletes analyses wants the calls to be looked at again: every call is read once more. Analyses that go with
-- their calls change nothing.
create function qci_analyses_reset_marks() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    update analysis_marks as mark
    set changed_before = null
    where exists (
        select
        from gone
        join vapi_calls_raw as call on call.id = gone.call_id
        where gone.framework_id = mark.framework_id
    );
    return null;
end
$$;

create trigger qci_analyses_reset_marks
    after delete on qci_analyses
    referencing old table as gone
    for each statement execute function qci_analyses_reset_marks();

-- For what is rare: a truncated table, or an analysis that is given to another call or framework.
create function qci_analyses_reset_all_marks() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    update analysis_marks set changed_before = null;
    return null;
end
$$;

create trigger qci_analyses_reset_marks_when_truncated
    after truncate on qci_analyses
    for each statement execute function qci_analyses_reset_all_marks();

create trigger qci_analyses_reset_marks_when_moved
    after update on qci_analyses
    for each row when ((old.call_id, old.framework_id) is distinct from (new.call_id, new.framework_id))
    execute function qci_analyses_reset_all_marks();

-- As for the tables before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    relation text;
    signature text;
    role_name text;
    exposed text[] := array(select rolname from pg_roles where rolname in ('anon', 'authenticated'));
begin
    foreach relation in array array['analysis_marks', 'analysis_pending'] loop
        execute format('alter table %I enable row level security', relation);
        execute format('revoke all on table %I from public', relation);
        foreach role_name in array exposed loop
            execute format('revoke all on table %I from %I', relation, role_name);
        end loop;
    end loop;
    foreach signature in array array[
        'vapi_calls_raw_note_change()', 'qci_analyses_note_version()', 'qci_analyses_reset_marks()',
        'qci_analyses_reset_all_marks()'
    ] loop
        execute format('revoke all on function %s from public', signature);
        foreach role_name in array exposed loop
            execute format('revoke all on function %s from %I', signature, role_name);
        end loop;
    end loop;
end
$$;

-- What a sync remembers to tell a listing that lacks calls from the truth.

alter table vapi_calls_raw
    -- Since when a listing that should hold the call does not; until Vapi was asked for it by its id.
    add column absent_at timestamptz,
    -- When Vapi no longer knew the call by its id. What is stored stays.
    add column gone_at timestamptz;

-- Each stretch that was listed is compared with the calls that are stored for it.
create index vapi_calls_raw_by_creation on vapi_calls_raw (created_at);

create index vapi_calls_raw_unlisted on vapi_calls_raw (created_at) where absent_at is not null or gone_at is not null;

alter table sync_state
    -- Whose calls these are: Vapi's id of the organisation.
    add column organisation text,
    -- Calls created up to here had their last look, shortly before Vapi forgets them.
    add column last_looked_to timestamptz,
    -- When everything was read for the second time after the first load.
    add column read_again_at timestamptz,
    -- How many runs in a row were given a listing that cannot be true.
    add column suspect_runs integer not null default 0,
    -- When the calls of each day were last counted against Vapi's own counts.
    add column reconciled_at timestamptz,
    -- When Vapi last refused to count, and so is left alone for a week.
    add column counts_refused_at timestamptz,
    -- The last day up to which no call is missing, by Vapi's counts.
    add column complete_to date,
    -- How many calls Vapi counted that are not stored.
    add column calls_missing bigint not null default 0;

-- The code before this one reads an unknown pass as a full one, within the same bounds: it walks the same calls.
alter table sync_windows
    drop constraint sync_windows_pass_known,
    add constraint sync_windows_pass_known check (pass in ('full', 'new', 'changed', 'rescan', 'range', 'last_look'));

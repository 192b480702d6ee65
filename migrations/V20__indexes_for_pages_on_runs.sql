-- What the pages on runs read by, beside what runs themselves are claimed by.

-- Tiles and charts are added up from this alone, without a look at the rows.
create index runs_in_time on runs (started_at) include (script_name, status, duration_ms, api_cost);

-- Who asks may have a long name, and an index entry has a limit.
create index runs_by_trigger on runs (left(triggered_by, 100), started_at desc, id desc);

create index runs_succeeded on runs (script_name, started_at desc) where status = 'success';

-- Few runs say why they failed, and a text is looked for in those alone.
create index runs_that_say_why on runs (started_at) where error_message is not null;

create index vapi_call_rejects_by_run on vapi_call_rejects (run_id);

-- The calls that a sync wrote: they lie together, so this index is tiny and costs writing nothing.
create index vapi_calls_raw_by_sync on vapi_calls_raw using brin (synced_at) with (pages_per_range = 32, autosummarize = on);

-- What is done after the migrations, and outside of a transaction, so that nobody waits for it however large a table is:
-- one statement after the other, under the lock of the migrations. Each is one of
--   create [unique] index concurrently if not exists NAME on TABLE (...)
--   drop index concurrently if exists NAME
--   alter table TABLE validate constraint NAME
-- and is skipped where the catalog shows that it is done. What an index is made of never changes under its name.
-- The code may not need any of it to be right, only to be fast. CONTRIBUTING.md says how a large table is changed.

-- No query reads by these: analyses are looked up by call, run or score, rejects by their hash, assistants by their id.
drop index concurrently if exists qci_analyses_newest_first;
drop index concurrently if exists vapi_call_rejects_by_call;
drop index concurrently if exists vapi_assistants_by_name;

-- The calls whose columns code of an earlier version derived: none, once all are up to date.
create index concurrently if not exists vapi_calls_raw_derived_before_1 on vapi_calls_raw (id)
    where derived_version is null or derived_version < 1;

-- What a scoring run has to look at: calls that changed, and analyses that are due again.
create index concurrently if not exists vapi_calls_raw_by_change on vapi_calls_raw (changed_in);
create index concurrently if not exists qci_analyses_due on qci_analyses (framework_id)
    where status = 'failed' or is_outdated;

-- Scores that no hour counts yet.
create index concurrently if not exists qci_analyses_by_count on qci_analyses (counted_in) where status = 'scored';

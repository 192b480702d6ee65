-- A year of calls that the active framework has looked at: seven in twenty have a score, the others none.
create temporary table looked_at as
select md5('call ' || n)::uuid::text as id,
       now() - interval '1 day' - n * (interval '365 days' / total) as created_at,
       n % 20 < 7 as is_scored
from (select current_setting('archive.calls')::integer as total) as size
cross join generate_series(1, size.total) as n;

insert into vapi_calls_raw (id, status, created_at, raw_json, document_hash, synced_at)
select id, 'ended', created_at, jsonb_build_object('id', id, 'status', 'ended', 'made_up', repeat(id, 10)),
       decode(md5(id), 'hex'), created_at
from looked_at;

insert into qci_analyses (
    call_id, framework_id, status, skip_reason, dynamics_score, points, applicable_max, total_score,
    call_classification, analysis_model, call_hash, analyzed_at
)
select looked_at.id, framework.id,
       case when is_scored then 'scored' else 'skipped' end,
       case when not is_scored then 'unanswered' end,
       case when is_scored then 20 end,
       case when is_scored then 20 end,
       case when is_scored then 100 end,
       case when is_scored then 20 end,
       case when is_scored then 'poor' end,
       case when is_scored then 'made-up' end,
       decode(md5(looked_at.id), 'hex'), created_at
from looked_at
cross join (select id from analysis_frameworks where is_active) as framework;

drop table looked_at;

-- One row is a call that a framework has yet to look at: never seen, failed and not parked, or skipped and changed since.
create view analysis_backlog with (security_invoker = true) as
select call.id as call_id,
       framework.id as framework_id,
       framework.is_active,
       call.created_at,
       coalesce(analysis.attempts, 0) as attempts
from vapi_calls_raw as call
cross join analysis_frameworks as framework
left join qci_analyses as analysis on analysis.call_id = call.id and analysis.framework_id = framework.id
where framework.framework_type = 'qci'
  and (analysis.call_id is null
       or analysis.status = 'failed'
       or (analysis.status = 'skipped' and analysis.call_hash <> call.document_hash));

-- One row is a call that the active framework has yet to look at.
create view calls_to_analyze with (security_invoker = true) as
select call_id, framework_id, created_at, attempts
from analysis_backlog
where is_active;

-- What analysts read: views that run as their owner, so that a reader needs no right on the tables, whose row level
-- security would show nobody but the owner a row. No document, no transcript, no quote, no whole telephone number.
create schema if not exists callmark_analytics;

comment on schema callmark_analytics is 'Read-only views for analysts: grant callmark_analyst to whoever may read them.';

create view callmark_analytics.calls as
select call.id,
       call.org_id,
       call.type,
       call.status,
       call.ended_reason,
       call.assistant_id,
       call.assistant_name,
       call.assistant_version,
       call.squad_id,
       call.phone_number_id,
       call.customer_id,
       -- The last two digits, as on the pages; none of a number that is mostly told by them.
       case
           when length(digits.only) >= 6 then '••• ' || right(digits.only, 2)
           when call.customer_phone_number is not null then '•••'
       end as customer_number_masked,
       call.created_at,
       call.started_at,
       call.ended_at,
       call.call_at,
       call.duration_seconds,
       call.cost,
       call.has_transcript,
       call.recording_url is not null as has_recording,
       call.vapi_success_evaluation,
       call.has_calendar_booking,
       call.has_tool_calls,
       call.tool_names,
       call.content_kept_at,
       call.gone_at,
       call.updated_at,
       call.synced_at
from vapi_calls_raw as call
cross join lateral (select regexp_replace(call.customer_phone_number, '\D', '', 'g') as only) as digits;

create view callmark_analytics.assistants as
select assistant_id, org_id, name, model, voice, created_at, updated_at, deleted_at
from vapi_assistants;

create view callmark_analytics.frameworks as
select id, name, version, is_active, framework_type, model_config ->> 'model' as model, created_at
from analysis_frameworks;

create view callmark_analytics.scores as
select analysis.call_id,
       analysis.framework_id,
       analysis.status,
       analysis.skip_reason,
       analysis.dynamics_score,
       analysis.objections_score,
       analysis.brand_score,
       analysis.outcome_score,
       analysis.points,
       analysis.applicable_max,
       analysis.total_score,
       analysis.call_classification,
       analysis.is_flagged,
       analysis.quotes_total,
       analysis.quotes_verified,
       analysis.analysis_model,
       analysis.input_tokens,
       analysis.cached_tokens,
       analysis.output_tokens,
       analysis.analysis_cost,
       analysis.run_id,
       analysis.analyzed_at
from qci_analyses as analysis;

-- One row is one criterion of one score. The reasons and quotes of the judge stay out: they are the conversation's words.
create view callmark_analytics.criteria as
select analysis.call_id,
       analysis.framework_id,
       criterion.place,
       criterion.found ->> 'id' as criterion_id,
       criterion.found ->> 'name' as name,
       criterion.found ->> 'block' as block,
       criterion.found ->> 'kind' as kind,
       criterion.found ->> 'standing' as standing,
       criterion.found ->> 'level' as level,
       criterion.found -> 'fact' as fact,
       criterion.found -> 'points' as points,
       criterion.found -> 'max' as max_points
from qci_analyses as analysis
cross join lateral jsonb_array_elements(
    case jsonb_typeof(analysis.criteria) when 'array' then analysis.criteria end
) with ordinality as criterion (found, place);

-- Scores of the system before this one. Nobody verified them.
create view callmark_analytics.earlier_scores as
select call_id, framework_id, total_score, dynamics_score, objections_score, brand_score, outcome_score, sums_up,
       call_classification, analysis_model, analysis_cost, analyzed_at
from earlier_analyses;

create view callmark_analytics.runs as
select id, script_name, status, triggered_by, batch_id, started_at, finished_at, duration_ms, records_fetched,
       records_inserted, records_updated, records_failed, calls_analyzed, api_cost
from runs;

-- A role is of the whole server: another database's migration may make it at the same moment, and not every owner of a
-- database may make one at all. Without it, the views can be granted to any other role.
do $$
declare
    role_name text;
begin
    begin
        create role callmark_analyst nologin;
    exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
            raise notice 'the role callmark_analyst could not be made: docs/analysts.md has the statements';
    end;
    revoke all on schema callmark_analytics from public;
    revoke all on all tables in schema callmark_analytics from public;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on schema callmark_analytics from %I', role_name);
        execute format('revoke all on all tables in schema callmark_analytics from %I', role_name);
    end loop;
    if exists (select from pg_roles where rolname = 'callmark_analyst') then
        grant usage on schema callmark_analytics to callmark_analyst;
        grant select on all tables in schema callmark_analytics to callmark_analyst;
        -- Views of later migrations, too.
        alter default privileges in schema callmark_analytics grant select on tables to callmark_analyst;
    end if;
end
$$;

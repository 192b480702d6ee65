-- The three functions that front ends call; names, arguments, keys and columns are a contract with them.
-- Every date is that of call_at, since seven calls of ten never start, and only the active framework's scores are seen.

-- One row is a call as lists show it, with what the active framework says of it.
create view calls_listed with (security_invoker = true) as
select call.id,
       call.call_at,
       call.started_at,
       call.duration_seconds,
       call.assistant_id,
       coalesce(assistant.name, call.assistant_name) as assistant_name,
       call.customer_phone_number as customer_number,
       analysis.total_score as qci_score,
       coalesce(call.transcript, '') <> '' as has_transcript,
       analysis.total_score is not null as has_qci,
       call.status,
       case
           when analysis.total_score is null then null
           when call.duration_seconds > 60 and analysis.total_score > 70 then 'excellent'
           when call.duration_seconds > 30 and analysis.total_score > 50 then 'good'
           when call.duration_seconds > 15 then 'average'
           else 'poor'
       end as quality,
       call.cost,
       call.ended_reason,
       analysis.status as analysis_status,
       analysis.skip_reason,
       analysis.call_classification,
       analysis.is_flagged,
       analysis.run_id as analysis_run_id
from vapi_calls_raw as call
left join vapi_assistants as assistant on assistant.assistant_id = call.assistant_id
left join qci_analyses as analysis
    on analysis.call_id = call.id
    and analysis.framework_id = (select id from analysis_frameworks where is_active and framework_type = 'qci');

create function get_dashboard_metrics(
    p_assistant_id text default null,
    p_date_from timestamptz default null,
    p_date_to timestamptz default null
) returns json
    language sql
    stable
    security invoker
    set search_path from current
as $$
    with calls as (
        select call.duration_seconds, analysis.total_score
        from vapi_calls_raw as call
        left join qci_analyses as analysis
            on analysis.call_id = call.id
            and analysis.status = 'scored'
            and analysis.framework_id = (
                select id from analysis_frameworks where is_active and framework_type = 'qci'
            )
        where call.call_at >= coalesce(p_date_from, now() - interval '30 days')
          and call.call_at <= coalesce(p_date_to, now())
          and (p_assistant_id is null or call.assistant_id = p_assistant_id)
    )
    select json_build_object(
        'totalCalls', count(*),
        'qualityCalls', count(*) filter (where duration_seconds > 30),
        'engagedCalls', count(*) filter (where duration_seconds > 60),
        'analyzedCalls', count(total_score),
        'avgDuration', coalesce(round(avg(duration_seconds) filter (where duration_seconds > 0), 1), 0),
        'avgQCI', coalesce(round(avg(total_score), 1), 0),
        'qualityRate', coalesce(
            round(100.0 * count(*) filter (where duration_seconds > 30) / nullif(count(*), 0), 1), 0),
        'totalAssistants', (
            select count(*)
            from vapi_assistants
            where deleted_at is null
              and (p_assistant_id is null or assistant_id = p_assistant_id)
        )
    )
    from calls
$$;

create function get_calls_list(
    p_assistant_id text default null,
    p_date_from timestamptz default null,
    p_date_to timestamptz default null,
    p_quality_filter text default 'all',
    p_limit integer default 100,
    p_offset integer default 0
) returns table (
    id text,
    started_at timestamptz,
    duration_seconds integer,
    assistant_id text,
    assistant_name text,
    customer_number text,
    qci_score numeric,
    has_transcript boolean,
    has_qci boolean,
    status text,
    quality text,
    cost numeric
)
    language sql
    stable
    security invoker
    set search_path from current
as $$
    select listed.id, listed.started_at, listed.duration_seconds, listed.assistant_id, listed.assistant_name,
           listed.customer_number, listed.qci_score, listed.has_transcript, listed.has_qci, listed.status,
           listed.quality, listed.cost
    from calls_listed as listed
    where listed.call_at >= coalesce(p_date_from, now() - interval '90 days')
      and listed.call_at <= coalesce(p_date_to, now())
      and (p_assistant_id is null or listed.assistant_id = p_assistant_id)
      and case coalesce(p_quality_filter, 'all')
              when 'all' then true
              when 'quality' then listed.duration_seconds > 30
              when 'excellent' then listed.duration_seconds > 60 and listed.qci_score > 70
              when 'with_qci' then listed.has_qci
              when 'with_transcript' then listed.has_transcript
              else false
          end
    order by listed.call_at desc, listed.id desc
    limit greatest(coalesce(p_limit, 100), 0)
    offset greatest(coalesce(p_offset, 0), 0)
$$;

create function get_timeline_data(
    p_assistant_id text default null,
    p_date_from timestamptz default null,
    p_date_to timestamptz default null,
    p_granularity text default 'day',
    p_time_zone text default 'UTC'
) returns table (
    date text,
    total_calls bigint,
    quality_calls bigint,
    analyzed_calls bigint
)
    language sql
    stable
    security invoker
    set search_path from current
as $$
    with bounds as (
        select coalesce(p_date_from, now() - interval '90 days') as date_from,
               coalesce(p_date_to, now()) as date_to,
               coalesce(p_granularity, 'day') as granularity,
               coalesce(p_time_zone, 'UTC') as zone
    ),
    -- In local time, in which a day is a day, whatever the clocks do.
    buckets as (
        select generate_series(
                   date_trunc(granularity, date_from at time zone zone),
                   date_trunc(granularity, date_to at time zone zone),
                   case granularity
                       when 'quarter' then interval '3 months'
                       else ('1 ' || granularity)::interval
                   end
               ) as bucket
        from bounds
    ),
    counts as (
        select date_trunc(granularity, call.call_at at time zone zone) as bucket,
               count(*) as total_calls,
               count(*) filter (where call.duration_seconds > 30) as quality_calls,
               count(analysis.call_id) as analyzed_calls
        from bounds
        cross join vapi_calls_raw as call
        left join qci_analyses as analysis
            on analysis.call_id = call.id
            and analysis.status = 'scored'
            and analysis.framework_id = (
                select id from analysis_frameworks where is_active and framework_type = 'qci'
            )
        where call.call_at >= date_from
          and call.call_at <= date_to
          and (p_assistant_id is null or call.assistant_id = p_assistant_id)
        group by 1
    )
    select to_char(bucket, 'YYYY-MM-DD'),
           coalesce(total_calls, 0),
           coalesce(quality_calls, 0),
           coalesce(analyzed_calls, 0)
    from buckets
    left join counts using (bucket)
    order by bucket
$$;

-- A hosting platform offers every function of this schema to the world unless it is told not to.
do $$
declare
    signature text;
    role_name text;
begin
    revoke all on table calls_listed from public;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on table calls_listed from %I', role_name);
    end loop;
    foreach signature in array array[
        'get_dashboard_metrics(text, timestamptz, timestamptz)',
        'get_calls_list(text, timestamptz, timestamptz, text, integer, integer)',
        'get_timeline_data(text, timestamptz, timestamptz, text, text)'
    ] loop
        execute format('revoke all on function %s from public', signature);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on function %s from %I', signature, role_name);
        end loop;
    end loop;
end
$$;

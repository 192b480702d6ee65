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
       call.has_transcript,
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

-- Where the calls stand that pass the filters; one row of either function is one call. What asks for a score is found
-- among the scores, the rest among the calls, and the other function finds nothing: a list asks both. Either way an index
-- answers alone, so that a deep page costs no more than its entries. Nothing is set on these two functions, so that they
-- become part of the statement that asks.
create function calls_filtered(p_assistant_id text, p_quality_filter text)
    returns table (call_at timestamptz, id text)
    language sql
    stable
    security invoker
begin atomic
    select call.call_at, call.id
    from vapi_calls_raw as call
    where p_quality_filter not in ('with_qci', 'excellent')
      and (p_assistant_id is null or call.assistant_id = p_assistant_id)
      and case p_quality_filter
              when 'quality' then call.duration_seconds > 30
              when 'with_transcript' then call.has_transcript
              -- A front end may have a filter of its own, or send a blank one for none: it gets its calls, and no error.
              else true
          end;
end;

create function scores_filtered(p_assistant_id text, p_quality_filter text)
    returns table (call_at timestamptz, id text)
    language sql
    stable
    security invoker
begin atomic
    select score.call_at, score.call_id
    from qci_analyses as score
    where p_quality_filter in ('with_qci', 'excellent')
      and score.status = 'scored'
      and score.framework_id = (
          select framework.id
          from analysis_frameworks as framework
          where framework.is_active
            and framework.framework_type = 'qci'
      )
      and (p_assistant_id is null or score.assistant_id = p_assistant_id)
      and (p_quality_filter = 'with_qci' or (score.duration_seconds > 60 and score.total_score > 70));
end;

-- Each of the three is planned for the values that it is called with: a filter that is not set is no condition. Neither
-- compiling nor starting workers pays for itself in the tenth of a second that the longest of them takes.
create function get_dashboard_metrics(
    p_assistant_id text default null,
    p_date_from timestamptz default null,
    p_date_to timestamptz default null
) returns json
    language plpgsql
    stable
    security invoker
    set search_path from current
    set plan_cache_mode = force_custom_plan
    set max_parallel_workers_per_gather = 0
    set jit = off
as $$
declare
    date_from constant timestamptz := coalesce(p_date_from, now() - interval '30 days');
    date_to constant timestamptz := coalesce(p_date_to, now());
begin
    return (
        with calls as (
            select count(*) as total,
                   count(*) filter (where call.duration_seconds > 30) as quality,
                   count(*) filter (where call.duration_seconds > 60) as engaged,
                   avg(call.duration_seconds) filter (where call.duration_seconds > 0) as duration
            from vapi_calls_raw as call
            where call.call_at >= date_from
              and call.call_at <= date_to
              and (p_assistant_id is null or call.assistant_id = p_assistant_id)
        ),
        scores as (
            select count(*) as analyzed,
                   avg(score.total_score) as qci
            from qci_analyses as score
            where score.call_at >= date_from
              and score.call_at <= date_to
              and (p_assistant_id is null or score.assistant_id = p_assistant_id)
              and score.status = 'scored'
              and score.framework_id = (
                  select framework.id
                  from analysis_frameworks as framework
                  where framework.is_active
                    and framework.framework_type = 'qci'
              )
        )
        select json_build_object(
            'totalCalls', calls.total,
            'qualityCalls', calls.quality,
            'engagedCalls', calls.engaged,
            'analyzedCalls', scores.analyzed,
            'avgDuration', coalesce(round(calls.duration, 1), 0),
            'avgQCI', coalesce(round(scores.qci, 1), 0),
            'qualityRate', coalesce(round(100.0 * calls.quality / nullif(calls.total, 0), 1), 0),
            'totalAssistants', (
                select count(*)
                from vapi_assistants as assistant
                where assistant.deleted_at is null
                  and (p_assistant_id is null or assistant.assistant_id = p_assistant_id)
            )
        )
        from calls
        cross join scores
    );
end
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
    language plpgsql
    stable
    security invoker
    set search_path from current
    set plan_cache_mode = force_custom_plan
    set max_parallel_workers_per_gather = 0
    set jit = off
as $$
declare
    date_from constant timestamptz := coalesce(p_date_from, now() - interval '90 days');
    date_to constant timestamptz := coalesce(p_date_to, now());
    quality_filter constant text := coalesce(p_quality_filter, 'all');
    -- Fewer than none is none.
    most constant integer := greatest(coalesce(p_limit, 100), 0);
    skipped constant integer := greatest(coalesce(p_offset, 0), 0);
begin
    return query
    with page as materialized (
        (
            select call.call_at, call.id
            from calls_filtered(p_assistant_id, quality_filter) as call
            where call.call_at >= date_from
              and call.call_at <= date_to
            order by call.call_at desc, call.id desc
            limit most
            offset skipped
        )
        union all
        (
            select score.call_at, score.id
            from scores_filtered(p_assistant_id, quality_filter) as score
            where score.call_at >= date_from
              and score.call_at <= date_to
            order by score.call_at desc, score.id desc
            limit most
            offset skipped
        )
    )
    select listed.id, listed.started_at, listed.duration_seconds, listed.assistant_id, listed.assistant_name,
           listed.customer_number, listed.qci_score, listed.has_transcript, listed.has_qci, listed.status,
           listed.quality, listed.cost
    from page
    join calls_listed as listed on listed.id = page.id
    order by page.call_at desc, page.id desc;
end
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
    language plpgsql
    stable
    security invoker
    set search_path from current
    set plan_cache_mode = force_custom_plan
    set max_parallel_workers_per_gather = 0
    set jit = off
as $$
declare
    date_from constant timestamptz := coalesce(p_date_from, now() - interval '90 days');
    date_to constant timestamptz := coalesce(p_date_to, now());
    granularity constant text := lower(coalesce(p_granularity, 'day'));
    zone constant text := coalesce(p_time_zone, 'UTC');
    -- Each day since 1970 is fewer.
    most_buckets constant integer := 25000;
    step constant interval := case
        when granularity = 'quarter' then interval '3 months'
        when granularity in (
            'microseconds', 'milliseconds', 'second', 'minute', 'hour',
            'day', 'week', 'month', 'year', 'decade', 'century', 'millennium'
        ) then ('1 ' || granularity)::interval
    end;
    active_framework constant integer := (
        select framework.id
        from analysis_frameworks as framework
        where framework.is_active
          and framework.framework_type = 'qci'
    );
begin
    if step is null then
        raise exception 'unknown granularity "%"', p_granularity
            using errcode = 'invalid_parameter_value',
                  hint = 'It is one of hour, day, week, month, quarter, year, or another of date_trunc''s.';
    end if;
    if not isfinite(date_from) or not isfinite(date_to) then
        raise exception 'a timeline has a beginning and an end'
            using errcode = 'invalid_parameter_value';
    end if;
    if date_from > date_to then
        return;
    end if;
    if (extract(epoch from date_to) - extract(epoch from date_from)) / extract(epoch from step) > most_buckets then
        raise exception 'a timeline from % to % by % has more than % entries', date_from, date_to, granularity, most_buckets
            using errcode = 'invalid_parameter_value',
                  hint = 'Ask for a coarser granularity or for fewer days.';
    end if;
    return query
    with starts as (
        -- Hours and less are counted as they pass, so that a day that has 25 hours has 25.
        select instant as begins, instant at time zone zone as local_time
        from generate_series(date_trunc(granularity, date_from, zone), date_to, step) as instant
        where step < interval '1 day'
        union all
        -- Days and more as the calendar has them, whatever the clocks do; where the clocks go back over a midnight,
        -- the day begins with the first of the two.
        select case
                   when by_old_clock at time zone zone = local_time then least(by_clock, by_old_clock)
                   else by_clock
               end,
               local_time
        from generate_series(
            date_trunc(granularity, date_from at time zone zone),
            date_to at time zone zone,
            step
        ) as local_time
        cross join lateral (select local_time at time zone zone as by_clock) as new_clock
        cross join lateral (select by_clock - interval '1 day' as day_before) as before
        cross join lateral (
            select local_time at time zone 'UTC' - (day_before at time zone zone - day_before at time zone 'UTC')
                as by_old_clock
        ) as old_clock
        where step >= interval '1 day'
    ),
    buckets as (
        select begins,
               lead(begins, 1, 'infinity') over (order by begins, local_time) as ends,
               local_time
        from starts
    )
    select to_char(bucket.local_time, 'YYYY-MM-DD'), calls.total, calls.quality, scores.analyzed
    from buckets as bucket
    cross join lateral (
        select count(*) as total,
               count(*) filter (where call.duration_seconds > 30) as quality
        from vapi_calls_raw as call
        where call.call_at >= bucket.begins
          and call.call_at >= date_from
          and call.call_at < bucket.ends
          and call.call_at <= date_to
          and (p_assistant_id is null or call.assistant_id = p_assistant_id)
    ) as calls
    cross join lateral (
        select count(*) as analyzed
        from qci_analyses as score
        where score.call_at >= bucket.begins
          and score.call_at >= date_from
          and score.call_at < bucket.ends
          and score.call_at <= date_to
          and (p_assistant_id is null or score.assistant_id = p_assistant_id)
          and score.status = 'scored'
          and score.framework_id = active_framework
    ) as scores
    order by bucket.begins, bucket.local_time;
end
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
        'calls_filtered(text, text)',
        'scores_filtered(text, text)',
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

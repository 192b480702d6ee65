-- One row is what the earlier system said of a call, as it said it: a model's numbers that nobody checked. They are kept
-- apart from `qci_analyses`, whose constraints they break, so that nothing averages or counts them unless it asks for them.
create table earlier_analyses (
    call_id text not null,
    framework_id integer not null,
    total_score numeric,
    dynamics_score numeric,
    objections_score numeric,
    brand_score numeric,
    outcome_score numeric,
    -- Whether the total is the sum of its parts: of the earlier system's, a third were not.
    sums_up boolean not null generated always as (
        coalesce(
            total_score = coalesce(dynamics_score, 0) + coalesce(objections_score, 0)
                        + coalesce(brand_score, 0) + coalesce(outcome_score, 0),
            false
        )
    ) stored,
    coaching_tips jsonb not null default '[]',
    key_issues jsonb not null default '[]',
    call_classification text,
    analysis_model text,
    analysis_cost numeric,
    analyzed_at timestamptz,
    constraint earlier_analyses_pkey primary key (call_id, framework_id),
    constraint earlier_analyses_call_fkey foreign key (call_id) references vapi_calls_raw (id) on delete cascade,
    constraint earlier_analyses_framework_fkey foreign key (framework_id) references analysis_frameworks (id)
);

create index earlier_analyses_by_framework on earlier_analyses (framework_id);

-- The earlier system's frameworks have names here, and nothing can be scored by one.
alter table analysis_frameworks
    add constraint analysis_frameworks_earlier_is_never_active check (framework_type <> 'earlier' or not is_active);

-- One row is a score that some framework gave, whichever system it was.
create view framework_scores with (security_invoker = true) as
select framework_id, call_id, total_score
from qci_analyses
where status = 'scored'
union all
select framework_id, call_id, total_score
from earlier_analyses
where total_score is not null;

-- The framework that a front end names: `QCI Standard@1`, or the newest version of `QCI Standard`.
create function framework_asked_for(p_framework text) returns integer
    language plpgsql
    stable
    security invoker
    set search_path from current
as $$
declare
    found constant integer := (
        select framework.id
        from analysis_frameworks as framework
        where btrim(p_framework) in (framework.name, framework.name || '@' || framework.version)
        order by framework.name || '@' || framework.version = btrim(p_framework) desc, framework.version desc
        limit 1
    );
begin
    if found is null then
        raise exception 'there is no framework "%"', p_framework
            using errcode = 'invalid_parameter_value',
                  hint = (
                      select 'There are ' || string_agg(framework.name || '@' || framework.version, ', '
                                                        order by framework.name, framework.version) || '.'
                      from analysis_frameworks as framework
                  );
    end if;
    return found;
end
$$;

-- Whoever may call a function now may call the one in its place. One that a view of somebody's depends on cannot be
-- dropped: it goes on under another name.
create temporary table dashboard_grants on commit drop as
select function.proname, granted.grantee
from pg_proc as function
cross join aclexplode(function.proacl) as granted
where function.oid in (
          'get_dashboard_metrics(text, timestamptz, timestamptz)'::regprocedure,
          'get_calls_list(text, timestamptz, timestamptz, text, integer, integer)'::regprocedure,
          'get_timeline_data(text, timestamptz, timestamptz, text, text)'::regprocedure
      )
  and granted.privilege_type = 'EXECUTE'
  and granted.grantee <> function.proowner;

do $$
declare
    old regprocedure;
begin
    foreach old in array array[
        'get_dashboard_metrics(text, timestamptz, timestamptz)',
        'get_calls_list(text, timestamptz, timestamptz, text, integer, integer)',
        'get_timeline_data(text, timestamptz, timestamptz, text, text)'
    ]::regprocedure[] loop
        begin
            execute format('drop function %s', old);
        exception
            when dependent_objects_still_exist then
                execute format('alter function %s rename to %I', old,
                               (select proname || '_without_framework' from pg_proc where oid = old));
        end;
    end loop;
end
$$;

-- The three functions as before, with one more argument: the framework whose scores are shown in place of the active
-- one's. Without it each runs the same statement as before and reads no other table.
create function get_dashboard_metrics(
    p_assistant_id text default null,
    p_date_from timestamptz default null,
    p_date_to timestamptz default null,
    p_framework text default null
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
    if nullif(btrim(p_framework), '') is not null then
        return (
            with calls as (
                select count(*) as total,
                       count(*) filter (where call.duration_seconds > 30) as quality,
                       count(*) filter (where call.duration_seconds > 60) as engaged,
                       avg(call.duration_seconds) filter (where call.duration_seconds > 0) as duration,
                       count(score.total_score) as analyzed,
                       avg(score.total_score) as qci
                from vapi_calls_raw as call
                left join framework_scores as score
                    on score.call_id = call.id
                    and score.framework_id = framework_asked_for(p_framework)
                where call.call_at >= date_from
                  and call.call_at <= date_to
                  and (p_assistant_id is null or call.assistant_id = p_assistant_id)
            )
            select json_build_object(
                'totalCalls', calls.total,
                'qualityCalls', calls.quality,
                'engagedCalls', calls.engaged,
                'analyzedCalls', calls.analyzed,
                'avgDuration', coalesce(round(calls.duration, 1), 0),
                'avgQCI', coalesce(round(calls.qci, 1), 0),
                'qualityRate', coalesce(round(100.0 * calls.quality / nullif(calls.total, 0), 1), 0),
                'totalAssistants', (
                    select count(*)
                    from vapi_assistants as assistant
                    where assistant.deleted_at is null
                      and (p_assistant_id is null or assistant.assistant_id = p_assistant_id)
                )
            )
            from calls
        );
    end if;
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
    p_offset integer default 0,
    p_framework text default null
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
    if nullif(btrim(p_framework), '') is not null then
        return query
        select listed.id, listed.started_at, listed.duration_seconds, listed.assistant_id, listed.assistant_name,
               listed.customer_number, score.total_score, listed.has_transcript, score.total_score is not null,
               listed.status,
               case
                   when score.total_score is null then null
                   when listed.duration_seconds > 60 and score.total_score > 70 then 'excellent'
                   when listed.duration_seconds > 30 and score.total_score > 50 then 'good'
                   when listed.duration_seconds > 15 then 'average'
                   else 'poor'
               end,
               listed.cost
        from calls_listed as listed
        left join framework_scores as score
            on score.call_id = listed.id
            and score.framework_id = framework_asked_for(p_framework)
        where listed.call_at >= date_from
          and listed.call_at <= date_to
          and (p_assistant_id is null or listed.assistant_id = p_assistant_id)
          and case quality_filter
                  when 'quality' then listed.duration_seconds > 30
                  when 'with_transcript' then listed.has_transcript
                  when 'with_qci' then score.total_score is not null
                  when 'excellent' then listed.duration_seconds > 60 and score.total_score > 70
                  else true
              end
        order by listed.call_at desc, listed.id desc
        limit most
        offset skipped;
        return;
    end if;
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
    p_time_zone text default 'UTC',
    p_framework text default null
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
    if nullif(btrim(p_framework), '') is not null then
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
            from framework_scores as score
            join vapi_calls_raw as call on call.id = score.call_id
            where score.framework_id = framework_asked_for(p_framework)
              and call.call_at >= bucket.begins
              and call.call_at >= date_from
              and call.call_at < bucket.ends
              and call.call_at <= date_to
              and (p_assistant_id is null or call.assistant_id = p_assistant_id)
        ) as scores
        order by bucket.begins, bucket.local_time;
        return;
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
    relation text;
    signature text;
    role_name text;
    granted record;
begin
    alter table earlier_analyses enable row level security;
    foreach relation in array array['earlier_analyses', 'framework_scores'] loop
        execute format('revoke all on table %I from public', relation);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on table %I from %I', relation, role_name);
        end loop;
    end loop;
    foreach signature in array array[
        'framework_asked_for(text)',
        'get_dashboard_metrics(text, timestamptz, timestamptz, text)',
        'get_calls_list(text, timestamptz, timestamptz, text, integer, integer, text)',
        'get_timeline_data(text, timestamptz, timestamptz, text, text, text)'
    ] loop
        execute format('revoke all on function %s from public', signature);
        for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on function %s from %I', signature, role_name);
        end loop;
        for granted in
            select grants.grantee
            from dashboard_grants as grants
            where signature like grants.proname || '(%'
        loop
            if granted.grantee = 0 then
                execute format('grant execute on function %s to public', signature);
            else
                execute format('grant execute on function %s to %s', signature, granted.grantee::regrole);
            end if;
        end loop;
    end loop;
end
$$;

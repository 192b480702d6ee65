-- What began in an hour is counted once and kept, so that a year is not read call by call. The sum over hours is exact at
-- every moment, whoever writes: of what changed since the hours were counted last, calls and scores are read themselves.
--
--     hourly_figures (what transactions before the mark left)
--   + calls and scores that a transaction since the mark stored or changed
--   - hourly_corrections (what those were before, where the hours have it)

-- The transaction that last stored what is counted of the row. Rows of before get this migration's. The database writes
-- it, so that an earlier version of the program keeps it, too.
alter table vapi_calls_raw add column counted_in xid8 default pg_current_xact_id();
alter table qci_analyses add column counted_in xid8 default pg_current_xact_id();

-- One row is the calls that began in an hour of UTC, or the scores of one framework for them: an assistant's, or all.
create table hourly_figures (
    -- Null for calls.
    framework_id integer,
    hour timestamptz not null,
    -- Of all assistants together; then there is no assistant_id.
    is_total boolean not null,
    assistant_id text,
    -- Calls, or scores.
    calls bigint not null,
    -- Longer than 30 and than 60 seconds.
    quality bigint not null,
    engaged bigint not null,
    -- Those that have a length, and its sum.
    timed bigint not null,
    seconds bigint not null,
    score numeric not null,
    constraint hourly_figures_framework_fkey foreign key (framework_id)
        references analysis_frameworks (id) on delete cascade
);

create index hourly_figures_of_all on hourly_figures (framework_id, hour) where is_total;
create index hourly_figures_by_hour on hourly_figures (framework_id, hour) where not is_total;
create index hourly_figures_by_assistant on hourly_figures (framework_id, assistant_id, hour) where not is_total;

-- One row is a call or a score as it was before it was changed or deleted, until the hours are counted again.
create table hourly_corrections (
    framework_id integer,
    call_at timestamptz not null,
    assistant_id text,
    duration_seconds integer,
    total_score numeric,
    -- The hours have it if this is before their mark.
    counted_in xid8 not null,
    constraint hourly_corrections_framework_fkey foreign key (framework_id)
        references analysis_frameworks (id) on delete cascade
);

-- The one row says what the hours have.
create table hourly_mark (
    is_only boolean not null default true,
    -- Whatever transactions before this one left; null where nothing is counted.
    counted_before xid8,
    -- The transaction that wrote this row. A restored dump has another one in `xmin`: transactions are counted anew
    -- there, and the mark means nothing.
    written_in xid8 not null default pg_current_xact_id(),
    constraint hourly_mark_pkey primary key (is_only),
    constraint hourly_mark_is_only check (is_only)
);
insert into hourly_mark (counted_before) values (null);

-- Generated columns are not there yet before an update, so `call_at` is what it is made of.
create function vapi_calls_raw_correct_hours() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    if old.call_at is not null then
        insert into hourly_corrections (call_at, assistant_id, duration_seconds, counted_in)
        values (old.call_at, old.assistant_id, old.duration_seconds, coalesce(old.counted_in, '0'));
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.counted_in := pg_current_xact_id();
    -- Never behind it: what was counted lately is found by when it changed.
    new.changed_in := pg_current_xact_id();
    return new;
end
$$;

create trigger vapi_calls_raw_correct_hours
    before update on vapi_calls_raw
    for each row when (
        (old.started_at, old.created_at, old.assistant_id, old.duration_seconds)
            is distinct from (new.started_at, new.created_at, new.assistant_id, new.duration_seconds)
    )
    execute function vapi_calls_raw_correct_hours();

create trigger vapi_calls_raw_correct_hours_of_deleted
    after delete on vapi_calls_raw
    for each row execute function vapi_calls_raw_correct_hours();

create function qci_analyses_correct_hours() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    if old.status = 'scored' and old.call_at is not null then
        insert into hourly_corrections (framework_id, call_at, assistant_id, total_score, counted_in)
        values (old.framework_id, old.call_at, old.assistant_id, old.total_score, coalesce(old.counted_in, '0'));
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.counted_in := pg_current_xact_id();
    return new;
end
$$;

-- By its name the last one before an update: a score has the copy of its call by then.
create trigger qci_analyses_tell_hours
    before update on qci_analyses
    for each row when (
        (old.status, old.framework_id, old.call_at, old.assistant_id, old.total_score)
            is distinct from (new.status, new.framework_id, new.call_at, new.assistant_id, new.total_score)
    )
    execute function qci_analyses_correct_hours();

create trigger qci_analyses_tell_hours_of_deleted
    after delete on qci_analyses
    for each row when (old.status = 'scored')
    execute function qci_analyses_correct_hours();

create function forget_hours() returns trigger
    language plpgsql
    set search_path from current
as $$
begin
    update hourly_mark set counted_before = null;
    return null;
end
$$;

create trigger vapi_calls_raw_forget_hours
    after truncate on vapi_calls_raw
    for each statement execute function forget_hours();

create trigger qci_analyses_forget_hours
    after truncate on qci_analyses
    for each statement execute function forget_hours();

-- The mark where whole hours may be read up to it: the caller may, no policy hides rows of calls or scores, the hours are
-- of this server, and little has changed since.
create function hours_counted_before() returns xid8
    language plpgsql
    stable
    security invoker
    set search_path from current
as $$
declare
    most_changes constant integer := 20000;
    mark xid8;
begin
    if not has_table_privilege('hourly_figures', 'select')
        or not has_table_privilege('hourly_corrections', 'select')
        or not has_table_privilege('hourly_mark', 'select')
        or row_security_active('hourly_mark')
        or row_security_active('vapi_calls_raw')
        or row_security_active('qci_analyses')
    then
        return null;
    end if;
    mark := (
        select counted_before
        from hourly_mark
        where xmin::text::numeric = written_in::text::numeric % 4294967296
    );
    if mark is null
        or (select count(*) from (select from vapi_calls_raw where changed_in >= mark limit most_changes + 1) as changed)
           > most_changes
        or (select count(*)
            from (select from qci_analyses where status = 'scored' and counted_in >= mark limit most_changes + 1) as changed)
           > most_changes
        or (select count(*) from (select from hourly_corrections limit most_changes + 1) as changed) > most_changes
    then
        return null;
    end if;
    return mark;
end
$$;

-- Calls from p_from up to and including p_to, or the scores that a framework gave them, by the stretches that begin at
-- p_begins: the first of these is not after p_from. An hour in which a stretch begins or the time ends is read call by
-- call; all others are counted already.
create function figures_by_stretch(
    p_framework_id integer,
    p_assistant_id text,
    p_from timestamptz,
    p_to timestamptz,
    p_begins timestamptz[],
    p_mark xid8
) returns table (stretch integer, calls bigint, quality bigint, engaged bigint, timed bigint, seconds bigint, score numeric)
    language plpgsql
    stable
    security invoker
    set search_path from current
    set plan_cache_mode = force_custom_plan
    set max_parallel_workers_per_gather = 0
    set jit = off
as $$
declare
    -- A value, and not a query: so the planner knows how many there are.
    broken_hours constant timestamptz[] := array(
        select date_trunc('hour', instant)
        from unnest(p_begins || p_from) as instant
        where instant <> date_trunc('hour', instant)
          and instant >= date_trunc('hour', p_from)
          and instant <= p_to
        union
        select date_trunc('hour', p_to)
    );
begin
    return query
    with broken as materialized (
        select broken_hour as hour
        from unnest(broken_hours) as broken_hour
    ),
    -- These two know of the mark alone, so that nothing but the indexes on it can serve them.
    changed_calls as materialized (
        select call.call_at, call.assistant_id, call.duration_seconds
        from vapi_calls_raw as call
        where p_framework_id is null
          and call.changed_in >= p_mark
          and call.counted_in >= p_mark
    ),
    changed_scores as materialized (
        select changed_score.framework_id, changed_score.call_at, changed_score.assistant_id, changed_score.total_score
        from qci_analyses as changed_score
        where p_framework_id is not null
          and changed_score.status = 'scored'
          and changed_score.counted_in >= p_mark
    ),
    changed as materialized (
        select call.call_at, 1 as factor, call.duration_seconds, null::numeric as total_score
        from changed_calls as call
        where call.call_at >= p_from
          and call.call_at <= p_to
          and (p_assistant_id is null or call.assistant_id = p_assistant_id)
        union all
        select changed_score.call_at, 1, null, changed_score.total_score
        from changed_scores as changed_score
        where changed_score.framework_id = p_framework_id
          and changed_score.call_at >= p_from
          and changed_score.call_at <= p_to
          and (p_assistant_id is null or changed_score.assistant_id = p_assistant_id)
        union all
        select correction.call_at, -1, correction.duration_seconds, correction.total_score
        from hourly_corrections as correction
        where correction.framework_id is not distinct from p_framework_id
          and correction.counted_in < p_mark
          and correction.call_at >= p_from
          and correction.call_at <= p_to
          and (p_assistant_id is null or correction.assistant_id = p_assistant_id)
    ),
    pieces as (
        select figures.hour as at, figures.calls, figures.quality, figures.engaged, figures.timed, figures.seconds,
               figures.score
        from hourly_figures as figures
        where p_framework_id is null
          and figures.framework_id is null
          and p_assistant_id is null
          and figures.is_total
          and figures.hour >= p_from
          and figures.hour < p_to
          and not exists (select from broken where broken.hour = figures.hour)
        union all
        select figures.hour, figures.calls, figures.quality, figures.engaged, figures.timed, figures.seconds,
               figures.score
        from hourly_figures as figures
        where p_framework_id is null
          and figures.framework_id is null
          and not figures.is_total
          and figures.assistant_id = p_assistant_id
          and figures.hour >= p_from
          and figures.hour < p_to
          and not exists (select from broken where broken.hour = figures.hour)
        union all
        select figures.hour, figures.calls, figures.quality, figures.engaged, figures.timed, figures.seconds,
               figures.score
        from hourly_figures as figures
        where figures.framework_id = p_framework_id
          and p_assistant_id is null
          and figures.is_total
          and figures.hour >= p_from
          and figures.hour < p_to
          and not exists (select from broken where broken.hour = figures.hour)
        union all
        select figures.hour, figures.calls, figures.quality, figures.engaged, figures.timed, figures.seconds,
               figures.score
        from hourly_figures as figures
        where figures.framework_id = p_framework_id
          and not figures.is_total
          and figures.assistant_id = p_assistant_id
          and figures.hour >= p_from
          and figures.hour < p_to
          and not exists (select from broken where broken.hour = figures.hour)
        union all
        select counted.at, counted.factor, counted.factor * (counted.duration > 30)::integer,
               counted.factor * (counted.duration > 60)::integer, counted.factor * (counted.duration > 0)::integer,
               counted.factor * case when counted.duration > 0 then counted.duration else 0 end,
               counted.factor * counted.score
        from (
            select changed.call_at as at, changed.factor, coalesce(changed.duration_seconds, 0)::bigint as duration,
                   coalesce(changed.total_score, 0) as score
            from changed
            where not exists (select from broken where broken.hour = date_trunc('hour', changed.call_at))
            union all
            select call.call_at, 1, coalesce(call.duration_seconds, 0), 0
            from broken
            join vapi_calls_raw as call
                on call.call_at >= broken.hour
                and call.call_at < broken.hour + interval '1 hour'
            where p_framework_id is null
              and call.call_at >= p_from
              and call.call_at <= p_to
              and (p_assistant_id is null or call.assistant_id = p_assistant_id)
            union all
            select whole.call_at, 1, 0, whole.total_score
            from broken
            join qci_analyses as whole
                on whole.call_at >= broken.hour
                and whole.call_at < broken.hour + interval '1 hour'
            where whole.framework_id = p_framework_id
              and whole.status = 'scored'
              and whole.call_at >= p_from
              and whole.call_at <= p_to
              and (p_assistant_id is null or whole.assistant_id = p_assistant_id)
        ) as counted
    )
    select width_bucket(pieces.at, p_begins), sum(pieces.calls)::bigint, sum(pieces.quality)::bigint,
           sum(pieces.engaged)::bigint, sum(pieces.timed)::bigint, sum(pieces.seconds)::bigint, sum(pieces.score)
    from pieces
    group by 1;
end
$$;

-- As before, and by the hour where more than 32 days are asked for.
create or replace function get_dashboard_metrics(
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
    mark xid8;
begin
    -- A shorter time is read call by call as fast.
    if date_to > date_from + interval '32 days'
        and has_function_privilege('hours_counted_before()', 'execute')
        and has_function_privilege('figures_by_stretch(integer, text, timestamptz, timestamptz, timestamptz[], xid8)', 'execute')
    then
        mark := hours_counted_before();
    end if;
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
    if mark is not null then
        return (
            with calls as (
                select coalesce(sum(calls), 0) as total,
                       coalesce(sum(quality), 0) as quality,
                       coalesce(sum(engaged), 0) as engaged,
                       sum(seconds) / nullif(sum(timed), 0) as duration
                from figures_by_stretch(null, p_assistant_id, date_from, date_to, array[date_from], mark)
            ),
            scores as (
                select coalesce(sum(calls), 0) as analyzed,
                       sum(score) / nullif(sum(calls), 0) as qci
                from analysis_frameworks as framework
                cross join lateral figures_by_stretch(
                    framework.id, p_assistant_id, date_from, date_to, array[date_from], mark
                )
                where framework.is_active
                  and framework.framework_type = 'qci'
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

create or replace function get_timeline_data(
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
    mark xid8;
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
    if date_to > date_from + interval '32 days'
        and has_function_privilege('hours_counted_before()', 'execute')
        and has_function_privilege('figures_by_stretch(integer, text, timestamptz, timestamptz, timestamptz[], xid8)', 'execute')
    then
        mark := hours_counted_before();
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
    if mark is not null then
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
                   local_time,
                   row_number() over (order by begins, local_time)::integer as stretch
            from starts
        ),
        bounds as (
            select array_agg(begins order by stretch) as begins
            from buckets
        ),
        calls as (
            select figures.*
            from bounds
            cross join lateral figures_by_stretch(null, p_assistant_id, date_from, date_to, bounds.begins, mark) as figures
        ),
        scores as (
            select figures.*
            from bounds
            cross join lateral figures_by_stretch(
                active_framework, p_assistant_id, date_from, date_to, bounds.begins, mark
            ) as figures
            -- Without a framework it would count calls.
            where active_framework is not null
        )
        select to_char(bucket.local_time, 'YYYY-MM-DD'), coalesce(calls.calls, 0), coalesce(calls.quality, 0),
               coalesce(scores.calls, 0)
        from buckets as bucket
        left join calls using (stretch)
        left join scores using (stretch)
        order by stretch;
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

-- As for the tables and functions before: nothing here is for the roles that a hosting platform exposes over HTTP.
do $$
declare
    relation text;
    signature text;
    role_name text;
    exposed text[] := array(select rolname from pg_roles where rolname in ('anon', 'authenticated'));
begin
    foreach relation in array array['hourly_figures', 'hourly_corrections', 'hourly_mark'] loop
        execute format('alter table %I enable row level security', relation);
        execute format('revoke all on table %I from public', relation);
        foreach role_name in array exposed loop
            execute format('revoke all on table %I from %I', relation, role_name);
        end loop;
    end loop;
    foreach signature in array array[
        'vapi_calls_raw_correct_hours()', 'qci_analyses_correct_hours()', 'forget_hours()', 'hours_counted_before()',
        'figures_by_stretch(integer, text, timestamptz, timestamptz, timestamptz[], xid8)'
    ] loop
        execute format('revoke all on function %s from public', signature);
        foreach role_name in array exposed loop
            execute format('revoke all on function %s from %I', signature, role_name);
        end loop;
    end loop;
end
$$;


-- What a busy deployment has gathered in a year, made up: as many calls as `seed.calls` says over the 365 days before now,
-- a tenth as many runs and twice as many log lines over the last 90. Four calls in ten began, and seven in twenty have a
-- score. Documents are small, some 1 kB where real ones have 20 to 60: no list reads them, and one call's page reads one.

select setseed(0.5);

insert into vapi_assistants (
    assistant_id, name, model, voice, prompt, raw_json, document_hash, created_at, updated_at, synced_at
)
select md5('assistant ' || n)::uuid::text,
       (array['Reception', 'Bookings', 'Service desk', 'Renewals', 'Callbacks'])[1 + n % 5] || ' ' || n,
       'gpt-4.1-mini',
       'Elliot',
       repeat('You answer the telephone of a company that was invented for a benchmark. Be brief. ', 20),
       '{}',
       decode(md5('assistant ' || n), 'hex'),
       now() - interval '365 days',
       now() - interval '20 days',
       now()
from generate_series(1, 13) as n;

insert into vapi_assistant_prompt_history (
    assistant_id, version_number, prompt, model, voice, changed_at, raw_json, version_hash
)
select assistant.assistant_id,
       version,
       assistant.prompt || 'Version ' || version || '.',
       assistant.model,
       assistant.voice,
       now() - (6 - version) * interval '70 days',
       '{}',
       decode(md5(assistant.assistant_id || version), 'hex')
from vapi_assistants as assistant
cross join generate_series(1, 5) as version;

-- In the order in which a year brings them; the busiest assistant takes twice as many as the quietest.
create temporary table seeded as
select n,
       md5('call ' || n)::uuid::text as id,
       md5('assistant ' || least(13, 1 + (random() ^ 1.3 * 13)::integer))::uuid::text as assistant_id,
       now() - (total - n + random()) * (interval '365 days' / total) as created_at,
       n % 20 < 8 as is_begun,
       n % 20 < 7 as is_scored,
       (4 + 300 * random() ^ 2)::integer as seconds,
       (random() * 63)::integer as variant
from (select current_setting('seed.calls')::integer as total) as size
cross join generate_series(1, size.total) as n;

insert into vapi_calls_raw (
    id, org_id, type, status, ended_reason, assistant_id, assistant_name, assistant_version, customer_phone_number,
    created_at, updated_at, started_at, ended_at, duration_seconds, cost, transcript, raw_json, document_hash, synced_at
)
select id,
       '9b2c7d52-0000-4000-8000-000000000000',
       case when n % 3 = 0 then 'outboundPhoneCall' else 'inboundPhoneCall' end,
       'ended',
       case when is_begun then 'customer-ended-call' else 'customer-did-not-answer' end,
       assistant_id,
       null,
       'v' || 1 + n % 5,
       '+1 555 01' || lpad((n % 100)::text, 2, '0'),
       created_at,
       created_at + interval '10 minutes',
       case when is_begun then created_at + interval '4 seconds' end,
       case when is_begun then created_at + interval '4 seconds' + seconds * interval '1 second' end,
       case when is_begun then seconds end,
       case when is_begun then round((seconds * 0.0018)::numeric, 4) else 0 end,
       case when is_begun then said.transcript end,
       case
           when is_begun then jsonb_build_object('id', id, 'artifact', jsonb_build_object('messages', said.messages))
           else jsonb_build_object('id', id)
       end,
       decode(md5(id), 'hex'),
       created_at + interval '6 hours'
from seeded
cross join lateral (
    select string_agg(case turn % 2 when 0 then 'AI: ' else 'User: ' end || words, e'\n' order by turn) as transcript,
           jsonb_agg(
               jsonb_build_object(
                   'role', case turn % 2 when 0 then 'bot' else 'user' end,
                   'message', words,
                   'secondsFromStart', 3 * turn,
                   'duration', 2000,
                   'time', 1000 * extract(epoch from created_at)::bigint + 3000 * turn,
                   'endTime', 1000 * extract(epoch from created_at)::bigint + 3000 * turn + 2000
               )
               order by turn
           ) as messages
    from (
        select turn,
               (array[
                   'Hello, this is the invented company, how can I help?',
                   'I would like to move my appointment to another day.',
                   'Of course. Which day would be better for you?',
                   'Thursday, in the afternoon if that is possible.',
                   'Thursday at three is free. That means you keep your discount.',
                   'Fine. Number ' || seeded.n || ', then.'
               ])[1 + turn] as words
        from generate_series(0, 5) as turn
    ) as turns
) as said
order by n;

-- Half of all runs sync and half score; every batch is one of each.
insert into runs (
    id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, records_fetched,
    records_inserted, records_updated, records_failed, calls_analyzed, api_cost, error_message, metadata
)
select md5('run ' || n)::uuid,
       case when n % 2 = 0 then 'vapi-sync' else 'qci-analysis' end,
       status,
       case when n % 10 = 9 then 'manual' when n % 2 = 0 then 'schedule' else 'event' end,
       md5('batch ' || n / 2)::uuid,
       started_at,
       started_at + interval '15 minutes',
       started_at + (2 + 118 * random()) * interval '1 second',
       case when n % 2 = 0 then 40 else 0 end,
       case when n % 2 = 0 then 30 else 0 end,
       case when n % 2 = 0 then 10 else 0 end,
       case when status = 'partial' then 3 else 0 end,
       case when n % 2 = 1 then 7 else 0 end,
       case when n % 2 = 1 then 0.0029 else 0 end,
       case
           when status = 'error' and n % 3 = 0 then 'Vapi answered 503 Service Unavailable'
           when status = 'error' then 'lost: no result before its deadline'
       end,
       '{"attempt": 1}'
from (
    select n,
           now() - (total - n) * (interval '90 days' / total) - interval '3 minutes' as started_at,
           case when n % 37 = 0 then 'error' when n % 23 = 0 then 'partial' else 'success' end as status
    from (select current_setting('seed.calls')::integer / 10 as total) as size
    cross join generate_series(1, size.total) as n
) as run;

-- The newest run told as much as five hundred others.
insert into logs (id, run_id, timestamp, level, step, message, meta)
select gen_random_uuid(),
       md5('run ' || n)::uuid,
       run.started_at + line * ((run.finished_at - run.started_at) / (lines + 1)),
       (array['DEBUG', 'INFO', 'INFO', 'INFO', 'INFO', 'INFO', 'INFO', 'INFO', 'WARNING', 'ERROR'])[1 + (line * 7 + n) % 10],
       (array['START', 'FETCH', 'VALIDATE', 'PROCESS', 'ANALYZE', 'SAVE', 'END'])[1 + line % 7],
       'stored ' || line || ' of ' || lines || ' calls of page ' || (line::bigint * n) % 997,
       jsonb_build_object('calls.stored', line, 'page', (line::bigint * n) % 997)
from (select current_setting('seed.calls')::integer / 10 as total) as size
cross join generate_series(1, size.total) as n
join runs as run on run.id = md5('run ' || n)::uuid
cross join lateral (select case when n = size.total then greatest(size.total / 10, 20) else 20 end as lines) as told
cross join lateral generate_series(1, told.lines) as line
where n = size.total or n * 20 <= 2 * current_setting('seed.calls')::integer - size.total / 10;

-- Sixty-four verdicts by the active framework's own rubric, as scoring stores them.
create temporary table verdicts as
with answers as (
    select variant,
           block ->> 'id' as block,
           criterion,
           criterion_at,
           criterion ? 'question' as is_judged,
           -- Nobody objected in three calls of four.
           block ->> 'id' = 'objections' and variant % 4 <> 0 as is_left_out,
           coalesce(criterion -> 'levels', criterion -> 'bands')
               -> (hashtext(variant || (criterion ->> 'id')) & 1023) % jsonb_array_length(coalesce(criterion -> 'levels', criterion -> 'bands'))
               as chosen,
           row_number() over (partition by variant order by block_at, criterion_at) as place
    from analysis_frameworks
    cross join lateral jsonb_array_elements(rubric -> 'blocks') with ordinality as blocks (block, block_at)
    cross join lateral jsonb_array_elements(block -> 'criteria') with ordinality as criteria (criterion, criterion_at)
    cross join generate_series(0, 63) as variant
    where is_active
)
select variant,
       sum((chosen ->> 'points')::numeric) filter (where block = 'dynamics') as dynamics,
       sum((chosen ->> 'points')::numeric) filter (where block = 'objections' and not is_left_out) as objections,
       sum((chosen ->> 'points')::numeric) filter (where block = 'brand') as brand,
       sum((chosen ->> 'points')::numeric) filter (where block = 'outcome') as outcome,
       sum((chosen ->> 'points')::numeric) filter (where not is_left_out) as points,
       case when variant % 4 = 0 then 100 else 80 end as applicable_max,
       jsonb_agg(
           jsonb_build_object(
               'id', criterion ->> 'id',
               'name', criterion ->> 'name',
               'block', block,
               'kind', case when is_judged then 'judged' else 'measured' end,
               'standing', case when is_left_out then 'not_applicable' else 'counted' end,
               'level', case when not is_left_out then chosen ->> 'id' end,
               'fact', case when not is_judged then 0.25 * place end,
               'points', case when not is_left_out then (chosen ->> 'points')::integer end,
               'max', (criterion ->> 'max')::integer,
               'reason', case when is_judged then 'The agent took up what the caller had said and offered a day that fits.' end,
               'evidence', case
                   when is_judged and not is_left_out then jsonb_build_array(jsonb_build_object(
                       'turn', 1 + place % 6, 'message', place % 6, 'quote', 'Which day would be better for you?',
                       'verification', 'exact'))
                   else '[]'
               end,
               'unverified', '[]'::jsonb
           )
           order by place
       ) as criteria,
       jsonb_agg(
           jsonb_build_object(
               'criterion', criterion ->> 'id',
               'category', block,
               'issue', 'The agent did not do well at: ' || (criterion ->> 'name'),
               'issue_key', 'weak_' || (criterion ->> 'id'),
               'evidence', jsonb_build_object(
                   'turn', 5, 'message', 4, 'quote', 'Thursday at three is free.', 'verification', 'exact'),
               'impact', 'The caller had to ask again.',
               'fix', 'Ask for the day first, and then repeat the day and the time in one sentence.'
           )
           order by place
       ) filter (where is_judged and not is_left_out and (variant + place) % 3 = 0) as coaching_tips
from answers
group by variant;

insert into qci_analyses (
    call_id, framework_id, status, run_id, dynamics_score, objections_score, brand_score, outcome_score, points,
    applicable_max, total_score, call_classification, is_flagged, criteria, facts, coaching_tips, key_issues,
    what_went_well, quotes_total, quotes_verified, analysis_model, input_tokens, cached_tokens, output_tokens,
    analysis_cost, call_hash, analyzed_at
)
select seeded.id,
       framework.id,
       'scored',
       case
           when created_at > now() - interval '89 days' then md5('run ' || 2 * (n % (current_setting('seed.calls')::integer / 20)) + 1)::uuid
       end,
       dynamics,
       objections,
       brand,
       outcome,
       points,
       applicable_max,
       total,
       case when total >= 80 then 'excellent' when total >= 60 then 'good' when total >= 40 then 'needs_improvement' else 'poor' end,
       n % 17 = 0,
       criteria,
       '{"timed": true, "agent_talk_share": 0.52, "agent_words": 31, "caller_words": 29, "dead_air_seconds": 1.5}',
       tips,
       (select jsonb_agg(jsonb_build_object('issue_key', tip -> 'issue_key', 'issue', tip -> 'issue'))
        from jsonb_array_elements(tips) as tip),
       '[{"what": "A day was offered at once.", "evidence": {"turn": 5, "message": 4, "quote": "Thursday at three is free.",
         "verification": "exact"}}]',
       9,
       9,
       'gpt-4.1-mini',
       3100,
       1800,
       700,
       0.000412,
       decode(md5(seeded.id), 'hex'),
       created_at + interval '7 hours'
from seeded
join verdicts using (variant)
cross join lateral (select round(100 * points / applicable_max, 2) as total, coalesce(coaching_tips, '[]') as tips) as summed
cross join (select id from analysis_frameworks where is_active) as framework
where is_scored
order by n;

-- Most others were looked at, and found not worth a score.
insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at)
select seeded.id, framework.id, 'skipped', 'not_answered', decode(md5(seeded.id), 'hex'), created_at + interval '7 hours'
from seeded
cross join (select id from analysis_frameworks where is_active) as framework
where not is_scored
  and n % 2 = 0;

insert into judge_requests (
    id, call_id, framework_id, run_id, requested_at, duration_ms, model, outcome, input_tokens, cached_tokens,
    output_tokens, cost_usd, quotes_total, quotes_verified
)
select gen_random_uuid(), call_id, framework_id, run_id, analyzed_at, 900, analysis_model, 'answered', input_tokens,
       cached_tokens, output_tokens, analysis_cost, quotes_total, quotes_verified
from qci_analyses
where status = 'scored';

drop table seeded, verdicts;

-- What the earlier system would hold after years, made up: as many calls as `seed.calls` says, a tenth as many analyses, a
-- fiftieth as many runs with five lines each. Documents are small, some 1 kB where real ones have 20 to 60: what is
-- measured is how the number of rows counts. Three calls in ten never began; one in a hundred lost its document.

insert into public.vapi_calls_raw (
    id, assistant_id, status, ended_reason, created_at, started_at, ended_at, duration_seconds, transcript, cost,
    customer_phone_number, raw_json, synced_at, has_calendar_booking, has_tool_calls, tool_names
)
select id,
       assistant_id,
       'ended',
       ended_reason,
       created_at,
       started_at,
       ended_at,
       case when is_begun then seconds end,
       transcript,
       cost,
       '+1 555 01' || lpad((n % 100)::text, 2, '0'),
       case
           when n % 100 = 7 then null
           else jsonb_build_object(
               'id', id, 'type', 'outboundPhoneCall', 'status', 'ended', 'endedReason', ended_reason,
               'assistantId', assistant_id, 'createdAt', created_at, 'updatedAt', created_at + interval '10 minutes',
               'startedAt', started_at, 'endedAt', ended_at, 'cost', cost,
               'customer', jsonb_build_object('number', '+1 555 01' || lpad((n % 100)::text, 2, '0')),
               'artifact', case when is_begun then jsonb_build_object('messages', messages, 'transcript', transcript) end
           )
       end,
       created_at + interval '6 hours',
       false,
       false,
       '{}'
from (
    select n,
           md5('call ' || n)::uuid::text as id,
           md5('assistant ' || 1 + n % 13)::uuid::text as assistant_id,
           case when n % 10 < 7 then 'customer-ended-call' else 'customer-did-not-answer' end as ended_reason,
           created_at,
           n % 10 < 7 as is_begun,
           case when n % 10 < 7 then created_at + interval '4 seconds' end as started_at,
           case when n % 10 < 7 then created_at + (4 + n % 300) * interval '1 second' end as ended_at,
           n % 300 as seconds,
           case when n % 10 < 7 then 0.0018 * (n % 300) else 0 end as cost,
           case
               when n % 10 < 7
               then e'AI: Hello, this is the invented company, how can I help?\nUser: I would like to move appointment '
                    || n || e'.\nAI: Thursday at three is free.\nUser: Fine.'
           end as transcript,
           jsonb_build_array(
               jsonb_build_object('role', 'bot', 'message', 'Hello, this is the invented company, how can I help?',
                                  'secondsFromStart', 0, 'duration', 2000),
               jsonb_build_object('role', 'user', 'message', 'I would like to move appointment ' || n || '.',
                                  'secondsFromStart', 3, 'duration', 2000),
               jsonb_build_object('role', 'bot', 'message', 'Thursday at three is free.',
                                  'secondsFromStart', 6, 'duration', 2000),
               jsonb_build_object('role', 'user', 'message', 'Fine.', 'secondsFromStart', 9, 'duration', 500)
           ) as messages
    from (
        select n,
               date_trunc('milliseconds', now() - (total - n) * (interval '1000 days' / total)) as created_at
        from (select current_setting('seed.calls')::integer as total) as size
        cross join generate_series(1, size.total) as n
    ) as made
) as call;

insert into public.vapi_assistants (assistant_id, name, model, voice, prompt, raw_json, synced_at, updated_at)
select id, 'Assistant ' || n, 'gpt-4o-mini', 'Elliot', prompt,
       jsonb_build_object(
           'id', id, 'name', 'Assistant ' || n, 'voice', jsonb_build_object('voiceId', 'Elliot'),
           'model', jsonb_build_object(
               'model', 'gpt-4o-mini',
               'messages', jsonb_build_array(jsonb_build_object('role', 'system', 'content', prompt))
           )
       ),
       now(), now() - interval '20 days'
from (
    select n,
           md5('assistant ' || n)::uuid::text as id,
           repeat('You answer the telephone of a company that was invented for a benchmark. ', 20) || n as prompt
    from generate_series(1, 13) as n
) as assistant;

insert into public.vapi_assistant_prompt_history (assistant_id, prompt, model, voice, version_number, changed_at)
select assistant_id,
       case when version = 5 then prompt else prompt || ' Version ' || version end,
       model,
       voice,
       version,
       now() - (6 - version) * interval '70 days'
from public.vapi_assistants
cross join generate_series(1, 5) as version;

insert into public.runs (
    id, script_name, status, started_at, finished_at, duration_ms, records_fetched, records_inserted, records_updated,
    records_failed, triggered_by, batch_id, calls_analyzed, api_cost
)
select md5('run ' || n)::uuid,
       case when n % 2 = 0 then 'vapi-sync' else 'qci-analysis' end,
       case when n % 1000 = 1 then 'running' else 'success' end,
       started_at,
       case when n % 1000 <> 1 then started_at + interval '52 seconds' end,
       case when n % 1000 <> 1 then 52000 end,
       40, 30, 10, 0, 'schedule', 'batch-' || n / 2, 0, 0
from (
    select n, now() - n * interval '1 hour' as started_at
    from generate_series(1, current_setting('seed.calls')::integer / 50) as n
) as run;

insert into public.logs (id, run_id, "timestamp", level, step, message, meta)
select md5('line ' || n || '.' || line)::uuid,
       md5('run ' || n)::uuid,
       now() - n * interval '1 hour' + line * interval '1 second',
       'INFO',
       (array['START', 'FETCH', 'PROCESS', 'SAVE', 'END'])[line],
       'line ' || line || ' of run ' || n,
       jsonb_build_object('line', line)
from generate_series(1, current_setting('seed.calls')::integer / 50) as n
cross join generate_series(1, 5) as line;

insert into public.analysis_frameworks (name, is_active, prompt_template, model_config)
values ('QCI Standard', true, 'Score this call: {transcript}', '{"model": "gpt-4o-mini"}');

-- Every third total is not the sum of its parts.
insert into public.qci_analyses (
    call_id, framework_id, total_score, dynamics_score, objections_score, brand_score, outcome_score, coaching_tips,
    key_issues, call_classification, analysis_model, analysis_cost, analyzed_at
)
select md5('call ' || n * 10)::uuid::text, 1,
       20 + n % 10 + 12 + 9 + 15 + case when n % 3 = 0 then 7 else 0 end,
       20 + n % 10, 12, 9, 15,
       jsonb_build_array('Ask one question at a time.'),
       jsonb_build_array(jsonb_build_object('issue', 'Talked over the caller.', 'severity', 'medium')),
       'good', 'gpt-4o-mini', 0.000412, now() - n * interval '1 minute'
from generate_series(1, current_setting('seed.calls')::integer / 10) as n;

-- A request to a judge is written before it goes out, so that what a killed process had asked for is not forgotten.
-- Code that knows nothing of this goes on to insert rows that are closed.
alter table judge_requests
    -- `open` from before the request until its answer is stored; `unknown` where nobody learned what came of it.
    add column state text not null default 'closed',
    -- Counts the requests that a run makes about a call, from 1; null in rows of earlier versions.
    add column attempt integer,
    -- The cost at a guess, in USD, which counts as spent until the cost is known; null where the model has no price.
    add column estimated_usd numeric(12, 6),
    add constraint judge_requests_state_known check (state in ('open', 'closed', 'unknown'));

create index judge_requests_not_closed on judge_requests (run_id) where state = 'open';

-- A request without an answer says nothing of a model's answers.
create or replace view judge_reliability with (security_invoker = true) as
select request.model,
       framework.name as framework_name,
       framework.version as framework_version,
       count(*) as answers,
       count(*) filter (where request.outcome <> 'answered') as useless_answers,
       sum(request.quotes_total) as quotes_total,
       sum(request.quotes_verified) as quotes_verified,
       round(100.0 * sum(request.quotes_verified) / nullif(sum(request.quotes_total), 0), 1) as verified_percent
from judge_requests as request
join analysis_frameworks as framework on framework.id = request.framework_id
where request.state = 'closed'
group by request.model, framework.name, framework.version;

-- One row is how far the quotes of one model, asked by one framework, can be found in the transcripts.
create view judge_reliability with (security_invoker = true) as
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
group by request.model, framework.name, framework.version;

do $$
declare
    role_name text;
begin
    revoke all on table judge_reliability from public;
    for role_name in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on table judge_reliability from %I', role_name);
    end loop;
end
$$;

-- One row is what one framework says of one call: a score, the reason why it has none, or how far trying has come.
create table qci_analyses (
    call_id text not null,
    framework_id integer not null,
    status text not null,
    -- Why the call is not worth a score, where it is skipped.
    skip_reason text,
    -- Tries that the judge answered badly; parked at the third.
    attempts integer not null default 0,
    error_message text,
    run_id uuid,
    -- Each of the four is out of its block's maximum, and null where the block does not apply.
    dynamics_score numeric(5, 2),
    objections_score numeric(5, 2),
    brand_score numeric(5, 2),
    outcome_score numeric(5, 2),
    -- Their sum, the most that it could be, and the one in percent of the other.
    points numeric(5, 2),
    applicable_max numeric(5, 2),
    total_score numeric(5, 2),
    call_classification text,
    -- Some of the judge's evidence was not found in the transcript, and what leaned on it was not counted.
    is_flagged boolean not null default false,
    criteria jsonb not null default '[]',
    facts jsonb not null default '{}',
    coaching_tips jsonb not null default '[]',
    key_issues jsonb not null default '[]',
    critical_failures jsonb not null default '[]',
    what_went_well jsonb not null default '[]',
    quotes_total integer not null default 0,
    quotes_verified integer not null default 0,
    -- As the endpoint names it in its answer.
    analysis_model text,
    input_tokens integer,
    cached_tokens integer,
    output_tokens integer,
    -- In USD; null where the model's price is not known.
    analysis_cost numeric(12, 6),
    -- The version of the call that was looked at.
    call_hash bytea not null,
    analyzed_at timestamptz not null,
    constraint qci_analyses_pkey primary key (call_id, framework_id),
    constraint qci_analyses_call_fkey foreign key (call_id) references vapi_calls_raw (id) on delete cascade,
    constraint qci_analyses_framework_fkey foreign key (framework_id) references analysis_frameworks (id),
    constraint qci_analyses_run_fkey foreign key (run_id) references runs (id) on delete set null,
    constraint qci_analyses_status_known check (status in ('scored', 'skipped', 'failed', 'parked')),
    constraint qci_analyses_skipped_says_why check ((status = 'skipped') = (skip_reason is not null)),
    constraint qci_analyses_failed_says_why check ((status in ('failed', 'parked')) = (error_message is not null)),
    constraint qci_analyses_scored_has_a_score check (
        (status = 'scored') = (total_score is not null)
        and (total_score is null) = (call_classification is null)
        and (status <> 'scored' or analysis_model is not null)
    ),
    constraint qci_analyses_class_known check (
        call_classification in ('excellent', 'good', 'needs_improvement', 'poor')
    ),
    -- The total is its parts, whoever writes it.
    constraint qci_analyses_total_is_its_parts check (
        points = coalesce(dynamics_score, 0) + coalesce(objections_score, 0)
               + coalesce(brand_score, 0) + coalesce(outcome_score, 0)
        and total_score = round(100 * points / applicable_max, 2)
    ),
    constraint qci_analyses_parts_in_bounds check (
        least(dynamics_score, objections_score, brand_score, outcome_score) >= 0
        and points <= applicable_max
        and applicable_max <= 100
    ),
    constraint qci_analyses_quotes_in_bounds check (quotes_verified between 0 and quotes_total)
);

create index qci_analyses_by_run on qci_analyses (run_id);
create index qci_analyses_newest_first on qci_analyses (analyzed_at desc);

-- One row is one answer that was paid for, be it a good one: what a call, a run or a day cost is summed here.
create table judge_requests (
    id uuid not null,
    call_id text not null,
    framework_id integer not null,
    run_id uuid,
    requested_at timestamptz not null,
    duration_ms integer not null,
    model text,
    -- What came of it: `answered`, or how it was of no use.
    outcome text not null,
    input_tokens integer not null default 0,
    cached_tokens integer not null default 0,
    output_tokens integer not null default 0,
    cost_usd numeric(12, 6),
    quotes_total integer not null default 0,
    quotes_verified integer not null default 0,
    constraint judge_requests_pkey primary key (id),
    constraint judge_requests_call_fkey foreign key (call_id) references vapi_calls_raw (id) on delete cascade,
    constraint judge_requests_framework_fkey foreign key (framework_id) references analysis_frameworks (id),
    constraint judge_requests_run_fkey foreign key (run_id) references runs (id) on delete set null,
    constraint judge_requests_tokens_not_negative check (least(input_tokens, cached_tokens, output_tokens) >= 0)
);

create index judge_requests_by_age on judge_requests (requested_at);
create index judge_requests_by_call on judge_requests (call_id, framework_id);
create index judge_requests_by_run on judge_requests (run_id);

//! What is asked for: a line a page, or a statement; what is in braces is filled in with what the database has.

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

/// Pages, by the name that the table has for them.
pub(crate) const PAGES: &[(&str, &str)] = &[
    ("health", "/healthz"),
    ("runs", "/admin/execution-logs"),
    ("runs, 90 days", "/admin/execution-logs?from={day_89}"),
    ("runs that failed", "/admin/execution-logs?from={day_89}&status=error"),
    (
        "runs of a script",
        "/admin/execution-logs?from={day_89}&script=qci-analysis",
    ),
    ("runs by hand", "/admin/execution-logs?from={day_89}&trigger=manual"),
    ("runs, a text", "/admin/execution-logs?from={day_89}&text=503"),
    (
        "runs, a text that none has",
        "/admin/execution-logs?from={day_89}&text=nowhere",
    ),
    (
        "runs, deep page",
        "/admin/execution-logs?from={day_89}&before={deep_run}",
    ),
    ("a run", "/admin/execution-logs/{run}"),
    ("a run with most lines", "/admin/execution-logs/{long_run}"),
    ("its lines, a level", "/admin/execution-logs/{long_run}?level=error"),
    ("its lines, a text", "/admin/execution-logs/{long_run}?text=page+77"),
    (
        "its lines, a text that none has",
        "/admin/execution-logs/{long_run}?text=nowhere",
    ),
    ("calls", "/admin/calls"),
    ("calls, 7 days", "/admin/calls?from={day_6}"),
    ("calls, 90 days", "/admin/calls?from={day_89}"),
    ("calls, 90 days, quality", "/admin/calls?from={day_89}&quality=quality"),
    (
        "calls, 90 days, excellent",
        "/admin/calls?from={day_89}&quality=excellent",
    ),
    (
        "calls, 90 days, with a score",
        "/admin/calls?from={day_89}&quality=with_qci",
    ),
    ("calls, a year", "/admin/calls?from={day_364}"),
    (
        "calls of an assistant, a year",
        "/admin/calls?from={day_364}&assistant={assistant}",
    ),
    (
        "calls, 90 days, with a transcript",
        "/admin/calls?from={day_89}&quality=with_transcript",
    ),
    (
        "calls of an assistant",
        "/admin/calls?from={day_89}&assistant={assistant}",
    ),
    (
        "calls of an assistant, excellent",
        "/admin/calls?from={day_89}&assistant={assistant}&quality=excellent",
    ),
    ("calls, deep page", "/admin/calls?from={day_89}&before={deep_call}"),
    (
        "calls, deep page, backwards",
        "/admin/calls?from={day_89}&after={deep_call}",
    ),
    ("calls of a run", "/admin/calls?run={qci_run}"),
    ("a call", "/admin/calls/{call}"),
    ("assistants", "/admin/assistants"),
    ("an assistant", "/admin/assistants/{assistant}"),
];

/// Statements, as front ends send them.
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    (
        "`get_dashboard_metrics`, 7 days",
        "select get_dashboard_metrics(null, now() - interval '7 days')",
    ),
    ("`get_dashboard_metrics`, 30 days", "select get_dashboard_metrics()"),
    (
        "`get_dashboard_metrics`, 90 days",
        "select get_dashboard_metrics(null, now() - interval '90 days')",
    ),
    (
        "`get_dashboard_metrics`, an assistant, 90 days",
        "select get_dashboard_metrics('{assistant}', now() - interval '90 days')",
    ),
    (
        "`get_dashboard_metrics`, a year",
        "select get_dashboard_metrics(null, now() - interval '365 days')",
    ),
    (
        "`get_timeline_data`, a year by weeks in Rome",
        "select date from get_timeline_data(null, now() - interval '365 days', now(), 'week', 'Europe/Rome')",
    ),
    (
        "`get_timeline_data`, a year by days in Kolkata",
        "select date from get_timeline_data(null, now() - interval '365 days', now(), 'day', 'Asia/Kolkata')",
    ),
    (
        "`get_timeline_data`, 30 days",
        "select date from get_timeline_data(null, now() - interval '30 days')",
    ),
    ("`get_timeline_data`, 90 days", "select date from get_timeline_data()"),
    (
        "`get_timeline_data`, an assistant, 90 days in Rome",
        "select date from get_timeline_data('{assistant}', p_time_zone => 'Europe/Rome')",
    ),
    (
        "`get_timeline_data`, 30 days by hours",
        "select date from get_timeline_data(null, now() - interval '30 days', p_granularity => 'hour')",
    ),
    ("`get_calls_list`, 90 days", "select id from get_calls_list()"),
    (
        "`get_calls_list`, quality",
        "select id from get_calls_list(p_quality_filter => 'quality')",
    ),
    (
        "`get_calls_list`, excellent",
        "select id from get_calls_list(p_quality_filter => 'excellent')",
    ),
    (
        "`get_calls_list`, with a score",
        "select id from get_calls_list(p_quality_filter => 'with_qci')",
    ),
    (
        "`get_calls_list`, with a transcript",
        "select id from get_calls_list(p_quality_filter => 'with_transcript')",
    ),
    (
        "`get_calls_list`, an assistant, excellent",
        "select id from get_calls_list('{assistant}', p_quality_filter => 'excellent')",
    ),
    (
        "`get_calls_list`, offset 50,000",
        "select id from get_calls_list(p_offset => 50000)",
    ),
    (
        "`get_calls_list`, offset beyond the last",
        "select id from get_calls_list(p_quality_filter => 'with_transcript', p_offset => 2147483647)",
    ),
];

/// The value of each name in braces, as a text; a row's place in a list is its microseconds and its id.
const FACTS: &[(&str, &str)] = &[
    ("day_6", "select (now() - interval '6 days')::date::text"),
    ("day_89", "select (now() - interval '89 days')::date::text"),
    ("day_364", "select (now() - interval '364 days')::date::text"),
    (
        "run",
        "select id::text from runs order by started_at desc offset 1 limit 1",
    ),
    (
        "qci_run",
        "select run_id::text from qci_analyses where run_id is not null order by run_id limit 1",
    ),
    (
        "long_run",
        "select run_id::text from logs group by run_id order by count(*) desc limit 1",
    ),
    (
        "deep_run",
        "select (extract(epoch from started_at) * 1000000)::bigint || '.' || id
         from runs order by started_at desc, id desc
         offset (select count(*) / 2 from runs) limit 1",
    ),
    (
        "deep_call",
        "select (extract(epoch from call_at) * 1000000)::bigint || '.' || id
         from vapi_calls_raw where call_at < now() - interval '80 days'
         order by call_at desc, id desc limit 1",
    ),
    (
        "call",
        "select call_id from qci_analyses where status = 'scored' order by call_at desc limit 1",
    ),
    (
        "assistant",
        "select assistant_id from vapi_calls_raw group by 1 order by count(*) desc limit 1",
    ),
];

/// What the names in braces stand for here.
#[derive(Debug)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let mut facts = Vec::with_capacity(FACTS.len());
        for (name, query) in FACTS {
            let row = client.query_one(*query, &[]).await;
            let value = row.with_context(|| format!("looking for {name}"))?.try_get(0)?;
            facts.push((format!("{{{name}}}"), value));
        }
        Ok(Self(facts))
    }

    pub(crate) fn fill(&self, template: &str) -> String {
        let filled = template.to_owned();
        self.0
            .iter()
            .fold(filled, |text, (name, value)| text.replace(name, value))
    }
}

//! Pictures of the pages, for the documentation and for whoever changes how they look: `make screenshots`.

#![expect(
    clippy::expect_used,
    reason = "a picture that cannot be taken ends the program right there"
)]

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tests::{Browser, Courtroom, Look, Site};

/// Photographs the pages of a simulated team in headless Chromium.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder that the pictures go to
    #[arg(default_value = "docs/screenshots")]
    folder: PathBuf,
    /// Every page, at 1440 and at 390 pixels, light and dark
    #[arg(long)]
    all: bool,
}

/// Two weeks of a sync every six hours and of the scoring after it, with a bad day.
const HISTORY: &str = r"
    insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at,
                      records_fetched, records_inserted, calls_analyzed, api_cost, error_message)
    select gen_random_uuid(), script_name, status, triggered_by, gen_random_uuid(), started_at,
           started_at + interval '15 minutes', started_at + duration,
           case status when 'error' then 0 else 12 + n % 7 end,
           case status when 'error' then 0 else 8 + n % 5 end,
           case script_name when 'qci-analysis' then 3 + n % 4 else 0 end,
           case script_name when 'qci-analysis' then 0.0042 + n * 0.0001 else 0 end,
           case status
               when 'error' then 'Vapi did not answer within 60 s: reading page 3'
               when 'partial' then 'out of time: 4 windows are left'
           end
    from generate_series(1, 56) as n
    cross join lateral (values
        ('vapi-sync', 'schedule', interval '0', interval '1.4 seconds' + n % 9 * interval '0.2 seconds'),
        ('qci-analysis', 'vapi-sync', interval '4 seconds', interval '9 seconds' + n % 11 * interval '0.7 seconds')
    ) as script (script_name, triggered_by, later, duration)
    cross join lateral (select
        now() - n * interval '6 hours' + later as started_at,
        case
            when script_name = 'vapi-sync' and n between 21 and 23 then 'error'
            when script_name = 'vapi-sync' and n = 24 then 'partial'
            else 'success'
        end as status
    ) as ended
    where script_name = 'vapi-sync' or n not between 21 and 23
";

/// What was told of the bad day, and what is wrong now.
const ALERTS: &str = r"
    insert into incidents (id, subject, kind, fingerprint, summary, run_id, since, last_seen_at, occurrences, ended_at, told_at)
    select gen_random_uuid(), subject, kind, 'a picture', summary, one.run_id, now() - began, now() - seen, times, now() - over,
           now() - began
    from (select id from runs where status = 'error' order by started_at desc limit 1) as failed (id)
    cross join lateral (values
        ('vapi-sync', 'run_failed', 'Vapi did not answer within 60 s: reading page 3', failed.id,
         interval '138 hours', interval '126 hours', 3, interval '120 hours'),
        ('qci-analysis', 'run_incomplete',
         'the budget of the day is spent: 50.00 of 50.00 USD; 214 calls are left', failed.id,
         interval '5 hours', interval '41 minutes', 9, null),
        ('AdminThrottles', 'alarm', 'Threshold Crossed: 1 datapoint [3.0 (23/11/26 12:01:00)] was greater than 0.0', null,
         interval '12 minutes', interval '12 minutes', 1, null)
    ) as one (subject, kind, summary, run_id, began, seen, times, over);
    update incidents set told_at = null where kind = 'alarm';
    insert into notifications (id, incident_id, kind, channel, status, form, attempts, title, body, error, created_at)
    select gen_random_uuid(), incidents.id, told.kind, told.channel, told.status, told.form, told.attempts, told.title,
           'Vapi did not answer within 60 s: reading page 3' || e'\n\n'
           || 'No new calls since Monday, 06:00. Vapi keeps calls for 13 more days.' || e'\n' || 'fetched 0, failed 1',
           told.error, now() - told.ago
    from (values
        ('failure', 'slack', 'sent', 'full', 1, 'vapi-sync failed', null, interval '138 hours'),
        ('failure', 'email', 'failed', 'minimal', 3, 'vapi-sync failed',
         'MessageRejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: alerts@example.com',
         interval '138 hours'),
        ('reminder', 'slack', 'sent', 'minimal', 2, 'vapi-sync still fails, for 1 day', '400 invalid_blocks', interval '121 hours'),
        ('recovery', 'slack', 'sent', 'full', 1, 'vapi-sync is back after 18 h; 31 calls were caught up', null, interval '120 hours')
    ) as told (kind, channel, status, form, attempts, title, error, ago)
    join incidents on incidents.subject = 'vapi-sync';
    insert into notifications (id, kind, channel, status, form, attempts, title, body, created_at)
    values (gen_random_uuid(), 'test', 'slack', 'sent', 'full', 1, 'A test, asked for by ada', 'Messages arrive here.',
            now() - interval '40 seconds');
";

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder).expect("a folder for the pictures");
    let courtroom = Arc::new(Courtroom::with_calls(926).await);
    courtroom.score().await;
    courtroom.stage.sync().await;
    let client = courtroom.db().client().await;
    client.batch_execute(HISTORY).await.expect("a history of runs");
    if arguments.all {
        client.batch_execute(ALERTS).await.expect("a history of alerts");
    }
    let site = Site::with_functions(&courtroom).await;
    let browser = Browser::signed_in(&site).await.expect("Chromium: run setup/browser.sh");
    let pages = pages(&courtroom).await;
    for look in looks(arguments.all) {
        browser.look(look).await;
        for (name, address) in &pages {
            if !arguments.all && !["runs", "calls", "call"].contains(name) {
                continue;
            }
            browser.go(address).await;
            let theme = if look.is_dark { "dark" } else { "light" };
            let file = arguments.folder.join(if arguments.all {
                format!("{name}-{}-{theme}.png", look.width)
            } else {
                format!("{name}.png")
            });
            std::fs::write(&file, browser.screenshot(arguments.all).await).expect("writing a picture");
            println!("{}", file.display());
        }
    }
    browser.close().await;
}

fn looks(all: bool) -> Vec<Look> {
    let wide = Look {
        width: 1440,
        is_dark: false,
    };
    if all {
        let narrow = Look {
            width: 390,
            is_dark: false,
        };
        let dark = |look| Look { is_dark: true, ..look };
        vec![wide, dark(wide), narrow, dark(narrow)]
    } else {
        vec![wide]
    }
}

async fn pages(courtroom: &Courtroom) -> Vec<(&'static str, String)> {
    let db = courtroom.db();
    let text = |rows: Vec<serde_json::Value>| rows[0]["id"].as_str().expect("an id").to_owned();
    let run = text(
        db.rows("select id from runs where script_name = 'qci-analysis' and records_fetched > 900")
            .await,
    );
    let call = "select call_id as id from qci_analyses where total_score is not null order by quotes_total desc";
    let call = text(db.rows(call).await);
    let assistant = "select assistant_id as id from vapi_assistant_prompt_history group by 1 order by count(*) desc, 1";
    let assistant = text(db.rows(assistant).await);
    let asked = tests::now() - chrono::TimeDelta::minutes(2);
    vec![
        ("runs", "/admin/execution-logs".to_owned()),
        ("run", format!("/admin/execution-logs/{run}")),
        ("calls", "/admin/calls".to_owned()),
        ("call", format!("/admin/calls/{call}")),
        ("assistants", "/admin/assistants".to_owned()),
        ("assistant", format!("/admin/assistants/{assistant}")),
        ("alerts", "/admin/alerts".to_owned()),
        ("test", format!("/admin/alerts?asked={}", asked.timestamp_micros())),
        ("none", "/admin/calls?from=2020-01-01&to=2020-01-02".to_owned()),
        ("trouble", "/admin/calls?from=never".to_owned()),
    ]
}

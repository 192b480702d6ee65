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

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder).expect("a folder for the pictures");
    let courtroom = Arc::new(Courtroom::with_calls(926).await);
    courtroom.score().await;
    courtroom.stage.sync().await;
    let client = courtroom.db().client().await;
    client.batch_execute(HISTORY).await.expect("a history of runs");
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
    vec![
        ("runs", "/admin/execution-logs".to_owned()),
        ("run", format!("/admin/execution-logs/{run}")),
        ("calls", "/admin/calls".to_owned()),
        ("call", format!("/admin/calls/{call}")),
        ("assistants", "/admin/assistants".to_owned()),
        ("assistant", format!("/admin/assistants/{assistant}")),
        ("none", "/admin/calls?from=2020-01-01&to=2020-01-02".to_owned()),
        ("trouble", "/admin/calls?from=never".to_owned()),
    ]
}

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

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder).expect("a folder for the pictures");
    let courtroom = Arc::new(Courtroom::with_calls(926).await);
    courtroom.score().await;
    courtroom.stage.sync().await;
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
            std::fs::write(&file, browser.screenshot().await).expect("writing a picture");
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
    let run = text(db.rows("select id from runs where script_name = 'qci-analysis'").await);
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

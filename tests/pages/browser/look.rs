//! Whether every page can be read by everybody, and the states in which there is little to show.

use tests::Look;

use super::Scene;

#[tokio::test]
async fn no_page_is_hard_to_read_for_anybody() {
    let Some(scene) = Scene::of(120).await else { return };
    let db = scene.courtroom.db();
    let id = async |query: &str| db.rows(query).await[0]["id"].as_str().unwrap().to_owned();
    let run = id("select id from runs where script_name = 'qci-analysis'").await;
    let call = id("select call_id as id from qci_analyses where status = 'scored' limit 1").await;
    let skipped = id("select call_id as id from qci_analyses where status = 'skipped' limit 1").await;
    let assistant = id("select assistant_id as id from vapi_assistants limit 1").await;
    let addresses = [
        "/admin/execution-logs".to_owned(),
        "/admin/execution-logs?text=nothing-like-it".to_owned(),
        format!("/admin/execution-logs/{run}"),
        "/admin/calls".to_owned(),
        format!("/admin/calls/{call}"),
        format!("/admin/calls/{skipped}"),
        "/admin/assistants".to_owned(),
        format!("/admin/assistants/{assistant}"),
        "/admin/alerts".to_owned(),
        "/admin/alerts?asked=0&kind=reminder".to_owned(),
        "/admin/nothing-is-here".to_owned(),
    ];

    db.client().await.batch_execute(super::alerts::NEWS).await.unwrap();

    for (width, is_dark) in [(1440, false), (390, true)] {
        scene.browser.look(Look { width, is_dark }).await;
        for address in &addresses {
            scene.browser.go(address).await;
            let violations = scene.browser.violations().await;
            assert_eq!(violations, Vec::<String>::new(), "{address} at {width} pixels");
            let too_wide = "return document.documentElement.scrollWidth > innerWidth";
            assert_eq!(
                scene.browser.script(too_wide, vec![]).await,
                false,
                "{address} is wider than {width}"
            );
        }
    }

    // The console mentions the answers 404, and nothing else.
    let complaints = scene.browser.complaints().await;
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    scene.browser.close().await;
}

#[tokio::test]
async fn a_page_says_when_there_is_nothing_to_show_and_when_it_cannot_be_shown() {
    let Some(scene) = Scene::of(5).await else { return };
    let browser = &scene.browser;

    browser.go("/admin/calls?from=2020-01-01&to=2020-01-02").await;
    browser.until(".empty", "No calls match").await;
    browser.go("/admin/execution-logs?text=nothing-like-it").await;
    browser.until(".empty", "No runs match").await;
    browser.click(".empty a").await;
    browser.until_at("/admin/execution-logs").await;
    assert_eq!(browser.count("tr[data-row]").await, 2);
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    browser.go("/admin/calls?from=never").await;
    browser.until("h1", "That address cannot be used").await;
    browser
        .go("/admin/execution-logs/00000000-0000-0000-0000-000000000000")
        .await;
    browser.until("h1", "Not found").await;

    scene.browser.close().await;
}

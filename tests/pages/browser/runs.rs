//! The execution log in a real browser.

use chrono::TimeDelta;

use super::{Scene, there_and_back};

/// Rows of many kinds: some fail, some are partial, some were asked for by a person.
const RUNS: &str = r"
    insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at, finished_at, error_message)
    select gen_random_uuid(),
           case when n % 2 = 0 then 'vapi-sync' else 'qci-analysis' end,
           case when n % 5 = 0 then 'error' when n % 7 = 0 then 'partial' else 'success' end,
           case when n % 3 = 0 then 'schedule' else 'ada' end,
           gen_random_uuid(),
           now() - n * interval '1 hour',
           now() - n * interval '1 hour' + interval '15 minutes',
           now() - n * interval '1 hour' + interval '1 minute',
           case when n % 5 = 0 then 'Vapi rejected the key ' || n when n % 7 = 0 then 'out of time' end
    from generate_series(1, 130) as n
";

async fn scene() -> Option<Scene> {
    let scene = Scene::of(30).await?;
    let client = scene.courtroom.db().client().await;
    client.batch_execute(RUNS).await.unwrap();
    Some(scene)
}

async fn matching(scene: &Scene, condition: &str) -> usize {
    let query = format!("select id from runs where {condition}");
    scene.courtroom.db().rows(&query).await.len()
}

#[tokio::test]
async fn every_filter_of_runs_stands_in_the_address_and_filters() {
    let Some(scene) = scene().await else { return };
    let browser = &scene.browser;
    let day = |ago: i64| (tests::now() - TimeDelta::days(ago)).date_naive();
    let (dates, days) = (
        format!("from={}&to={}", day(3), day(1)),
        format!("started_at >= '{}' and started_at < '{}'", day(3), day(0)),
    );
    let conditions = [
        (dates.as_str(), days.as_str()),
        ("script=vapi-sync", "script_name = 'vapi-sync'"),
        ("status=error", "status = 'error'"),
        ("trigger=schedule", "triggered_by = 'schedule'"),
        ("text=rejected", "error_message ilike '%rejected%'"),
    ];
    let mut together = (String::new(), "true".to_owned());

    for (parameter, condition) in conditions {
        together = (
            format!("{}&{parameter}", together.0),
            format!("{} and {condition}", together.1),
        );
        for (query, condition) in [(parameter, condition), (together.0.as_str(), together.1.as_str())] {
            browser.go(&format!("/admin/execution-logs?{query}")).await;
            let shown = there_and_back(browser).await.len();
            assert_eq!(shown, matching(&scene, condition).await, "{query}");
        }
    }
    browser.go("/admin/execution-logs").await;
    browser.choose("[name=status]", "partial").await;
    browser
        .until_true("return location.search.includes('status=partial')", vec![])
        .await;
    browser.fill("[name=text]", "out of").await;
    browser.press_enter().await;
    browser
        .until_true("return location.search.includes('text=out')", vec![])
        .await;
    assert_eq!(
        browser.count("#runs tr[data-row]").await,
        matching(&scene, "status = 'partial'").await
    );

    scene.end().await;
}

#[tokio::test]
async fn runs_are_paged_to_the_end_and_back_without_loss() {
    let Some(scene) = scene().await else { return };
    scene.browser.go("/admin/execution-logs").await;

    let seen = there_and_back(&scene.browser).await;

    let query = "select '/admin/execution-logs/' || id as href from runs order by started_at desc, id desc";
    let rows = scene.courtroom.db().rows(query).await;
    let stored: Vec<_> = rows.iter().map(|row| row["href"].as_str().unwrap()).collect();
    assert_eq!(seen, stored);
    scene.end().await;
}

#[tokio::test]
async fn one_gets_from_a_run_to_its_log_to_a_call_and_back_to_the_run() {
    let Some(scene) = Scene::of(60).await else { return };
    let browser = &scene.browser;

    browser.go("/admin/execution-logs?script=qci-analysis").await;
    browser.click("#runs tr[data-row] a").await;
    browser.until("#log", "calls scored for").await;
    let run = browser.address().await;
    browser.choose("[name=level]", "warning").await;
    browser.until("#lines", "No lines match").await;
    browser.go(&run).await;
    browser.choose("[name=step]", "SAVE").await;
    browser
        .until_true("return location.search.includes('step=SAVE')", vec![])
        .await;
    assert!(
        browser
            .texts("#log td:nth-child(3)")
            .await
            .iter()
            .all(|step| step == "SAVE")
    );
    browser.fill("[name=text]", "nobody said this").await;
    browser.press_enter().await;
    browser.until("#lines", "No lines match").await;
    browser.go(&run).await;
    browser.fill("[name=text]", "need to be looked at").await;
    browser.press_enter().await;
    browser
        .until_true("return document.querySelectorAll('#log tbody tr').length === 1", vec![])
        .await;
    browser.click("#calls tr[data-row] a").await;
    browser.until_at("/admin/calls/").await;
    browser.click("#score a[href^='/admin/execution-logs/']").await;
    browser.until_at(&run).await;

    scene.end().await;
}

#[tokio::test]
async fn an_export_holds_the_rows_that_the_filters_let_through() {
    let Some(scene) = scene().await else { return };
    let browser = &scene.browser;

    browser.go("/admin/execution-logs?status=error").await;
    browser.click(".exports a[href*='.csv']").await;
    let text = browser.download(".csv").await;

    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let status = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "status")
        .unwrap();
    let statuses: Vec<String> = reader.records().map(|row| row.unwrap()[status].to_owned()).collect();
    assert_eq!(statuses.len(), matching(&scene, "status = 'error'").await);
    assert!(statuses.iter().all(|status| status == "error"));
    scene.end().await;
}

#[tokio::test]
async fn a_run_that_is_asked_for_again_appears_by_itself() {
    let Some(scene) = Scene::of(30).await else { return };
    let browser = &scene.browser;
    let runs = "select id from runs where script_name = 'vapi-sync'";
    let before = scene.courtroom.db().rows(runs).await.len();

    browser.go("/admin/execution-logs?script=vapi-sync").await;
    browser.click("#runs tr[data-row] a").await;
    browser.until_at("/admin/execution-logs/").await;
    browser.click(".actions form button").await;
    browser.until_at("/admin/execution-logs?").await;
    browser.until("#asked", "open the run").await;
    browser.until("#runs tr[data-row]:first-child", "success").await;

    assert_eq!(scene.courtroom.db().rows(runs).await.len(), before + 1);
    browser.until("#runs tr[data-row]:first-child", "ada").await;
    scene.end().await;
}

#[tokio::test]
async fn a_running_row_becomes_a_success_by_itself() {
    let Some(scene) = Scene::of(10).await else { return };
    let browser = &scene.browser;
    let client = scene.courtroom.db().client().await;
    let begin = "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
                 values (gen_random_uuid(), 'vapi-sync', 'running', 'schedule', gen_random_uuid(), now(),
                         now() + interval '15 minutes')";
    client.batch_execute(begin).await.unwrap();

    browser.go("/admin/execution-logs").await;
    browser.until("#runs tr[data-row]:first-child", "running").await;
    // Whoever has selected a row still sees it change, and still has it selected.
    browser.press("j").await;
    let end = "update runs set status = 'success', finished_at = now() where status = 'running'";
    client.batch_execute(end).await.unwrap();

    browser.until("#runs tr[data-row]:first-child", "success").await;
    browser.until_gone("[data-poll]").await;
    assert_eq!(browser.count("tr[aria-selected=true]:first-child").await, 1);
    let focused = "return document.activeElement.closest('tr')?.getAttribute('aria-selected') === 'true'";
    assert_eq!(browser.script(focused, vec![]).await, true);
    scene.end().await;
}

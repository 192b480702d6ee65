//! The calls in a real browser.

use chrono::TimeDelta;
use serde_json::json;

use super::{Scene, there_and_back};

#[tokio::test]
async fn every_filter_of_calls_stands_in_the_address_and_filters() {
    let Some(scene) = Scene::of(150).await else { return };
    let browser = &scene.browser;
    let query =
        "select vapi_calls_raw.assistant_id, count(*) as calls from vapi_calls_raw join qci_analyses on call_id = id
                 where qci_analyses.status = 'scored' and vapi_calls_raw.assistant_id is not null
                 group by 1 order by 2 desc limit 1";
    let rows = scene.courtroom.db().rows(query).await;
    let (assistant, scored) = (rows[0]["assistant_id"].as_str().unwrap(), &rows[0]["calls"]);

    browser.go("/admin/calls").await;
    browser.choose("[name=quality]", "with_qci").await;
    browser.until_at("/admin/calls?").await;
    browser
        .until_true("return location.search.includes('quality=with_qci')", vec![])
        .await;
    browser.choose("[name=assistant]", assistant).await;
    browser
        .until_true(
            "return location.search.includes('assistant=' + arguments[0])",
            vec![json!(assistant)],
        )
        .await;

    let address = browser.address().await;
    assert!(address.contains("quality=with_qci"), "{address}");
    assert_eq!(json!(browser.count("tr[data-row]").await), *scored);
    browser.go(&address).await;
    assert_eq!(
        json!(browser.count("tr[data-row]").await),
        *scored,
        "the address alone gives the same list"
    );
    let day = |ago: i64| (tests::now() - TimeDelta::days(ago)).date_naive();
    let filters = format!("assistant={assistant}&quality=with_qci&from={}&to={}", day(9), day(2));
    browser.go(&format!("/admin/calls?{filters}")).await;
    let query = format!(
        "select id from vapi_calls_raw join qci_analyses on call_id = id
         where qci_analyses.status = 'scored' and vapi_calls_raw.assistant_id = '{assistant}'
           and vapi_calls_raw.call_at >= '{}' and vapi_calls_raw.call_at < '{}'",
        day(9),
        day(1)
    );
    let inside = scene.courtroom.db().rows(&query).await.len();
    assert!(inside > 0, "the days were chosen so that some calls lie in them");
    assert_eq!(browser.count("tr[data-row]").await, inside);
    scene.end().await;
}

#[tokio::test]
async fn calls_are_paged_to_the_end_and_back_without_loss() {
    let Some(scene) = Scene::of(180).await else { return };
    scene.browser.go("/admin/calls").await;

    let seen = there_and_back(&scene.browser).await;

    let rows = scene
        .courtroom
        .db()
        .rows("select '/admin/calls/' || id as href from vapi_calls_raw order by call_at desc, id desc")
        .await;
    let stored: Vec<_> = rows.iter().map(|row| row["href"].as_str().unwrap()).collect();
    assert_eq!(seen, stored);
    scene.end().await;
}

#[tokio::test]
async fn a_quote_leads_to_the_words_it_quotes_and_the_number_is_shown_on_request() {
    let Some(scene) = Scene::of(60).await else { return };
    let browser = &scene.browser;
    let query = "select id, customer_phone_number as number from vapi_calls_raw join qci_analyses on call_id = id
                 where qci_analyses.status = 'scored' and quotes_verified > 3 and customer_phone_number is not null
                 limit 1";
    let row = scene.courtroom.db().rows(query).await.remove(0);
    let number = row["number"].as_str().unwrap();

    browser
        .go(&format!("/admin/calls/{}", row["id"].as_str().unwrap()))
        .await;
    let target = browser.attributes(".quotes a", "href").await.remove(0);
    let quote = browser.texts(".quotes blockquote").await.remove(0);

    browser
        .until_true(
            "return document.querySelector(arguments[0] + ' mark')?.innerText.includes(arguments[1].slice(0, 12))",
            vec![json!(target), json!(quote)],
        )
        .await;
    assert!(!browser.text("main").await.contains(number));
    browser.click("a[rel=nofollow]").await;
    browser.until("main", number).await;
    scene.end().await;
}

#[tokio::test]
async fn a_list_is_walked_by_keys_alone() {
    let Some(scene) = Scene::of(30).await else { return };
    let browser = &scene.browser;
    browser.go("/admin/calls").await;
    let targets = browser.attributes("tr[data-row] a:first-child", "href").await;

    browser.press("jjk").await;
    assert_eq!(browser.count("tr[aria-selected=true]").await, 1);
    browser.press("j").await;
    browser.press_enter().await;
    browser.until_at(&targets[1]).await;
    browser.go("/admin/execution-logs").await;
    browser.press("/").await;
    browser.press("vapi-sync").await;
    browser.press_enter().await;
    browser
        .until_true("return location.search.includes('text=vapi-sync')", vec![])
        .await;
    browser.press("j").await;
    browser.press_escape().await;
    assert_eq!(browser.count("tr[aria-selected=true]").await, 0);

    scene.end().await;
}

#[tokio::test]
async fn scoring_again_shows_the_new_score_by_itself() {
    let Some(scene) = Scene::of(40).await else { return };
    let browser = &scene.browser;
    let db = scene.courtroom.db();
    let row = db
        .rows("select call_id from qci_analyses where status = 'scored' limit 1")
        .await
        .remove(0);
    let call = row["call_id"].as_str().unwrap();
    let analyzed = format!("select analyzed_at from qci_analyses where call_id = '{call}'");
    let before = db.rows(&analyzed).await;

    browser.go(&format!("/admin/calls/{call}")).await;
    browser.click(".actions form button").await;
    browser.until("#asked", "looked at again").await;

    assert_ne!(db.rows(&analyzed).await, before);
    scene.end().await;
}

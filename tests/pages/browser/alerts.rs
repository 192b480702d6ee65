//! The page on alerts in a real browser.

use super::Scene;

/// Something that fails, told of on one channel and not on the other.
pub(super) const NEWS: &str = r"
    insert into incidents (id, subject, kind, fingerprint, summary, since, last_seen_at)
    values ('018f0000-0000-7000-8000-000000000001', 'vapi-sync', 'run_failed', 'a', 'Vapi rejected the token', now(), now());
    insert into notifications (id, incident_id, kind, channel, status, form, attempts, title, body, error, created_at)
    select gen_random_uuid(), '018f0000-0000-7000-8000-000000000001', 'failure', channel, status, 'full', 1,
           'vapi-sync failed', 'Vapi rejected the token', error, now()
    from (values ('slack', 'sent', null), ('email', 'failed', 'Email address is not verified: ' || repeat('x', 200)))
        as told (channel, status, error);
";

#[tokio::test]
async fn a_test_message_is_asked_for_and_its_outcome_appears_by_itself() {
    let Some(scene) = Scene::of(5).await else { return };
    let browser = &scene.browser;
    let client = scene.courtroom.db().client().await;

    browser.go("/admin/execution-logs").await;
    browser.click("nav a[href='/admin/alerts']").await;
    browser.until_at("/admin/alerts").await;
    browser.until("#failing", "all is well").await;
    browser.until("#messages", "No messages yet").await;
    browser.click(".actions form button").await;
    browser.until_at("/admin/alerts?asked=").await;
    browser.until("#asked", "what became of it appears here").await;
    let told = "
        insert into notifications (id, kind, channel, status, form, attempts, title, body, created_at)
        values (gen_random_uuid(), 'test', 'slack', 'sent', 'full', 1, 'A test', 'Messages arrive here.', now())";
    client.batch_execute(told).await.unwrap();

    browser.until("#asked", "Slack").await;
    browser.until("#asked .status-sent", "sent").await;
    browser.until("#channels", "The last message was").await;
    browser.until("#messages tr[data-row]", "A test").await;
    browser.click("#asked a").await;
    browser.until_gone("#asked").await;
    scene.end().await;
}

#[tokio::test]
async fn a_failure_shows_on_the_runs_and_its_message_unfolds_by_keys() {
    let Some(scene) = Scene::of(5).await else { return };
    let browser = &scene.browser;
    let client = scene.courtroom.db().client().await;
    client.batch_execute(NEWS).await.unwrap();

    browser.go("/admin/execution-logs").await;
    browser.until("#failing", "vapi-sync: runs are failing").await;
    browser.click("#failing a").await;
    browser.until_at("/admin/alerts").await;
    browser.until("#failing", "not notified yet").await;
    browser.choose("[name=status]", "sent").await;
    browser
        .until_true("return location.search === '?status=sent'", vec![])
        .await;
    assert_eq!(browser.count("#messages tr[data-row]").await, 1);
    browser.press("j").await;
    browser.press_enter().await;

    browser
        .until("#messages details[open] pre", "Vapi rejected the token")
        .await;
    browser.click("#failing a").await;
    browser.until_at("/admin/execution-logs?script=vapi-sync").await;
    scene.end().await;
}

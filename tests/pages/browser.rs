//! The pages in a real browser.

use std::sync::Arc;

use tests::{Browser, Courtroom, Site, Visitor};

/// Nothing to complain of: no console error, no request elsewhere, no violation.
async fn assert_sound(browser: &Browser) {
    assert_eq!(
        browser.violations().await,
        Vec::<String>::new(),
        "at {}",
        browser.address().await
    );
    assert_eq!(
        browser.complaints().await,
        Vec::<String>::new(),
        "at {}",
        browser.address().await
    );
}

#[tokio::test]
async fn one_signs_in_and_out() {
    let courtroom = Arc::new(Courtroom::with_calls(5).await);
    let site = Site::with_functions(&courtroom).await;
    let Some(browser) = Browser::open(&site).await else {
        return;
    };

    browser.go("/admin/calls?quality=with_qci").await;
    browser.until_at("/admin/sign-in").await;
    assert_sound(&browser).await;
    browser.sign_in("wrong").await;
    browser.until("[role=alert]", "do not belong together").await;
    // The console mentions an answer 401; that is all.
    assert_eq!(browser.complaints().await.len(), 1);
    browser.sign_in(Visitor::PASSWORD).await;
    browser.until_at("/admin/calls?quality=with_qci").await;
    browser.click(".sign-out button").await;
    browser.until_at("/admin/sign-in").await;
    browser.go("/admin/calls").await;
    browser.until_at("/admin/sign-in").await;

    browser.close().await;
}

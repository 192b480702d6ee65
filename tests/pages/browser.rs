//! The pages in a real browser.

mod alerts;
mod calls;
mod look;
mod runs;

use std::sync::Arc;

use tests::{Browser, Courtroom, Site, Visitor};

/// Calls with their scores, their pages, and a window on these.
struct Scene {
    courtroom: Arc<Courtroom>,
    site: Site,
    browser: Browser,
}

impl Scene {
    /// With this many calls; none where the machine has no browser.
    async fn of(calls: usize) -> Option<Self> {
        let courtroom = Arc::new(Courtroom::with_calls(calls).await);
        courtroom.score().await;
        let site = Site::with_functions(&courtroom).await;
        let browser = Browser::signed_in(&site).await?;
        Some(Self {
            courtroom,
            site,
            browser,
        })
    }

    /// Nothing to complain of: no console error, no request to another origin.
    async fn end(self) {
        assert_eq!(self.browser.complaints().await, Vec::<String>::new());
        self.browser.close().await;
        drop(self.site);
    }
}

/// Follows the links to older rows to the end, then back; gives the targets of all rows in the order of the way there.
async fn there_and_back(browser: &Browser) -> Vec<String> {
    let mut pages = vec![browser.attributes("tr[data-row] a:first-child", "href").await];
    while browser.count(".pager [rel=next]").await == 1 {
        turn(browser, "next").await;
        pages.push(browser.attributes("tr[data-row] a:first-child", "href").await);
    }
    for page in pages.iter().rev().skip(1) {
        turn(browser, "prev").await;
        assert_eq!(&browser.attributes("tr[data-row] a:first-child", "href").await, page);
    }
    assert_eq!(
        browser.count(".pager [rel=prev]").await,
        0,
        "the first page is the first"
    );
    pages.concat()
}

async fn turn(browser: &Browser, direction: &str) {
    let selector = format!(".pager [rel={direction}]");
    let target = browser.attributes(&selector, "href").await.remove(0);
    browser.click(&selector).await;
    browser.until_at(&target).await;
}

#[tokio::test]
async fn one_signs_in_and_out() {
    let courtroom = Courtroom::with_calls(5).await;
    let site = Site::of(courtroom.db()).await;
    let Some(browser) = Browser::open(&site).await else {
        return;
    };

    browser.go("/admin/calls?quality=with_qci").await;
    browser.until_at("/admin/sign-in").await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    browser.sign_in("wrong").await;
    browser.until("[role=alert]", "Wrong user name or password").await;
    // The console mentions the answer 401, and nothing else.
    assert_eq!(browser.complaints().await.len(), 1);
    browser.sign_in(Visitor::PASSWORD).await;
    browser.until_at("/admin/calls?quality=with_qci").await;
    browser.click(".sign-out button").await;
    browser.until_at("/admin/sign-in").await;
    browser.go("/admin/calls").await;
    browser.until_at("/admin/sign-in").await;

    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn times_are_in_the_zone_of_the_browser() {
    let courtroom = Courtroom::with_calls(5).await;
    let site = Site::of(courtroom.db()).await;
    let Some(browser) = Browser::open(&site).await else {
        return;
    };
    browser.be_in("Australia/Adelaide").await;

    browser.go("/admin/sign-in").await;
    browser.sign_in(Visitor::PASSWORD).await;
    browser.until_at("/admin/execution-logs").await;

    assert!(browser.text(".foot").await.contains("Australia/Adelaide"));
    browser.close().await;
}

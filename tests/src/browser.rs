//! A real browser: headless Chromium, driven by `chromedriver`.

mod driver;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{Site, Visitor};

/// How long something on a page may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(50);
/// The engine that checks accessibility, as `setup/browser.sh` installs it.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../.tools/axe/node_modules/axe-core/axe.min.js"
);

/// A window on a site.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    site: String,
    /// Where downloads go.
    folder: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// In CSS pixels.
    pub width: u32,
    /// With dark colours.
    pub is_dark: bool,
}

/// A command that only Chromium's driver has.
#[derive(Debug)]
struct Chromium {
    path: &'static str,
    body: Value,
}

impl Browser {
    /// A window in which nobody has signed in. Where the machine has no browser, a word about it and `None`; on CI that
    /// is a failure.
    pub async fn open(site: &Site) -> Option<Self> {
        let Some(driver) = driver::url().await else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no Chromium with chromedriver: run setup/browser.sh"
            );
            eprintln!("no Chromium with chromedriver: this test has checked nothing");
            return None;
        };
        let folder = driver::folder();
        let capabilities = capabilities(&folder);
        let client = Client::with_capabilities_and_connector(&driver, &capabilities, HttpConnector::new()).await;
        let browser = Self {
            client: client.expect("starting Chromium"),
            site: site.url().to_owned(),
            folder,
        };
        browser
            .look(Look {
                width: 1440,
                is_dark: false,
            })
            .await;
        Some(browser)
    }

    /// A window in which the one user has signed in, on the page of runs.
    pub async fn signed_in(site: &Site) -> Option<Self> {
        let browser = Self::open(site).await?;
        browser.go("/admin/sign-in").await;
        browser.sign_in(Visitor::PASSWORD).await;
        browser.until_at("/admin/execution-logs").await;
        Some(browser)
    }

    /// Fills in the form on the page to sign in.
    pub async fn sign_in(&self, password: &str) {
        self.fill("[name=user]", Visitor::USER).await;
        self.fill("[name=password]", password).await;
        self.click(".sign-in button").await;
    }

    /// Loads an address of the site.
    pub async fn go(&self, address: &str) {
        let url = format!("{}{address}", self.site);
        self.client.goto(&url).await.expect("loading a page");
    }

    /// The path and query of the page.
    pub async fn address(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        url.as_str()
            .strip_prefix(&self.site)
            .expect("a page of the site")
            .to_owned()
    }

    /// The text of the only element that fits.
    pub async fn text(&self, selector: &str) -> String {
        self.one(selector).await.text().await.expect("a text")
    }

    /// The texts of all elements that fit, read at once.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText.trim())";
        let texts = self.script(script, vec![json!(selector)]).await;
        serde_json::from_value(texts).expect("texts")
    }

    /// An attribute of all elements that fit.
    pub async fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(one => one.getAttribute(arguments[1]))";
        let texts = self.script(script, vec![json!(selector), json!(name)]).await;
        serde_json::from_value(texts).expect("attributes")
    }

    /// How many elements fit.
    pub async fn count(&self, selector: &str) -> usize {
        self.texts(selector).await.len()
    }

    /// Clicks on the only element that fits, and waits for the page that it leads to, if it does.
    pub async fn click(&self, selector: &str) {
        let element = self.one(selector).await;
        self.script("arguments[0].scrollIntoView({block: 'center'})", vec![json!(element)])
            .await;
        element.click().await.expect("a click");
    }

    /// Types into a field, in place of what is in it.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.one(selector).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("typing");
    }

    /// Chooses in a select, by what the address will have.
    pub async fn choose(&self, selector: &str, value: &str) {
        let select = self.one(selector).await;
        let script = "const [select, value] = arguments;
            if (![...select.options].some(option => option.value === value)) throw new Error('no ' + value);
            select.value = value;
            select.dispatchEvent(new Event('change', {bubbles: true}))";
        self.script(script, vec![json!(select), json!(value)]).await;
    }

    /// Presses keys wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let focus = self.client.active_element().await.expect("a focus");
        focus.send_keys(keys).await.expect("pressing keys");
    }

    /// Presses Enter wherever the focus is.
    pub async fn press_enter(&self) {
        self.press(&Key::Enter.to_string()).await;
    }

    /// Presses Esc wherever the focus is.
    pub async fn press_escape(&self) {
        self.press(&Key::Escape.to_string()).await;
    }

    /// Waits until an element that fits says this.
    pub async fn until(&self, selector: &str, text: &str) {
        self.until_true(
            "return [...document.querySelectorAll(arguments[0])].some(one => one.innerText.includes(arguments[1]))",
            vec![json!(selector), json!(text)],
        )
        .await;
    }

    /// Waits until no element fits.
    pub async fn until_gone(&self, selector: &str) {
        self.until_true(
            "return document.querySelector(arguments[0]) === null",
            vec![json!(selector)],
        )
        .await;
    }

    /// Waits until the page's address begins like this, and the page is there.
    pub async fn until_at(&self, address: &str) {
        let script = "return document.readyState === 'complete' && location.href.startsWith(arguments[0])";
        self.until_true(script, vec![json!(format!("{}{address}", self.site))])
            .await;
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.expect("a script")
    }

    /// Looks at pages like this from now on.
    pub async fn look(&self, look: Look) {
        let scheme = if look.is_dark { "dark" } else { "light" };
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", feature).await;
        let metrics = json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Is in this time zone from now on.
    pub async fn be_in(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": zone}))
            .await;
    }

    /// The page as a PNG: what the window shows of it, or the whole.
    pub async fn screenshot(&self, is_whole: bool) -> Vec<u8> {
        let answer = self
            .devtools("Page.captureScreenshot", json!({"captureBeyondViewport": is_whole}))
            .await;
        let text = answer["data"].as_str().expect("a picture");
        BASE64_STANDARD.decode(text).expect("a picture")
    }

    /// What an accessibility engine finds wrong with the page, a line each.
    pub async fn violations(&self) -> Vec<String> {
        let engine = std::fs::read_to_string(AXE).expect("axe-core: run setup/browser.sh");
        self.script(&engine, vec![]).await;
        let script = "const done = arguments[0];
            axe.run(document).then(found => done(found.violations.map(one =>
                `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')}`
            )), fault => done([String(fault)]))";
        let found = self.client.execute_async(script, vec![]).await.expect("a check");
        serde_json::from_value(found).expect("violations")
    }

    /// What the browser complained of since it was last asked, and requests that went to another origin.
    pub async fn complaints(&self) -> Vec<String> {
        let console = self.log("browser").await;
        let mut complaints: Vec<String> = console.iter().map(|line| line["message"].to_string()).collect();
        for line in self.log("performance").await {
            let event: Value = serde_json::from_str(line["message"].as_str().unwrap_or_default()).unwrap_or_default();
            let url = event
                .pointer("/message/params/request/url")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if event["message"]["method"] == "Network.requestWillBeSent"
                && !url.starts_with(&self.site)
                && !url.starts_with("data:")
                // The page that every new window has of its own.
                && !url.starts_with("chrome:")
            {
                complaints.push(format!("a request to {url}"));
            }
        }
        complaints
    }

    /// Waits for a download whose name ends like this, and reads it.
    pub async fn download(&self, ending: &str) -> String {
        let folder = self.folder.path().join("downloads");
        let until = Instant::now() + PATIENCE;
        loop {
            let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut done = files.filter(|file| file.file_name().to_string_lossy().ends_with(ending));
            if let Some(file) = done.next() {
                return std::fs::read_to_string(file.path()).expect("a text");
            }
            assert!(Instant::now() < until, "no download ends with {ending}");
            sleep(GLANCE).await;
        }
    }

    /// Ends the browser.
    pub async fn close(self) {
        self.client.close().await.expect("ending Chromium");
    }

    async fn one(&self, selector: &str) -> Element {
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(selector))
            .await;
        found.unwrap_or_else(|error| panic!("no {selector}: {error}"))
    }

    /// Waits until a script says `true`, on this page or on the one that is being loaded.
    pub async fn until_true(&self, script: &str, arguments: Vec<Value>) {
        let until = Instant::now() + PATIENCE;
        // While a page is being left there is nothing to ask.
        while self.client.execute(script, arguments.clone()).await.ok() != Some(json!(true)) {
            if Instant::now() >= until {
                let text = self.text("body").await;
                panic!("{arguments:?} did not come about at {}:\n{text}", self.address().await);
            }
            sleep(GLANCE).await;
        }
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let body = json!({"cmd": method, "params": parameters});
        let command = Chromium {
            path: "goog/cdp/execute",
            body,
        };
        self.client.issue_cmd(command).await.expect("a command of Chromium's")
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let command = Chromium {
            path: "se/log",
            body: json!({"type": kind}),
        };
        let lines = self.client.issue_cmd(command).await.expect("a log of Chromium's");
        serde_json::from_value(lines).expect("log lines")
    }
}

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

fn capabilities(folder: &TempDir) -> Capabilities {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--force-color-profile=srgb", "--hide-scrollbars", "--lang=en-GB",
            format!("--user-data-dir={}", path("profile")),
        ],
        "prefs": {"download.default_directory": path("downloads"), "download.prompt_for_download": false},
    });
    let wanted = json!({
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": {"script": 60_000},
    });
    serde_json::from_value(wanted).expect("capabilities")
}

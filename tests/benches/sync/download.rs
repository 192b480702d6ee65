//! The first floor: all pages downloaded and parsed, four at a time, and nothing done with them.
//!
//! None of the product's code takes part: no retries, no plan (the pages are known beforehand), no redaction.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::future::try_join_all;
use memchr::memchr2;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::platform::clock::rfc3339;

use crate::child;
use crate::measured::Watch;

/// As many as the product has by default.
const DOWNLOADS: usize = 4;
const LIMIT: &str = "1000";

/// Downloads everything between the first edge (excluded) and the last (included).
pub(crate) async fn run(vapi: &str, edges: Vec<DateTime<Utc>>) -> Result<()> {
    let client = shared::platform::http::client(Duration::from_mins(1))?;
    let base = Url::parse(vapi)?.join("call")?;
    let pages: Vec<Url> = edges.windows(2).map(|pair| page(&base, pair[0], pair[1])).collect();

    let watch = Watch::start()?;
    let downloads = (0..DOWNLOADS).map(|first| {
        let (client, pages): (Client, Vec<Url>) = (
            client.clone(),
            pages.iter().skip(first).step_by(DOWNLOADS).cloned().collect(),
        );
        tokio::spawn(async move {
            let mut calls = 0;
            for page in pages {
                calls += download(&client, page).await?;
            }
            anyhow::Ok(calls)
        })
    });
    let calls = try_join_all(downloads).await?.into_iter().sum::<Result<u64>>()?;
    child::say(&watch.stop(calls)?)
}

fn page(base: &Url, before: DateTime<Utc>, from: DateTime<Utc>) -> Url {
    let mut url = base.clone();
    url.query_pairs_mut()
        .append_pair("limit", LIMIT)
        .append_pair("createdAtLt", &rfc3339(before))
        .append_pair("createdAtGe", &rfc3339(from));
    url
}

async fn download(client: &Client, url: Url) -> Result<u64> {
    let response = client.get(url).bearer_auth("bench").send().await?.error_for_status()?;
    let (mut body, mut array, mut calls) = (response.bytes_stream(), Array::default(), 0);
    while let Some(chunk) = body.next().await {
        array.text.extend_from_slice(&chunk?);
        let (mut from, text) = (0, std::mem::take(&mut array.text));
        while let Some(end) = array.element(&text) {
            let element = &text[from..end];
            let call: Call<'_> = serde_json::from_slice(&element[array.opened - from..])?;
            black_box(call);
            (from, calls) = (end, calls + 1);
        }
        array.keep(text, from);
    }
    ensure!(array.depth == 0, "a page was cut off");
    Ok(calls)
}

/// Finds the elements of a streamed array of objects.
#[derive(Default)]
struct Array {
    text: Vec<u8>,
    /// How far the text has been looked at.
    looked: usize,
    /// Where the present element began.
    opened: usize,
    depth: usize,
    in_string: bool,
}

impl Array {
    /// Where the next whole element ends.
    fn element(&mut self, text: &[u8]) -> Option<usize> {
        while self.looked < text.len() {
            if self.in_string {
                let found = memchr2(b'"', b'\\', &text[self.looked..]);
                self.looked = found.map_or(text.len(), |found| self.looked + found);
                match text.get(self.looked) {
                    // The escaped character is passed over even where it has not come yet.
                    Some(b'\\') => self.looked += 2,
                    Some(_) => (self.in_string, self.looked) = (false, self.looked + 1),
                    None => {}
                }
                continue;
            }
            let at = self.looked;
            self.looked += 1;
            match text[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth == 2 {
                        self.opened = at;
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1)?;
                    if self.depth == 1 {
                        return Some(self.looked);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Forgets what was taken.
    fn keep(&mut self, mut text: Vec<u8>, from: usize) {
        text.drain(..from);
        self.text = text;
        self.looked -= from;
        self.opened = self.opened.saturating_sub(from);
    }
}

/// The columns, as plainly as serde reads them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Call<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    org_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ended_reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    assistant_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phone_number_id: Option<Cow<'a, str>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    cost: Option<f64>,
    #[serde(borrow)]
    analysis: Option<&'a RawValue>,
    #[serde(borrow)]
    artifact: Option<Artifact<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Artifact<'a> {
    #[serde(borrow)]
    transcript: Option<Cow<'a, str>>,
    #[serde(borrow)]
    recording_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
}

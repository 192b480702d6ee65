//! The dashboard and the list: filters, pages, files.

use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, TimeDelta};
use serde_json::{Value, json};
use tests::{Courtroom, TestDb, Visitor};

use super::{Stored, found, ids, insert, link, score, unscored, walk};

fn today() -> NaiveDate {
    shared::platform::clock::now().date_naive()
}

fn days_ago(days: u64) -> NaiveDate {
    today() - Days::new(days)
}

/// A filter of the list, as an address and as the arguments of the SQL functions.
struct Case {
    query: String,
    assistant: String,
    from: NaiveDate,
    to: NaiveDate,
    quality: &'static str,
}

impl Case {
    fn all(assistant: &str) -> Vec<Self> {
        let mut cases = Vec::new();
        for (from, to) in [(29, 0), (6, 0), (9, 3)] {
            for assistant in [None, Some(assistant)] {
                for quality in ["all", "quality", "excellent", "with_qci", "with_transcript"] {
                    let (from, to) = (days_ago(from), days_ago(to));
                    cases.push(Self {
                        query: format!(
                            "?assistant={}&quality={quality}&from={from}&to={to}",
                            assistant.unwrap_or_default()
                        ),
                        assistant: assistant.map_or_else(|| "null".to_owned(), |id| format!("'{id}'")),
                        from,
                        to,
                        quality,
                    });
                }
            }
        }
        cases
    }

    /// The days are those of UTC, as this visitor's are.
    fn arguments(&self) -> String {
        let end = self.to + Days::new(1);
        format!(
            "{}, '{} 00:00:00+00', timestamptz '{end} 00:00:00+00' - interval '1 microsecond'",
            self.assistant, self.from
        )
    }

    fn list(&self) -> String {
        format!(
            "select id from get_calls_list({}, '{}', 100000, 0)",
            self.arguments(),
            self.quality
        )
    }
}

fn tile(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("<dt>{name}</dt><dd>"))
        .unwrap_or_else(|| panic!("no tile {name}"));
    rest.split('<').next().unwrap().trim().replace(',', "")
}

/// An assistant with calls, and scores among them.
async fn busy(db: &TestDb) -> String {
    let query = "select assistant_id as id from vapi_calls_raw where assistant_id is not null
                 group by 1 order by count(*) desc limit 1";
    found(db, query).await.remove(0)
}

#[tokio::test]
async fn tiles_say_what_the_functions_say() {
    let room = Courtroom::with_calls(200).await;
    room.score().await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let assistant = busy(room.db()).await;

    for case in Case::all(&assistant).iter().filter(|case| case.quality == "all") {
        let page = visitor.page(&format!("/admin/calls{}", case.query)).await;

        let query = format!("select get_dashboard_metrics({}) as said", case.arguments());
        let said = room.db().rows(&query).await.remove(0)["said"].take();
        let shown = |name: &str| tile(&page, name);
        let mean = |name: &str| format!("{:.1}", said[name].as_f64().unwrap());
        assert_eq!(shown("Calls"), said["totalCalls"].to_string());
        assert_eq!(shown("Conversations over 30 s"), said["qualityCalls"].to_string());
        assert!(page.contains(&format!("<small>{} %</small>", mean("qualityRate"))));
        assert_eq!(shown("Engaged, over 60 s"), said["engagedCalls"].to_string());
        assert_eq!(shown("Analysed"), said["analyzedCalls"].to_string());
        assert_eq!(shown("Mean duration"), format!("{} s", mean("avgDuration")));
        assert_eq!(shown("Assistants"), said["totalAssistants"].to_string());
        if said["analyzedCalls"] != json!(0) {
            assert_eq!(shown("Mean QCI"), mean("avgQCI"));
        }
    }
}

#[tokio::test]
async fn each_filter_and_all_together_list_what_the_function_lists() {
    let room = Courtroom::with_calls(260).await;
    room.score().await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let assistant = busy(room.db()).await;
    let mut seen = 0;

    for case in Case::all(&assistant) {
        let (pages, _) = walk(&mut visitor, &format!("/admin/calls{}", case.query), "next").await;

        let expected = found(room.db(), &case.list()).await;
        assert_eq!(pages.concat(), expected, "{}", case.query);
        seen += expected.len();
    }
    assert!(seen > 300, "the filters leave too little to test: {seen}");
}

#[tokio::test]
async fn a_list_of_ties_is_walked_to_its_end_and_back_without_loss() {
    let db = TestDb::new().await;
    let at = shared::platform::clock::now() - TimeDelta::days(2);
    // Seven of ten never started, and most of them were created at one instant.
    let calls: Vec<Stored> = (0..173)
        .map(|n| {
            let tie = at - TimeDelta::seconds(if n % 4 == 0 { n } else { 0 });
            let started = (n % 10 < 3).then(|| tie + TimeDelta::seconds(1));
            Stored::new(
                &format!("call/{n}?#&"),
                json!({"created_at": tie, "started_at": started}),
            )
        })
        .collect();
    insert(&db.client().await, &calls).await;
    let mut visitor = Visitor::signed_in(&db, "Europe/Rome").await;

    let (down, last) = walk(&mut visitor, "/admin/calls", "next").await;
    let (up, first) = walk(&mut visitor, &last, "prev").await;

    let expected = found(&db, "select id from vapi_calls_raw order by call_at desc, id desc").await;
    assert_eq!(down.concat(), expected);
    assert_eq!(down.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 50, 23]);
    let mut back: Vec<String> = up.iter().rev().flatten().cloned().collect();
    back.dedup();
    assert_eq!(
        up[1], down[2],
        "the page before the last one is the same on the way back"
    );
    for id in &expected {
        assert!(back.contains(id), "{id} is lost on the way back");
    }
    let top = visitor.page(&first).await;
    assert_eq!((ids(&top), link(&top, "prev")), (down[0].clone(), None));
}

#[tokio::test]
async fn a_page_that_is_no_more_leads_to_the_newest() {
    let db = TestDb::new().await;
    insert(&db.client().await, &[Stored::new("only", json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page("/admin/calls?quality=all&before=1000000.x").await;
    let none = visitor.page("/admin/calls?quality=with_qci").await;

    assert!(page.contains("There are no calls on this page any more. <a href=\"/admin/calls?quality=all\">"));
    assert!(none.contains("No calls match. <a href=\"/admin/calls\">Reset the filters</a>"));
}

#[tokio::test]
async fn a_run_shows_the_calls_that_it_looked_at_however_old_they_are() {
    let room = Courtroom::with_calls(120).await;
    let old = shared::platform::clock::now() - TimeDelta::days(400);
    let client = room.db().client().await;
    insert(&client, &[Stored::new("old", json!({"created_at": old}))]).await;
    // More than a page of them at one instant.
    let at = old + TimeDelta::days(1);
    let ties: Vec<Stored> = (0..70)
        .map(|n| Stored::new(&format!("tie-{n}"), json!({"created_at": at})))
        .collect();
    insert(&client, &ties).await;
    let report = room.score().await;
    insert(&client, &[Stored::new("later", json!({}))]).await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let run = report.run_id;

    let (pages, last) = walk(&mut visitor, &format!("/admin/calls?run={run}"), "next").await;
    let (back, _) = walk(&mut visitor, &last, "prev").await;
    let (scored, _) = walk(
        &mut visitor,
        &format!("/admin/calls?run={run}&quality=with_qci"),
        "next",
    )
    .await;
    let recent = visitor
        .page(&format!("/admin/calls?run={run}&from={}", days_ago(29)))
        .await;
    let file = visitor.page(&format!("/admin/calls.ndjson?run={run}")).await;
    let other = visitor
        .page(&format!("/admin/calls?run={}", uuid::Uuid::now_v7()))
        .await;

    let looked_at = "select call.id
                     from vapi_calls_raw as call
                     join qci_analyses as analysis on analysis.call_id = call.id
                     order by call.call_at desc, call.id desc";
    let expected = found(room.db(), looked_at).await;
    assert_eq!(pages.concat(), expected);
    assert_eq!(expected.last().map(String::as_str), Some("old"));
    assert!(back.len() == pages.len() && !expected.contains(&"later".to_owned()));
    assert_eq!(
        scored.concat().len(),
        usize::try_from(room.with_status("scored").await).unwrap()
    );
    assert!(!ids(&recent).contains(&"old".to_owned()));
    assert_eq!(file.lines().count(), expected.len());
    assert!(other.contains("No calls match."));
}

#[tokio::test]
async fn files_hold_exactly_the_rows_that_the_filters_leave() {
    let room = Courtroom::with_calls(200).await;
    room.score().await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    let assistant = busy(room.db()).await;

    for case in Case::all(&assistant) {
        let csv = visitor.get(&format!("/admin/calls.csv{}", case.query)).await;
        let ndjson = visitor.page(&format!("/admin/calls.ndjson{}", case.query)).await;

        let expected = found(room.db(), &case.list()).await;
        let mut reader = csv::Reader::from_reader(csv.body.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let in_csv: Vec<&str> = records.iter().map(|record| &record[0]).collect();
        assert_eq!(in_csv, expected, "{}", case.query);
        let objects: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let in_ndjson: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
        assert_eq!(in_ndjson, expected, "{}", case.query);
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        for (object, record) in objects.iter().zip(&records).take(3) {
            let members: Vec<&String> = object.as_object().unwrap().keys().collect();
            assert_eq!(members.len(), names.len());
            for (name, cell) in names.iter().zip(record) {
                let value = &object[name];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if !name.ends_with("_at") && !cell.starts_with('\'') {
                    assert_eq!(cell, text.replace("null", ""), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn numbers_are_masked_until_one_is_asked_for() {
    let db = TestDb::new().await;
    let number = "+15550142";
    let said = json!([
        {"role": "system", "message": format!("The caller is at {number}.")},
        {"role": "bot", "message": "Good morning."},
        {"role": "tool_calls", "toolCalls": [{"function": {"name": "book", "arguments": {"phone": number}}}]},
    ]);
    let client = db.client().await;
    let call = json!({"customer_phone_number": number, "raw_json": {"artifact": {"messages": said}}});
    insert(&client, &[Stored::new("a", call)]).await;
    let tip = json!([{"issue": format!("It read {number} out.")}]);
    score(&client, "a", json!({"coaching_tips": tip})).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for address in [
        "/admin/calls",
        "/admin/calls.csv",
        "/admin/calls.ndjson",
        "/admin/calls/a",
    ] {
        let page = visitor.page(address).await;

        assert!(page.contains("••• 42"), "{address}");
        assert!(!page.contains("5550142"), "{address}");
    }
    let shown = visitor.page("/admin/calls/a?number=shown").await;
    assert_eq!(shown.matches(number).count(), 4);
    assert!(shown.contains("Hide the number"));
    assert!(
        visitor
            .page("/admin/calls/a")
            .await
            .contains("<a href=\"/admin/calls/a?number=shown\" rel=\"nofollow\">Show the number</a>")
    );
}

#[tokio::test]
async fn a_call_without_a_score_says_why() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let kinds = [
        ("none", None, "no scoring run has looked at it yet"),
        ("voicemail", Some(("skipped", "voicemail")), "it reached voicemail"),
        ("unanswered", Some(("skipped", "unanswered")), "nobody answered"),
        ("not_ended", Some(("skipped", "not_ended")), "the call had not ended"),
        (
            "no_transcript",
            Some(("skipped", "no_transcript")),
            "there is no transcript",
        ),
        (
            "too_few",
            Some(("skipped", "too_few_turns")),
            "the caller spoke fewer than two times",
        ),
        (
            "too_short",
            Some(("skipped", "too_short")),
            "fewer than 100 characters were spoken",
        ),
        ("new", Some(("skipped", "moon_phase")), "moon phase"),
        (
            "failed",
            Some(("failed", "it &was cut")),
            "scoring it failed, and a later run tries again",
        ),
        (
            "parked",
            Some(("parked", "it &was cut")),
            "scoring it failed too often, and it is not tried again by itself",
        ),
    ];
    for (id, analysis, _) in kinds {
        insert(&client, &[Stored::new(id, json!({}))]).await;
        if let Some((status, text)) = analysis {
            let column = if status == "skipped" {
                "skip_reason"
            } else {
                "error_message"
            };
            score(&client, id, unscored(status, &json!({column: text, "attempts": 3}))).await;
        }
    }
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let list = visitor.page("/admin/calls").await;

    for (id, analysis, why) in kinds {
        let row = list.split(&format!("\"/admin/calls/{id}\"")).nth(1).unwrap();
        let row = row.split("</tr>").next().unwrap();
        assert!(row.contains(&format!("not scored: <bdi>{why}</bdi>")), "{id}: {row}");
        let page = visitor.page(&format!("/admin/calls/{id}")).await;
        assert!(page.contains("Not scored: ") && page.contains(why), "{id}");
        let has_error = page.contains("The last try of 3:</b> it &#38;was cut");
        assert_eq!(
            has_error,
            analysis.is_some_and(|(status, _)| status != "skipped"),
            "{id}"
        );
    }
    assert_eq!(list.matches("not scored").count(), kinds.len());
}

#[tokio::test]
async fn scores_have_their_class_in_words_and_flags_are_marked() {
    let db = TestDb::new().await;
    let client = db.client().await;
    insert(
        &client,
        &[
            Stored::new("a", json!({"duration_seconds": 45})),
            Stored::new("b", json!({})),
        ],
    )
    .await;
    score(&client, "a", json!({"is_flagged": true})).await;
    score(&client, "b", json!({})).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let list = visitor.page("/admin/calls").await;

    assert_eq!(list.matches(">flagged</span>").count(), 1);
    assert_eq!(list.matches("mark-warn\">needs improvement</span>").count(), 2);
    assert!(list.contains(">average</td>"));
}

#[tokio::test]
async fn an_assistant_that_is_gone_or_unknown_can_be_chosen() {
    let db = TestDb::new().await;
    let client = db.client().await;
    client
        .batch_execute(
            "insert into vapi_assistants (assistant_id, name, raw_json, document_hash, synced_at, deleted_at)
             values ('gone', 'Mira', '{}', '\\x00', now(), now()), ('here', 'Remy', '{}', '\\x00', now(), null)",
        )
        .await
        .unwrap();
    let of = |assistant: &str| json!({"assistant_id": assistant});
    insert(
        &client,
        &[
            Stored::new("a", of("gone")),
            Stored::new("b", of("un\"known")),
            Stored::new("c", of("here")),
        ],
    )
    .await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let gone = visitor.page("/admin/calls?assistant=gone").await;
    let unknown = visitor.page("/admin/calls?assistant=un%22known").await;

    assert_eq!(
        (ids(&gone), ids(&unknown)),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    assert!(gone.contains("<option value=\"gone\" selected>Mira (gone)</option>"));
    assert!(gone.contains("<option value=\"here\">Remy</option>"));
    assert!(unknown.contains("<option value=\"un&#34;known\" selected>un&#34;known (not listed)</option>"));
}

#[tokio::test]
async fn long_times_are_drawn_by_weeks_months_and_years_or_not_at_all() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "Asia/Kathmandu").await;

    for (from, title) in [
        (days_ago(89), Some("Calls a day")),
        (days_ago(700), Some("Calls a week")),
        (days_ago(4000), Some("Calls a month")),
        (NaiveDate::from_ymd_opt(1970, 1, 1).unwrap(), Some("Calls a year")),
    ] {
        let page = visitor.page(&format!("/admin/calls?from={from}")).await;

        assert_eq!(title.filter(|title| page.contains(title)), title, "{from}");
    }
    let page = visitor.page("/admin/calls?from=1970-01-01&to=9998-12-31").await;
    assert!(!page.contains("<figure"), "a chart of eight thousand years");
}

#[tokio::test]
async fn where_counting_takes_too_long_the_list_is_shown_and_fewer_days_are_offered() {
    let db = TestDb::new().await;
    let client = db.client().await;
    insert(&client, &[Stored::new("a", json!({}))]).await;
    // As it is where a database is slower than any of ours.
    let slow = "alter function get_dashboard_metrics(text, timestamptz, timestamptz, text) rename to counted_fast;
                create function get_dashboard_metrics(text, timestamptz, timestamptz) returns json language sql
                as $$ select counted_fast($1, $2, $3) from pg_sleep(60) $$";
    client.batch_execute(slow).await.unwrap();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let begun = Instant::now();

    let page = visitor.page(&format!("/admin/calls?from={}", days_ago(364))).await;

    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(ids(&page), ["a"]);
    assert!(page.contains("Counting the calls of these days took too long"));
    assert!(page.contains(&format!("from={}\">Show the last 90 days</a>", days_ago(89))));
    assert!(!page.contains("class=\"tiles\""));
    let still = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep%'
                 and state = 'active' and pid <> pg_backend_pid()";
    tokio::time::sleep(Duration::from_secs(1)).await;
    let running: i64 = client.query_one(still, &[]).await.unwrap().get(0);
    assert_eq!(running, 0, "the server goes on counting");
}

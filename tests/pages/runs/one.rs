//! The page of one run.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{Courtroom, TestDb, Visitor, now};
use uuid::Uuid;

use super::scene::{LIST, id, line, run, say, store};

#[tokio::test]
async fn a_run_shows_what_it_counted_noted_and_failed_of() {
    let db = TestDb::new().await;
    let failed = run(json!({
        "status": "error",
        "triggered_by": "ada",
        "records_fetched": 1234,
        "api_cost": 0.408,
        "error_message": "Vapi answered 503\n  caused by: the network",
        "metadata": {"mode": "full", "input": {"mode": "full"}, "own": {"deep": [1]}},
    }));
    store(&db, std::slice::from_ref(&failed)).await;

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&failed)))
        .await;

    for text in [
        "<dt>Triggered by</dt><dd>ada</dd>",
        "<dt>Took</dt><dd>10.0 s</dd>",
        "<dt>Fetched</dt><dd>1,234</dd>",
        "<dt>Cost</dt><dd>$0.408",
        "Vapi answered 503\n  caused by: the network</pre>",
        "<dt>Mode</dt><dd>full</dd>",
        "<dt>Asked to do</dt><dd>mode full</dd>",
        "<dt>own</dt><dd><pre>{\n  &#34;deep&#34;: [",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("data-poll"));
}

#[tokio::test]
async fn a_run_under_way_refreshes_itself_and_tells_of_its_deadline() {
    let db = TestDb::new().await;
    let start = now() - TimeDelta::minutes(20);
    let late = run(json!({"status": "running", "started_at": start}));
    store(&db, std::slice::from_ref(&late)).await;

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&late)))
        .await;

    assert!(
        page.contains("data-poll") && page.contains("<dt>Running for</dt><dd>20 min 0"),
        "{page}"
    );
    assert!(page.contains("past its deadline"));
}

#[tokio::test]
async fn the_runs_of_a_batch_stand_in_order_and_this_one_is_marked() {
    let db = TestDb::new().await;
    let batch = Uuid::now_v7();
    let at = |minutes| now() - TimeDelta::minutes(minutes);
    let member = |minutes, by| run(json!({"batch_id": batch, "started_at": at(minutes), "triggered_by": by}));
    let runs = [
        member(10, "continuation"),
        member(30, "schedule"),
        member(5, "vapi-sync"),
        run(json!({})),
    ];
    store(&db, &runs).await;

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&runs[0])))
        .await;

    let (_, batch) = page.split_once("id=\"batch\"").unwrap();
    let places: Vec<usize> = [1, 0, 2]
        .map(|index: usize| batch.find(id(&runs[index])).unwrap())
        .to_vec();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(batch.find(id(&runs[3])), None);
    let marked = batch.split("aria-current=\"true\"").nth(1).unwrap();
    assert!(marked.find(id(&runs[0])) < marked.find(id(&runs[2])));
}

#[tokio::test]
async fn steps_last_until_the_next_one_begins() {
    let db = TestDb::new().await;
    let began = now() - TimeDelta::hours(1);
    let run = run(json!({"started_at": began, "finished_at": began + TimeDelta::seconds(100)}));
    store(&db, std::slice::from_ref(&run)).await;
    let at = |seconds| began + TimeDelta::seconds(seconds);
    let lines = [
        line(at(0), "INFO", "START", "a"),
        line(at(2), "INFO", "FETCH", "b"),
        line(at(40), "WARNING", "FETCH", "c"),
        line(at(60), "INFO", "SAVE", "d"),
        line(at(100), "ERROR", "ERROR", "e"),
    ];
    say(&db, id(&run), &lines).await;

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&run)))
        .await;

    let (_, steps) = page.split_once("id=\"steps\"").unwrap();
    let cells = |name: &str, cells: &str| steps.contains(&format!(">{name}</a></td>{cells}"));
    let num = |text: &str| format!("<td class=\"num\">{text}</td>");
    assert!(page.contains("<th scope=\"col\">Warnings and errors</th>"), "{page}");
    assert!(
        cells("START", &(num("0 ms") + &num("2.0 s") + &num("1") + "<td></td>")),
        "{steps}"
    );
    assert!(
        cells(
            "FETCH",
            &(num("2.0 s") + &num("58.0 s") + &num("2") + "<td>1 warning</td>")
        ),
        "{steps}"
    );
    assert!(
        cells("SAVE", &(num("1 min 00 s") + &num("40.0 s") + &num("1") + "<td></td>")),
        "{steps}"
    );
    assert!(
        cells(
            "ERROR",
            &(num("1 min 40 s") + &num("0 ms") + &num("1") + "<td>1 error</td>")
        ),
        "{steps}"
    );
    assert!(
        steps.contains("<rect class=\"tone-partial\" x=\"20\" y=\"0\" width=\"580\""),
        "{steps}"
    );
}

#[tokio::test]
async fn a_real_sync_and_its_scoring_lead_to_their_calls() {
    let court = Courtroom::with_calls(60).await;
    let scoring = court.try_score(json!({"limit": 25})).await.unwrap();
    let sync = court.db().runs().await.remove(0);
    let mut visitor = Visitor::signed_in(court.db(), "UTC").await;

    let of_sync = visitor.page(&format!("{LIST}/{}", sync.id)).await;
    let of_scoring = visitor.page(&format!("{LIST}/{}", scoring.run_id)).await;

    assert!(of_sync.contains("60 stored"), "{of_sync}");
    assert_eq!(calls_of(&of_sync).len(), 20);
    let newest = "select id from vapi_calls_raw order by call_at desc nulls last, id desc limit 20";
    assert_eq!(calls_of(&of_sync), ids(&court.db().rows(newest).await));
    assert!(!of_sync.contains("<dt>Asked to do</dt>"));
    let scored = court.with_status("scored").await;
    assert!(of_scoring.contains(&format!("{scored} scored")), "{of_scoring}");
    assert!(of_scoring.contains(&format!("href=\"/admin/calls?run={}\"", scoring.run_id)));
    assert_eq!(calls_of(&of_scoring).len(), 20);
    assert!(
        of_scoring.contains("<dt>Asked to do</dt><dd>limit 25</dd>"),
        "{of_scoring}"
    );
    assert_eq!(sync.metadata.get("input"), None, "an empty input says nothing");
}

#[tokio::test]
async fn documents_that_were_not_stored_are_listed_with_the_reason() {
    let db = TestDb::new().await;
    let runs = [run(json!({})), run(json!({}))];
    store(&db, &runs).await;
    let client = db.client().await;
    let rejects = format!(
        "insert into vapi_call_rejects (id, call_id, reason, document_bytes, document_hash, first_seen_at, last_seen_at, run_id)
         values (gen_random_uuid(), 'call-<7>', 'too <deep>', 1, '\\x01', now(), now(), '{}'),
                (gen_random_uuid(), 'another', 'other', 1, '\\x02', now(), now(), '{}')",
        id(&runs[0]),
        id(&runs[1])
    );
    client.batch_execute(&rejects).await.unwrap();

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&runs[0])))
        .await;

    assert!(
        page.contains("call-&#60;7&#62;") && page.contains("too &#60;deep&#62;"),
        "{page}"
    );
    assert!(!page.contains("another"));
}

#[tokio::test]
async fn what_names_no_run_is_not_found() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let unknown = Uuid::now_v7();

    for id in [
        unknown.to_string(),
        unknown.simple().to_string(),
        format!("{{{unknown}}}").replace(['{', '}'], ""),
        "7".to_owned(),
        "%00".to_owned(),
        "%ff".to_owned(),
        "'%20or%201=1".to_owned(),
    ] {
        for tail in ["", "/logs.csv", "/logs.ndjson"] {
            let answer = visitor.get(&format!("{LIST}/{id}{tail}")).await;
            assert_eq!(answer.status.as_u16(), 404, "{id}{tail}");
            assert!(answer.body.contains("<h1>Not found</h1>"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_huge_error_is_there_with_its_end_folded() {
    let db = TestDb::new().await;
    let error = format!("<script>{}", "x<".repeat(524_288));
    let failed = run(json!({"status": "error", "error_message": error, "metadata": {"<b>": "<i>"}}));
    store(&db, std::slice::from_ref(&failed)).await;

    let page = Visitor::signed_in(&db, "UTC")
        .await
        .page(&format!("{LIST}/{}", id(&failed)))
        .await;

    assert!(page.contains("<summary>The rest</summary>"));
    assert!(
        page.contains(&format!("and {} characters more", error.len() - 100_000)),
        "cut"
    );
    assert!(!page.contains("<script>x") && !page.contains("<b>") && !page.contains("<i>"));
    assert!(page.len() < 800_000, "{} bytes", page.len());
}

fn calls_of(page: &str) -> Vec<String> {
    let (_, calls) = page.split_once("id=\"calls\"").unwrap();
    calls
        .split("href=\"/admin/calls/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| id(row).to_owned()).collect()
}

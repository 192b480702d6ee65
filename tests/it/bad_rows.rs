//! One call that can't be read costs no other: not in a sync, a scoring run, an estimate, a page or an export.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::domain::reject::Reject;
use shared::platform::config::Reader;
use shared::platform::db;
use shared::platform::db::{Executor as _, Pool};
use shared::run::Status;
use shared::store::reject;
use simulator::judge;
use simulator::vapi::{Oddity, Settings, Spec, World};
use tests::{Courtroom, Stage, TestDb, Visitor, conversation, now};
use tokio_postgres::NoTls;

/// What the four calls say that are as they should be.
const TALK: [&str; 4] = [
    "Thanks for calling Quillmere Bakery, this is Nell. How can I help you today?",
    "Hi, I would like to order a cake for Saturday, for about twenty people.",
    "A cake for twenty on Saturday, with pleasure. I have booked it for ten o'clock.",
    "Great, thank you, bye.",
];

const ODD: [Oddity; 9] = [
    Oddity::DeepNesting,
    Oddity::DeepObjects,
    Oddity::HugeNumbers,
    Oddity::OverflowingCost,
    Oddity::WrongShapes,
    Oddity::WrongTypes,
    Oddity::LoneSurrogates,
    Oddity::NullBytes,
    Oddity::AbsurdDates,
];

/// Four good calls among odd ones, synced; and the ids of the odd ones.
async fn room() -> (Courtroom, Vec<String>) {
    let mut world = World::generate(&Spec {
        calls: 0,
        ..Spec::new(now())
    });
    let odd = ODD.iter().filter_map(|oddity| world.plant(*oddity)).collect();
    for index in 0..4 {
        world.insert(&conversation(&format!("good-{index}"), &TALK));
    }
    let stage = Stage::of(world, Settings::default()).await;
    (Courtroom::of(stage, judge::Settings::default()).await, odd)
}

/// The tables hold deep and huge values where people and earlier systems may have put them.
async fn deepen_runs(room: &Courtroom) {
    let deepen = r#"
        update runs set metadata = metadata || jsonb_build_object(
            'deep', (repeat('{"a":', 200) || '1' || repeat('}', 200))::jsonb, 'huge', '1e400'::jsonb);
        update logs set meta = meta || jsonb_build_object(
            'deep', (repeat('[', 200) || repeat(']', 200))::jsonb, 'huge', '1e400'::jsonb);
    "#;
    room.db().client().await.batch_execute(deepen).await.unwrap();
}

#[tokio::test]
async fn documents_that_are_odd_are_synced_and_scored_with_the_others() {
    let (room, odd) = room().await;
    let stored = room.db().count("vapi_calls_raw").await;

    let estimate = room.try_score(json!({"estimate": true})).await.unwrap();
    let report = room.score().await;

    assert_eq!(stored, 13);
    assert_eq!(room.db().count("vapi_call_rejects").await, 0);
    assert_eq!(report.status, Status::Success, "{:?}", report.reason);
    assert_eq!(room.db().count("qci_analyses").await, 13, "each call was looked at");
    for id in ["good-0", "good-1", "good-2", "good-3"] {
        assert_eq!(room.analysis(id).await["status"], "scored", "{id}");
    }
    for (oddity, id) in ODD.iter().zip(&odd) {
        assert_eq!(room.analysis(id).await["status"], "scored", "{oddity:?}");
    }
    assert_eq!(estimate.metadata["estimate"]["calls"], 13);
}

#[tokio::test]
async fn each_page_and_each_export_shows_odd_documents_with_the_others() {
    let (room, odd) = room().await;
    room.score().await;
    deepen_runs(&room).await;
    let runs: Vec<_> = room.db().rows("select id from runs").await;
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;

    for list in ["/admin/calls", "/admin/calls.csv", "/admin/calls.ndjson"] {
        let page = visitor.page(list).await;
        assert!(
            odd.iter().all(|id| page.contains(id.as_str())) && page.contains("good-3"),
            "{list}"
        );
    }
    for (oddity, id) in ODD.iter().zip(&odd) {
        let page = visitor.page(&format!("/admin/calls/{id}")).await;
        assert!(page.contains("Transcript"), "{oddity:?}");
    }
    for page in [
        "/admin/execution-logs",
        "/admin/execution-logs.csv",
        "/admin/execution-logs.ndjson",
    ] {
        assert!(visitor.page(page).await.contains("qci"), "{page}");
    }
    for run in runs.iter().filter_map(|run| run["id"].as_str()) {
        for file in ["", "/logs.csv", "/logs.ndjson"] {
            let page = visitor.page(&format!("/admin/execution-logs/{run}{file}")).await;
            assert!(
                page.contains("1e400") || page.contains(&"0".repeat(400)),
                "{file} of run {run}"
            );
        }
    }
    visitor.page("/admin/assistants").await;
    visitor.page("/admin/alerts").await;
}

#[tokio::test]
async fn the_dashboard_functions_count_odd_calls_with_the_others() {
    let (room, _) = room().await;
    room.score().await;

    let window = "null, now() - interval '60 days', now() + interval '1 day'";
    let metrics = room
        .db()
        .rows(&format!("select get_dashboard_metrics({window}) as found"))
        .await;
    let list = room
        .db()
        .rows(&format!("select get_calls_list({window}) as found"))
        .await;
    let timeline = room
        .db()
        .rows(&format!("select get_timeline_data({window}) as found"))
        .await;

    assert_eq!(metrics[0]["totalCalls"], 13, "{metrics:?}");
    assert!(!list.is_empty() && !timeline.is_empty());
}

/// A row whose columns can't be read: as a page of the table that is damaged on disk.
async fn damage(room: &Courtroom, id: &str) {
    let damage = format!(
        "alter table vapi_calls_raw rename to calls_on_disk;
         create view vapi_calls_raw as
         select id, org_id, type, status, ended_reason, assistant_id, assistant_name, created_at, started_at, call_at,
                ended_at, duration_seconds, cost, transcript, recording_url, updated_at, synced_at, document_hash,
                customer_phone_number, vapi_success_evaluation, has_calendar_booking, has_tool_calls, tool_names,
                changed_in, counted_in,
                case when id = '{id}' then to_jsonb(1 / (length(id) - length(id))) else raw_json end as raw_json
         from calls_on_disk"
    );
    room.db().client().await.batch_execute(&damage).await.unwrap();
}

#[tokio::test]
async fn a_row_that_the_database_cannot_read_is_parked_and_the_others_are_scored() {
    let calls: Vec<Value> = (0..4)
        .map(|index| conversation(&format!("good-{index}"), &TALK))
        .collect();
    let room = Courtroom::hearing(&calls, judge::Settings::default()).await;
    damage(&room, "good-1").await;

    let estimate = room.try_score(json!({"estimate": true})).await.unwrap();
    let first = room.score().await;
    for _ in 0..2 {
        // Nothing else is left, so that there is nothing to call a success.
        let failure = room.try_score(json!({})).await.unwrap_err().to_string();
        assert!(failure.contains("the stored call can't be read"), "{failure}");
    }
    let last = room.score().await;

    let estimate = &estimate.metadata["estimate"];
    assert_eq!((&estimate["calls"], &estimate["unreadable"]), (&json!(3), &json!(1)));
    assert_eq!(
        (
            first.status,
            first.counters.calls_analyzed,
            first.counters.records_failed
        ),
        (Status::Partial, 3, 1)
    );
    let parked = room.analysis("good-1").await;
    assert_eq!(parked["status"], "parked");
    assert!(
        parked["error_message"].as_str().unwrap().contains("division by zero"),
        "{parked}"
    );
    assert_eq!((last.status, last.counters.records_fetched), (Status::Success, 0));
}

#[tokio::test]
async fn a_call_that_no_budget_can_pay_for_keeps_no_other_from_its_turn() {
    let long = "I have one more question about the cake. ".repeat(30_000);
    let mut said = TALK;
    said[1] = &long;
    let mut calls = vec![conversation("dear", &said)];
    calls.extend((0..3).map(|index| conversation(&format!("good-{index}"), &TALK)));
    let room = Courtroom::hearing(&calls, judge::Settings::default())
        .await
        .setting("QCI_MAX_USD_PER_RUN", "0.05");

    let report = room.score().await;

    assert_eq!(
        (report.status, report.counters.calls_analyzed),
        (Status::Partial, 3),
        "{:?}",
        report.reason
    );
    assert!(report.reason.unwrap().contains("QCI_MAX_USD_PER_RUN"));
    assert_eq!(
        room.analysis("dear").await,
        Value::Null,
        "it is not parked: a greater budget may pay for it"
    );
}

#[tokio::test]
async fn a_transcript_that_no_judge_can_read_fails_before_anybody_is_asked() {
    let mut world = World::generate(&Spec {
        calls: 0,
        ..Spec::new(now())
    });
    let huge = world.plant(Oddity::HugeMessage).unwrap();
    world.insert(&conversation("good", &TALK));
    let stage = Stage::of(world, Settings::default()).await;
    let room = Courtroom::of(stage, judge::Settings::default()).await;

    let report = room.score().await;

    assert_eq!((report.counters.calls_analyzed, report.counters.records_failed), (1, 1));
    let failed = room.analysis(&huge).await;
    assert!(
        failed["error_message"]
            .as_str()
            .unwrap()
            .contains("characters were spoken"),
        "{failed}"
    );
    assert_eq!(room.judge.requests().len(), 1);
    let mut visitor = Visitor::signed_in(room.db(), "UTC").await;
    assert!(
        visitor
            .page(&format!("/admin/calls/{huge}"))
            .await
            .contains("characters were spoken")
    );
}

#[tokio::test]
async fn an_analysis_that_the_database_refuses_fails_its_call_alone() {
    let calls: Vec<Value> = (0..4)
        .map(|index| conversation(&format!("good-{index}"), &TALK))
        .collect();
    let room = Courtroom::hearing(&calls, judge::Settings::default()).await;
    let refuse =
        "alter table qci_analyses add constraint refused_by_test check (call_id <> 'good-1' or status <> 'scored');
                  create function erase() returns trigger language plpgsql as $$
                  begin
                      delete from vapi_calls_raw where id = 'good-2';
                      return null;
                  end $$;
                  create trigger erased_meanwhile after insert on judge_requests execute function erase();";
    room.db().client().await.batch_execute(refuse).await.unwrap();

    let report = room.score().await;

    assert_eq!(
        (report.counters.calls_analyzed, report.counters.records_failed),
        (2, 2),
        "{:?}",
        report.reason
    );
    let refused = room.analysis("good-1").await;
    assert_eq!(refused["status"], "failed");
    assert!(
        refused["error_message"].as_str().unwrap().contains("refused_by_test"),
        "{refused}"
    );
    let answers = room
        .db()
        .rows("select call_id, state from judge_requests order by call_id")
        .await;
    let closed = |id: &str| json!({"call_id": id, "state": "closed"});
    assert_eq!(answers, [closed("good-0"), closed("good-1"), closed("good-3")]);
}

/// A database with all tables whose text can hold no character beyond Latin-1: `migrate` would not have made them.
async fn latin(neighbour: &TestDb) -> Pool {
    let name = format!("latin_rows_{}", std::process::id());
    let create = format!("create database {name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0");
    neighbour.client().await.batch_execute(&create).await.unwrap();
    let (server, _) = neighbour
        .url()
        .rsplit_once('/')
        .map(|(server, name)| (server.to_owned(), name.to_owned()))
        .unwrap();
    let url = format!("{server}/{name}");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    for version in 1..8 {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&format!("V{version}__"))
        };
        for file in files.filter(is_it) {
            client
                .batch_execute(&std::fs::read_to_string(file).unwrap())
                .await
                .unwrap();
        }
    }
    let mut reader = Reader::from_pairs([("DATABASE_URL".to_owned(), url)]);
    db::pool(&reader.database()).unwrap()
}

#[tokio::test]
async fn a_reject_that_the_database_cannot_hold_is_kept_escaped_with_the_others() {
    let neighbour = TestDb::empty().await;
    let mut client = db::connect(&latin(&neighbour).await).await.unwrap();
    let rejects = [("plain", 1), ("caf\u{e9} \u{4f60} \u{1f600} \0", 2), ("plain again", 3)];
    let transaction = client.transaction().await.unwrap();

    for (text, number) in rejects {
        let reject = Reject {
            call_id: Some(text.to_owned()),
            reason: text.to_owned(),
            sqlstate: Some("22P05".to_owned()),
            document: Some(json!({"text": text}).to_string()),
            document_bytes: text.len(),
            document_hash: [number; 16],
        };
        reject::record(&transaction, &reject, None, now()).await.unwrap();
    }
    transaction.commit().await.unwrap();

    let query = "select reason, document::text from vapi_call_rejects order by document_hash";
    let rows = client.query_typed(query, &[]).await.unwrap();
    let kept: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let escaped = "caf\\u00e9 \\u4f60 \\ud83d\\ude00 \\u0000";
    assert_eq!(kept.len(), 3);
    assert_eq!((kept[0].0.as_str(), kept[1].0.as_str()), ("plain", escaped));
    assert_eq!(kept[1].1, format!("{{\"text\":\"{escaped}\"}}"));
}

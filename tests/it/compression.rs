//! What is declared to be compressed with lz4 is stored so, however it came in; older rows are mended.

use serde_json::{Value, json};
use shared::platform::clock;
use shared::store::backfill::{self, Progress};
use simulator::judge;
use simulator::vapi::{Settings, Size, Spec, World};
use tests::{Courtroom, Stage, TestDb};
use tokio::sync::watch;

/// Each column that lz4 is declared for, and how its stored values are compressed.
async fn stored(db: &TestDb) -> Vec<Value> {
    let declared = "select attrelid::regclass::text as relation, attname as name from pg_attribute
                    where attcompression = 'l' and attrelid::regclass::text !~ '^pg_' order by 1, 2";
    let mut stored = Vec::new();
    for column in db.rows(declared).await {
        let (table, name) = (column["relation"].as_str().unwrap(), column["name"].as_str().unwrap());
        let methods = format!(
            "select '{table}.{name}' as column, pg_column_compression({name}) as method, count(*) as rows
             from {table} where pg_column_compression({name}) is not null group by 2"
        );
        stored.extend(db.rows(&methods).await);
    }
    stored
}

async fn has_lz4(db: &TestDb) -> bool {
    let known = "select 1 as found from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)";
    !db.rows(known).await.is_empty()
}

fn columns(stored: &[Value], method: &str) -> Vec<String> {
    let of_method = stored.iter().filter(|stored| stored["method"] == method);
    of_method
        .map(|stored| stored["column"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn new_and_changed_calls_and_scores_are_stored_with_lz4() {
    let room = Courtroom::of(Stage::with_calls(60).await, judge::Settings::default()).await;
    let db = &room.stage.db;
    if !has_lz4(db).await {
        return;
    }
    room.score().await;
    let inserted = stored(db).await;
    // Every call changes: a later version of each is what the sync then finds.
    let now = tests::now();
    let ids = room.stage.vapi.world().call_ids();
    for id in ids {
        let mut world = room.stage.vapi.world();
        world.update(&id, |call| call["customer"] = json!({"name": "Changed"}));
        world.touch(&id, now);
    }
    let report = room.stage.sync().await;
    assert!(report.counters.records_updated > 40, "{:?}", report.counters);

    let updated = stored(db).await;

    for stored in [&inserted, &updated] {
        assert_eq!(columns(stored, "pglz"), Vec::<String>::new(), "{stored:?}");
    }
    let lz4 = columns(&updated, "lz4");
    for column in [
        "vapi_calls_raw.raw_json",
        "vapi_calls_raw.transcript",
        "qci_analyses.criteria",
        "qci_analyses.facts",
    ] {
        assert!(
            lz4.iter().any(|stored| stored == column),
            "{column} was not tried: {updated:?}"
        );
    }
}

#[tokio::test]
async fn only_what_is_long_lies_beside_a_call() {
    let world = World::generate(&Spec {
        calls: 100,
        size: Size::Conversations,
        ..Spec::new(tests::now())
    });
    let stage = Stage::of(world, Settings::default()).await;
    stage.sync().await;
    let table = "select reltoastrelid::regclass::text as beside,
                        pg_relation_size(oid) / (select count(*) from vapi_calls_raw) as bytes
                 from pg_class where oid = 'vapi_calls_raw'::regclass";
    let table = stage.db.rows(table).await;
    let beside = format!(
        "select count(distinct chunk_id) as values from {}",
        table[0]["beside"].as_str().unwrap()
    );

    let values = stage.db.rows(&beside).await[0]["values"].as_i64().unwrap();

    // A document each, and most transcripts. A key that lies beside its row is read from two tables.
    assert!((100..=200).contains(&values), "{values} values beside 100 calls");
    let bytes = table[0]["bytes"].as_i64().unwrap();
    assert!(bytes < 1_000, "{bytes} bytes a call");
}

/// A database of the version before, with rows as it stored changed ones; every fifth is as it stored new ones.
async fn of_the_version_before(calls: usize) -> TestDb {
    let db = TestDb::of_migration(29).await;
    let world = World::generate(&Spec {
        calls,
        ..Spec::new(tests::now())
    });
    let documents: Vec<String> = world.calls().iter().map(Value::to_string).collect();
    let client = db.client().await;
    for (method, is_new) in [("lz4", true), ("pglz", false)] {
        let set = format!(
            "alter table vapi_calls_raw alter column raw_json set compression {method},
                                        alter column transcript set compression {method}"
        );
        client.batch_execute(&set).await.unwrap();
        let insert = "insert into vapi_calls_raw (id, transcript, raw_json, document_hash, synced_at)
                      select document::jsonb ->> 'id', repeat(document, 2), document::jsonb, decode(md5(document), 'hex'), now()
                      from unnest($1::text[]) with ordinality as listed (document, position)
                      where (position % 5 = 0) = $2";
        client.execute(insert, &[&documents, &is_new]).await.unwrap();
    }
    let scores = "alter table vapi_calls_raw alter column raw_json set compression lz4,
                                             alter column transcript set compression lz4;
                  insert into qci_analyses (call_id, framework_id, status, skip_reason, facts, call_hash, analyzed_at)
                  select id, 1, 'skipped', 'no_conversation', raw_json, document_hash, now() from vapi_calls_raw
                  where pg_column_compression(raw_json) = 'pglz'";
    client.batch_execute(scores).await.unwrap();
    db
}

const CONTENTS: &str = "select call.id, md5(raw_json::text) as document, md5(transcript) as transcript, synced_at,
                               md5(facts::text) as facts
                        from vapi_calls_raw as call left join qci_analyses on call_id = call.id order by call.id";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_version_before_are_mended_in_batches_by_whoever_comes() {
    let db = of_the_version_before(300).await;
    if !has_lz4(&db).await {
        return;
    }
    let count = async |what: &str| db.rows(what).await[0]["rows"].as_i64().unwrap();
    let old_calls = "select count(*) as rows from vapi_calls_raw
                     where 'pglz' in (coalesce(pg_column_compression(raw_json), ''), coalesce(pg_column_compression(transcript), ''))";
    let old_scores = "select count(*) as rows from qci_analyses where pg_column_compression(facts) = 'pglz'";
    let untouched = "select id, xmin::text from vapi_calls_raw
                     where pg_column_compression(raw_json) = 'lz4' and pg_column_compression(transcript) = 'lz4' order by id";
    let (calls, scores) = (count(old_calls).await, count(old_scores).await);
    let (contents, new) = (db.rows(CONTENTS).await, db.rows(untouched).await);
    assert!(
        calls > 150 && scores > 50 && new.len() > 10,
        "{calls} {scores} {}",
        new.len()
    );
    shared::platform::db::migrate(&crate::large::settings(&db.url()))
        .await
        .unwrap();
    let pool = db.pool();
    let (watch, _) = watch::channel(Progress::default());

    // Somebody stops it after the first batch; then two go on at once.
    let mut batches = 0;
    let is_late = || {
        batches += 1;
        batches > 1
    };
    let first = backfill::run(&pool, &watch, is_late, clock::now).await.unwrap();
    let left = count(old_calls).await;
    let (one, other) = tokio::join!(
        backfill::run(&pool, &watch, || false, clock::now),
        backfill::run(&pool, &watch, || false, clock::now)
    );
    one.unwrap();
    other.unwrap();

    assert!(first[0].rows_changed > 0 && first[0].done_at.is_none(), "{first:?}");
    assert_eq!(left, calls - first[0].rows_changed);
    assert_eq!((count(old_calls).await, count(old_scores).await), (0, 0));
    let progress = db.rows("select * from backfills order by name").await;
    assert!(
        progress.iter().all(|backfill| !backfill["done_at"].is_null()),
        "{progress:?}"
    );
    let changed: Vec<_> = progress
        .iter()
        .map(|backfill| backfill["rows_changed"].as_i64())
        .collect();
    assert_eq!(
        changed,
        [Some(calls), Some(scores)],
        "a row was written twice, or one that was well"
    );
    assert_eq!(db.rows(CONTENTS).await, contents);
    let ids: Vec<&Value> = new.iter().map(|row| &row["id"]).collect();
    let mut still = db.rows("select id, xmin::text from vapi_calls_raw order by id").await;
    still.retain(|row| ids.contains(&&row["id"]));
    assert_eq!(still, new, "a row that was well was written");
}

#[tokio::test]
async fn a_new_database_has_nothing_to_mend() {
    let db = TestDb::new().await;

    assert_eq!(backfill::left(&db.connect().await).await.unwrap(), []);
}

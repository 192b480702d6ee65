//! Adopting the earlier system's database: everything is taken, nothing is lost, whatever happens on the way.

mod front_ends;
mod function;
mod obstacles;
mod odd;
mod readers;
mod stopped;
mod then_synced;
mod verified;

use local::earlier::{self, Made, SECRET, Size};
use migrate::adopt::{self, Adopted, Stage};
use serde_json::{Value, json};
use shared::platform::config::{Database, Reader};
use shared::platform::{clock, db};
use simulator::vapi::{Server, Settings, Spec, World};
use tests::{Stage as Sync, TestDb};
use tokio::sync::{OnceCell, watch};

/// A database of the earlier system, and the Vapi that its newest calls came from.
struct Earlier {
    db: TestDb,
    spec: Spec,
    made: Made,
}

static SMALL: OnceCell<Earlier> = OnceCell::const_new();

impl Earlier {
    async fn of(size: Size, served: usize) -> Self {
        let db = TestDb::empty().await;
        let spec = Spec {
            calls: served,
            ..Spec::new(tests::now())
        };
        let world = World::generate(&spec);
        let client = db.client().await;
        let made = earlier::make(&client, &world, &spec, size).await.unwrap();
        drop(client);
        settled(&db).await;
        Self { db, spec, made }
    }

    /// A copy of a small one, which is made once.
    async fn small() -> Self {
        let template = SMALL.get_or_init(|| Self::of(Size::SMALL, 120)).await;
        Self {
            db: template.db.copy().await,
            spec: template.spec.clone(),
            made: template.made,
        }
    }
}

/// Waits until nobody is connected: a database is copied only then.
async fn settled(db: &TestDb) {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let _ = db;
}

fn settings(db: &TestDb) -> Database {
    settings_of(db.url())
}

fn settings_of(url: String) -> Database {
    Reader::from_pairs([("DATABASE_URL".to_owned(), url)]).database()
}

async fn take_over(db: &TestDb) -> Adopted {
    try_take_over(&settings(db)).await.unwrap()
}

async fn try_take_over(settings: &Database) -> anyhow::Result<Adopted> {
    let (watch, _) = watch::channel(Stage::default());
    adopt::adopt(settings, &watch, || false, clock::now).await
}

async fn verify(db: &TestDb) -> adopt::Verified {
    adopt::verify(&db::pool(&settings(db)).unwrap(), clock::now())
        .await
        .unwrap()
}

/// A database that these statements made.
async fn with(statements: &str) -> TestDb {
    let db = TestDb::empty().await;
    db.client().await.batch_execute(statements).await.unwrap();
    db
}

/// One value of a query.
async fn value(db: &TestDb, expression: &str) -> Value {
    db.rows(&format!("select ({expression}) as value")).await[0]["value"].clone()
}

/// Everything that our tables hold, but for when it was written.
async fn contents(db: &TestDb) -> Vec<Value> {
    db.rows(
        "select 'call' as kind, md5(string_agg(md5((to_jsonb(c) - 'synced_at' - 'changed_in' - 'counted_in')::text), '' order by id)) as digest,
                count(*) as rows from vapi_calls_raw c
         union all
         select 'assistant', md5(string_agg(md5((to_jsonb(a) - 'synced_at')::text), '' order by assistant_id)), count(*)
         from vapi_assistants a
         union all
         select 'version', md5(string_agg(md5(to_jsonb(v)::text), '' order by assistant_id, version_number)), count(*)
         from vapi_assistant_prompt_history v
         union all
         select 'run', md5(string_agg(md5(to_jsonb(r)::text), '' order by id)), count(*) from runs r
         union all
         select 'line', md5(string_agg(md5(to_jsonb(l)::text), '' order by id)), count(*) from logs l
         union all
         select 'analysis', md5(string_agg(md5((to_jsonb(e) - 'framework_id')::text), '' order by call_id)), count(*)
         from earlier_analyses e",
    )
    .await
}

/// Everything of the earlier system, wherever it is now.
async fn earlier_contents(db: &TestDb, schema: &str) -> Vec<Value> {
    let digests: Vec<String> = adopt::Table::ALL
        .iter()
        .map(|table| {
            let name = table.name();
            format!(
                "select '{name}' as name, count(*), sum(hashtextextended(t::text, 0)::numeric) from {schema}.{name} t"
            )
        })
        .collect();
    db.rows(&digests.join(" union all ")).await
}

#[tokio::test]
async fn every_row_of_a_database_as_it_was_measured_is_adopted() {
    let earlier = Earlier::of(Size::MEASURED, 926).await;
    let (db, made) = (&earlier.db, earlier.made);
    assert_eq!(
        (made.calls, made.never_began, made.assistants, made.analyses),
        (8_559, 6_182, 13, 918)
    );
    let before = earlier_contents(db, "public").await;
    let long_calls = db.rows("select * from long_calls order by id").await;

    let adopted = take_over(db).await;

    assert!(adopted.is_complete, "{adopted:#?}");
    for (table, rows) in [
        ("vapi_calls_raw", made.calls),
        ("vapi_assistants", made.assistants),
        ("vapi_assistant_prompt_history", made.versions),
        ("runs", made.runs),
        ("logs", made.lines),
        ("earlier_analyses", made.analyses),
    ] {
        assert_eq!(db.count(table).await, i64::try_from(rows).unwrap(), "{table}");
    }
    assert_eq!(
        earlier_contents(db, "before_callmark").await,
        before,
        "the old tables are untouched"
    );
    assert_eq!(db.rows("select * from long_calls order by id").await, long_calls);
    let off = value(db, "select count(*) from earlier_analyses where not sums_up").await;
    assert_eq!(off, made.off);
    let analyses = adopted
        .tables
        .iter()
        .find(|table| table.table_name == "qci_analyses")
        .unwrap();
    let told = "analyses whose total is not the sum of its parts: kept as they were, marked";
    assert_eq!(json!(analyses.reasons[told]), off);
    let verified = verify(db).await;
    assert!(verified.is_good, "{verified:#?}");

    the_functions_count_all(db, made).await;
    no_table_holds_the_secret(db).await;
    a_following_sync_writes_only_what_differs(earlier).await;
}

async fn the_functions_count_all(db: &TestDb, made: Made) {
    let all = "p_date_from => '2000-01-01', p_date_to => now() + interval '1 day'";
    let metrics = value(db, &format!("get_dashboard_metrics({all})")).await;
    assert_eq!(
        [
            &metrics["totalCalls"],
            &metrics["analyzedCalls"],
            &metrics["avgQCI"],
            &metrics["totalAssistants"]
        ],
        [&json!(made.calls), &json!(0), &json!(0), &json!(made.assistants)]
    );
    let list = value(
        db,
        &format!("select count(*) from get_calls_list({all}, p_limit => 100000)"),
    )
    .await;
    assert_eq!(list, made.calls);
    let timeline = value(db, &format!("select sum(total_calls) from get_timeline_data({all})")).await;
    assert_eq!(timeline, made.calls);
    let backlog = value(db, "select count(*) from calls_to_analyze").await;
    assert_eq!(
        backlog, made.calls,
        "a call with an earlier analysis still needs the active framework's"
    );

    // A front end that asks for them has them, as they were.
    let asked = format!("{all}, p_framework => 'QCI Standard (earlier)'");
    let metrics = value(db, &format!("get_dashboard_metrics({asked})")).await;
    assert_eq!(metrics["analyzedCalls"], made.analyses);
    let mean = value(
        db,
        "select round(avg(total_score), 1) from before_callmark.qci_analyses",
    )
    .await;
    assert_eq!(metrics["avgQCI"], mean);
    let scored =
        format!("select count(*) from get_calls_list({asked}, p_quality_filter => 'with_qci', p_limit => 100000)");
    assert_eq!(value(db, &scored).await, made.analyses);
    let timeline = value(
        db,
        &format!("select sum(analyzed_calls) from get_timeline_data({asked})"),
    )
    .await;
    assert_eq!(timeline, made.analyses);
}

async fn no_table_holds_the_secret(db: &TestDb) {
    let planted = format!("select count(*) from before_callmark.vapi_calls_raw as t where t::text like '%{SECRET}%'");
    assert!(value(db, &planted).await.as_i64().unwrap() > 50);
    let tables = db
        .rows("select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
        .await;
    assert!(tables.len() > 15);
    for table in tables {
        let table = table["name"].as_str().unwrap();
        let holding = format!("select count(*) from public.{table} as t where t::text like '%{SECRET}%'");
        assert_eq!(value(db, &holding).await, 0, "{table}");
    }
}

async fn a_following_sync_writes_only_what_differs(earlier: Earlier) {
    let stage = Sync {
        db: earlier.db,
        vapi: Server::start(World::generate(&earlier.spec), Settings::default())
            .await
            .unwrap(),
        settings: Vec::new(),
    };
    let versions = stage.db.count("vapi_assistant_prompt_history").await;

    stage.sync().await;

    let run = &stage.db.runs().await.pop().unwrap();
    let counts = (
        run.status.as_str(),
        run.records_fetched,
        run.records_inserted,
        run.records_updated,
    );
    assert_eq!(counts, ("success", 926, 0, 0), "{run:#?}");
    assert_eq!(
        stage.db.count("vapi_assistant_prompt_history").await,
        versions,
        "no version is told twice"
    );

    let ids = stage.vapi.world().call_ids();
    for id in &ids[..3] {
        stage.vapi.world().update(id, |call| {
            call["endedReason"] = json!("changed-since");
            call["updatedAt"] = json!(shared::platform::clock::rfc3339(shared::platform::clock::now()));
        });
    }
    stage.sync().await;

    let run = &stage.db.runs().await.pop().unwrap();
    assert_eq!((run.records_inserted, run.records_updated), (0, 3), "{run:#?}");
    let verified = verify(&stage.db).await;
    assert!(verified.is_good, "{verified:#?}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_taken_and_changes_nothing() {
    let earlier = Earlier::small().await;
    let catalog = "select relname, relnamespace::regnamespace::text, relkind from pg_class
                   where relnamespace::regnamespace::text in ('public', 'before_callmark') order by 1, 2";
    let (before, rows) = (
        earlier.db.rows(catalog).await,
        earlier_contents(&earlier.db, "public").await,
    );

    let plan = adopt::plan(&db::pool(&settings(&earlier.db)).unwrap()).await.unwrap();

    assert_eq!(earlier.db.rows(catalog).await, before);
    assert_eq!(earlier_contents(&earlier.db, "public").await, rows);
    let of = |name: &str| plan.tables.iter().find(|table| table.table == name).unwrap();
    assert_eq!((of("vapi_calls_raw").rows, of("vapi_calls_raw").taken), (856, 856));
    assert_eq!(of("qci_analyses").odd[0].rows, i64::try_from(earlier.made.off).unwrap());
    assert_eq!(of("vapi_assistant_prompt_history").unread_columns, ["id"]);
    assert_eq!(plan.functions.len(), 3, "{plan:#?}");
    for (kind, name) in [
        ("view", "public.long_calls"),
        ("view", "public.long_calls_by_assistant"),
        ("foreign key", "call_notes_call_id_fkey of public.call_notes"),
        ("function", "public.count_of_calls()"),
        ("policy", "readable when signed in on public.vapi_calls_raw"),
    ] {
        let is_told = plan.dependents.iter().any(|it| it.kind == kind && it.name == name);
        assert!(is_told, "{kind} {name}: {:#?}", plan.dependents);
    }
}

#[tokio::test]
async fn a_migration_of_such_a_database_changes_nothing_and_names_the_way() {
    let earlier = Earlier::small().await;
    let rows = earlier_contents(&earlier.db, "public").await;

    let refusal = adopt::migrate(&settings(&earlier.db), None)
        .await
        .unwrap_err()
        .to_string();

    for word in [
        "public.runs",
        "callmark adopt --dry-run",
        "AdoptExisting",
        "{\"adopt\": true}",
    ] {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    assert_eq!(earlier_contents(&earlier.db, "public").await, rows);
    let ours = value(&earlier.db, "to_regclass('public.refinery_schema_history')::text").await;
    assert_eq!(ours, Value::Null);
}

#[tokio::test]
async fn a_second_adoption_finds_nothing_to_do_and_other_databases_have_none() {
    let earlier = Earlier::small().await;
    take_over(&earlier.db).await;
    let before = contents(&earlier.db).await;

    let again = take_over(&earlier.db).await;

    assert!(again.moved.is_empty() && again.applied.is_empty() && again.is_complete);
    assert_eq!(contents(&earlier.db).await, before);
    assert_eq!(
        adopt::migrate(&settings(&earlier.db), None).await.unwrap().applied,
        Vec::<String>::new()
    );
    let other = TestDb::new().await;
    let (watch, _) = watch::channel(Stage::default());
    let nothing = adopt::adopt(&settings(&other), &watch, || false, clock::now)
        .await
        .unwrap_err();
    assert!(nothing.to_string().contains("there is nothing to adopt"), "{nothing}");
}

#[tokio::test]
async fn earlier_runs_are_closed_and_disturb_neither_the_lease_nor_the_watchdog() {
    let earlier = Earlier::small().await;

    take_over(&earlier.db).await;

    let lost = value(
        &earlier.db,
        "select count(*) from runs where status = 'error' and error_message like 'lost: %' and finished_at is not null",
    )
    .await;
    assert_eq!(lost, earlier.made.running);
    assert_eq!(
        value(&earlier.db, "select count(*) from runs where triggered_by = 'unknown'").await,
        8
    );
    assert_eq!(
        value(&earlier.db, "select count(*) from runs where metadata ? 'event_id'").await,
        0
    );
    let batches = value(
        &earlier.db,
        "select count(distinct batch_id) from runs where metadata -> 'before_callmark' ? 'batch_id'",
    )
    .await;
    assert_eq!(batches, 10, "two runs of one batch stay together");
    let client = db::connect(&earlier.db.pool()).await.unwrap();
    let pulse = shared::run::pulse(&client, "vapi-sync").await.unwrap();
    assert_eq!(pulse, shared::run::Pulse::default());
}

//! The `callmark` command as its users run it: the real program, its output and its exit status.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::vapi::{Fault, Kind, Server, Settings, Spec, World};
use tempfile::TempDir;
use tests::TestDb;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const KEY: &str = "the-right-key";

/// How a command ended.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// Standard output, which must be one JSON document.
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The command, with these settings and none of ours.
fn callmark(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callmark"));
    let kept = ["PATH", "PG_BIN"].map(|name| (name, std::env::var_os(name)));
    command
        .args(arguments)
        .env_clear()
        .envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))))
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn end(child: Child) -> Ended {
    let output = tokio::time::timeout(Duration::from_mins(1), child.wait_with_output());
    let output = output.await.unwrap().unwrap();
    Ended {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    end(callmark(arguments, settings).spawn().unwrap()).await
}

/// A database, a Vapi, and the settings that lead to them.
struct Scene {
    db: TestDb,
    vapi: Server,
    settings: Vec<(&'static str, String)>,
}

impl Scene {
    async fn of(calls: usize, behaviour: Settings) -> Self {
        let world = World::generate(&Spec {
            calls,
            ..Spec::new(shared::clock::now())
        });
        let behaviour = Settings {
            api_key: Some(KEY.to_owned()),
            ..behaviour
        };
        let (db, vapi) = (TestDb::new().await, Server::start(world, behaviour).await.unwrap());
        let settings = vec![
            ("DATABASE_URL", db.url()),
            ("VAPI_BASE_URL", vapi.url()),
            ("VAPI_API_KEY", KEY.to_owned()),
            ("VAPI_RATE", "5000".to_owned()),
            ("VAPI_ATTEMPTS", "1".to_owned()),
            ("VAPI_TIMEOUT_SECONDS", "5".to_owned()),
        ];
        Self { db, vapi, settings }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[]).await
    }

    /// With other settings over those of the scene; one that is blank counts as absent.
    async fn run_with(&self, arguments: &[&str], others: &[(&str, &str)]) -> Ended {
        let mut settings = self.settings();
        settings.extend(others);
        run(arguments, &settings).await
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        callmark(arguments, &self.settings()).spawn().unwrap()
    }

    async fn statuses(&self) -> Vec<String> {
        self.db.runs().await.into_iter().map(|run| run.status).collect()
    }
}

async fn send(signal: &str, child: &Child) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status().await;
    assert!(sent.unwrap().success());
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// The address of another database on the server of this one.
fn beside(db: &TestDb, name: &str) -> String {
    let url = db.url();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}?sslmode=disable")
}

/// What is typed, over which settings, and the words that the one line of the refusal must have.
type Refusal<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

/// The status is this one, and standard error has exactly one line of ours with all the words.
fn assert_refused(ended: &Ended, status: i32, (arguments, settings, words): &Refusal) {
    let told: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| !line.starts_with("Callmark demo"))
        .collect();
    assert_eq!(ended.status, Some(status), "{arguments:?} {settings:?}: {ended:?}");
    assert_eq!(told.len(), 1, "{arguments:?} {settings:?}: {ended:?}");
    assert!(told[0].starts_with("callmark: "), "{ended:?}");
    for word in *words {
        assert!(told[0].contains(word), "{word:?} is not in {:?}", told[0]);
    }
}

#[tokio::test]
async fn wrong_usage_is_refused_before_anything_is_asked_of_settings_or_database() {
    let range = ["sync", "--mode", "range", "--from"];
    let refusals: &[Refusal] = &[
        (
            &["sink"],
            &[],
            &["unrecognized subcommand 'sink'", "see `callmark --help`"],
        ),
        (
            &["sync", "--moode", "full"],
            &[],
            &["'--moode'", "'--mode'", "see `callmark sync --help`"],
        ),
        (
            &["sync", "--mode", "everything"],
            &[],
            &["unknown mode \"everything\"", "expected auto, full"],
        ),
        (
            &[&range[..], &["2026-08-04", "--to", "2026-08-03"]].concat(),
            &[],
            &["`from` (2026-08-04", "is after `to`", "exchange them"],
        ),
        (
            &[&range[..], &["3.8.2026"]].concat(),
            &[],
            &["`from` is not a date", "write it as 2026-08-03"],
        ),
        (
            &["sync", "--from", "2026-08-04"],
            &[],
            &["`from` has no meaning in mode auto", "use mode range"],
        ),
        (
            &["sync", "--mode", "call", "--call-id", "7"],
            &[],
            &["`call_id` is not a Vapi call id", "UUID"],
        ),
        (&["sync", "--mode", "call"], &[], &["mode call needs `call_id`"]),
        (
            &["sync", "--input", "[]"],
            &[],
            &["the input must be a JSON object, such as {}"],
        ),
        (&["sync", "--input", "{"], &[], &["'--input <JSON>'", "EOF"]),
        (
            &["sync", "--time-limit", "soon"],
            &[],
            &["'--time-limit <TIME>'", "such as 90s, 15m or 6h"],
        ),
        (
            &["simulate", "--page-cap", "0"],
            &[],
            &["'--page-cap <ROWS>'", "1..=1000"],
        ),
    ];

    for refusal in refusals {
        assert_refused(&run(refusal.0, refusal.1).await, 2, refusal);
    }
}

#[tokio::test]
async fn wrong_settings_are_refused_all_at_once_with_what_was_expected_and_without_their_values() {
    let refusals: &[Refusal] = &[
        (
            &["sync"],
            &[
                ("DATABASE_URL", ""),
                ("VAPI_API_KEY", "two hidden"),
                ("VAPI_RATE", "hidden"),
                ("SYNC_WRITERS", "99"),
            ],
            &[
                "DATABASE_URL is missing: expected a URL such as postgres://",
                "VAPI_API_KEY is malformed: expected printable characters",
                "VAPI_RATE is malformed: expected requests a second",
                "SYNC_WRITERS is malformed: expected a number from 1 to 8",
            ],
        ),
        (&["sync"], &[], &["DATABASE_URL is missing", "VAPI_API_KEY is missing"]),
        (
            &["sync"],
            &[("VAPI_BASE_URL", "ftp://hidden")],
            &["VAPI_BASE_URL is malformed: expected an http://"],
        ),
        (
            &["migrate"],
            &[("DATABASE_URL", "https://hidden")],
            &["DATABASE_URL is malformed"],
        ),
        (
            &["serve"],
            &[("SYNC_EVERY", "hidden")],
            &["SYNC_EVERY is malformed: expected a time from 1m to 7d"],
        ),
    ];

    for refusal in refusals {
        let ended = run(refusal.0, refusal.1).await;

        assert_refused(&ended, 2, refusal);
        assert!(!ended.stderr.contains("hidden"), "{ended:?}");
    }
}

#[tokio::test]
async fn what_fails_outside_is_told_in_one_line_and_leaves_no_run_half_made() {
    let scene = Scene::of(1, Settings::default()).await;
    let dead = ("DATABASE_URL", "postgres://somebody:hidden@127.0.0.1:1/calls");
    let not_migrated = beside(&scene.db, "postgres");
    let empty = ("DATABASE_URL", not_migrated.as_str());
    let call = "0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301";
    let nowhere = ("VAPI_BASE_URL", "http://127.0.0.1:1");
    let refusals: &[Refusal] = &[
        (
            &["sync"],
            &[dead],
            &["127.0.0.1:1", "DATABASE_URL", "Connection refused"],
        ),
        (
            &["migrate"],
            &[dead],
            &["127.0.0.1:1", "DATABASE_URL", "Connection refused"],
        ),
        (
            &["serve"],
            &[dead],
            &["127.0.0.1:1", "DATABASE_URL", "Connection refused"],
        ),
        (&["sync"], &[empty], &["\"runs\"", "run `callmark migrate`"]),
        (&["serve"], &[empty], &["\"runs\"", "run `callmark migrate`"]),
        (
            &["demo"],
            &[("PG_BIN", "/nowhere")],
            &["PG_BIN is /nowhere", "no initdb"],
        ),
        (
            &["sync", "--mode", "call", "--call-id", call],
            &[],
            &["Vapi does not know call", call],
        ),
        (
            &["sync"],
            &[("VAPI_API_KEY", "another")],
            &["refused the key in VAPI_API_KEY", "check that"],
        ),
        (&["sync"], &[nowhere], &["no answer from Vapi", "Connection refused"]),
    ];

    for refusal in refusals {
        let ended = scene.run_with(refusal.0, refusal.1).await;

        assert_refused(&ended, 1, refusal);
        assert!(!ended.stderr.contains("hidden"), "{ended:?}");
    }
    // The last three reached Vapi.
    assert_eq!(scene.statuses().await, ["error"; 3]);
}

#[tokio::test]
async fn a_sync_brings_the_calls_in_and_its_json_is_the_whole_of_standard_output() {
    let scene = Scene::of(60, Settings::default()).await;

    let first = scene.run(&["sync", "--json"]).await;
    let second = scene.run(&["sync"]).await;

    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""));
    let answer = first.json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["runs"][0]["records_inserted"], 60);
    assert_eq!(answer["runs"][0]["triggered_by"], "manual");
    assert_eq!(scene.db.count("vapi_calls_raw").await, 60);
    assert_eq!((second.status, second.stderr.as_str()), (Some(0), ""));
    assert!(second.stdout.starts_with("vapi-sync success in "), "{second:?}");
    assert!(second.stdout.contains(" 0 new, 0 changed"), "{second:?}");
}

#[tokio::test]
async fn a_sync_out_of_time_continues_in_runs_of_the_same_batch_until_all_is_there() {
    let slow = Settings {
        page_cap: 100,
        latency: Duration::from_millis(400),
        ..Settings::default()
    };
    let scene = Scene::of(900, slow).await;

    let ended = scene.run(&["sync", "--time-limit", "4s", "--json"]).await;

    let runs = scene.db.runs().await;
    assert_eq!(
        (ended.status, &ended.json()["status"]),
        (Some(0), &json!("success")),
        "{ended:?}"
    );
    assert!(runs.len() > 1, "{runs:?}");
    assert_eq!(ended.json()["runs"].as_array().map(Vec::len), Some(runs.len()));
    assert!(runs.iter().all(|run| run.batch_id == runs[0].batch_id));
    assert!(runs[1..].iter().all(|run| run.triggered_by == "continuation"));
    assert_eq!(scene.db.count("vapi_calls_raw").await, 900);
}

#[tokio::test]
async fn a_partial_sync_has_a_status_of_its_own_and_says_what_is_left() {
    let scene = Scene::of(5, Settings::default()).await;
    scene
        .vapi
        .faults()
        .push(Fault::Status(500).next(9).on(Kind::AssistantList));

    let ended = scene.run(&["sync"]).await;

    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.stdout.starts_with("vapi-sync partial in "), "{ended:?}");
    assert!(
        ended
            .stderr
            .starts_with("callmark: vapi-sync partial: the assistants were not synced"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[tokio::test]
async fn a_sync_beside_another_is_skipped_and_says_until_when() {
    let scene = Scene::of(5, Settings::default()).await;
    let other = "insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
                 select id, 'vapi-sync', 'running', 'schedule', id, now(), now() + interval '10 minutes'
                 from gen_random_uuid() as id";
    scene.db.client().await.batch_execute(other).await.unwrap();

    let ended = scene.run(&["sync"]).await;
    let answer = scene.run(&["sync", "--json"]).await;

    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with("vapi-sync skipped\n"), "{ended:?}");
    assert!(
        ended.stdout.contains("holds the lease of vapi-sync until "),
        "{ended:?}"
    );
    assert_eq!(answer.json()["status"], "skipped");
    assert!(answer.json()["reason"].as_str().unwrap().contains("holds the lease"));
}

#[tokio::test]
async fn an_interrupted_sync_closes_its_row() {
    let stuck = Settings {
        latency: Duration::from_secs(30),
        ..Settings::default()
    };
    let scene = Scene::of(5, stuck).await;

    for signal in ["INT", "TERM"] {
        let sync = scene.start(&["sync"]);
        while scene.statuses().await.last().map(String::as_str) != Some("running") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        send(signal, &sync).await;
        let ended = end(sync).await;

        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(
            ended
                .stderr
                .ends_with("callmark: vapi-sync error: cancelled: the host told it to stop\n"),
            "{ended:?}"
        );
        let last = scene.db.runs().await.pop().unwrap();
        assert_eq!(last.status, "error");
        assert!(last.error_message.unwrap().starts_with("cancelled"));
    }
}

#[tokio::test]
async fn migrations_are_applied_once_however_many_try() {
    let neighbour = TestDb::new().await;
    let name = format!("empty_{}", std::process::id());
    let create = format!("create database {name}");
    neighbour.client().await.batch_execute(&create).await.unwrap();
    let url = beside(&neighbour, &name);
    let settings = [("DATABASE_URL", url.as_str())];

    let (one, other) = tokio::join!(
        run(&["migrate", "--json"], &settings),
        run(&["migrate", "--json"], &settings)
    );
    let again = run(&["migrate"], &settings).await;

    let applied = |ended: &Ended| ended.json()["applied"].as_array().map(Vec::len).unwrap();
    assert_eq!(
        (one.status, other.status, again.status),
        (Some(0), Some(0), Some(0)),
        "{one:?} {other:?}"
    );
    assert!(applied(&one) == 0 || applied(&other) == 0, "{one:?} {other:?}");
    assert!(applied(&one) + applied(&other) >= 8, "{one:?} {other:?}");
    assert_eq!(again.stdout, "nothing to apply: the tables are up to date\n");
}

#[tokio::test]
async fn serve_syncs_again_and_again_survives_a_failed_run_and_ends_well() {
    let scene = Scene::of(5, Settings::default()).await;
    scene.vapi.faults().push(Fault::Status(401).next(1));
    let mut serve = scene.start(&["serve", "--every", "1s", "--json"]);

    let mut lines = lines(&mut serve);
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let line = lines.next_line().await.unwrap().unwrap();
        let run: Value = serde_json::from_str(&line).unwrap();
        statuses.push(run["status"].as_str().unwrap().to_owned());
    }
    send("TERM", &serve).await;

    assert_eq!(end(serve).await.status, Some(0));
    assert_eq!(statuses, ["error", "success"]);
    assert_eq!(scene.db.runs().await[0].triggered_by, "schedule");
}

#[tokio::test]
async fn the_simulator_says_where_it_is_and_ends_well() {
    let mut simulator = callmark(&["simulate", "--calls", "3", "--api-key", KEY], &[])
        .spawn()
        .unwrap();

    let url = lines(&mut simulator).next_line().await.unwrap().unwrap();
    let db = TestDb::new().await;
    let (database, settings) = (db.url(), [("VAPI_BASE_URL", url.as_str()), ("VAPI_API_KEY", KEY)]);
    let synced = run(
        &["sync"],
        &[&settings[..], &[("DATABASE_URL", database.as_str())]].concat(),
    )
    .await;
    send("INT", &simulator).await;

    assert_eq!(synced.status, Some(0), "{synced:?}");
    assert_eq!(db.count("vapi_calls_raw").await, 3);
    assert_eq!(end(simulator).await.status, Some(0));
}

/// A folder for temporary files as the system's own is: PostgreSQL may run as another account than ours.
fn temporary() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    folder
}

/// Nothing is in the folder, and no process has to do with it.
fn assert_left_nothing(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    let processes = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
    let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
    assert!(left.is_empty(), "{left:?}");
    assert!(!processes.contains(folder.to_str().unwrap()), "{processes}");
}

#[tokio::test]
async fn the_demo_shows_a_run_and_leaves_nothing_behind() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];

    let ended = run(&["demo", "--once", "--calls", "60", "--json"], &settings).await;

    assert_eq!(ended.status, Some(0), "{ended:?}");
    let answer = ended.json();
    assert_eq!(answer["run"]["status"], "success");
    assert_eq!(answer["contents"]["calls"], 60);
    assert_eq!(answer["contents"]["assistants"], 13);
    assert_eq!(answer["logs"][0]["step"], "START");
    assert_left_nothing(folder.path());
}

#[tokio::test]
async fn the_demo_stays_up_until_it_is_interrupted() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];
    let mut demo = callmark(&["demo", "--calls", "10", "--json"], &settings)
        .spawn()
        .unwrap();

    let answer: Value = serde_json::from_str(&lines(&mut demo).next_line().await.unwrap().unwrap()).unwrap();
    let database = answer["database_url"].as_str().unwrap();
    let vapi = answer["vapi_base_url"].as_str().unwrap();
    let key = answer["vapi_api_key"].as_str().unwrap();
    let synced = run(
        &["sync", "--mode", "full"],
        &[
            ("DATABASE_URL", database),
            ("VAPI_BASE_URL", vapi),
            ("VAPI_API_KEY", key),
        ],
    )
    .await;
    send("INT", &demo).await;

    assert_eq!(synced.status, Some(0), "{synced:?}");
    assert_eq!(end(demo).await.status, Some(0));
    assert_left_nothing(folder.path());
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind_wherever_it_is() {
    for after in [150, 500, 900] {
        let folder = temporary();
        let settings = [("TMPDIR", folder.path().to_str().unwrap())];
        let demo = callmark(&["demo", "--calls", "500"], &settings).spawn().unwrap();

        tokio::time::sleep(Duration::from_millis(after)).await;
        send("INT", &demo).await;
        let ended = end(demo).await;

        assert_eq!(ended.status, Some(0), "after {after} ms: {ended:?}");
        assert_left_nothing(folder.path());
    }
}

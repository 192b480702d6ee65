//! The `callmark` command as its users run it: the real program, its output and its exit status.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use simulator::judge;
use simulator::vapi::{Fault, Kind, Server, Settings, Spec, World};
use tempfile::TempDir;
use tests::{Courtroom, TestDb, Webhook, conversation};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const KEY: &str = "the-right-key";

const TALK: [&str; 4] = [
    "Thanks for calling Quillmere Bakery, this is Nell. How can I help you today?",
    "Hi, I would like to order a cake for Saturday, for about twenty people.",
    "A cake for twenty on Saturday, with pleasure. I have booked it for ten o'clock.",
    "Great, thank you, bye.",
];

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
            ..Spec::new(shared::platform::clock::now())
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
}

/// What the command can be run against.
trait Place {
    fn db(&self) -> &TestDb;

    /// The settings that lead there.
    fn settings(&self) -> Vec<(&str, String)>;

    async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[]).await
    }

    /// With other settings over those of the place; one that is blank counts as absent.
    async fn run_with(&self, arguments: &[&str], others: &[(&str, &str)]) -> Ended {
        end(self.start_with(arguments, others)).await
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.start_with(arguments, &[])
    }

    fn start_with(&self, arguments: &[&str], others: &[(&str, &str)]) -> Child {
        let settings = self.settings();
        let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
        let settings: Vec<_> = settings.chain(others.iter().copied()).collect();
        callmark(arguments, &settings).spawn().unwrap()
    }

    async fn statuses(&self) -> Vec<String> {
        self.db().runs().await.into_iter().map(|run| run.status).collect()
    }

    /// Sends each signal to a command once its run is under way; it ends, and so does the row.
    async fn is_interrupted(&self, command: &str, script_name: &str) {
        for signal in ["INT", "TERM"] {
            let child = self.start(&[command]);
            while self.statuses().await.last().map(String::as_str) != Some("running") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            send(signal, &child).await;
            let ended = end(child).await;

            assert_eq!(ended.status, Some(1), "{ended:?}");
            let told = format!("callmark: {script_name} error: cancelled: stopped by Ctrl-C or a signal\n");
            assert!(ended.stderr.ends_with(&told), "{ended:?}");
            let last = self.db().runs().await.pop().unwrap();
            assert_eq!(
                (last.script_name.as_str(), last.status.as_str()),
                (script_name, "error")
            );
            assert!(last.error_message.unwrap().starts_with("cancelled"));
        }
    }
}

impl Place for Scene {
    fn db(&self) -> &TestDb {
        &self.db
    }

    fn settings(&self) -> Vec<(&str, String)> {
        self.settings.clone()
    }
}

impl Place for Courtroom {
    fn db(&self) -> &TestDb {
        &self.stage.db
    }

    fn settings(&self) -> Vec<(&str, String)> {
        let pairs = [
            ("DATABASE_URL", self.stage.db.url()),
            ("VAPI_BASE_URL", self.stage.vapi.url()),
            ("VAPI_API_KEY", KEY.to_owned()),
            ("VAPI_RATE", "5000".to_owned()),
            ("VAPI_ATTEMPTS", "1".to_owned()),
            ("OPENAI_BASE_URL", self.judge.url()),
            ("OPENAI_API_KEY", KEY.to_owned()),
            ("OPENAI_MODEL", judge::MODEL.to_owned()),
            ("OPENAI_ATTEMPTS", "1".to_owned()),
            ("OPENAI_TIMEOUT_SECONDS", "60".to_owned()),
        ];
        pairs.into_iter().chain(self.settings.iter().cloned()).collect()
    }
}

/// So many conversations, a call that ended before it was one, and a judge that behaves like this.
async fn courtroom(talks: usize, behaviour: judge::Settings) -> Courtroom {
    let behaviour = judge::Settings {
        api_key: Some(KEY.to_owned()),
        ..behaviour
    };
    let mut calls: Vec<Value> = (0..talks)
        .map(|index| conversation(&format!("talk-{index}"), &TALK))
        .collect();
    calls.push(conversation("very-brief", &TALK[..1]));
    Courtroom::hearing(&calls, behaviour).await
}

async fn send(signal: &str, child: &Child) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status().await;
    assert!(sent.unwrap().success());
}

fn lines<R: AsyncRead + Unpin>(output: &mut Option<R>) -> Lines<BufReader<R>> {
    BufReader::new(output.take().unwrap()).lines()
}

/// The next line, as JSON.
async fn document<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> Value {
    serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
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
async fn the_last_calls_judged_at_the_checkpoint_are_no_reason_to_continue() {
    let slow = judge::Settings {
        latency: Duration::from_millis(18_200),
        ..judge::Settings::default()
    };
    let room = courtroom(4, slow).await.setting("QCI_CONCURRENCY", 8);

    // The checkpoint is after 18 s, and answers that come within two more are taken: asking may take as long as that.
    let ended = room.run(&["qci", "--limit", "4", "--time-limit", "24s"]).await;

    assert_eq!(
        (ended.status, room.db().count("judge_requests").await),
        (Some(0), 4),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_time_limit_in_which_nothing_is_judged_is_not_tried_again_and_again() {
    let room = courtroom(4, judge::Settings::default())
        .await
        .setting("QCI_CONCURRENCY", 2);
    room.judge.faults().push(judge::Fault::Hang.every(1));

    let ended = room.run(&["qci", "--time-limit", "10s"]).await;

    assert_eq!(ended.status, Some(3), "{ended:?}");
    // The first run skips a call, and so is continued; that one comes to nothing.
    assert_eq!(
        room.db().count("runs where script_name = 'qci-analysis'").await,
        2,
        "{ended:?}"
    );
    assert_eq!(room.judge.requests().len(), 4, "{ended:?}");
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
            &["unknown --mode \"everything\"", "expected auto, full"],
        ),
        (
            &[&range[..], &["2026-08-04", "--to", "2026-08-03"]].concat(),
            &[],
            &["--from (2026-08-04", "is after --to", "exchange them"],
        ),
        (
            &[&range[..], &["3.8.2026"]].concat(),
            &[],
            &["--from is not a date", "write it as 2026-08-03"],
        ),
        (
            &["sync", "--from", "2026-08-04"],
            &[],
            &["--from has no meaning with --mode auto", "use --mode range"],
        ),
        (
            &["sync", "--mode", "call", "--call-id", "7"],
            &[],
            &["--call-id is not a Vapi call id", "UUID"],
        ),
        (&["sync", "--mode", "call"], &[], &["--mode call needs --call-id"]),
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
            &["qci", "--limits", "5"],
            &[],
            &["'--limits'", "'--limit'", "see `callmark qci --help`"],
        ),
        (
            &["qci", "--limit", "many"],
            &[],
            &["'--limit <CALLS>'", "see `callmark qci --help`"],
        ),
        (
            &["qci", "--limit", "0"],
            &[],
            &["--limit must be a number of calls from 1 on"],
        ),
        (
            &["qci", "--framework", "nonsense"],
            &[],
            &["--framework must be a name and version", "\"QCI Standard@1\""],
        ),
        (&["qci", "--force"], &[], &["--force needs --call-id"]),
        (&["qci", "--call-id", " "], &[], &["--call-id must be a call's id"]),
        (
            &["qci", "--input", r#"{"mode": "full"}"#],
            &[],
            &["unknown field `mode`", "expected call_ids, limit, framework"],
        ),
        (
            &["qci", "--input", "{}", "--estimate"],
            &[],
            &["'--input <JSON>'", "'--estimate'"],
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
#[expect(clippy::too_many_lines, reason = "a table of what is refused")]
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
            &["qci"],
            &[("DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/d")],
            &["OPENAI_API_KEY is missing: expected the key of the judge's endpoint"],
        ),
        (
            &["qci"],
            &[
                ("OPENAI_API_KEY", "two hidden"),
                ("OPENAI_BASE_URL", "hidden"),
                ("OPENAI_RESPONSE_FORMAT", "hidden"),
                ("QCI_CONCURRENCY", "0"),
                ("QCI_MAX_USD_PER_RUN", "hidden"),
                ("QCI_MAX_USD_PER_DAY", "-1"),
            ],
            &[
                "DATABASE_URL is missing",
                "OPENAI_API_KEY is malformed: expected printable characters",
                "OPENAI_BASE_URL is malformed: expected an http://",
                "OPENAI_RESPONSE_FORMAT is malformed: expected json_schema or json_object",
                "QCI_CONCURRENCY is malformed: expected a number from 1 to 500",
                "QCI_MAX_USD_PER_RUN is malformed: expected an amount in USD",
                "QCI_MAX_USD_PER_DAY is malformed",
            ],
        ),
        // A judge is not needed; one that is half set is.
        (
            &["serve"],
            &[("OPENAI_API_KEY", "two hidden")],
            &["VAPI_API_KEY is missing", "OPENAI_API_KEY is malformed"],
        ),
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
            &["migrate"],
            &[("DATABASE_URL", "postgres://u:hidden@h/d?foo=hidden")],
            &["DATABASE_URL has the unknown parameter `foo`"],
        ),
        (
            &["admin"],
            &[("DATABASE_URL", "postgres://u:hidden@h/d?sslmode=perhaps")],
            &[
                "DATABASE_URL has a wrong value for `sslmode`: expected disable, prefer, require, verify-ca or verify-full",
            ],
        ),
        (
            &["sync"],
            &[("HTTPS_PROXY", "hidden"), ("http_proxy", "socks5://u:hidden@h:1080")],
            &[
                "HTTPS_PROXY is no URL of a proxy",
                "http_proxy has a scheme that is neither http nor https",
            ],
        ),
        (
            &["qci"],
            &[("OPENAI_BASE_URL", "https://api.openai.com/v1/chat/completions")],
            &["OPENAI_BASE_URL ends in `/chat/completions`: expected the URL up to and without"],
        ),
        (
            &["sync"],
            &[("VAPI_BASE_URL", "https://api.vapi.ai/call")],
            &["VAPI_BASE_URL ends in `/call`", "such as https://api.vapi.ai"],
        ),
        (
            &["watchdog"],
            &[("SYNC_SCHEDULE", "hidden"), ("ALERT_HEADROOM_HOURS", "0")],
            &[
                "DATABASE_URL is missing",
                "SYNC_SCHEDULE is malformed: expected such as rate(6 hours)",
                "ALERT_HEADROOM_HOURS is malformed: expected hours",
            ],
        ),
        (
            &["serve"],
            &[("SYNC_EVERY", "hidden")],
            &["SYNC_EVERY is malformed: expected a time from 1s to 7d"],
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
    let elsewhere = format!("{}/v1", scene.vapi.url());
    let wrong_path = ("VAPI_BASE_URL", elsewhere.as_str());
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
        (
            &["watchdog"],
            &[dead],
            &["127.0.0.1:1", "DATABASE_URL", "Connection refused"],
        ),
        (&["watchdog"], &[empty], &["\"runs\"", "run `callmark migrate`"]),
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
            &["sync", "--mode", "call", "--call-id", call],
            &[wrong_path],
            &[
                "there is no `/call` at",
                "VAPI_BASE_URL is wrong, most likely its path `/v1`",
            ],
        ),
        (
            &["sync"],
            &[("VAPI_API_KEY", "another")],
            &["refused the key in VAPI_API_KEY", "check that"],
        ),
        (&["sync"], &[nowhere], &["no answer from Vapi", "Connection refused"]),
        (
            &["sync"],
            &[("VAPI_ATTEMPTS", "1"), ("HTTP_PROXY", "http://u:hidden@127.0.0.1:1")],
            &[
                "no answer from Vapi: through the proxy 127.0.0.1:1, which HTTP_PROXY names",
                "Connection refused",
            ],
        ),
        (
            &["sync"],
            &[
                ("VAPI_BASE_URL", "https://vapi.example.com"),
                ("VAPI_ATTEMPTS", "1"),
                ("all_proxy", "127.0.0.1:1"),
            ],
            &[
                "through the proxy 127.0.0.1:1, which all_proxy names",
                "Connection refused",
            ],
        ),
        (
            &["sync"],
            &[wrong_path],
            &[
                "there is no `/call` at",
                "VAPI_BASE_URL is wrong, most likely its path `/v1`",
                "it should be https://api.vapi.ai",
            ],
        ),
    ];

    for refusal in refusals {
        let ended = scene.run_with(refusal.0, refusal.1).await;

        assert_refused(&ended, 1, refusal);
        assert!(!ended.stderr.contains("hidden"), "{ended:?}");
    }
    // The last seven are about Vapi.
    assert_eq!(scene.statuses().await, ["error"; 7]);
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

    scene.is_interrupted("sync", "vapi-sync").await;
}

#[tokio::test]
async fn a_look_after_the_runs_closes_what_was_lost_and_says_what_is_amiss() {
    let db = TestDb::new().await;
    let url = db.url();
    let settings = [("DATABASE_URL", url.as_str())];
    let lost = r"
        insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
        values (gen_random_uuid(), 'vapi-sync', 'running', 'schedule', gen_random_uuid(),
                now() - interval '9 hours', now() - interval '8 hours')
    ";

    let calm = run(&["watchdog"], &settings).await;
    db.client().await.batch_execute(lost).await.unwrap();
    let amiss = run(&["watchdog"], &settings).await;
    let again = run(&["watchdog", "--json"], &settings).await;

    assert_eq!(
        (calm.status, calm.stdout.as_str()),
        (Some(0), "nothing is wrong\n"),
        "{calm:?}"
    );
    assert_eq!(amiss.status, Some(0), "{amiss:?}");
    let expected = "closed 1 lost run\namiss:\n  vapi-sync was last started by its schedule at ";
    assert!(amiss.stdout.starts_with(expected), "{amiss:?}");
    assert!(amiss.stdout.ends_with(", and should be every 6 h\n"), "{amiss:?}");
    let report = again.json();
    assert_eq!(
        (&report["lost"], &report["raised"], &report["cleared"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(report["open"].as_array().map(Vec::len), Some(1));
    assert_eq!(db.only_run().await.status, "error");
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
async fn a_database_that_cannot_hold_every_character_is_refused_and_left_alone() {
    let neighbour = TestDb::new().await;
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("{}_{}", encoding.to_lowercase(), std::process::id());
        let create =
            format!("create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template template0");
        neighbour.client().await.batch_execute(&create).await.unwrap();
        let url = beside(&neighbour, &name);

        let ended = run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;

        assert_eq!(ended.status, Some(1), "{ended:?}");
        for said in [encoding, "UTF8", "create database", "template0"] {
            assert!(ended.stderr.contains(said), "{said}: {ended:?}");
        }
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let made = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
        assert_eq!(
            client.query_one(made, &[]).await.unwrap().get::<_, i64>(0),
            0,
            "{encoding}"
        );
    }
}

/// An answer of the pages of `serve`: its status and its body.
async fn health(pages: &str) -> (u16, Value) {
    let (mut stream, mut answer) = (TcpStream::connect(pages).await.unwrap(), String::new());
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {pages}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        status,
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")),
    )
}

#[tokio::test]
async fn the_health_of_serve_fails_while_no_sync_ends_and_is_well_again_with_the_next() {
    let scene = Scene::of(5, Settings::default()).await;
    let arguments = [
        "serve",
        "--every",
        "2s",
        "--time-limit",
        "1s",
        "--admin-port",
        "0",
        "--json",
    ];
    let mut serve = scene.start(&arguments);
    let told = lines(&mut serve.stderr).next_line().await.unwrap().unwrap();
    let pages = told
        .split("http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let mut runs = lines(&mut serve.stdout);
    document(&mut runs).await;

    let since = Instant::now();
    let well = loop {
        let (status, body) = health(&pages).await;
        let at = |fact: &Value| fact.as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        // It is the next one, and not the one that has just ended.
        if at(&body["next_sync_at"]) > at(&body["last_sync"]["ended_at"]) {
            break (status, body);
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{body}");
    };
    // Readers go on, and whoever would open a run waits.
    let mut blocker = scene.db.client().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("lock table runs in share mode").await.unwrap();
    let since = Instant::now();
    let overdue = loop {
        let health = health(&pages).await;
        if health.0 != 200 {
            break health;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{health:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    lock.commit().await.unwrap();
    let since = Instant::now();
    while health(&pages).await.0 != 200 {
        assert!(since.elapsed() < Duration::from_mins(1), "no sync ended any more");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    send("TERM", &serve).await;

    let (status, body) = well;
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    assert_eq!(body["last_sync"]["status"], "success");
    for fact in [
        &body["last_sync"]["ended_at"],
        &body["next_sync_at"],
        &body["serving_since"],
    ] {
        assert!(fact.as_str().is_some_and(|fact| fact.ends_with('Z')), "{body}");
    }
    assert_eq!(
        (overdue.0, &overdue.1["status"]),
        (503, &json!("overdue")),
        "{overdue:?}"
    );
    assert_eq!(end(serve).await.status, Some(0));
}

#[tokio::test]
async fn a_sync_that_hangs_ends_at_its_time_limit_and_the_schedule_goes_on() {
    let scene = Scene::of(5, Settings::default()).await;
    scene.vapi.faults().push(Fault::Hang.every(1));
    let arguments = [
        "serve",
        "--every",
        "1s",
        "--time-limit",
        "3s",
        "--admin-port",
        "0",
        "--json",
    ];
    let mut serve = scene.start_with(&arguments, &[("VAPI_TIMEOUT_SECONDS", "600"), ("VAPI_ATTEMPTS", "20")]);
    let mut runs = lines(&mut serve.stdout);

    let since = Instant::now();
    let ended = [document(&mut runs).await, document(&mut runs).await];
    let took = since.elapsed();
    send("TERM", &serve).await;

    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(
        ended
            .iter()
            .all(|run| run["status"] == "error" || run["status"] == "partial"),
        "{ended:?}"
    );
    assert_eq!(end(serve).await.status, Some(0));
}

#[tokio::test]
async fn serve_syncs_again_and_again_survives_a_failed_run_and_ends_well() {
    let scene = Scene::of(5, Settings::default()).await;
    scene.vapi.faults().push(Fault::Status(401).next(1));
    let mut serve = scene.start(&["serve", "--every", "1s", "--json"]);

    let mut runs = lines(&mut serve.stdout);
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let run = document(&mut runs).await;
        statuses.push(run["status"].as_str().unwrap().to_owned());
    }
    send("TERM", &serve).await;

    assert_eq!(end(serve).await.status, Some(0));
    assert_eq!(statuses, ["error", "success"]);
    assert_eq!(scene.db.runs().await[0].triggered_by, "schedule");
}

#[tokio::test]
async fn a_sync_that_fails_is_told_before_the_command_ends_and_its_recovery_too() {
    let scene = Scene::of(5, Settings::default()).await;
    let slack = Webhook::new().await;
    scene.vapi.faults().push(Fault::Status(401).next(1));

    let failed = scene.run_with(&["sync"], &[("SLACK_WEBHOOK_URL", slack.url())]).await;
    let after_one = slack.titles();
    let well = scene.run_with(&["sync"], &[("SLACK_WEBHOOK_URL", slack.url())]).await;

    assert_eq!((failed.status, well.status), (Some(1), Some(0)), "{failed:?} {well:?}");
    assert_eq!(after_one, [":red_circle: vapi-sync failed"]);
    assert_eq!(slack.titles()[1..], [":large_green_circle: vapi-sync runs well again"]);
    let recovery = slack.messages()[1].to_string();
    assert!(recovery.contains("5 calls brought in since it began"), "{recovery}");
}

#[tokio::test]
async fn serve_tells_what_goes_wrong_and_a_look_by_hand_what_did_not_happen() {
    let scene = Scene::of(5, Settings::default()).await;
    let slack = Webhook::new().await;
    scene.vapi.faults().push(Fault::Status(401).next(1));
    let mut serve = scene.start_with(
        &["serve", "--every", "1s", "--json"],
        &[("SLACK_WEBHOOK_URL", slack.url())],
    );

    let mut runs = lines(&mut serve.stdout);
    for _ in 0..2 {
        document(&mut runs).await;
    }
    send("TERM", &serve).await;
    assert_eq!(end(serve).await.status, Some(0));
    let lost = r"
        insert into runs (id, script_name, status, triggered_by, batch_id, started_at, deadline_at)
        values (gen_random_uuid(), 'qci-analysis', 'running', 'schedule', gen_random_uuid(),
                now() - interval '9 hours', now() - interval '8 hours')
    ";
    scene.db.client().await.batch_execute(lost).await.unwrap();
    scene
        .run_with(&["watchdog"], &[("SLACK_WEBHOOK_URL", slack.url())])
        .await;

    assert_eq!(
        slack.titles(),
        [
            ":red_circle: vapi-sync failed",
            ":large_green_circle: vapi-sync runs well again",
            ":red_circle: qci-analysis failed"
        ]
    );
}

#[tokio::test]
async fn calls_are_scored_once_and_the_json_of_it_is_the_whole_of_standard_output() {
    let room = courtroom(3, judge::Settings::default()).await;

    let first = room.run(&["qci", "--json"]).await;
    let second = room.run(&["qci"]).await;

    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""));
    let answer = first.json();
    assert_eq!(
        (&answer["status"], &answer["reason"]),
        (&json!("success"), &Value::Null)
    );
    let run = &answer["runs"][0];
    assert_eq!(
        (&run["script_name"], &run["triggered_by"]),
        (&json!("qci-analysis"), &json!("manual"))
    );
    assert_eq!(
        (&run["calls_analyzed"], &run["records_inserted"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(run["metadata"]["skipped"], json!({"too_few_turns": 1}));
    assert!(run["api_cost"].as_f64() > Some(0.0), "{run}");
    assert_eq!((second.status, second.stderr.as_str()), (Some(0), ""));
    assert!(second.stdout.starts_with("qci-analysis success in "), "{second:?}");
    assert!(
        second.stdout.contains(" 0 scored for 0.0000 USD, 0 skipped\n"),
        "{second:?}"
    );
    assert_eq!(room.judge.requests().len(), 3);
}

#[tokio::test]
async fn an_estimate_is_told_in_both_forms_and_asks_no_judge() {
    let room = courtroom(3, judge::Settings::default()).await;

    let text = room.run(&["qci", "--estimate"]).await;
    let json = room.run(&["qci", "--estimate", "--json"]).await;

    let estimate = &json.json()["runs"][0]["metadata"]["estimate"];
    let usd = estimate["usd"].as_f64().unwrap();
    assert_eq!((text.status, json.status), (Some(0), Some(0)), "{text:?} {json:?}");
    assert_eq!(estimate["calls"], 3);
    assert!(
        text.stdout.contains(&format!(" 3 to score for about {usd:.4} USD\n")),
        "{text:?} {estimate}"
    );
    assert_eq!(room.judge.requests().len(), 0);
    assert_eq!(room.db().count("qci_analyses").await, 0);
}

#[tokio::test]
async fn which_calls_are_scored_can_be_told_by_number_by_name_and_by_an_input() {
    let room = courtroom(6, judge::Settings::default()).await;
    let steps: [(&[&str], u32); 6] = [
        (&["--limit", "2"], 2),
        (&["--call-id", "talk-5"], 1),
        (&["--call-id", "talk-5", "--call-id", "talk-4"], 1),
        (&["--call-id", "talk-5", "--call-id", "talk-4", "--force"], 2),
        (&["--framework", "QCI Standard@1", "--limit", "1"], 1),
        (&["--input", r#"{"call_ids": ["talk-0"], "force": true}"#], 1),
    ];

    for (arguments, scored) in steps {
        let ended = room.run(&[&["qci", "--json"], arguments].concat()).await;

        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(ended.json()["runs"][0]["calls_analyzed"], scored, "{arguments:?}");
    }

    assert_eq!(room.judge.requests().len(), 8);
    assert_eq!(room.db().count("judge_requests").await, 8);
    let scored = room
        .db()
        .rows("select call_id from qci_analyses where status = 'scored' order by 1")
        .await;
    let expected = ["talk-0", "talk-1", "talk-2", "talk-4", "talk-5"].map(|id| json!({"call_id": id}));
    assert_eq!(scored[..], expected);
}

#[tokio::test]
async fn what_keeps_calls_from_being_scored_is_told_in_one_line() {
    let room = courtroom(2, judge::Settings::default()).await;
    let dead = ("DATABASE_URL", "postgres://somebody:hidden@127.0.0.1:1/calls");
    let not_migrated = beside(room.db(), "postgres");
    let elsewhere = format!("{}/elsewhere", room.judge.url());
    let refusals: &[Refusal] = &[
        (
            &["qci"],
            &[dead],
            &["127.0.0.1:1", "DATABASE_URL", "Connection refused"],
        ),
        (
            &["qci"],
            &[("DATABASE_URL", not_migrated.as_str())],
            &["\"runs\"", "run `callmark migrate`"],
        ),
        (
            &["qci"],
            &[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")],
            &[
                "qci-analysis error: asking the judge",
                "did not answer",
                "Connection refused",
            ],
        ),
        (
            &["qci"],
            &[("OPENAI_API_KEY", "hidden")],
            &["refused the key (401", "check OPENAI_API_KEY"],
        ),
        (
            &["qci"],
            &[("OPENAI_BASE_URL", elsewhere.as_str())],
            &[
                "does not know the endpoint or the model",
                "/elsewhere/chat/completions",
                "check OPENAI_BASE_URL, whose path looks wrong",
            ],
        ),
        (
            &["qci", "--framework", "No Such@7"],
            &[],
            &["qci-analysis error", "No Such@7"],
        ),
        (
            &["qci", "--call-id", "no-such-call"],
            &[],
            &[
                "none of the calls named by --call-id (",
                "is stored: sync first, or check the ids",
            ],
        ),
    ];

    for refusal in refusals {
        let ended = room.run_with(refusal.0, refusal.1).await;

        assert_refused(&ended, 1, refusal);
        assert!(!ended.stderr.contains("hidden"), "{ended:?}");
    }
    // The sync that brought the calls in, and the last five, which reached the database.
    assert_eq!(room.statuses().await[1..], ["error"; 5]);
    assert_eq!(room.db().count("qci_analyses where status <> 'skipped'").await, 0);
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_a_partial_run_and_says_which_and_what_is_left() {
    let room = courtroom(6, judge::Settings::default()).await;

    let ended = room.run_with(&["qci"], &[("QCI_MAX_USD_PER_RUN", "0.007")]).await;

    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.stdout.starts_with("qci-analysis partial in "), "{ended:?}");
    let told = "callmark: qci-analysis partial: the budget of 0.007 USD (QCI_MAX_USD_PER_RUN) is used up: ";
    assert!(ended.stderr.starts_with(told), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[tokio::test]
async fn scoring_out_of_time_continues_in_runs_of_the_same_batch_until_all_is_scored() {
    let slow = judge::Settings {
        latency: Duration::from_millis(500),
        ..judge::Settings::default()
    };
    let room = courtroom(20, slow).await.setting("QCI_CONCURRENCY", 2);

    let ended = room.run(&["qci", "--time-limit", "4s", "--json"]).await;

    let answer = ended.json();
    assert_eq!(
        (ended.status, &answer["status"]),
        (Some(0), &json!("success")),
        "{ended:?}"
    );
    let runs: Vec<_> = room.db().runs().await.into_iter().skip(1).collect();
    assert!(runs.len() > 1, "{runs:?}");
    assert_eq!(answer["runs"].as_array().map(Vec::len), Some(runs.len()));
    assert!(runs.iter().all(|run| run.batch_id == runs[0].batch_id));
    assert!(runs[1..].iter().all(|run| run.triggered_by == "continuation"));
    assert_eq!(runs.iter().map(|run| run.calls_analyzed).sum::<i32>(), 20);
}

#[tokio::test]
async fn an_interrupted_scoring_closes_its_row() {
    let stuck = judge::Settings {
        latency: Duration::from_secs(30),
        ..judge::Settings::default()
    };
    let room = courtroom(3, stuck).await;

    room.is_interrupted("qci", "qci-analysis").await;
}

#[tokio::test]
async fn serve_without_a_judge_keeps_calls_and_says_that_it_scores_none() {
    let room = courtroom(2, judge::Settings::default()).await;
    let arguments = ["serve", "--every", "1s", "--json"];
    let mut serve = room.start_with(&arguments, &[("OPENAI_API_KEY", "")]);

    let mut runs = lines(&mut serve.stdout);
    let scripts = [document(&mut runs).await, document(&mut runs).await].map(|mut run| run["script_name"].take());
    send("TERM", &serve).await;

    let ended = end(serve).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(scripts, ["vapi-sync", "vapi-sync"]);
    assert!(
        ended.stderr.contains("scoring nothing: OPENAI_API_KEY is not set"),
        "{ended:?}"
    );
    assert_eq!(room.db().count("qci_analyses").await, 0);
    assert_eq!(room.judge.requests().len(), 0);
}

#[tokio::test]
async fn serve_scores_after_each_sync_and_after_one_that_failed() {
    let room = courtroom(2, judge::Settings::default()).await;
    room.stage.vapi.faults().push(Fault::Status(401).next(1));
    let mut serve = room.start(&["serve", "--every", "1s", "--json"]);

    let mut runs = lines(&mut serve.stdout);
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(document(&mut runs).await);
    }
    send("TERM", &serve).await;

    let ended = end(serve).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("scoring what is new"), "{ended:?}");
    let said = |run: &Value| {
        json!([
            run["script_name"],
            run["status"],
            run["triggered_by"],
            run["calls_analyzed"]
        ])
    };
    assert_eq!(
        json!(told.iter().map(said).collect::<Vec<_>>()),
        json!([
            ["vapi-sync", "error", "schedule", 0],
            ["qci-analysis", "success", "schedule", 2],
            ["vapi-sync", "success", "schedule", 0],
            ["qci-analysis", "success", "vapi-sync", 0],
        ])
    );
    assert_eq!(told[2]["batch_id"], told[3]["batch_id"]);
    assert_eq!(room.judge.requests().len(), 2);
}

#[tokio::test]
async fn the_help_of_each_command_is_an_answer_and_names_the_settings_that_it_reads() {
    let helps: [(&[&str], &[&str]); 8] = [
        (
            &["--help"],
            &[
                "migrate",
                "sync",
                "qci",
                "serve",
                "simulate",
                "demo",
                "DATABASE_URL",
                "VAPI_API_KEY",
                "OPENAI_API_KEY",
                "Exit status: 0",
            ],
        ),
        (&["migrate", "--help"], &["DATABASE_URL", "DATABASE_CA"]),
        (
            &["watchdog", "--help"],
            &[
                "DATABASE_URL",
                "SYNC_SCHEDULE",
                "ALERT_HEADROOM_HOURS",
                "SLACK_WEBHOOK_URL",
            ],
        ),
        (
            &["sync", "--help"],
            &[
                "VAPI_API_KEY",
                "VAPI_BASE_URL",
                "SLACK_WEBHOOK_URL",
                "--mode",
                "--dry-run",
            ],
        ),
        (
            &["qci", "--help"],
            &[
                "OPENAI_API_KEY",
                "OPENAI_BASE_URL",
                "OPENAI_MODEL",
                "QCI_MAX_USD_PER_RUN",
                "--call-id",
                "--limit",
                "--framework",
                "--force",
                "--estimate",
            ],
        ),
        (&["serve", "--help"], &["SYNC_EVERY", "OPENAI_API_KEY", "--every"]),
        (&["simulate", "--help"], &["--page-cap", "--api-key"]),
        (&["demo", "--help"], &["PG_BIN", "--once"]),
    ];

    for (arguments, words) in helps {
        let ended = run(arguments, &[]).await;

        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        for word in words {
            assert!(
                ended.stdout.contains(word),
                "{arguments:?} says nothing of {word}: {}",
                ended.stdout
            );
        }
    }
}

#[tokio::test]
async fn the_simulator_says_where_it_is_and_ends_well() {
    let mut simulator = callmark(&["simulate", "--calls", "3", "--api-key", KEY], &[])
        .spawn()
        .unwrap();

    let url = lines(&mut simulator.stdout).next_line().await.unwrap().unwrap();
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

/// Nothing is in the folder, and no process has to do with it. A server that was interrupted while it started may
/// need a moment more than the demo did.
async fn assert_left_nothing(folder: &Path) {
    let since = Instant::now();
    loop {
        let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
        let processes = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
        let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
        let is_mentioned = processes.contains(folder.to_str().unwrap());
        if left.is_empty() && !is_mentioned {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{left:?} {processes}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_demo_shows_a_sync_and_its_scores_and_leaves_nothing_behind() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];

    let ended = run(&["demo", "--once", "--calls", "60", "--json"], &settings).await;

    assert_eq!(ended.status, Some(0), "{ended:?}");
    let answer = ended.json();
    let (synced, scored) = (&answer["runs"][0]["run"], &answer["runs"][1]["run"]);
    assert_eq!(answer["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&synced["script_name"], &synced["status"]),
        (&json!("vapi-sync"), &json!("success"))
    );
    assert_eq!(
        (&scored["script_name"], &scored["status"]),
        (&json!("qci-analysis"), &json!("success"))
    );
    assert_eq!(synced["batch_id"], scored["batch_id"]);
    assert_eq!(scored["triggered_by"], "vapi-sync");
    for run in answer["runs"].as_array().unwrap() {
        assert_eq!(run["logs"][0]["step"], "START");
    }
    assert_eq!(answer["contents"]["calls"], 60);
    assert_eq!(answer["contents"]["assistants"], 13);
    let calls = |status: &str| -> i64 {
        let spread = answer["contents"]["scores"].as_array().unwrap().iter();
        let of_status = spread.filter(|part| part["status"] == status);
        of_status.map(|part| part["calls"].as_i64().unwrap()).sum()
    };
    assert_eq!(scored["calls_analyzed"], calls("scored"));
    assert!(
        calls("scored") > 0 && calls("scored") + calls("skipped") == 60,
        "{answer}"
    );
    assert!(scored["api_cost"].as_f64() > Some(0.0), "{scored}");
    assert_left_nothing(folder.path()).await;
}

#[tokio::test]
async fn the_demo_ends_in_ten_seconds_whenever_it_is_told_to_and_leaves_nothing_behind() {
    for moment in [300, 1500, 4000] {
        let folder = temporary();
        let settings = [("TMPDIR", folder.path().to_str().unwrap())];
        let demo = callmark(&["demo", "--calls", "926"], &settings).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;

        let since = Instant::now();
        send("TERM", &demo).await;
        let ended = end(demo).await;

        assert!(since.elapsed() < Duration::from_secs(10), "{moment}: {ended:?}");
        assert_eq!(ended.status, Some(0), "{moment}: {ended:?}");
        assert_left_nothing(folder.path()).await;
    }
}

#[tokio::test]
async fn the_demo_for_people_tells_of_both_runs() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];

    let ended = run(&["demo", "--once", "--calls", "30"], &settings).await;

    assert_eq!(ended.status, Some(0), "{ended:?}");
    for words in [
        "vapi-sync: the run, as its row in `runs` has it",
        "vapi-sync: its steps, from `logs`",
        "qci-analysis: the run, as its row in `runs` has it",
        "qci-analysis: its steps, from `logs`",
        "verified quotes",
    ] {
        assert!(ended.stdout.contains(words), "{words:?} is not in {}", ended.stdout);
    }
}

#[tokio::test]
async fn the_demo_stays_up_until_it_is_interrupted_and_has_nothing_left_to_score() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];
    let mut demo = callmark(&["demo", "--calls", "30", "--json"], &settings)
        .spawn()
        .unwrap();

    let answer = document(&mut lines(&mut demo.stdout)).await;
    let setting = |name: &'static str, member: &str| (name, answer[member].as_str().unwrap());
    let settings = [
        setting("DATABASE_URL", "database_url"),
        setting("VAPI_BASE_URL", "vapi_base_url"),
        setting("VAPI_API_KEY", "vapi_api_key"),
        setting("OPENAI_BASE_URL", "openai_base_url"),
        setting("OPENAI_API_KEY", "openai_api_key"),
        ("OPENAI_MODEL", judge::MODEL),
    ];
    let synced = run(&["sync", "--mode", "full"], &settings).await;
    let scored = run(&["qci", "--json"], &settings).await;
    send("INT", &demo).await;

    assert_eq!(synced.status, Some(0), "{synced:?}");
    assert_eq!(scored.status, Some(0), "{scored:?}");
    let again = &scored.json()["runs"][0];
    assert_eq!(
        (&again["records_fetched"], &again["calls_analyzed"], &again["api_cost"]),
        (&json!(0), &json!(0), &json!(0.0))
    );
    assert!(answer["admin"]["url"].as_str().unwrap().ends_with("/admin"), "{answer}");
    assert_eq!(answer["admin"]["sign_in"]["user"], "demo");
    assert_eq!(end(demo).await.status, Some(0));
    assert_left_nothing(folder.path()).await;
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
        assert_left_nothing(folder.path()).await;
    }
}

#[tokio::test]
async fn a_demo_that_is_interrupted_while_it_scores_leaves_nothing_behind() {
    let folder = temporary();
    let settings = [("TMPDIR", folder.path().to_str().unwrap())];
    let mut demo = callmark(&["demo", "--once", "--calls", "900"], &settings)
        .spawn()
        .unwrap();

    let mut told = lines(&mut demo.stderr);
    while !told.next_line().await.unwrap().unwrap().starts_with("900 calls read") {}
    send("INT", &demo).await;

    assert_eq!(end(demo).await.status, Some(1));
    assert_left_nothing(folder.path()).await;
}

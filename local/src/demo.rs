//! `callmark demo`: a simulated Vapi and judge, a throw-away PostgreSQL, a sync, the scores, and what came of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rust_decimal::Decimal;
use serde::Serialize;
use shared::domain::rubric::Brand;
use shared::platform::config::Reader;
use shared::platform::{clock, db};
use shared::run::{self, LogRow, Row};
use shared::store::framework;
use shared::store::price::{self, Price};
use simulator::{judge, vapi};
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

use crate::adopt;
use crate::command;
use crate::contents::Contents;
use crate::earlier;
use crate::exit::Exit;
use crate::health::Health;
use crate::machine::{Machine, Settings};
use crate::pages::{Admission, Invitation, Pages};
use crate::postgres::{self, Postgres};
use crate::report::{self, Chain, number};
use crate::screen::Screen;
use crate::serve;
use crate::signals;
use crate::simulate;
use crate::span::Span;

const DATABASE: &str = "callmark";
/// The simulator lets in any key.
const API_KEY: &str = "demo";
/// As on Lambda.
const TIME_LIMIT: Span = Span::minutes(15);
/// How long the simulated judge thinks; a real one takes some seconds.
const LATENCY: Duration = Duration::from_millis(150);
/// Log lines shown; a run of the demo has about ten.
const LINES: i64 = 200;

/// The servers of the demo.
struct Stage {
    database_url: String,
    vapi: vapi::Server,
    judge: judge::Server,
    calls: u64,
}

/// What the demo found in the tables.
#[derive(Serialize)]
struct Answer<'a> {
    database_url: &'a str,
    vapi_base_url: String,
    vapi_api_key: &'static str,
    openai_base_url: String,
    openai_api_key: &'static str,
    /// Where the pages are, as long as the demo stays up.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<&'a Invitation>,
    runs: Vec<Told>,
    contents: Contents,
}

/// A run and its steps.
#[derive(Serialize)]
struct Told {
    run: Row,
    logs: Vec<LogRow>,
}

/// Plays the demo. Whatever happens, the servers are gone at the end.
pub(crate) async fn run(screen: &Screen, options: &command::Demo) -> Result<Exit> {
    let stop = signals::stop(screen)?;
    screen.say(
        "Callmark demo: a simulated Vapi, a simulated judge, a throw-away PostgreSQL. Nothing leaves this machine.",
    );
    let since = Instant::now();
    let interrupted = if options.once { Exit::Failed } else { Exit::Success };
    let binaries = postgres::find(options.pg_bin.as_deref())?;
    let settings = postgres::Settings::default();
    let starting = Postgres::start_with(&binaries, &settings);
    let Some(postgres) = stop.run_until_cancelled(starting).await.transpose()? else {
        return Ok(interrupted);
    };
    screen.say(&format!(
        "PostgreSQL {} is up after {:.1} s",
        postgres.major(),
        since.elapsed().as_secs_f64()
    ));
    let ended = Box::pin(play(screen, options, &postgres, &stop)).await;
    postgres.stop().await.context("ending PostgreSQL")?;
    // What an interruption broke off is no failure.
    if stop.is_cancelled() { Ok(interrupted) } else { ended }
}

async fn play(screen: &Screen, options: &command::Demo, postgres: &Postgres, stop: &CancellationToken) -> Result<Exit> {
    let Some(stage) = stop
        .run_until_cancelled(stage(screen, options, postgres))
        .await
        .transpose()?
    else {
        return Ok(Exit::Success);
    };
    let settings = stage.settings()?;
    if options.adopt {
        let adopted = adopt::follow(screen, &settings.database, || stop.is_cancelled()).await?;
        screen.say(&adopt::told(&adopted));
    } else {
        let applied = db::migrate(&settings.database).await?;
        screen.say(&format!("{} migrations are applied", applied.len()));
    }
    let mut machine = Machine::start(&settings, TIME_LIMIT, stop.clone()).await?;
    stage.introduce(&machine).await?;
    let chain = machine
        .run(sync::SCRIPT, "demo", serde_json::json!({}), screen, Some(stage.calls))
        .await?;
    let health = Health::new(&machine.pool, serve::EVERY, TIME_LIMIT, clock::now());
    let pages = if options.once {
        None
    } else {
        let (pool, bus) = (machine.pool.clone(), machine.bus.clone());
        Some(
            Pages::open(
                pool,
                bus,
                Admission::Once,
                options.admin_port,
                Some(health.clone()),
                stop.clone(),
            )
            .await?,
        )
    };
    let invitation = pages.as_ref().map(|pages| &pages.invitation);
    show(screen, &stage, &machine, &chain, invitation).await?;
    let exit = chain.conclude();
    if let Some(pages) = pages
        && !stop.is_cancelled()
    {
        let next = clock::now() + serve::EVERY.delta();
        invite(screen, &stage, &pages.invitation, &report::instant(next));
        serve::forever(&mut machine, screen, serve::EVERY, next, &health, stop).await?;
        pages.close().await?;
    }
    machine.close().await;
    stage.vapi.stop().await;
    stage.judge.stop().await;
    Ok(exit)
}

async fn stage(screen: &Screen, options: &command::Demo, postgres: &Postgres) -> Result<Stage> {
    postgres.create_database(DATABASE).await?;
    let spec = simulate::spec(&options.world, clock::now());
    let assistants = spec.assistants;
    let settings = vapi::Settings {
        port: options.port,
        ..vapi::Settings::default()
    };
    let vapi = simulate::start(spec.clone(), settings).await?;
    if options.adopt {
        make_earlier(screen, &postgres.url(DATABASE), &spec).await?;
    }
    let judge = judge::Server::start(judge::Settings {
        latency: LATENCY,
        ..judge::Settings::default()
    })
    .await
    .context("starting the simulated judge")?;
    screen.say(&format!(
        "the simulated Vapi has {} calls of {assistants} assistants (seed {})",
        number(options.world.calls),
        options.world.seed
    ));
    Ok(Stage {
        database_url: postgres.url(DATABASE),
        vapi,
        judge,
        calls: u64::from(options.world.calls),
    })
}

/// Fills the database as the system before would have, with the calls that the simulated Vapi serves as its newest.
async fn make_earlier(screen: &Screen, url: &str, spec: &vapi::Spec) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let (spec, since) = (spec.clone(), Instant::now());
    let world = {
        let spec = spec.clone();
        tokio::task::spawn_blocking(move || vapi::World::generate(&spec))
            .await
            .context("generating calls")?
    };
    let made = earlier::make(&client, &world, &spec, earlier::Size::MEASURED).await?;
    drop(client);
    drop(connection.await);
    screen.say(&format!(
        "the earlier system's database has {} calls ({} never began), {} assistants, {} runs and {} analyses, of which {} \
         do not add up; made in {:.1} s",
        number(made.calls),
        number(made.never_began),
        made.assistants,
        made.runs,
        made.analyses,
        made.off,
        since.elapsed().as_secs_f64()
    ));
    Ok(())
}

impl Stage {
    fn settings(&self) -> Result<Settings> {
        let pairs = [
            ("DATABASE_URL", self.database_url.clone()),
            ("VAPI_BASE_URL", self.vapi.url()),
            ("VAPI_API_KEY", API_KEY.to_owned()),
            // A real Vapi is asked more gently.
            ("VAPI_RATE", "1000".to_owned()),
            ("OPENAI_BASE_URL", self.judge.url()),
            ("OPENAI_API_KEY", API_KEY.to_owned()),
            ("OPENAI_MODEL", judge::MODEL.to_owned()),
        ];
        let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
        let settings = Settings::of_everything(&mut reader);
        reader.finish()?;
        Ok(settings)
    }

    /// Tells the database what a team would know: the brands of its assistants, and what its judge costs.
    async fn introduce(&self, machine: &Machine) -> Result<()> {
        let client = db::connect(&machine.pool).await?;
        let brands = self.vapi.world().brands();
        for (assistant_id, name) in brands {
            let brand = Brand {
                name: name.to_owned(),
                aliases: Vec::new(),
            };
            framework::set_brand(&client, &assistant_id, &brand).await?;
        }
        // What a small model costs.
        let price = Price {
            input: Decimal::new(40, 2),
            cached_input: Decimal::new(10, 2),
            output: Decimal::new(160, 2),
        };
        price::set(&client, judge::MODEL, clock::now().date_naive(), price).await?;
        Ok(())
    }
}

/// Shows the runs, their steps and what they brought in, all of it read from the tables.
async fn show(
    screen: &Screen,
    stage: &Stage,
    machine: &Machine,
    chain: &Chain,
    admin: Option<&Invitation>,
) -> Result<()> {
    let client = db::connect(&machine.pool).await?;
    let mut runs = Vec::new();
    for run in &chain.runs {
        if let Some(row) = run::find(&client, run.id).await? {
            let logs = run::logs(&client, run.id, LINES).await?;
            runs.push(Told { run: row, logs });
        }
    }
    let answer = Answer {
        database_url: &stage.database_url,
        vapi_base_url: stage.vapi.url(),
        vapi_api_key: API_KEY,
        openai_base_url: stage.judge.url(),
        openai_api_key: API_KEY,
        admin,
        runs,
        contents: Contents::read(&client).await?,
    };
    screen.answer(&answer, || {
        let mut text: String = answer.runs.iter().map(Told::text).collect();
        text.push_str(&report::heading("What is in the tables"));
        text.push_str(&answer.contents.text());
        text
    })
}

impl Told {
    fn text(&self) -> String {
        [
            report::heading(&format!(
                "{}: the run, as its row in `runs` has it",
                self.run.script_name
            )),
            report::columns(&self.run),
            report::heading(&format!("{}: its steps, from `logs`", self.run.script_name)),
            report::steps(&self.logs),
        ]
        .concat()
    }
}

/// Says how to look around.
fn invite(screen: &Screen, stage: &Stage, pages: &Invitation, next: &str) {
    let (database, vapi, judge) = (&stage.database_url, stage.vapi.url(), stage.judge.url());
    let program = std::env::args_os().next().unwrap_or_else(|| "callmark".into());
    screen.say(&format!(
        "{}  {}
{}  psql '{database}'
  curl -H 'Authorization: Bearer {API_KEY}' '{vapi}/call?limit=1'
  DATABASE_URL='{database}' VAPI_BASE_URL='{vapi}' VAPI_API_KEY={API_KEY} {program} sync
  DATABASE_URL='{database}' OPENAI_BASE_URL='{judge}' OPENAI_API_KEY={API_KEY} OPENAI_MODEL={} {program} qci --estimate

The next sync is at {next}. Ctrl-C ends everything and leaves nothing behind.",
        report::heading("The pages are at:"),
        pages.text(),
        report::heading("The servers stay up. In another terminal:"),
        judge::MODEL,
        program = program.display()
    ));
}

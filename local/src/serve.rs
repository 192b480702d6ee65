//! `callmark serve`: everything on this machine, on its schedules, until it is told to stop.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::json;
use shared::platform::clock;
use shared::platform::config::{self, Reader};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::command;
use crate::exit::{self, Exit};
use crate::health::Health;
use crate::holder;
use crate::machine::{self, Machine, Settings};
use crate::pages::{Admission, Pages};
use crate::report::{self, Chain};
use crate::screen::Screen;
use crate::signals;
use crate::span::Span;

/// The schedule that the template has, too.
pub(crate) const EVERY: Span = Span::hours(6);

/// What `--every` and `SYNC_EVERY` take alike.
const LEAST_EVERY: Span = Span::seconds(1);
const MOST_EVERY: Span = Span::hours(7 * 24);
const EXPECTED_EVERY: &str = "a time from 1s to 7d, such as 6h";

/// Reads `--every`.
pub(crate) fn every(text: &str) -> Result<Span, String> {
    text.parse()
        .ok()
        .filter(|span| (LEAST_EVERY..=MOST_EVERY).contains(span))
        .ok_or_else(|| format!("expected {EXPECTED_EVERY}"))
}

/// Reads `SYNC_EVERY`.
fn setting(reader: &mut Reader) -> Span {
    reader.within("SYNC_EVERY", EVERY, LEAST_EVERY, MOST_EVERY, EXPECTED_EVERY)
}

/// How often it is looked after what did not happen; likewise.
const LOOK: Duration = Duration::from_mins(15);

/// Waits are cut into pieces of this length: a machine that slept notices that its time has come.
const GLANCE: Duration = Duration::from_secs(20);

/// Syncs at once and then on schedule.
pub(crate) async fn run(screen: &Screen, options: &command::Serve) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let settings = Settings::of_everything(&mut reader);
    let setting = setting(&mut reader);
    let admission = Admission::read(&mut reader);
    let expected = reader.watchdog();
    reader.finish()?;
    let every = options.every.unwrap_or(setting);
    let stop = signals::stop(screen)?;
    let mut machine = Machine::start(&settings, options.time_limit, stop.clone()).await?;
    machine::look_at_tables(&machine.pool).await?;
    let now = clock::now();
    let (pool, bus) = (machine.pool.clone(), machine.bus.clone());
    let health = Health::new(&pool, every, options.time_limit, now);
    let pages = Pages::open(
        pool,
        bus,
        admission,
        options.admin_port,
        Some(health.clone()),
        stop.clone(),
    )
    .await?;
    let scoring = if settings.is_judged() {
        "and scoring what is new"
    } else {
        "and scoring nothing: OPENAI_API_KEY is not set"
    };
    let watchdog = watchdog::Deps {
        pool: machine.pool.clone(),
        bus: machine.bus.clone(),
        settings: config::Watchdog {
            sync_every: every.delta(),
            ..expected
        },
    };
    let watch = AbortOnDropHandle::new(tokio::spawn(watch(watchdog)));
    screen.say(&format!("the pages are at {}", pages.invitation.text()));
    screen.say(&format!("syncing every {every}, {scoring}; Ctrl-C ends it"));
    forever(&mut machine, screen, every, now, &health, &stop).await?;
    drop(watch);
    pages.close().await?;
    machine.close().await;
    Ok(Exit::Success)
}

/// Looks after what did not happen, now and again.
async fn watch(deps: watchdog::Deps) {
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Err(error) = holder::look(&deps).await {
            tracing::error!("{error:#}");
        }
    }
}

/// Syncs at `first` and then on schedule, and runs in between what the pages ask for. A failure is told, and the
/// schedule goes on.
pub(crate) async fn forever(
    machine: &mut Machine,
    screen: &Screen,
    every: Span,
    first: DateTime<Utc>,
    health: &Health,
    stop: &CancellationToken,
) -> Result<()> {
    let mut next = first;
    health.next_is_at(next);
    while !stop.is_cancelled() {
        let asked = tokio::select! {
            is_time = wait_until(next, stop) => if is_time { None } else { break },
            event = machine.asked() => Some(event),
        };
        if let Some(event) = asked {
            tell(machine.settle(event, screen, None).await, screen)?;
            continue;
        }
        let is_scored = cycle(machine, sync::SCRIPT, screen).await?;
        // What earlier syncs brought in is scored even if this one failed.
        if !is_scored && machine.is_judged() && !stop.is_cancelled() {
            cycle(machine, qci::SCRIPT, screen).await?;
        }
        // Times that passed during the run are not made up for: one sync brings in everything.
        let now = clock::now();
        while next <= now {
            next += every.delta();
        }
        health.next_is_at(next);
        if !stop.is_cancelled() {
            screen.say(&format!("next sync at {}", report::instant(next)));
        }
    }
    Ok(())
}

/// Runs a script on schedule, with what follows from it, and tells how it went; says whether calls were scored.
async fn cycle(machine: &mut Machine, script_name: &str, screen: &Screen) -> Result<bool> {
    tell(
        machine.run(script_name, "schedule", json!({}), screen, None).await,
        screen,
    )
}

/// Tells how runs went; says whether calls were scored.
fn tell(ended: Result<Chain>, screen: &Screen) -> Result<bool> {
    match ended {
        Ok(chain) => {
            for run in &chain.runs {
                screen.answer(run, || report::line(run))?;
            }
            Ok(chain.runs.iter().any(|run| run.script_name == qci::SCRIPT))
        }
        Err(error) => {
            exit::complain(&error);
            Ok(false)
        }
    }
}

/// `false` if we are told to stop before.
async fn wait_until(instant: DateTime<Utc>, stop: &CancellationToken) -> bool {
    loop {
        if stop.is_cancelled() {
            return false;
        }
        let Ok(left) = (instant - clock::now()).to_std() else {
            return true;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(left.min(GLANCE)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_and_the_setting_take_the_same_times() {
        for (text, is_taken) in [
            ("0s", false),
            ("0ms", false),
            ("999ms", false),
            ("1s", true),
            ("59s", true),
            ("6h", true),
            ("7d", true),
            ("7d 1s", false),
            ("8d", false),
            ("-1s", false),
            ("6", false),
            ("soon", false),
        ] {
            let mut reader = Reader::from_pairs([("SYNC_EVERY".to_owned(), text.to_owned())]);
            let set = setting(&mut reader);
            let refusal = reader.finish().err().map(|invalid| invalid.to_string());
            let typed = every(text);

            assert_eq!((typed.is_ok(), refusal.is_none()), (is_taken, is_taken), "{text}");
            match (typed, refusal) {
                (Ok(typed), _) => assert_eq!(typed, set, "{text}"),
                (Err(typed), refusal) => {
                    let expected = "expected a time from 1s to 7d, such as 6h";
                    assert!(
                        typed.contains(expected) && refusal.is_some_and(|said| said.contains(expected)),
                        "{text}"
                    );
                }
            }
        }
    }
}

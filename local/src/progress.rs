//! How far a run is, for whoever waits for it.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use shared::run::Counters;
use tokio::sync::watch;

use crate::screen::{Progress, Screen};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(80);
/// How often a line is written where bars cannot be.
const LINE: Duration = Duration::from_secs(3);

/// Waits for the work and shows what it counts. `expected` is how many calls there are, where that is known.
pub(crate) async fn follow<W: Future>(
    screen: &Screen,
    counters: &watch::Sender<Counters>,
    expected: Option<u64>,
    work: W,
) -> W::Output {
    let since = Instant::now();
    let ended = match screen.progress() {
        Progress::Hidden => work.await,
        Progress::Lines => {
            let line = || {
                let elapsed = since.elapsed().as_secs();
                screen.say(&format!("{elapsed} s: {}", words(*counters.borrow())));
            };
            every(LINE, line, work).await
        }
        Progress::Bar => {
            let bar = screen.bars().add(bar(expected));
            let draw = || {
                let counted = *counters.borrow();
                bar.set_message(words(counted));
                bar.set_position(u64::try_from(counted.records_fetched).unwrap_or_default());
                bar.tick();
            };
            let ended = every(FRAME, draw, work).await;
            bar.finish_and_clear();
            screen.bars().remove(&bar);
            ended
        }
    };
    if expected.is_some() {
        screen.say(&format!(
            "{} in {:.1} s",
            words(*counters.borrow()),
            since.elapsed().as_secs_f64()
        ));
    }
    ended
}

fn bar(expected: Option<u64>) -> ProgressBar {
    let (bar, template) = match expected {
        Some(expected) => (ProgressBar::new(expected), "{bar:30} {percent:>3} %  {msg}  {elapsed}"),
        None => (ProgressBar::no_length(), "{spinner} {msg}  {elapsed}"),
    };
    // The templates are constants; were one malformed, the default style would do.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("━╸ "))
}

/// Waits for the work and does `show` at intervals.
async fn every<W: Future>(interval: Duration, mut show: impl FnMut(), work: W) -> W::Output {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = ticks.tick() => show(),
        }
    }
}

fn words(counters: Counters) -> String {
    let count = |number: i32| HumanCount(u64::try_from(number).unwrap_or_default());
    let failed = (counters.records_failed > 0).then(|| format!(", {} failed", count(counters.records_failed)));
    format!(
        "{} calls read, {} new, {} changed{}",
        count(counters.records_fetched),
        count(counters.records_inserted),
        count(counters.records_updated),
        failed.unwrap_or_default()
    )
}

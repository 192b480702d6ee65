//! How far a run is, for whoever waits for it; and the run that it leads to.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use shared::run::{Counters, Watched};
use tokio::sync::watch;

use crate::screen::{Progress, Screen};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(80);
/// How often a line is written where bars cannot be.
const LINE: Duration = Duration::from_secs(3);

/// The run that is shown.
struct Shown<'a> {
    screen: &'a Screen,
    /// How many calls a sync is to bring in, where that is known.
    expected: Option<u64>,
    since: Instant,
    watched: Watched,
    /// Where bars can be.
    bar: Option<ProgressBar>,
}

/// Waits for the work and shows what its runs count. `expected` is how many calls there are, where that is known.
pub(crate) async fn follow<W: Future>(
    screen: &Screen,
    watched: &watch::Sender<Watched>,
    expected: Option<u64>,
    work: W,
) -> W::Output {
    let mut shown = Shown {
        screen,
        expected,
        since: Instant::now(),
        watched: Watched::default(),
        bar: None,
    };
    let interval = match screen.progress() {
        Progress::Hidden => return work.await,
        Progress::Lines => LINE,
        Progress::Bar => {
            shown.bar = Some(screen.bars().add(ProgressBar::no_length()));
            FRAME
        }
    };
    let mut changes = watched.subscribe();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    tokio::pin!(work);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut work => break ended,
            _ = ticks.tick() => shown.show(),
            Ok(()) = changes.changed() => shown.turn_to(*changes.borrow_and_update()),
        }
    };
    shown.turn_to(*changes.borrow_and_update());
    if let Some(bar) = shown.bar.take() {
        bar.finish_and_clear();
        screen.bars().remove(&bar);
    }
    shown.conclude();
    ended
}

/// Waits for the work and shows in words how far it is.
pub(crate) async fn follow_in_words<T, W: Future>(
    screen: &Screen,
    mut progress: watch::Receiver<T>,
    words: impl Fn(&T) -> String,
    work: W,
) -> W::Output {
    let (bar, interval) = match screen.progress() {
        Progress::Hidden => return work.await,
        Progress::Lines => (None, LINE),
        Progress::Bar => {
            let bar = screen.bars().add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            (Some(bar), FRAME)
        }
    };
    let since = Instant::now();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    tokio::pin!(work);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut work => break ended,
            _ = ticks.tick() => {
                let words = words(&progress.borrow_and_update());
                match &bar {
                    Some(bar) => {
                        bar.set_message(words);
                        bar.tick();
                    }
                    None => screen.say(&format!("{} s: {words}", since.elapsed().as_secs())),
                }
            }
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
        screen.bars().remove(&bar);
    }
    ended
}

impl Shown<'_> {
    /// Takes in what was counted; a run that another one follows is concluded.
    fn turn_to(&mut self, watched: Watched) {
        let is_another = watched.script_name != self.watched.script_name;
        if is_another {
            self.conclude();
            self.since = Instant::now();
        }
        self.watched = watched;
        if is_another && let Some(bar) = &self.bar {
            self.dress(bar);
        }
    }

    /// How far it is.
    fn show(&self) {
        if let Some(bar) = &self.bar {
            self.draw(bar);
        } else {
            let elapsed = self.since.elapsed().as_secs();
            self.screen.say(&format!("{elapsed} s: {}", words(self.watched)));
        }
    }

    /// What the run came to, in a line; for whoever waits for several.
    fn conclude(&self) {
        if self.expected.is_some() && !self.watched.script_name.is_empty() {
            let elapsed = self.since.elapsed().as_secs_f64();
            self.screen.say(&format!("{} in {elapsed:.1} s", words(self.watched)));
        }
    }

    /// How much there is to do; unknown for most syncs.
    fn length(&self) -> Option<u64> {
        if is_qci(self.watched) {
            u64::try_from(self.watched.counters.records_fetched).ok()
        } else {
            self.expected
        }
    }

    fn dress(&self, bar: &ProgressBar) {
        let template = match self.length() {
            Some(_) => "{bar:30} {percent:>3} %  {msg}  {elapsed}",
            None => "{spinner} {msg}  {elapsed}",
        };
        // The templates are constants; were one malformed, the default style would do.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸ "));
        bar.reset_elapsed();
    }

    fn draw(&self, bar: &ProgressBar) {
        let counters = self.watched.counters;
        let done = if is_qci(self.watched) {
            seen(counters)
        } else {
            counters.records_fetched
        };
        if let Some(length) = self.length() {
            bar.set_length(length);
        }
        bar.set_message(words(self.watched));
        bar.set_position(u64::try_from(done).unwrap_or_default());
        bar.tick();
    }
}

fn is_qci(watched: Watched) -> bool {
    watched.script_name == qci::SCRIPT
}

/// Calls that a scoring run is done with.
fn seen(counters: Counters) -> i32 {
    counters.records_inserted + counters.records_updated + counters.records_failed
}

fn words(watched: Watched) -> String {
    let counters = watched.counters;
    let count = |number: i32| HumanCount(u64::try_from(number).unwrap_or_default());
    let failed = if counters.records_failed > 0 {
        format!(", {} failed", count(counters.records_failed))
    } else {
        String::new()
    };
    if is_qci(watched) {
        let cost = counters.api_cost.map_or_else(
            || "at an unknown cost".to_owned(),
            |cost| format!("for {} USD", cost.round_dp(4)),
        );
        return format!(
            "{} calls scored {cost}, {} skipped{failed}",
            count(counters.calls_analyzed),
            count(seen(counters) - counters.records_failed - counters.calls_analyzed)
        );
    }
    format!(
        "{} calls read, {} new, {} changed{failed}",
        count(counters.records_fetched),
        count(counters.records_inserted),
        count(counters.records_updated)
    )
}

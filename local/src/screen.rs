//! What a person sees on standard error: log lines, remarks and progress, none in the way of the other.
//! Standard output belongs to the answer.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::command::Output;

/// The terminal, or the files that stand for it.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    pub(crate) output: Output,
    bars: MultiProgress,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A line that is drawn again and again.
    Bar,
    /// A new line every few seconds.
    Lines,
    /// Not at all.
    Hidden,
}

impl Screen {
    /// Opens the screen; from here on log lines go to it. `RUST_LOG` narrows or widens what is shown.
    pub(crate) fn open(output: Output) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter(output)));
        let installed = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .with_ansi(false)
            .with_writer(Above(bars.clone()))
            .try_init();
        // A second call in one process changes nothing: the first subscriber stays.
        drop(installed);
        Self { output, bars }
    }

    /// How progress is shown here.
    pub(crate) fn progress(&self) -> Progress {
        if self.output.quiet {
            Progress::Hidden
        } else if io::stderr().is_terminal() {
            Progress::Bar
        } else {
            Progress::Lines
        }
    }

    /// Where bars are drawn.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Remarks on what goes on, on standard error.
    pub(crate) fn say(&self, remark: &str) {
        if !self.output.quiet {
            drop(writeln!(Above(self.bars.clone()), "{remark}"));
        }
    }

    /// Gives the answer, in the form that was asked for.
    pub(crate) fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let answer = if self.output.json {
            serde_json::to_string(value)?
        } else {
            text()
        };
        // Standard output gone means nobody reads; that is no reason to fail.
        drop(writeln!(io::stdout(), "{}", answer.trim_end()));
        Ok(())
    }
}

/// What is shown by default: warnings, without the lines of a run, which are in its log and its report.
fn filter(output: Output) -> &'static str {
    match (output.quiet, output.verbose) {
        (true, _) => "off",
        (false, 0) => "warn,shared::run::journal=off,shared::run::execute=error,deadpool.postgres=off",
        (false, 1) => "warn,shared=info,sync=info,local=info",
        (false, _) => "info,shared=debug,sync=debug,local=debug,simulator=debug",
    }
}

/// Writes above the bars.
#[derive(Clone, Debug)]
struct Above(MultiProgress);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Above {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

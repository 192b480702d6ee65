//! What a stretch of work cost the process that did it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

/// The cost, and what was done for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// From start to end.
    pub(crate) wall: Duration,
    /// CPU time of this process, its threads together.
    pub(crate) cpu: Duration,
    /// The most memory that the process has held at one time since it began, in bytes.
    pub(crate) peak_memory: u64,
    /// Calls that were written; for a download, that were read.
    pub(crate) calls: u64,
}

/// A measurement under way.
pub(crate) struct Watch {
    since: Instant,
    cpu: Duration,
}

impl Watch {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self {
            since: Instant::now(),
            cpu: cpu()?,
        })
    }

    pub(crate) fn stop(&self, calls: u64) -> Result<Measured> {
        Ok(Measured {
            wall: self.since.elapsed(),
            cpu: cpu()?.saturating_sub(self.cpu),
            peak_memory: peak_memory()?,
            calls,
        })
    }
}

fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("reading the CPU time")?;
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// The kernel's own high-water mark. `getrusage` would not do: there a process inherits its parent's.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux says how much memory was held")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .context("no VmHWM in /proc/self/status")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

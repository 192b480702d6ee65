//! Silence, interruptions and answers: what follows from when the turns began and ended.

use super::rounded;
use shared::domain::transcript::{Speaker, Transcript};

/// A silence that is longer is dead air.
const DEAD_AIR: f64 = 3.0;
/// Turns that overlap by less follow each other as people do.
const OVERLAP: f64 = 0.2;

/// When a turn was spoken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    speaker: Speaker,
    start: f64,
    end: f64,
}

/// A time in which nobody spoke, between two turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    from: f64,
    to: f64,
}

impl Silence {
    pub(super) fn length(&self) -> f64 {
        rounded(self.to - self.from)
    }

    pub(super) fn is_dead_air(&self) -> bool {
        self.length() > DEAD_AIR
    }
}

/// The spoken turns by their start, if all of them are timed.
pub(super) fn beats(transcript: &Transcript) -> Option<Vec<Beat>> {
    let turns = transcript.timed()?;
    let beats = turns.into_iter().filter_map(|turn| {
        let start = turn.start?;
        Some(Beat {
            speaker: turn.speaker,
            start,
            end: turn.end.unwrap_or(start),
        })
    });
    Some(beats.collect())
}

/// From the latest end so far to the next start: a turn inside another one ends nothing.
pub(super) fn silences(beats: &[Beat]) -> Vec<Silence> {
    let mut silences = Vec::new();
    let mut latest: Option<f64> = None;
    for beat in beats {
        if let Some(from) = latest.filter(|from| *from < beat.start) {
            silences.push(Silence { from, to: beat.start });
        }
        latest = Some(latest.unwrap_or(beat.end).max(beat.end));
    }
    silences
}

/// How often this speaker began while the other had begun before and was not about to end.
pub(super) fn interruptions(beats: &[Beat], by: Speaker) -> usize {
    let mut begun = 0;
    let mut other_ends = f64::NEG_INFINITY;
    let mut count = 0;
    for beat in beats {
        while beats[begun].start < beat.start {
            if beats[begun].speaker != by {
                other_ends = beats[begun].end.max(other_ends);
            }
            begun += 1;
        }
        count += usize::from(beat.speaker == by && rounded(other_ends - beat.start) > OVERLAP);
    }
    count
}

/// From the end of each caller's turn to the agent's turn right after it, ascending.
pub(super) fn latencies(transcript: &Transcript) -> Vec<f64> {
    let spoken = transcript.timed().unwrap_or_else(|| transcript.spoken().collect());
    let mut latencies: Vec<f64> = spoken
        .windows(2)
        .filter(|pair| (pair[0].speaker, pair[1].speaker) == (Speaker::Caller, Speaker::Agent))
        .filter_map(|pair| Some(rounded(pair[1].start? - pair[0].end?)))
        .filter(|latency| *latency >= 0.0)
        .collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// For how long of these silences a tool was working; unknown if it is not known when one was called.
pub(super) fn tool_wait(transcript: &Transcript, beats: &[Beat], silences: &[Silence]) -> Option<f64> {
    let work = work(transcript, beats)?;
    let wait = silences.iter().map(|silence| {
        let overlap = |(from, to): &(f64, f64)| (to.min(silence.to) - from.max(silence.from)).max(0.0);
        work.iter().map(overlap).sum::<f64>()
    });
    Some(wait.sum())
}

/// When tools were working, without overlaps. One that never answered worked until somebody spoke.
fn work(transcript: &Transcript, beats: &[Beat]) -> Option<Vec<(f64, f64)>> {
    let mut called: Vec<(&str, f64)> = Vec::new();
    let mut work: Vec<(f64, f64)> = Vec::new();
    for turn in transcript.turns.iter().filter(|turn| turn.speaker.is_tool()) {
        let (at, name) = (turn.start?, turn.name.as_deref().unwrap_or_default());
        if turn.speaker == Speaker::ToolCall {
            called.push((name, at));
        } else if let Some(place) = called.iter().position(|(waiting, _)| *waiting == name) {
            work.push((called.remove(place).1, at));
        }
    }
    work.extend(called.into_iter().map(|(_, from)| {
        let next = beats.iter().find(|beat| beat.start > from);
        (from, next.map_or(from, |beat| beat.start))
    }));
    work.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(merged(&work))
}

fn merged(spans: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
            _ => merged.push((*from, *to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests;

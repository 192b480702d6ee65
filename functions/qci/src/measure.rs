//! What is measured in a call: who spoke how much, silence, interruptions, answers, the brand, the first value.
//!
//! [`Transcript`] ─▶ [`Facts::of`] ─▶ [`Facts::measure`] for each measured criterion of the rubric

mod rhythm;
mod speech;

use serde::Serialize;
use shared::domain::rubric::{Brand, Measure};

use shared::domain::transcript::{Speaker, Transcript};

/// The facts of a call. What is not known is absent, never 0; seconds and shares have three decimals.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Facts {
    /// Whether it is known when each turn began and ended.
    pub(crate) timed: bool,
    /// How long the agent spoke, in seconds.
    pub(crate) agent_speech_seconds: Option<f64>,
    /// How long the caller spoke, in seconds.
    pub(crate) caller_speech_seconds: Option<f64>,
    /// The agent's part of the speech by seconds, from 0 to 1.
    pub(crate) agent_talk_share: Option<f64>,
    /// How many words the agent said.
    pub(crate) agent_words: usize,
    /// How many words the caller said.
    pub(crate) caller_words: usize,
    /// The agent's part of the speech by words, from 0 to 1.
    pub(crate) agent_talk_share_by_words: Option<f64>,
    /// Which of the two shares is measured.
    pub(crate) talk_share_by: Option<TalkShareBy>,
    /// The silences between turns that are longer than three seconds, each as a whole, in seconds.
    pub(crate) dead_air_seconds: Option<f64>,
    /// How many of them there are.
    pub(crate) dead_air_count: Option<usize>,
    /// The part of `dead_air_seconds` in which a tool was working, in seconds.
    pub(crate) tool_wait_seconds: Option<f64>,
    /// The longest silence between two turns, in seconds.
    pub(crate) longest_silence_seconds: Option<f64>,
    /// How often the agent began while the caller spoke.
    pub(crate) agent_interruptions: Option<usize>,
    /// How often the caller began while the agent spoke.
    pub(crate) caller_interruptions: Option<usize>,
    /// The median time from the end of a caller's turn to the agent's answer, in seconds.
    pub response_latency_p50_seconds: Option<f64>,
    /// The 95th percentile of it, in seconds.
    pub response_latency_p95_seconds: Option<f64>,
    /// How many answers there are whose time is known.
    pub(crate) response_count: usize,
    /// When the first turn began in which the agent said what the caller gains, in seconds from the start.
    pub(crate) time_to_value_seconds: Option<f64>,
    /// In how many turns the agent did; absent if nobody said what to look for.
    pub(crate) value_statements: Option<usize>,
    /// When the first turn began in which the agent named the brand, in seconds from the start.
    pub(crate) brand_first_mention_seconds: Option<f64>,
    /// How often the agent named the brand; absent without a brand.
    pub(crate) brand_mentions: Option<usize>,
    /// The spellings in which the brand was found, each once.
    pub(crate) brand_heard_as: Vec<String>,
    /// How often the agent said a sentence of five words or more that it had said before.
    pub(crate) repeated_phrases: usize,
    /// The first of these sentences, at most five.
    pub(crate) repeated: Vec<String>,
}

/// What a share of the talk is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TalkShareBy {
    /// The time.
    Seconds,
    /// The words, where the time is not known.
    Words,
}

impl Facts {
    /// Measures a call. A brand is looked for if there is one, and a value statement if it is known what it may be.
    #[must_use]
    pub(crate) fn of(transcript: &Transcript, brand: Option<&Brand>, value_phrases: &[String]) -> Self {
        let mut facts = Self {
            timed: transcript.has_timing(),
            ..Self::default()
        };
        facts.note_talk(transcript);
        facts.note_rhythm(transcript);
        facts.note_value(transcript, value_phrases);
        if let Some(brand) = brand {
            facts.note_brand(transcript, brand);
        }
        facts.note_repetition(transcript);
        facts
    }

    /// The fact that a criterion asks for. What never happened in a call with known times is infinitely late;
    /// `None` says that it cannot be known.
    #[must_use]
    pub(crate) fn measure(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::AgentTalkShare => self.agent_talk_share.or(self.agent_talk_share_by_words),
            Measure::DeadAirSeconds => self.dead_air_seconds,
            Measure::AgentInterruptions => self.agent_interruptions.map(as_f64),
            Measure::ResponseLatencyP50 => self.response_latency_p50_seconds,
            Measure::ResponseLatencyP95 => self.response_latency_p95_seconds,
            Measure::TimeToValue => self.moment(self.time_to_value_seconds, self.value_statements),
            Measure::BrandFirstMention => self.moment(self.brand_first_mention_seconds, self.brand_mentions),
            Measure::BrandMentions => self.brand_mentions.map(as_f64),
            Measure::RepeatedPhrases => Some(as_f64(self.repeated_phrases)),
        }
    }

    fn moment(&self, first: Option<f64>, count: Option<usize>) -> Option<f64> {
        first.or_else(|| (self.timed && count == Some(0)).then_some(f64::INFINITY))
    }

    fn note_talk(&mut self, transcript: &Transcript) {
        let (agent, caller) = (
            speech::seconds(transcript, Speaker::Agent),
            speech::seconds(transcript, Speaker::Caller),
        );
        self.agent_speech_seconds = agent.map(rounded);
        self.caller_speech_seconds = caller.map(rounded);
        self.agent_talk_share = agent.zip(caller).and_then(share);
        self.agent_words = speech::words_of(transcript, Speaker::Agent);
        self.caller_words = speech::words_of(transcript, Speaker::Caller);
        self.agent_talk_share_by_words = share((as_f64(self.agent_words), as_f64(self.caller_words)));
        self.talk_share_by = match (self.agent_talk_share, self.agent_talk_share_by_words) {
            (Some(_), _) => Some(TalkShareBy::Seconds),
            (None, Some(_)) => Some(TalkShareBy::Words),
            (None, None) => None,
        };
    }

    fn note_rhythm(&mut self, transcript: &Transcript) {
        if let Some(beats) = rhythm::beats(transcript) {
            let silences = rhythm::silences(&beats);
            let dead: Vec<_> = silences.iter().copied().filter(rhythm::Silence::is_dead_air).collect();
            self.dead_air_seconds = Some(rounded(dead.iter().map(rhythm::Silence::length).sum()));
            self.dead_air_count = Some(dead.len());
            self.longest_silence_seconds = silences
                .iter()
                .map(rhythm::Silence::length)
                .max_by(f64::total_cmp)
                .or(Some(0.0))
                .map(rounded);
            self.tool_wait_seconds = rhythm::tool_wait(transcript, &beats, &dead).map(rounded);
            self.agent_interruptions = Some(rhythm::interruptions(&beats, Speaker::Agent));
            self.caller_interruptions = Some(rhythm::interruptions(&beats, Speaker::Caller));
        }
        let latencies = rhythm::latencies(transcript);
        self.response_count = latencies.len();
        self.response_latency_p50_seconds = percentile(&latencies, 50);
        self.response_latency_p95_seconds = percentile(&latencies, 95);
    }

    fn note_value(&mut self, transcript: &Transcript, phrases: &[String]) {
        if let Some(turns) = speech::turns_with(transcript, phrases) {
            self.value_statements = Some(turns.len());
            self.time_to_value_seconds = turns.first().and_then(|turn| turn.start).map(rounded);
        }
    }

    fn note_brand(&mut self, transcript: &Transcript, brand: &Brand) {
        let mentions = speech::mentions(transcript, brand);
        self.brand_mentions = Some(mentions.len());
        self.brand_first_mention_seconds = mentions.first().and_then(|(turn, _)| turn.start).map(rounded);
        self.brand_heard_as = speech::spellings(mentions.into_iter().map(|(_, spelling)| spelling));
    }

    fn note_repetition(&mut self, transcript: &Transcript) {
        let repeats = speech::repeats(transcript);
        self.repeated_phrases = repeats.len();
        self.repeated = speech::spellings(repeats.into_iter());
        self.repeated.truncate(5);
    }
}

/// The smallest of the sorted numbers that this part of them does not exceed.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied().map(rounded)
}

fn share((part, rest): (f64, f64)) -> Option<f64> {
    let whole = part + rest;
    (whole > 0.0).then(|| rounded(part / whole))
}

/// To thousandths: a band must not be missed by a hair that is only in the arithmetic.
fn rounded(value: f64) -> f64 {
    // The sum of nothing is -0.
    (value * 1000.0).round() / 1000.0 + 0.0
}

#[expect(clippy::cast_precision_loss, reason = "nobody says 2^52 words")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;

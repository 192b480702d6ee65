//! What a run came to so far, and whether the judge is still there.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;
use shared::run::{Run, Step};

use crate::call_input::Prepared;
use crate::judge::JudgeError;
use crate::scoring::{Answered, Ended};

/// What the judged calls of a run came to.
#[derive(Default)]
pub(crate) struct Tally {
    done: HashSet<String>,
    answered: u32,
    failure: Option<String>,
    flagged: u32,
    models: BTreeMap<String, u32>,
    quotes_total: i32,
    quotes_verified: i32,
    /// Calls without an answer, each with how many others were answered before.
    unanswered: Vec<Unanswered>,
    /// Calls without an answer since the last one that had one.
    in_a_row: usize,
}

/// A call that the judge gave no answer to.
pub(crate) struct Unanswered {
    pub(crate) prepared: Box<Prepared>,
    pub(crate) error: JudgeError,
    answered_before: u32,
}

impl Tally {
    /// Takes in what came of a call.
    pub(crate) fn take(&mut self, ended: Ended) {
        match ended {
            Ended::Answered(answered) => self.answer(*answered),
            // Its turn never came.
            Ended::Unanswered(_, JudgeError::Stopped) => {}
            Ended::Unanswered(prepared, error) => {
                self.in_a_row += 1;
                self.unanswered.push(Unanswered {
                    prepared,
                    error,
                    answered_before: self.answered,
                });
            }
        }
    }

    /// Takes in the calls that could not be read or prepared, with why.
    pub(crate) fn take_broken(&mut self, broken: Vec<(String, String)>) {
        for (call_id, reason) in broken {
            self.done.insert(call_id);
            self.failure.get_or_insert(reason);
        }
    }

    fn answer(&mut self, answered: Answered) {
        self.answered += 1;
        self.in_a_row = 0;
        self.done.insert(answered.call_id);
        self.flagged += u32::from(answered.is_flagged);
        self.quotes_total += answered.quotes_total;
        self.quotes_verified += answered.quotes_verified;
        if let Some(model) = answered.model {
            *self.models.entry(model).or_default() += 1;
        }
        if self.failure.is_none() {
            self.failure = answered.failure;
        }
    }

    /// Why no other call should be begun: the judge cannot be asked, or left `most` calls in a row without an answer.
    pub(crate) fn judge_is_gone(&mut self, most: usize) -> Option<JudgeError> {
        let last = self.unanswered.last()?;
        if last.error.is_final() || self.in_a_row >= most {
            return self.unanswered.pop().map(|unanswered| unanswered.error);
        }
        None
    }

    /// The calls without an answer although the judge answered others later: those calls caused the errors.
    pub(crate) fn troubled(&mut self) -> Vec<Unanswered> {
        let answered = self.answered;
        let (troubled, rest) = std::mem::take(&mut self.unanswered)
            .into_iter()
            .partition(|unanswered| unanswered.answered_before < answered);
        self.unanswered = rest;
        troubled
    }

    /// What kept the judge from answering the calls that are left.
    pub(crate) fn silence(&mut self) -> Option<JudgeError> {
        self.unanswered.pop().map(|unanswered| unanswered.error)
    }

    pub(crate) fn answered(&self) -> u32 {
        self.answered
    }

    pub(crate) fn is_done(&self, id: &str) -> bool {
        self.done.contains(id)
    }

    /// The models that scored.
    pub(crate) fn models(&self) -> impl Iterator<Item = &String> {
        self.models.keys()
    }

    /// Why one of the calls that were answered has no score.
    pub(crate) fn a_failure(&self) -> &str {
        self.failure.as_deref().unwrap_or("no reason is known")
    }

    /// Notes it on the run.
    pub(crate) fn tell(&self, run: &Run, skipped: &BTreeMap<&'static str, u32>) {
        let counters = run.counters();
        run.note("skipped", json!(skipped));
        run.note("models", json!(self.models));
        run.note("flagged", self.flagged);
        run.note(
            "quotes",
            json!({"total": self.quotes_total, "verified": self.quotes_verified}),
        );
        let cost = counters.api_cost.map_or_else(
            || "an unknown amount".to_owned(),
            |cost| format!("{} USD", cost.normalize()),
        );
        let text = format!(
            "{} calls scored for {cost}, {} skipped, {} failed; {} of {} quotes are in their transcript",
            counters.calls_analyzed,
            skipped.values().sum::<u32>(),
            counters.records_failed,
            self.quotes_verified,
            self.quotes_total
        );
        let meta = json!({"skipped": skipped, "models": self.models, "flagged": self.flagged});
        run.info(Step::Save, text, meta);
    }
}

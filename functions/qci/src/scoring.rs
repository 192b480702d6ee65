//! Scores one call: asks the judge, checks its evidence, lets it mend its answer once, counts the points, stores it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use shared::platform::db::Pool;
use shared::platform::{clock, db, telemetry};
use shared::run::{Run, Step};
use shared::store::price::Usage;
use shared::store::score::{self, Analysis, Kept, Material, Request, Scored, Verdict};
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::answer::Answer;
use crate::call_input::{Prepared, ScoringContext};
use crate::evidence::Verified;
use crate::judge::{Judge, JudgeError, Message, Question, Reply};
use crate::ledger::{Entry, JudgeLedger};
use crate::points::{self, Score};
use crate::prompt;
use crate::tally::Tally;

/// Scores the calls of a run.
pub(crate) struct Scorer {
    pub(crate) pool: Pool,
    run: Arc<Run>,
    judge: Arc<Judge>,
    pub(crate) desk: Arc<ScoringContext>,
    ledger: JudgeLedger,
    /// Cancelled when the judge is not to be asked any more.
    pub(crate) stop: CancellationToken,
}

/// What came of a call.
pub(crate) enum Ended {
    /// Stores the judge's answer, good or bad.
    Answered(Box<Answered>),
    /// It did not; nothing is stored.
    Unanswered(Box<Prepared>, JudgeError),
}

/// A call that the judge answered.
#[derive(Default)]
pub(crate) struct Answered {
    pub(crate) call_id: String,
    pub(crate) model: Option<String>,
    pub(crate) is_flagged: bool,
    pub(crate) quotes_total: i32,
    pub(crate) quotes_verified: i32,
    /// Why it has no score.
    pub(crate) failure: Option<String>,
}

/// An answer that can be scored.
struct Usable {
    text: String,
    answer: Answer,
    verified: Verified,
    problems: Vec<String>,
    model: String,
}

impl Scorer {
    pub(crate) fn new(deps: &Deps, run: &Arc<Run>, desk: Arc<ScoringContext>) -> Self {
        Self {
            pool: deps.ledger.pool.clone(),
            run: Arc::clone(run),
            judge: Arc::clone(&deps.judge),
            ledger: JudgeLedger::open(deps.ledger.pool.clone(), desk.framework.id, run.id),
            desk,
            stop: CancellationToken::new(),
        }
    }

    /// Scores a call and stores what came of it. A panic fails this call alone.
    pub(crate) async fn judge(self: Arc<Self>, prepared: Box<Prepared>) -> Result<Ended> {
        let mut requests = Vec::new();
        let entry = self
            .ledger
            .entry(&prepared.call.call_id, &self.desk.model, prepared.guess);
        let verdict = AssertUnwindSafe(self.verdict(&prepared, &entry, &mut requests))
            .catch_unwind()
            .await;
        let known: Decimal = requests.iter().filter_map(|request| request.cost).sum();
        let spent = known + entry.unknown();
        self.desk.budget.settle(prepared.guess.unwrap_or_default(), spent);
        let verdict = match verdict {
            Ok(Ok(verdict)) => verdict,
            // To find a call too long is an answer about this call.
            Ok(Err(error)) if requests.is_empty() && !matches!(error, JudgeError::TooLong { .. }) => {
                return Ok(Ended::Unanswered(prepared, error));
            }
            Ok(Err(error)) => Verdict::Failed(telemetry::chain(&error)),
            Err(_) => Verdict::Failed("scoring it panicked: this is a bug".to_owned()),
        };
        self.answered(&prepared, verdict, requests).await
    }

    /// Stores the calls that the judge had trouble with as tries of theirs; says what kept it from answering others.
    pub(crate) async fn settle(&self, tally: &mut Tally) -> Result<()> {
        for unanswered in tally.troubled() {
            let reason = telemetry::chain(&unanswered.error);
            let ended = self
                .answered(&unanswered.prepared, Verdict::Failed(reason), Vec::new())
                .await?;
            tally.take(ended);
        }
        Ok(())
    }

    /// The row of a call.
    pub(crate) fn analysis(&self, call: &Material, facts: Value, verdict: Verdict, requests: Vec<Request>) -> Analysis {
        Analysis {
            call_id: call.call_id.clone(),
            call_hash: call.hash.clone(),
            framework_id: self.desk.framework.id,
            run_id: self.run.id,
            analyzed_at: clock::now(),
            facts,
            verdict,
            requests,
        }
    }

    /// Stores analyses and counts them. One that the database refuses costs no other, and says why it was refused.
    pub(crate) async fn keep(&self, analyses: &[Analysis]) -> Result<Option<String>> {
        if analyses.is_empty() {
            return Ok(None);
        }
        match (self.store(analyses).await, analyses) {
            (Ok(()), _) => Ok(None),
            (Err(error), [only]) if is_about_the_row(&error) => self.keep_refusal(only, &error).await.map(Some),
            (Err(error), _) if is_about_the_row(&error) => {
                let mut refused = None;
                for analysis in analyses {
                    refused = Box::pin(self.keep(std::slice::from_ref(analysis))).await?.or(refused);
                }
                Ok(refused)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// All or none.
    async fn store(&self, analyses: &[Analysis]) -> Result<()> {
        let kept = db::retry(&self.pool, || async {
            let mut client = db::connect(&self.pool).await?;
            let transaction = client.transaction().await?;
            let mut kept = Vec::with_capacity(analyses.len());
            for analysis in analyses {
                kept.push(score::store(&transaction, analysis).await?);
            }
            transaction.commit().await?;
            Ok(kept)
        })
        .await?;
        for (analysis, kept) in analyses.iter().zip(kept) {
            self.count(analysis, kept);
        }
        Ok(())
    }

    /// The call fails for what the database said, as it would for what the judge says.
    async fn keep_refusal(&self, analysis: &Analysis, error: &anyhow::Error) -> Result<String> {
        let reason = format!("its analysis can't be stored: {error:#}");
        let failed = Analysis {
            facts: json!({}),
            verdict: Verdict::Failed(reason.clone()),
            ..analysis.clone()
        };
        match self.store(std::slice::from_ref(&failed)).await {
            Err(error) if is_about_the_row(&error) => {
                // The call itself is gone.
                self.run.count(|counters| counters.records_failed += 1);
                let text = format!("call {} has no score: {reason}", analysis.call_id);
                self.run.warn(Step::Analyze, text, json!({"call_id": analysis.call_id}));
                Ok(reason)
            }
            stored => stored.map(|()| reason),
        }
    }

    async fn answered(&self, prepared: &Prepared, verdict: Verdict, requests: Vec<Request>) -> Result<Ended> {
        let mut answered = Answered {
            call_id: prepared.call.call_id.clone(),
            quotes_total: requests.iter().map(|request| request.quotes_total).sum(),
            quotes_verified: requests.iter().map(|request| request.quotes_verified).sum(),
            ..Answered::default()
        };
        match &verdict {
            Verdict::Scored(scored) => {
                answered.model = Some(scored.model.clone());
                answered.is_flagged = scored.is_flagged;
            }
            Verdict::Failed(reason) => answered.failure = Some(reason.clone()),
            Verdict::Skipped(_) => {}
        }
        let facts = json!(prepared.facts);
        let analysis = self.analysis(&prepared.call, facts, verdict, requests);
        let refused = self
            .keep(std::slice::from_ref(&analysis))
            .await
            .with_context(|| format!("storing the analysis of call {}", prepared.call.call_id))?;
        answered.failure = refused.or(answered.failure);
        Ok(Ended::Answered(Box::new(answered)))
    }

    fn count(&self, analysis: &Analysis, kept: Kept) {
        let cost = analysis
            .requests
            .iter()
            .try_fold(Decimal::ZERO, |sum, request| Some(sum + request.cost?));
        self.run.count(|counters| {
            counters.api_cost = counters.api_cost.zip(cost).map(|(sum, cost)| sum + cost);
            match &analysis.verdict {
                Verdict::Failed(_) => counters.records_failed += 1,
                Verdict::Scored(_) | Verdict::Skipped(_) if kept == Kept::New => counters.records_inserted += 1,
                Verdict::Scored(_) | Verdict::Skipped(_) => counters.records_updated += 1,
            }
            if matches!(analysis.verdict, Verdict::Scored(_)) {
                counters.calls_analyzed += 1;
            }
        });
        if let Verdict::Failed(reason) = &analysis.verdict {
            let fate = match kept {
                Kept::Parked => "it failed too often and is not tried again",
                Kept::ScoreStays => "it keeps its earlier score",
                Kept::New | Kept::Changed => "it is tried again on a later run",
            };
            self.run.warn(
                Step::Analyze,
                format!("call {} has no score: {reason}; {fate}", analysis.call_id),
                json!({"call_id": analysis.call_id}),
            );
        }
    }

    async fn verdict(
        &self,
        prepared: &Prepared,
        entry: &Entry<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<Verdict, JudgeError> {
        let mut messages = self.desk.prompt.messages(&prepared.transcript, prepared.brand.as_ref());
        let reply = self.ask(&messages, entry).await?;
        let mut best = match self.read(prepared, reply, requests) {
            Ok(usable) if usable.problems.is_empty() => return Ok(self.scored(prepared, &usable, requests)),
            Ok(usable) => Ok(usable),
            // It may answer another time; asking the same again at once would be paid for twice.
            Err(Unread { text: None, reason }) => return Ok(Verdict::Failed(reason)),
            Err(unread) => Err(unread),
        };
        let (text, problems) = match &best {
            Ok(usable) => (usable.text.clone(), usable.problems.clone()),
            Err(unread) => (unread.text.clone().unwrap_or_default(), vec![unread.reason.clone()]),
        };
        messages.extend(prompt::mend(text, &problems));
        match self.ask(&messages, entry).await {
            Ok(reply) => {
                let mended = self.read(prepared, reply, requests);
                let problems = |read: &Result<Usable, Unread>| read.as_ref().ok().map(|usable| usable.problems.len());
                if is_as_good(problems(&mended), problems(&best)) {
                    best = mended;
                }
            }
            // A usable answer is there; what leans on unknown quotes is not counted.
            Err(error) if best.is_ok() => tracing::warn!("no mended answer: {}", telemetry::chain(&error)),
            Err(error) => return Err(error),
        }
        Ok(match best {
            Ok(usable) => self.scored(prepared, &usable, requests),
            Err(unread) => Verdict::Failed(unread.reason),
        })
    }

    async fn ask(&self, messages: &[Message], entry: &Entry<'_>) -> Result<Reply, JudgeError> {
        let question = Question {
            model: &self.desk.model,
            messages,
            response_format: &self.desk.prompt.response_format,
            request: &self.desk.framework.request,
        };
        let asked = self.judge.ask(&question, entry, &self.stop).await;
        if asked.as_ref().is_err_and(JudgeError::is_final) {
            self.stop.cancel();
        }
        asked
    }

    /// Reads an answer and notes what it cost.
    fn read(&self, prepared: &Prepared, reply: Reply, requests: &mut Vec<Request>) -> Result<Usable, Unread> {
        let mut request = Request {
            id: reply.id,
            requested_at: reply.requested_at,
            duration_ms: i32::try_from(reply.took.as_millis()).unwrap_or(i32::MAX),
            cost: self.desk.cost(reply.model.as_deref(), reply.usage),
            model: reply.model,
            outcome: "answered",
            usage: reply.usage,
            quotes_total: 0,
            quotes_verified: 0,
        };
        let rubric = &self.desk.framework.rubric;
        let read = match reply.content {
            Err(useless) => {
                request.outcome = useless.as_str();
                Err(Unread {
                    text: None,
                    reason: useless.to_string(),
                })
            }
            Ok(text) => match Answer::read(rubric, &text) {
                Err(unusable) => {
                    request.outcome = unusable.as_str();
                    Err(Unread {
                        text: Some(text),
                        reason: unusable.to_string(),
                    })
                }
                Ok(answer) => {
                    let verified = Verified::new(rubric, &answer, &prepared.transcript);
                    request.quotes_total = i32::try_from(verified.quotes_total).unwrap_or(i32::MAX);
                    request.quotes_verified = i32::try_from(verified.quotes_verified).unwrap_or(i32::MAX);
                    Ok(Usable {
                        problems: points::problems(rubric, &answer, &verified),
                        model: request.model.clone().unwrap_or_else(|| self.desk.model.clone()),
                        text,
                        answer,
                        verified,
                    })
                }
            },
        };
        requests.push(request);
        read
    }

    fn scored(&self, prepared: &Prepared, usable: &Usable, requests: &[Request]) -> Verdict {
        let rubric = &self.desk.framework.rubric;
        let measured = |measure| prepared.facts.measure(measure);
        match points::score(rubric, measured, &usable.answer, &usable.verified) {
            Ok(score) => Verdict::Scored(Box::new(row(&score, usable, requests))),
            Err(none) => Verdict::Failed(none.to_string()),
        }
    }
}

/// Whether a mended answer takes the place of the first one, by their problems; one that cannot be scored has none.
fn is_as_good(mended: Option<usize>, first: Option<usize>) -> bool {
    match (mended, first) {
        (Some(mended), Some(first)) => mended <= first,
        (Some(_) | None, None) => true,
        (None, Some(_)) => false,
    }
}

fn is_about_the_row(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(db::is_about_the_row))
}

/// An answer that cannot be scored.
struct Unread {
    /// What it said, where that can be mended.
    text: Option<String>,
    reason: String,
}

fn row(score: &Score, usable: &Usable, requests: &[Request]) -> Scored {
    let mut usage = Usage::default();
    for request in requests {
        usage += request.usage;
    }
    let verified = &usable.verified;
    // Each issue once, by the key that is the same in other calls.
    let issues: BTreeMap<&str, &str> = verified
        .coaching_tips
        .iter()
        .map(|tip| (tip.issue_key.as_str(), tip.issue.as_str()))
        .collect();
    let issues: Vec<Value> = issues
        .into_iter()
        .map(|(key, issue)| json!({"issue_key": key, "issue": issue}))
        .collect();
    Scored {
        blocks: shared::domain::rubric::BlockId::ALL.map(|id| {
            score
                .blocks
                .iter()
                .find(|block| block.block == id)
                .and_then(|block| block.score)
        }),
        points: score.points,
        applicable_max: Decimal::from(score.applicable_max),
        total: score.total,
        class: score.class.as_str(),
        is_flagged: score.flagged,
        criteria: json!(score.criteria),
        coaching_tips: json!(verified.coaching_tips),
        key_issues: json!(issues),
        critical_failures: json!(verified.critical_failures),
        what_went_well: json!(verified.what_went_well),
        quotes_total: i32::try_from(verified.quotes_total).unwrap_or(i32::MAX),
        quotes_verified: i32::try_from(verified.quotes_verified).unwrap_or(i32::MAX),
        model: usable.model.clone(),
        cost: requests
            .iter()
            .try_fold(Decimal::ZERO, |sum, request| Some(sum + request.cost?)),
        usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_answer_is_taken_unless_it_is_worse() {
        assert!(is_as_good(Some(0), Some(2)) && is_as_good(Some(2), Some(2)));
        assert!(!is_as_good(Some(3), Some(2)), "it broke what was good");
        assert!(
            !is_as_good(None, Some(2)),
            "an answer that can be scored is better than none"
        );
        assert!(is_as_good(Some(9), None) && is_as_good(None, None));
    }
}

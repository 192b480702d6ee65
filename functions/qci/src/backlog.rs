//! Works off the calls that need a score: a few at once, each stored as soon as it is judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use shared::platform::db;
use shared::run::{Outcome, Run, Step};
use shared::store::dashboard;
use shared::store::score::{self, Verdict, backlog};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Deps;
use crate::budget::UsedUp;
use crate::call_input::{Looked, Prepared, ScoringContext};
use crate::input::Input;
use crate::judge::JudgeError;
use crate::ledger;
use crate::scoring::{Ended, Scorer};
use crate::tally::Tally;

/// Calls that are read at once.
pub(crate) const CHUNK: usize = 50;
/// Calls in a row without an answer after which the judge is taken for gone.
const GONE: usize = 5;

/// Why no further call is begun.
enum Stop {
    OutOfTime,
    UsedUp(UsedUp),
    /// The judge cannot be asked, or does not answer any more.
    Judge(JudgeError),
}

/// The calls to look at: those of the input, or all that need it, oldest first.
pub(crate) async fn pick(deps: &Deps, run: &Run, desk: &ScoringContext, input: &Input) -> Result<Vec<String>> {
    let pool = &deps.ledger.pool;
    let limit = input.limit.map_or(backlog::MOST, i64::from).min(backlog::MOST);
    if let Some(wanted) = &input.call_ids {
        let stored = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(score::stored(&client, wanted).await?)
        })
        .await
        .context("choosing calls")?;
        let unknown: Vec<&String> = wanted.iter().filter(|id| !stored.contains(id)).collect();
        if stored.is_empty() {
            bail!(
                "none of the calls named by --call-id (`call_ids` in an input) is stored: sync first, or check the ids"
            );
        }
        if !unknown.is_empty() {
            let text = format!("{} of the calls that are asked for are not stored", unknown.len());
            let some: Vec<&&String> = unknown.iter().take(20).collect();
            run.warn(Step::Fetch, text, json!({"call_ids": some}));
        }
        if input.force {
            return Ok(stored
                .into_iter()
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .collect());
        }
    }
    let framework = desk.framework.id;
    // A framework's first look reads every call.
    let pool = &pool.for_whole_tables();
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        let calls = match &input.call_ids {
            Some(ids) => backlog::among(&transaction, framework, ids, limit).await?,
            None if input.estimate => backlog::read(&transaction, framework, limit).await?,
            None => backlog::advance(&transaction, framework, limit).await?,
        };
        transaction.commit().await?;
        Ok(calls)
    })
    .await
    .context("choosing calls")
}

/// Scores the calls until they are done, or time, money or the judge's answers run out.
pub(crate) async fn work_off(deps: &Deps, run: &Arc<Run>, desk: ScoringContext, input: &Input) -> Result<Outcome> {
    let ids = pick(deps, run, &desk, input).await?;
    run.count(|counters| counters.records_fetched = i32::try_from(ids.len()).unwrap_or(i32::MAX));
    run.info(
        Step::Fetch,
        format!("{} calls need to be looked at", ids.len()),
        json!({"calls": ids.len()}),
    );
    if !ids.is_empty() {
        tell_unpriced(run, &desk, &desk.model);
    }
    let scorer = Arc::new(Scorer::new(deps, run, Arc::new(desk)));
    let (sender, mut receiver) = mpsc::channel(deps.settings.concurrency);
    let reading = tokio::spawn(read(Arc::clone(&scorer), ids.clone(), sender));
    let mut tally = Tally::default();
    let mut stop = judge_all(deps, run, &scorer, &mut receiver, &mut tally).await?;
    // The reader ends when nobody takes what it prepares.
    drop(receiver);
    let unasked = reading.await.context("reading calls")??;
    tally.take_broken(unasked.broken);
    scorer.settle(&mut tally).await?;
    // What is still open was given up with its call.
    if let Err(error) = ledger::give_up(&scorer.pool, Some(run.id)).await {
        tracing::warn!("{error:#}");
    }
    if let Err(error) = dashboard::keep_hours(&scorer.pool, run.time_left()).await {
        // The pages read scores instead.
        run.warn(Step::Save, format!("{error:#}"), json!({}));
    }
    // What is without an answer now, was so to the last.
    if stop.is_none() {
        stop = tally.silence().map(Stop::Judge);
    }
    for model in tally.models().filter(|model| **model != scorer.desk.model) {
        tell_unpriced(run, &scorer.desk, model);
    }
    tally.tell(run, &unasked.skipped);
    outcome(run, &tally, stop, input, &ids)
}

/// Warns of a model whose answers cost nobody knows what.
fn tell_unpriced(run: &Run, desk: &ScoringContext, model: &str) {
    if desk.prices.of(model).is_none() {
        let text = format!("model_prices has no price for {model}: its costs are unknown, and no budget holds");
        run.warn(Step::Validate, text, json!({"model": model}));
    }
}

/// Calls that never come before the judge.
#[derive(Default)]
struct Unasked {
    skipped: BTreeMap<&'static str, u32>,
    /// Those that could not be read or prepared, with why.
    broken: Vec<(String, String)>,
}

/// Reads calls ahead of the judge; stores why those that are not worth it, or can't be read, are not judged.
async fn read(scorer: Arc<Scorer>, ids: Vec<String>, sender: mpsc::Sender<Box<Prepared>>) -> Result<Unasked> {
    let mut unasked = Unasked::default();
    for chunk in ids.chunks(CHUNK) {
        let (mut decided, mut worth) = (Vec::new(), Vec::new());
        for looked in scorer.desk.look_at(&scorer.pool, chunk).await? {
            let (call, verdict) = match looked {
                Looked::Worth(prepared) => {
                    worth.push(prepared);
                    continue;
                }
                Looked::Skip(call, reason) => {
                    *unasked.skipped.entry(reason).or_default() += 1;
                    (call, Verdict::Skipped(reason))
                }
                Looked::Broken(call, reason) => {
                    unasked.broken.push((call.call_id.clone(), reason.clone()));
                    (call, Verdict::Failed(reason))
                }
            };
            decided.push(scorer.analysis(&call, json!({}), verdict, Vec::new()));
        }
        scorer.keep(&decided).await.context("storing why calls are skipped")?;
        for prepared in worth {
            if sender.send(prepared).await.is_err() {
                return Ok(unasked);
            }
        }
    }
    Ok(unasked)
}

async fn judge_all(
    deps: &Deps,
    run: &Arc<Run>,
    scorer: &Arc<Scorer>,
    receiver: &mut mpsc::Receiver<Box<Prepared>>,
    tally: &mut Tally,
) -> Result<Option<Stop>> {
    let mut judging: JoinSet<Result<Ended>> = JoinSet::new();
    // Twice as many as are judged: answers are stored while others are waited for.
    let most = deps.settings.concurrency * 2;
    let (mut waiting, mut more) = (None::<Box<Prepared>>, true);
    let (mut stop, mut too_dear) = (None, None);
    let mut checkpoint = std::pin::pin!(tokio::time::sleep(run.time_left()));
    while stop.is_none() && (more || waiting.is_some() || !judging.is_empty()) {
        if let Some(prepared) = waiting.take() {
            let guess = prepared.guess.unwrap_or_default();
            match scorer.desk.budget.reserve(guess) {
                Ok(()) => {
                    judging.spawn(Arc::clone(scorer).judge(prepared));
                }
                // What is set aside for calls under way may come to less.
                Err(_) if !judging.is_empty() => waiting = Some(prepared),
                // No run can pay for this one; it must not keep the others from their turn.
                Err(used_up) if guess > used_up.usd && !used_up.usd.is_zero() => too_dear = Some(used_up),
                Err(used_up) => {
                    stop = Some(Stop::UsedUp(used_up));
                    continue;
                }
            }
        }
        tokio::select! {
            biased;
            () = &mut checkpoint => stop = Some(Stop::OutOfTime),
            Some(ended) = judging.join_next() => {
                tally.take(ended.context("judging a call")??);
                stop = tally.judge_is_gone(GONE).map(Stop::Judge);
            }
            next = receiver.recv(), if more && waiting.is_none() && judging.len() < most => match next {
                Some(prepared) => waiting = Some(prepared),
                None => more = false,
            },
            // Nothing is under way and nothing is left.
            else => break,
        }
    }
    let stop = stop.or(too_dear.map(Stop::UsedUp));
    if stop.is_some() {
        scorer.stop.cancel();
        let moment = (run.deadline_at - run.checkpoint_at()) / 3;
        drain(&mut judging, tally, moment.to_std().unwrap_or_default()).await?;
    }
    Ok(stop)
}

/// Lets the calls under way be judged: they are paid for. What takes longer than `limit` is given up.
async fn drain(judging: &mut JoinSet<Result<Ended>>, tally: &mut Tally, limit: Duration) -> Result<()> {
    let all = async {
        while let Some(ended) = judging.join_next().await {
            tally.take(ended.context("judging a call")??);
        }
        Ok(())
    };
    tokio::time::timeout(limit, all).await.unwrap_or(Ok(()))
}

fn outcome(run: &Run, tally: &Tally, stop: Option<Stop>, input: &Input, ids: &[String]) -> Result<Outcome> {
    let counters = run.counters();
    let handled = counters.records_inserted + counters.records_updated + counters.records_failed;
    let left = counters.records_fetched - handled;
    // What was under way at the checkpoint came to its end.
    let stop = stop.filter(|stop| left > 0 || !matches!(stop, Stop::OutOfTime));
    let (reason, continue_with) = match stop {
        // A continuation would come to nothing, too, and pay for it.
        Some(Stop::OutOfTime) if handled == 0 => (
            format!("out of time: no call was judged within the time limit, {left} are left"),
            None,
        ),
        Some(Stop::OutOfTime) => (
            format!("out of time: {left} calls are left for the continuation"),
            Some(rest(tally, input, ids, left)),
        ),
        Some(Stop::UsedUp(UsedUp { setting, usd })) => (
            format!("the budget of {usd} USD ({setting}) is used up: {left} calls are left"),
            None,
        ),
        Some(Stop::Judge(error)) if tally.answered() == 0 => return Err(error).context("asking the judge"),
        Some(Stop::Judge(error)) => (
            format!("{left} calls are left: {}", shared::platform::telemetry::chain(&error)),
            None,
        ),
        None if counters.records_failed > 0 && counters.calls_analyzed == 0 => {
            bail!(
                "no call was scored, {} failed: {}",
                counters.records_failed,
                tally.a_failure()
            );
        }
        None if counters.records_failed > 0 => (
            format!(
                "{} calls could not be scored: see error_message in qci_analyses",
                counters.records_failed
            ),
            None,
        ),
        None => return Ok(Outcome::Done),
    };
    Ok(Outcome::Left { reason, continue_with })
}

/// The input of the continuation: calls that are done are no longer in the backlog, unless they were asked for again.
fn rest(tally: &Tally, input: &Input, ids: &[String], left: i32) -> Value {
    let mut rest = json!({"force": input.force});
    if input.call_ids.is_some() {
        let ids: Vec<&String> = ids.iter().filter(|id| !tally.is_done(id)).collect();
        rest["call_ids"] = json!(ids);
    } else if input.limit.is_some() {
        rest["limit"] = json!(left);
    }
    if let Some(framework) = &input.framework {
        rest["framework"] = json!(framework.to_string());
    }
    rest
}

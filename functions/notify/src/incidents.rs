//! What happened, kept as incidents that begin, go on and end.
//!
//! Events come late, twice and out of order: where the tables know better, they are believed.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use shared::platform::db;
use shared::platform::db::{Executor, Pool};
use shared::platform::event::{Finished, Raised};
use shared::run::{self, Row, Status};
use shared::store::alert;
use shared::store::incident::{self, Kind, Symptom};

use crate::alarm::Alarm;
use crate::plan::EXPIRY;
use crate::trigger::{self, News};
use crate::{fingerprint, scrub};

/// How long the database may take; the rest of the invocation is for telling without it.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much of an error an incident keeps, in characters.
const SUMMARY: usize = 1_000;

/// What a run that ended well is the end of.
const ENDED_BY_SUCCESS: [Kind; 4] = [Kind::RunFailed, Kind::RunIncomplete, Kind::Errors, Kind::Undelivered];
/// What ends by not being seen any more.
const WITHOUT_END: [Kind; 2] = [Kind::Errors, Kind::Undelivered];

/// Keeps it; returns the subjects on which there may be something to tell.
pub(crate) async fn record(pool: &Pool, news: &News, now: DateTime<Utc>) -> Result<Vec<String>> {
    let pool = pool.within(PATIENCE);
    db::retry(&pool, || write(&pool, news, now)).await
}

async fn write(pool: &Pool, news: &News, now: DateTime<Utc>) -> Result<Vec<String>> {
    let mut client = db::connect(pool).await?;
    let transaction = client.transaction().await?;
    let subjects = match news {
        News::Finished(finished) => vec![ended(&transaction, finished, now).await?],
        News::Raised(raised) => vec![found(&transaction, raised).await?],
        News::Alarm(alarm) => vec![rang(&transaction, alarm).await?],
        News::GivenUp(sign) => vec![seen(&transaction, sign.clone()).await?],
        News::Test(_) => Vec::new(),
        News::Look => {
            incident::expire(&transaction, &WITHOUT_END, now - EXPIRY, now).await?;
            incident::subjects(&transaction, now - EXPIRY).await?
        }
    };
    transaction.commit().await?;
    Ok(subjects)
}

async fn ended(db: &impl Executor, finished: &Finished, now: DateTime<Utc>) -> Result<String> {
    let script = &finished.script_name;
    incident::lock(db, script).await?;
    let row = run::find(db, finished.run_id).await?;
    let at = row.as_ref().and_then(|row| row.finished_at).unwrap_or(now);
    let since = row.as_ref().map_or(at, |row| row.started_at);
    let is = |status: Status| finished.status == status.as_str();
    if is(Status::Success) && row.as_ref().is_none_or(does_its_work) {
        incident::end(db, script, &ENDED_BY_SUCCESS, None, at).await?;
    }
    let kind = match () {
        () if is(Status::Error) => Kind::RunFailed,
        () if is(Status::Partial) && !finished.continues => Kind::RunIncomplete,
        () => return Ok(script.clone()),
    };
    // It may have come late, and be over.
    if run::pulse(db, script)
        .await?
        .ended_well_at
        .is_some_and(|well| well > at)
    {
        return Ok(script.clone());
    }
    if kind == Kind::RunIncomplete {
        // It works again, if not well: that it left something is the news.
        let over = incident::end(db, script, &[Kind::RunFailed], None, at).await?;
        let over: Vec<_> = over.iter().map(|incident| incident.id).collect();
        incident::end_told(db, &over, at).await?;
        if row.as_ref().is_some_and(is_left_to_the_watchdog) {
            return Ok(script.clone());
        }
    }
    let error = finished.error_message.as_deref().unwrap_or("without a reason");
    let sign = Symptom {
        subject: script.clone(),
        kind,
        fingerprint: fingerprint::of(kind, error),
        summary: error.to_owned(),
        run_id: Some(finished.run_id),
        since,
        at,
    };
    seen(db, sign).await
}

/// An estimate, a dry run or a look at a single call shows nothing of whether the script does what it is for.
fn does_its_work(row: &Row) -> bool {
    let input = row.input();
    let is_true = |name: &str| input[name] == true;
    let is_narrow = input["mode"] == "call" || input["mode"] == "range" || input.get("call_ids").is_some();
    !is_true("estimate") && !is_true("dry_run") && !is_narrow
}

/// A listing that cannot be true is put right by the next run, and of the second in a row the watchdog tells.
fn is_left_to_the_watchdog(row: &Row) -> bool {
    row.metadata["listing_suspect"]["is_all"] == true
}

async fn found(db: &impl Executor, raised: &Raised) -> Result<String> {
    let subject = raised.script_name.clone();
    let Some(kind) = Kind::parse(&raised.kind) else {
        tracing::warn!("the watchdog found {:?}, which is unknown here", raised.kind);
        return Ok(subject);
    };
    match trigger::sign_of(raised, kind) {
        Some(_) if alert::is_cleared(db, raised.alert_id).await? => Ok(subject),
        Some(sign) => seen(db, sign).await,
        None => {
            incident::lock(db, &subject).await?;
            incident::end(db, &subject, &[kind], None, raised.at).await?;
            Ok(subject)
        }
    }
}

async fn rang(db: &impl Executor, alarm: &Alarm) -> Result<String> {
    let sign = alarm.sign();
    if alarm.is_on {
        return seen(db, sign).await;
    }
    incident::lock(db, &sign.subject).await?;
    // Of errors nothing ends here: that nothing fails any more may be because nothing is tried any more.
    let state = [Kind::Alarm];
    incident::end(db, &sign.subject, &state, Some(&sign.fingerprint), sign.at).await?;
    Ok(sign.subject)
}

async fn seen(db: &impl Executor, sign: Symptom) -> Result<String> {
    incident::lock(db, &sign.subject).await?;
    let sign = Symptom {
        summary: scrub::line(&sign.summary, SUMMARY),
        ..sign
    };
    incident::see(db, &sign).await?;
    Ok(sign.subject)
}

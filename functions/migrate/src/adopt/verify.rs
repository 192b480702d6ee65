//! Compares both sides once everything is copied: counts, sums and hashes, each difference with its reason.

use anyhow::Result;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use shared::adoption::{self, Progress};
use shared::call::adopted;
use shared::db::{Pool, Transaction};
use shared::score::earlier;
use shared::{assistant, db, run};

use super::calls::{self, Read, merged};
use super::copy::{Tally, keys};
use super::old::{Found, Old, SCHEMA, Table};
use super::{AdoptError, assistants, first_survey, reading};

/// One figure of both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// What was counted or added up.
    pub what: String,
    /// In the earlier system's tables.
    pub old: Decimal,
    /// In ours.
    pub new: Decimal,
    /// Why the two differ.
    pub why: String,
    /// They agree, or it is known why not.
    pub is_explained: bool,
}

/// Every figure.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The figures.
    pub figures: Vec<Compared>,
    /// Whether all of them agree or are explained.
    pub is_good: bool,
}

/// Compares both sides.
pub async fn verify(pool: &Pool, now: DateTime<Utc>) -> Result<Verified> {
    let pool = &pool.for_whole_tables();
    let survey = first_survey(pool).await?;
    if survey.tables().next().is_none() {
        return Err(AdoptError::Nothing(survey.here).into());
    }
    if !survey.to_move().is_empty() {
        return Err(AdoptError::NotYet.into());
    }
    let progress = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(adoption::all(&client).await?)
    })
    .await?;
    let mut figures = Vec::new();
    for table in Table::ALL {
        let Some(found) = survey.moved(table) else { continue };
        let far = progress.iter().find(|progress| progress.table_name == table.name());
        figures.push(rows(pool, found, far).await?);
        match table {
            Table::Calls => figures.extend(of_calls(pool, found, far, now).await?),
            Table::Assistants => figures.extend(of_assistants(pool, found, survey.moved(Table::History)).await?),
            Table::Runs | Table::Logs | Table::Analyses => {
                let sums = db::retry(pool, || async {
                    let mut client = db::connect(pool).await?;
                    let transaction = reading(&mut client).await?;
                    match table {
                        Table::Runs => of_runs(&transaction, found).await,
                        Table::Logs => of_lines(&transaction, found, far).await,
                        _ => of_analyses(&transaction, found, far).await,
                    }
                });
                figures.extend(sums.await?);
            }
            Table::History | Table::Frameworks => {}
        }
    }
    Ok(Verified {
        is_good: figures.iter().all(|figure| figure.is_explained),
        figures,
    })
}

impl Compared {
    fn new(what: &str, old: impl Into<Decimal>, new: impl Into<Decimal>) -> Self {
        let (old, new) = (old.into(), new.into());
        Self {
            what: what.to_owned(),
            is_explained: old == new,
            old,
            new,
            why: String::new(),
        }
    }

    /// Says why the sides differ, where they do.
    fn because(mut self, is_known: bool, why: impl Into<String>) -> Self {
        if self.old != self.new && is_known {
            self.why = why.into();
            self.is_explained = true;
        }
        self
    }
}

/// The rows of a table, and those that were taken, were there already, or could not be taken.
async fn rows(pool: &Pool, found: &Found, far: Option<&Progress>) -> Result<Compared> {
    let (rows, _) = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = reading(&mut client).await?;
        found.count(&transaction, SCHEMA).await
    })
    .await?;
    let Some(far) = far else {
        return Ok(Compared::new(&format!("{}: rows", found.table.name()), rows, 0));
    };
    let kept = far.rows_taken + far.rows_present;
    let mut why = Vec::new();
    if far.rows_refused > 0 {
        why.push(format!("{} could not be taken", far.rows_refused));
    }
    let is_known = far.done_at.is_some() && far.rows_read == rows && kept + far.rows_refused == rows;
    if far.done_at.is_none() {
        why.push("not copied to its end: run `callmark adopt` again".to_owned());
    }
    let mut compared =
        Compared::new(&format!("{}: rows", found.table.name()), rows, kept).because(is_known, why.join("; "));
    compared.why = why.join("; ");
    compared.is_explained &= far.done_at.is_some();
    Ok(compared)
}

/// What is added up over all calls.
#[derive(Default)]
struct Calls {
    read: i64,
    held: i64,
    refused: i64,
    cost: [Decimal; 2],
    seconds: [Decimal; 2],
    with_transcript: [i64; 2],
    same_hash: i64,
    changed_since: i64,
    lacking: i64,
    documents_say_otherwise: i64,
    unexplained: i64,
}

async fn of_calls(pool: &Pool, found: &Found, far: Option<&Progress>, now: DateTime<Utc>) -> Result<Vec<Compared>> {
    let mut sums = Calls {
        refused: far.map_or(0, |far| far.rows_refused),
        ..Calls::default()
    };
    let mut after: Option<String> = None;
    loop {
        let (rows, held) = db::retry(pool, || async {
            let mut client = db::connect(pool).await?;
            let transaction = reading(&mut client).await?;
            let rows = found.batch(&transaction, SCHEMA, after.as_deref()).await?;
            let held = adopted::held(&transaction, &keys(&rows)).await?;
            Ok((rows, held))
        })
        .await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.key().to_owned());
        for row in &rows {
            sums.read += 1;
            let Read::Call(expected) = calls::read(row, now, &mut Tally::default()) else {
                continue;
            };
            let old_cost = row.decimal("cost").or(expected.call.cost);
            let old_seconds = row
                .whole("duration_seconds")
                .or(expected.call.duration_seconds)
                .filter(|it| *it > 0);
            sums.cost[0] += old_cost.unwrap_or_default();
            sums.seconds[0] += Decimal::from(old_seconds.unwrap_or_default());
            sums.with_transcript[0] += i64::from(says_something(expected.call.transcript.as_deref()));
            let Some(held) = held.iter().find(|held| held.id == row.key()) else {
                continue;
            };
            sums.held += 1;
            sums.cost[1] += held.cost.unwrap_or_default();
            sums.seconds[1] += Decimal::from(held.duration_seconds.unwrap_or_default());
            sums.with_transcript[1] += i64::from(says_something(held.transcript.as_deref()));
            let is_same = held.document_hash == expected.call.document_hash;
            let is_changed = !is_same && merged(&expected, held).is_none();
            sums.same_hash += i64::from(is_same);
            sums.changed_since += i64::from(is_changed);
            sums.lacking += i64::from(!is_same && !is_changed);
            let differs = old_cost.unwrap_or_default() != held.cost.unwrap_or_default()
                || old_seconds.unwrap_or_default() != held.duration_seconds.unwrap_or_default();
            if differs && is_same {
                let is_read =
                    expected.call.cost == held.cost && expected.call.duration_seconds == held.duration_seconds;
                sums.documents_say_otherwise += i64::from(is_read);
                sums.unexplained += i64::from(!is_read);
            }
        }
    }
    Ok(sums.compared())
}

impl Calls {
    fn compared(&self) -> Vec<Compared> {
        let mut why = Vec::new();
        for (rows, what) in [
            (self.refused, "could not be read (vapi_call_rejects)"),
            (self.changed_since, "were changed by a sync since"),
            (
                self.documents_say_otherwise,
                "have a document that says something else than its column",
            ),
        ] {
            if rows > 0 {
                why.push(format!("{rows} {what}"));
            }
        }
        let why = why.join("; ");
        let is_known = !why.is_empty() && self.unexplained == 0 && self.lacking == 0;
        vec![
            Compared::new("calls: found in ours by id", self.read, self.held)
                .because(self.read - self.held <= self.refused, why.clone()),
            Compared::new("calls: cost", self.cost[0], self.cost[1]).because(is_known, why.clone()),
            Compared::new("calls: seconds", self.seconds[0], self.seconds[1]).because(is_known, why.clone()),
            Compared::new(
                "calls: with a transcript",
                self.with_transcript[0],
                self.with_transcript[1],
            )
            .because(self.with_transcript[1] >= self.with_transcript[0], why),
            Compared::new("calls: documents with the same hash", self.held, self.same_hash).because(
                self.lacking == 0,
                format!("{} were changed by a sync since, and lack nothing", self.changed_since),
            ),
        ]
    }
}

/// What is added up over all assistants.
#[derive(Default)]
struct Assistants {
    read: i64,
    known: i64,
    versions: i64,
    same: i64,
}

async fn of_assistants(pool: &Pool, found: &Found, history: Option<&Found>) -> Result<Vec<Compared>> {
    let mut sums = Assistants::default();
    let mut after: Option<String> = None;
    loop {
        let (last, batch) = db::retry(pool, || async {
            let mut client = db::connect(pool).await?;
            let transaction = reading(&mut client).await?;
            let rows = found.batch(&transaction, SCHEMA, after.as_deref()).await?;
            let last = rows.last().map(|row| row.key().to_owned());
            Ok((last, Assistants::of(&transaction, &rows, history).await?))
        })
        .await?;
        sums.add(&batch);
        if last.is_none() {
            break;
        }
        after = last;
    }
    Ok(vec![
        Compared::new("assistants: found in ours by id", sums.read, sums.known),
        Compared::new(
            "assistants: versions with the same number and prompt",
            sums.versions,
            sums.same,
        ),
    ])
}

impl Assistants {
    async fn of(transaction: &Transaction<'_>, rows: &[Old], history: Option<&Found>) -> Result<Self> {
        let ids = keys(rows);
        let mut sums = Self {
            read: i64::try_from(rows.len()).unwrap_or_default(),
            known: assistant::adopted::count(transaction, &ids).await?.0,
            ..Self::default()
        };
        let Some(history) = history else { return Ok(sums) };
        let old = history
            .of_keys(transaction, SCHEMA, &ids, "assistant_id, version_number, changed_at")
            .await?;
        for row in rows {
            let own: Vec<_> = old
                .iter()
                .filter(|version| version.key() == row.key())
                .cloned()
                .collect();
            let current = assistants::read_assistant(row);
            let current = current.as_ref().map(|assistant| (row, assistant));
            let expected = assistants::read_versions(&own, current, DateTime::<Utc>::default());
            let prompts = assistant::adopted::prompts(transaction, row.key()).await?;
            let is_kept = |version: &&assistant::adopted::Version| {
                prompts.contains(&(version.number, version.state.prompt.clone()))
            };
            sums.versions += i64::try_from(expected.len()).unwrap_or_default();
            sums.same += i64::try_from(expected.iter().filter(is_kept).count()).unwrap_or_default();
        }
        Ok(sums)
    }

    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.known += other.known;
        self.versions += other.versions;
        self.same += other.same;
    }
}

async fn of_runs(client: &Transaction<'_>, found: &Found) -> Result<Vec<Compared>> {
    let old = found
        .sums(
            client,
            SCHEMA,
            &[
                (&["duration_ms"], "old.duration_ms"),
                (&["records_fetched"], "old.records_fetched"),
                (&["calls_analyzed"], "old.calls_analyzed"),
                (&["api_cost"], "old.api_cost"),
            ],
        )
        .await?;
    let new = run::adopted::sums(client).await?;
    let later = "a count or a cost beyond our column's bounds; the earlier figure is in the run's metadata";
    Ok(vec![
        Compared::new("runs: milliseconds", old[0], new.duration_ms).because(
            true,
            "worked out from start and end; the earlier figure is in the run's metadata",
        ),
        Compared::new("runs: records fetched", old[1], new.records_fetched)
            .because(old[1] > Decimal::from(i32::MAX), later),
        Compared::new("runs: calls analyzed", old[2], new.calls_analyzed)
            .because(old[2] > Decimal::from(i32::MAX), later),
        Compared::new("runs: cost", old[3], new.api_cost).because(old[3] >= Decimal::from(1_000_000), later),
    ])
}

async fn of_lines(client: &Transaction<'_>, found: &Found, far: Option<&Progress>) -> Result<Vec<Compared>> {
    let digest = "hashtextextended(concat(old.id, '|', old.level, '|', old.step, '|', old.message), 0)";
    let old = found
        .sums(client, SCHEMA, &[(&["id", "level", "step", "message"], digest)])
        .await?;
    let new = run::adopted::sums(client).await?;
    let taken = far.map_or(0, |far| far.rows_taken);
    let is_whole = far.is_some_and(|far| far.rows_refused == 0 && far.rows_present == 0 && new.lines == taken);
    Ok(vec![
        Compared::new("logs: lines of the earlier runs", taken, new.lines).because(
            new.lines < taken,
            "lines older than LOG_RETENTION_DAYS were deleted since, as those of every run are",
        ),
        Compared::new("logs: hash of ids, levels, steps and texts", old[0], new.lines_digest)
            .because(!is_whole, "not every line is in both"),
    ])
}

async fn of_analyses(client: &Transaction<'_>, found: &Found, far: Option<&Progress>) -> Result<Vec<Compared>> {
    const PARTS: &str = "coalesce(old.dynamics_score, 0) + coalesce(old.objections_score, 0)
                         + coalesce(old.brand_score, 0) + coalesce(old.outcome_score, 0)";
    let columns: &[&str] = &["dynamics_score", "objections_score", "brand_score", "outcome_score"];
    let all: &[&str] = &[
        "total_score",
        "dynamics_score",
        "objections_score",
        "brand_score",
        "outcome_score",
    ];
    let digest = "hashtextextended(concat_ws('|', old.call_id, trim_scale(old.total_score::numeric), old.call_classification), 0)";
    let old = found
        .sums(
            client,
            SCHEMA,
            &[
                (&["total_score"], "old.total_score"),
                (columns, PARTS),
                (&["analysis_cost"], "old.analysis_cost"),
                (
                    all,
                    "(old.total_score is distinct from coalesce(old.dynamics_score, 0) + coalesce(old.objections_score, 0)
                      + coalesce(old.brand_score, 0) + coalesce(old.outcome_score, 0))::integer",
                ),
                (&["call_id", "total_score", "call_classification"], digest),
            ],
        )
        .await?;
    let new = earlier::sums(client).await?;
    let is_partial = far.is_some_and(|far| far.rows_refused + far.rows_present > 0);
    let why = "not every analysis could be taken";
    Ok(vec![
        Compared::new("analyses: sum of totals", old[0], new.total).because(is_partial, why),
        Compared::new("analyses: sum of parts", old[1], new.parts).because(is_partial, why),
        Compared::new("analyses: cost", old[2], new.cost).because(is_partial, why),
        Compared::new("analyses: totals that are not the sum of their parts", old[3], new.off).because(is_partial, why),
        Compared::new("analyses: hash of calls, totals and classes", old[4], new.digest).because(is_partial, why),
    ])
}

fn says_something(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

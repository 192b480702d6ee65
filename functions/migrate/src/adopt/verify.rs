//! Compares both sides once everything is copied: counts, sums and every row, each difference with its reason.

mod assistants;
mod calls;

use anyhow::Result;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use shared::platform::db::{self, Client, Pool};
use shared::run;
use shared::store::adoption::{self, Progress};
use shared::store::score::earlier;

use super::old::{Found, Old, SCHEMA, Table};
use super::survey::Survey;
use super::{AdoptError, analyses, first_survey, reading, runs};

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
        let side = Side { pool, found, far };
        figures.extend(match table {
            Table::Calls => calls::compared(&side, now).await?,
            Table::Assistants => assistants::compared(&side, now).await?,
            Table::History => assistants::versions_compared(&side).await?,
            Table::Runs => of_runs(&side, now).await?,
            Table::Logs => of_lines(&side).await?,
            Table::Frameworks => of_frameworks(&side).await?,
            Table::Analyses => of_analyses(&side, &survey).await?,
        });
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

/// A table of the earlier system, and how far copying it came.
struct Side<'a> {
    pool: &'a Pool,
    found: &'a Found,
    far: Option<&'a Progress>,
}

impl Side<'_> {
    /// The rows behind a key; none at the end.
    async fn batch(&self, after: Option<&str>) -> Result<Vec<Old>> {
        batch(self.pool, self.found, after).await
    }

    /// A connection for what is ours.
    async fn client(&self) -> Result<Client> {
        Ok(db::connect(self.pool).await?)
    }

    /// When the last row had been adopted.
    fn adopted_by(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.far.and_then(|far| far.done_at).unwrap_or(now)
    }

    /// Rows that were taken as new ones.
    fn taken(&self) -> i64 {
        self.far.map_or(0, |far| far.rows_taken)
    }

    /// Rows that could not be taken, or were there already.
    fn others(&self) -> i64 {
        self.far.map_or(0, |far| far.rows_refused + far.rows_present)
    }
}

async fn batch(pool: &Pool, found: &Found, after: Option<&str>) -> Result<Vec<Old>> {
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = reading(&mut client).await?;
        found.batch(&transaction, SCHEMA, after).await
    })
    .await
}

/// The rows of a table, and those that were taken, were there already, or could not be taken.
async fn rows(pool: &Pool, found: &Found, far: Option<&Progress>) -> Result<Compared> {
    let what = format!("{}: rows", found.table.name());
    let (rows, _) = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = reading(&mut client).await?;
        found.count(&transaction, SCHEMA).await
    })
    .await?;
    let Some(far) = far else {
        return Ok(Compared::new(&what, rows, 0));
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
    let mut compared = Compared::new(&what, rows, kept).because(is_known, why.join("; "));
    compared.why = why.join("; ");
    compared.is_explained &= far.done_at.is_some();
    Ok(compared)
}

/// What was compared row by row.
#[derive(Default)]
struct Matched {
    read: i64,
    held: i64,
    same: i64,
    /// Of the columns that are added up.
    sums: [Decimal; 5],
}

impl Matched {
    fn add(&mut self, rows: &[Old], columns: &[&str], (held, same): (i64, i64)) {
        self.read += count(rows);
        self.held += held;
        self.same += same;
        for (sum, column) in self.sums.iter_mut().zip(columns) {
            *sum += rows.iter().filter_map(|row| row.decimal(column)).sum::<Decimal>();
        }
    }

    /// Every row that is there is as it was adopted: where a sum differs, it is because of how rows are read.
    fn is_good(&self) -> bool {
        self.held == self.same
    }

    fn compared(&self, what: &str) -> Compared {
        Compared::new(&format!("{what}: the same in every column"), self.held, self.same)
    }
}

async fn of_runs(side: &Side<'_>, now: DateTime<Utc>) -> Result<Vec<Compared>> {
    let columns = ["duration_ms", "records_fetched", "calls_analyzed", "api_cost"];
    let mut matched = Matched::default();
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        let same = db::retry(side.pool, || async {
            runs::same(&side.client().await?, &rows, now).await
        });
        matched.add(&rows, &columns, same.await?);
        after = Some(last.key().to_owned());
    }
    let new = db::retry(side.pool, || async {
        Ok(run::adopted::sums(&side.client().await?).await?)
    });
    let (new, old, is_good) = (new.await?, &matched.sums, matched.is_good());
    let later = "beyond our column, or worked out; the earlier figure is in the run's metadata";
    Ok(vec![
        Compared::new("runs: found in ours by id", matched.read, matched.held),
        matched.compared("runs"),
        Compared::new("runs: milliseconds", old[0], new.duration_ms).because(is_good, later),
        Compared::new("runs: records fetched", old[1], new.records_fetched).because(is_good, later),
        Compared::new("runs: calls analyzed", old[2], new.calls_analyzed).because(is_good, later),
        Compared::new("runs: cost", old[3], new.api_cost).because(is_good, later),
    ])
}

async fn of_lines(side: &Side<'_>) -> Result<Vec<Compared>> {
    let mut matched = Matched::default();
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        let same = db::retry(side.pool, || async {
            runs::same_lines(&side.client().await?, &rows).await
        });
        matched.add(&rows, &[], same.await?);
        after = Some(last.key().to_owned());
    }
    let old = "older than LOG_RETENTION_DAYS and deleted since, as those of every run are";
    let is_taken = side.far.is_some_and(|far| far.done_at.is_some()) && matched.held < side.taken();
    Ok(vec![
        Compared::new("logs: lines that were taken", side.taken(), matched.held).because(is_taken, old),
        matched.compared("logs"),
    ])
}

async fn of_frameworks(side: &Side<'_>) -> Result<Vec<Compared>> {
    let rows = side.batch(None).await?;
    let same = db::retry(side.pool, || async {
        analyses::same_frameworks(&side.client().await?, &rows).await
    });
    let mut matched = Matched::default();
    matched.add(&rows, &[], same.await?);
    Ok(vec![
        Compared::new("frameworks: found in ours by name", matched.read, matched.held),
        matched.compared("frameworks"),
    ])
}

async fn of_analyses(side: &Side<'_>, survey: &Survey) -> Result<Vec<Compared>> {
    let scores = ["dynamics_score", "objections_score", "brand_score", "outcome_score"];
    let mut matched = Matched::default();
    let (mut parts, mut off) = (Decimal::ZERO, 0);
    let frameworks = match survey.moved(Table::Frameworks) {
        Some(found) => batch(side.pool, found, None).await?,
        None => Vec::new(),
    };
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        let same = db::retry(side.pool, || async {
            analyses::same(&side.client().await?, &frameworks, &rows).await
        });
        matched.add(&rows, &["total_score", "analysis_cost"], same.await?);
        for row in &rows {
            let sum: Decimal = scores.iter().filter_map(|column| row.decimal(column)).sum();
            parts += sum;
            off += i64::from(row.decimal("total_score") != Some(sum));
        }
        after = Some(last.key().to_owned());
    }
    let new = db::retry(side.pool, || async { Ok(earlier::sums(&side.client().await?).await?) }).await?;
    let is_partial = matched.is_good() && side.others() > 0;
    let why = "not every analysis could be taken";
    Ok(vec![
        Compared::new("analyses: found in ours", side.taken(), new.analyses),
        matched.compared("analyses"),
        Compared::new("analyses: sum of totals", matched.sums[0], new.total).because(is_partial, why),
        Compared::new("analyses: sum of parts", parts, new.parts).because(is_partial, why),
        Compared::new("analyses: cost", matched.sums[1], new.cost).because(is_partial, why),
        Compared::new("analyses: totals unlike the sum of parts", off, new.off).because(is_partial, why),
    ])
}

fn count(rows: &[Old]) -> i64 {
    i64::try_from(rows.len()).unwrap_or_default()
}

//! What an adoption would take, from where, how many, and what it cannot take; nothing is changed.

use anyhow::Result;
use serde::Serialize;
use shared::db;
use shared::db::{Pool, Transaction};

use super::old::{Found, Table};
use super::survey::{Dependent, Survey};
use super::{AdoptError, reading};

/// What an adoption would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The tables of the earlier system.
    pub tables: Vec<Planned>,
    /// The earlier system's functions that would move with them.
    pub functions: Vec<String>,
    /// What was built on the tables, and what becomes of it.
    pub dependents: Vec<Dependent>,
    /// What stands in the way; with any of these nothing would be done.
    pub obstacles: Vec<String>,
}

/// What would become of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Its name.
    pub table: String,
    /// The schema that it is in now.
    pub schema: String,
    /// Its rows.
    pub rows: i64,
    /// Those that would be taken.
    pub taken: i64,
    /// What they become.
    pub becomes: &'static str,
    /// Rows that cannot be taken, and why.
    pub refused: Vec<Note>,
    /// What is odd about rows that would be taken.
    pub odd: Vec<Note>,
    /// Columns that nothing of ours has a place for.
    pub unread_columns: Vec<String>,
    /// Columns that it lacks.
    pub missing_columns: Vec<&'static str>,
}

/// Rows, and what there is to say of them.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// How many.
    pub rows: i64,
    /// What.
    pub what: String,
}

/// Looks at everything and changes nothing.
pub async fn plan(pool: &Pool) -> Result<Plan> {
    drop(db::connect(pool).await?);
    let pool = pool.for_whole_tables();
    db::retry(&pool, || attempt(&pool)).await
}

async fn attempt(pool: &Pool) -> Result<Plan> {
    let mut client = db::connect(pool).await?;
    let transaction = reading(&mut client).await?;
    let survey = Survey::of(&transaction).await?;
    if survey.tables().next().is_none() {
        return Err(AdoptError::Nothing(survey.here).into());
    }
    let mut tables = Vec::new();
    let all: Vec<(&Found, &str)> = survey.tables().collect();
    for (found, schema) in &all {
        let place = |table: Table| {
            let found = all.iter().find(|(other, _)| other.table == table)?;
            Some(format!("{}.{}", identifier(found.1), table.name()))
        };
        tables.push(planned(&transaction, found, schema, &place).await?);
    }
    Ok(Plan {
        tables,
        functions: survey.functions.clone(),
        dependents: survey.dependents(&transaction).await?,
        obstacles: survey.obstacles,
    })
}

async fn planned(
    transaction: &Transaction<'_>,
    found: &Found,
    schema: &str,
    place: &impl Fn(Table) -> Option<String>,
) -> Result<Planned> {
    let quoted = identifier(schema);
    let (rows, without_key) = found.count(transaction, &quoted).await?;
    let mut refused = vec![Note {
        rows: without_key,
        what: "without a key".to_owned(),
    }];
    let mut odd = Vec::new();
    for (columns, condition, what, is_refused) in conditions(found.table, place) {
        let rows = found.count_where(transaction, &quoted, columns, &condition).await?;
        let note = Note {
            rows,
            what: what.to_owned(),
        };
        if is_refused { &mut refused } else { &mut odd }.push(note);
    }
    refused.retain(|note| note.rows > 0);
    odd.retain(|note| note.rows > 0);
    Ok(Planned {
        table: found.table.name().to_owned(),
        schema: schema.to_owned(),
        rows,
        taken: rows - refused.iter().map(|note| note.rows).sum::<i64>(),
        becomes: becomes(found.table),
        refused,
        odd,
        unread_columns: found.unread(),
        missing_columns: found.missing(),
    })
}

fn becomes(table: Table) -> &'static str {
    match table {
        Table::Calls => "calls, redacted and hashed as a sync does",
        Table::Assistants => "assistants",
        Table::History => "versions of assistants",
        Table::Runs => "runs that have ended",
        Table::Logs => "log lines",
        Table::Frameworks => "names of frameworks that are never active",
        Table::Analyses => "earlier analyses, unverified, never averaged with ours",
    }
}

type Condition = (&'static [&'static str], String, &'static str, bool);

/// What is counted of a table: the columns it takes, the condition, what that means, and whether such rows are refused.
fn conditions(table: Table, place: &impl Fn(Table) -> Option<String>) -> Vec<Condition> {
    let missing = |table: Table, ours: &str, theirs: &str| {
        place(table).map_or_else(
            || "true".to_owned(),
            |other| format!("not exists (select from {other} as other where other.{theirs}::text = old.{ours}::text)"),
        )
    };
    match table {
        Table::Calls => vec![
            (&["id"], "btrim(old.id::text) = ''".to_owned(), "with a blank id", true),
            (
                &["raw_json"],
                "old.raw_json is null or old.raw_json::text in ('null', '{}')".to_owned(),
                "without a document: made from their columns",
                false,
            ),
        ],
        Table::Runs => vec![
            (
                &["status"],
                "old.status::text = 'running'".to_owned(),
                "still `running`: closed as lost",
                false,
            ),
            (
                &["triggered_by"],
                "btrim(coalesce(old.triggered_by::text, '')) = ''".to_owned(),
                "of which nobody knows who asked for them: `unknown`",
                false,
            ),
        ],
        Table::Logs => vec![(
            &["run_id"],
            missing(Table::Runs, "run_id", "id"),
            "of a run that there is not",
            true,
        )],
        Table::Analyses => {
            vec![
            (
                &["call_id"],
                missing(Table::Calls, "call_id", "id"),
                "of a call that there is not",
                true,
            ),
            (
                &["total_score", "dynamics_score", "objections_score", "brand_score", "outcome_score"],
                "old.total_score is distinct from coalesce(old.dynamics_score, 0) + coalesce(old.objections_score, 0)
                    + coalesce(old.brand_score, 0) + coalesce(old.outcome_score, 0)"
                    .to_owned(),
                "whose total is not the sum of its parts: kept as they were, marked",
                false,
            ),
        ]
        }
        Table::History => vec![(
            &["assistant_id"],
            missing(Table::Assistants, "assistant_id", "assistant_id"),
            "of assistants that were no longer listed: marked as gone",
            false,
        )],
        Table::Assistants | Table::Frameworks => Vec::new(),
    }
}

/// A name as SQL takes it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

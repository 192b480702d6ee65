//! The earlier system's scores, unverified, and the frameworks that they were given by.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::Result;
use serde_json::{Value, json};
use shared::platform::db::{Executor, Transaction};
use shared::store::framework;
use shared::store::score::earlier::{self, EarlierAnalysis};

use super::old::{Found, Old, SCHEMA};
use super::tally::Tally;

/// The framework of analyses that name none.
const UNNAMED: &str = "QCI Standard";

/// What a framework says of which the earlier system kept no prompt.
const NO_PROMPT: &str = "(The earlier system kept no prompt.)";

/// Stores frameworks: as names for analyses, by which nothing can be scored.
pub(super) async fn take_frameworks(transaction: &Transaction<'_>, rows: &[Old]) -> Result<Tally> {
    let mut tally = Tally::default();
    for (place, row) in rows.iter().enumerate() {
        ensure(transaction, Some(row), version(rows, Some(place))).await?;
        tally.taken += 1;
    }
    tally.note_many(
        "frameworks: kept as names of the earlier analyses, never active",
        tally.taken,
    );
    Ok(tally)
}

/// Stores a batch of analyses. Of two of one call by one framework, the one made later stays.
pub(super) async fn take(transaction: &Transaction<'_>, frameworks: Option<&Found>, rows: &[Old]) -> Result<Tally> {
    let mut tally = Tally::default();
    let frameworks: Vec<Old> = match frameworks {
        Some(found) => found.batch(transaction, SCHEMA, None).await?,
        None => Vec::new(),
    };
    let mut ids: HashMap<Option<usize>, i32> = HashMap::new();
    let mut analyses = Vec::new();
    for row in rows {
        let place = place_in(&frameworks, row);
        let framework_id = if let Some(id) = ids.get(&place) {
            *id
        } else {
            let named = place.and_then(|place| frameworks.get(place));
            let id = ensure(transaction, named, version(&frameworks, place)).await?;
            ids.insert(place, id);
            id
        };
        let said = read(row, framework_id);
        if said.total_score != Some(sum(&said)) {
            tally.note("analyses whose total is not the sum of its parts: kept as they were, marked");
        }
        analyses.push(said);
    }
    let stored = earlier::insert(transaction, &analyses).await?;
    tally.taken = stored.inserted;
    tally.present = analyses.len() as u64 - stored.inserted - stored.orphans;
    tally.refuse("analyses of a call that there is not", stored.orphans);
    Ok(tally)
}

/// Which of the frameworks an analysis was made by.
fn place_in(frameworks: &[Old], analysis: &Old) -> Option<usize> {
    let id = analysis.text("framework_id")?;
    frameworks.iter().position(|framework| framework.key() == id)
}

/// How many of these frameworks our table holds, and how many of them as they were.
pub(super) async fn same_frameworks(db: &impl Executor, rows: &[Old]) -> Result<(i64, i64)> {
    let (mut held, mut same) = (0, 0);
    for (place, row) in rows.iter().enumerate() {
        let found = find(db, Some(row), version(rows, Some(place))).await?;
        held += i64::from(found.is_some());
        same += i64::from(found.is_some_and(|found| found.is_same));
    }
    Ok((held, same))
}

/// How many of these analyses our table holds, and how many of them as they were.
pub(super) async fn same(db: &impl Executor, frameworks: &[Old], rows: &[Old]) -> Result<(i64, i64)> {
    let mut ids: HashMap<Option<usize>, Option<i32>> = HashMap::new();
    let mut analyses = Vec::new();
    for row in rows {
        let place = place_in(frameworks, row);
        let id = match ids.entry(place) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let named = place.and_then(|place| frameworks.get(place));
                let found = find(db, named, version(frameworks, place)).await?;
                *unknown.insert(found.map(|found| found.id))
            }
        };
        analyses.extend(id.map(|id| read(row, id)));
    }
    Ok(earlier::same(db, &analyses).await?)
}

fn read(row: &Old, framework_id: i32) -> EarlierAnalysis {
    let list = |name| {
        row.redacted(name)
            .filter(|list| !list.is_null())
            .unwrap_or_else(|| json!([]))
    };
    let text = |name| row.text(name).map(str::to_owned);
    EarlierAnalysis {
        call_id: row.key().to_owned(),
        framework_id,
        total_score: row.decimal("total_score"),
        dynamics_score: row.decimal("dynamics_score"),
        objections_score: row.decimal("objections_score"),
        brand_score: row.decimal("brand_score"),
        outcome_score: row.decimal("outcome_score"),
        coaching_tips: list("coaching_tips"),
        key_issues: list("key_issues"),
        call_classification: text("call_classification"),
        analysis_model: text("analysis_model"),
        analysis_cost: row.decimal("analysis_cost"),
        analyzed_at: row.instant("analyzed_at"),
    }
}

fn sum(analysis: &EarlierAnalysis) -> rust_decimal::Decimal {
    let parts = [
        analysis.dynamics_score,
        analysis.objections_score,
        analysis.brand_score,
        analysis.outcome_score,
    ];
    parts.into_iter().flatten().sum()
}

/// The earlier system's frameworks had no versions: of several of one name, this is the n-th.
fn version(frameworks: &[Old], place: Option<usize>) -> i32 {
    let Some(place) = place else { return 1 };
    let name = frameworks.get(place).and_then(|row| row.text("name"));
    let before = frameworks
        .iter()
        .take(place)
        .filter(|row| row.text("name") == name)
        .count();
    i32::try_from(before).unwrap_or_default() + 1
}

/// A framework as our table has it: its name, its prompt and its settings.
fn described(row: Option<&Old>) -> (String, &str, Value) {
    let name = row.and_then(|row| row.text("name")).unwrap_or(UNNAMED).trim();
    let prompt = row.and_then(|row| row.text("prompt_template")).unwrap_or(NO_PROMPT);
    let mut config = match row.and_then(|row| row.redacted("model_config")) {
        Some(Value::Object(members)) => Value::Object(members),
        _ => json!({}),
    };
    if !config["model"].is_string() {
        config["model"] = json!("unknown");
    }
    (format!("{name} (earlier)"), prompt, config)
}

/// The framework in our table.
async fn ensure(transaction: &Transaction<'_>, row: Option<&Old>, version: i32) -> Result<i32> {
    let (name, prompt, config) = described(row);
    Ok(framework::earlier::ensure(transaction, &name, version, prompt, &config).await?)
}

/// The framework in our table, if it is there.
async fn find(db: &impl Executor, row: Option<&Old>, version: i32) -> Result<Option<framework::earlier::Framework>> {
    let (name, prompt, config) = described(row);
    Ok(framework::earlier::find(db, &name, version, prompt, &config).await?)
}

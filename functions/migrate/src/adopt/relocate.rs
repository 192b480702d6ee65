//! Moves the earlier system's tables out of the way, untouched: views follow them, since they know them by what they are.

use anyhow::{Context as _, Result};
use shared::platform::db::{self, Executor as _, Pool};
use tokio_postgres::types::Type;

use super::AdoptError;
use super::old::SCHEMA;
use super::survey::Survey;

/// The key of the transaction-level advisory lock that moving takes ("adoption" in ASCII).
const LOCK: i64 = 0x6164_6f70_7469_6f6e;

/// Whoever reads a table waits behind us while we wait for another one: not for longer than this, and then others go first.
/// After a second PostgreSQL looks for deadlocks, and may end the reader instead of us.
const LOCK_MS: u32 = 500;

/// Moves what there is to move, in one transaction; returns the names of what was moved.
pub(super) async fn relocate(pool: &Pool) -> Result<Vec<String>> {
    db::retry(pool, || attempt(pool))
        .await
        .context("moving the earlier system's tables: if something is using them, stop that first")
}

async fn attempt(pool: &Pool) -> Result<Vec<String>> {
    let mut client = db::connect(pool).await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(&format!("set local lock_timeout = {LOCK_MS}"))
        .await?;
    // Of two at once, the second finds everything moved.
    transaction
        .query_typed("select pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)])
        .await?;
    let survey = Survey::of(&transaction).await?;
    if survey.to_move().is_empty() {
        return Ok(Vec::new());
    }
    if !survey.obstacles.is_empty() {
        return Err(AdoptError::InTheWay(survey.obstacles).into());
    }
    let schema = transaction
        .query_typed_one(
            "select exists (select from pg_namespace where nspname = $1)",
            &[(&SCHEMA, Type::TEXT)],
        )
        .await?;
    if !schema.try_get::<_, bool>(0)? {
        let create = format!("create schema {SCHEMA}; revoke all on schema {SCHEMA} from public");
        transaction.batch_execute(&create).await?;
    }
    let quoted = transaction
        .query_typed_one("select quote_ident($1)", &[(&survey.here, Type::TEXT)])
        .await?;
    let here: String = quoted.try_get(0)?;
    let mut moved = Vec::new();
    for found in survey.to_move() {
        let name = format!("{here}.{}", found.table.name());
        let statement = format!("alter table {name} set schema {SCHEMA}");
        transaction.batch_execute(&statement).await.context(name.clone())?;
        moved.push(name);
    }
    for signature in &survey.functions {
        let statement = format!("alter routine {signature} set schema {SCHEMA}");
        transaction.batch_execute(&statement).await.context(signature.clone())?;
        moved.push(signature.clone());
    }
    transaction.commit().await?;
    Ok(moved)
}

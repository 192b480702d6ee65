//! The earlier system's frameworks: names for its analyses. Nothing can be scored by one.

use serde_json::{Value, json};

use tokio_postgres::types::{Json, Type};

use crate::platform::db::{DbError, Executor, Transaction};

/// A framework of the earlier system, as the table holds it.
#[derive(Clone, Copy, Debug)]
pub struct Framework {
    /// Its id in our table.
    pub id: i32,
    /// Whether its prompt and its settings are as they were adopted.
    pub is_same: bool,
}

/// The id of the framework of this name, which is made where it is missing.
pub async fn ensure(
    transaction: &Transaction<'_>,
    name: &str,
    version: i32,
    prompt: &str,
    model_config: &Value,
) -> Result<i32, DbError> {
    let rubric = json!({"note": "Of the earlier system, which kept no rubric. Its scores are kept and not verified."});
    transaction
        .execute_typed(
            r"
            insert into analysis_frameworks (
                name, version, is_active, framework_type, rubric, prompt_template, model_config
            )
            values ($1, $2, false, 'earlier', $3, $4, $5)
            on conflict (name, version) do nothing
            ",
            &[
                (&name, Type::TEXT),
                (&version, Type::INT4),
                (&Json(rubric), Type::JSONB),
                (&prompt, Type::TEXT),
                (&Json(model_config), Type::JSONB),
            ],
        )
        .await?;
    let row = transaction
        .query_typed_one(
            "select id from analysis_frameworks where name = $1 and version = $2",
            &[(&name, Type::TEXT), (&version, Type::INT4)],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// The id of the framework of this name, which can score nothing.
pub async fn find(
    db: &impl Executor,
    name: &str,
    version: i32,
    prompt: &str,
    model_config: &Value,
) -> Result<Option<Framework>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select id, prompt_template = $3 and model_config = $4 as is_same
            from analysis_frameworks
            where name = $1
              and version = $2
              and framework_type = 'earlier'
            ",
            &[
                (&name, Type::TEXT),
                (&version, Type::INT4),
                (&prompt, Type::TEXT),
                (&Json(model_config), Type::JSONB),
            ],
        )
        .await?;
    row.map(|row| {
        Ok(Framework {
            id: row.try_get("id")?,
            is_same: row.try_get("is_same")?,
        })
    })
    .transpose()
}

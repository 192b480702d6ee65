//! The names of assistants, to choose one by.

use crate::platform::db::{DbError, Executor};

/// An assistant's id and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Vapi's id.
    pub id: String,
    /// Its name; its id where it has none.
    pub name: String,
    /// Whether a complete listing lacked it.
    pub is_gone: bool,
}

/// All assistants by name, those that are gone last.
pub async fn names(db: &impl Executor) -> Result<Vec<Named>, DbError> {
    let rows = db
        .query_typed(
            r"
            select assistant_id, coalesce(name, assistant_id) as name, deleted_at is not null as is_gone
            from vapi_assistants
            order by deleted_at is not null, lower(coalesce(name, assistant_id)), assistant_id
            limit 1000
            ",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Named {
                id: row.try_get("assistant_id")?,
                name: row.try_get("name")?,
                is_gone: row.try_get("is_gone")?,
            })
        })
        .collect()
}

//! `callmark migrate`: creates or updates the tables.

use anyhow::Result;
use serde_json::json;
use shared::config::Reader;

use crate::exit::Exit;
use crate::screen::Screen;

/// Applies what is missing and lists it.
pub(crate) async fn run(screen: &Screen) -> Result<Exit> {
    let mut reader = Reader::load().await?;
    let database = reader.database();
    reader.finish()?;
    let applied = migrate::adopt::migrate(&database).await?;
    screen.answer(&json!({"applied": applied}), || match applied.as_slice() {
        [] => "nothing to apply: the tables are up to date".to_owned(),
        names => format!("applied {} migrations:\n  {}", names.len(), names.join("\n  ")),
    })?;
    Ok(Exit::Success)
}

//! What a failure means for the calls: how long none came in, and how long Vapi still keeps what may be missing.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::script::Script;
use shared::platform::db::Executor;
use shared::run;
use shared::store::sync_state;

/// What a failure means for the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Impact {
    /// When calls last came in.
    pub(crate) synced_at: Option<DateTime<Utc>>,
    /// How long Vapi still serves the oldest call that may not be stored; negative once it does not.
    pub(crate) headroom: Option<TimeDelta>,
}

impl Impact {
    pub(crate) async fn now(db: &impl Executor, retention: TimeDelta, now: DateTime<Utc>) -> Result<Self> {
        let synced_at = run::pulse(db, Script::Sync.as_str()).await?.ended_well_at;
        let watermark = sync_state::read(db).await?.watermark;
        Ok(Self {
            synced_at,
            headroom: watermark.map(|watermark| watermark + retention - now),
        })
    }
}

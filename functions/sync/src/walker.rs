//! What all walkers of a run share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use chrono::{DateTime, Utc};
use shared::platform::config;
use shared::run::Run;

use crate::dedup::Dedup;
use crate::listing::Listing;
use crate::oddities::Oddities;
use crate::organisation::Organisation;
use crate::vapi::Vapi;
use crate::write::Writers;

/// Reads windows of creation time, a few at once.
#[derive(Clone)]
pub(crate) struct Walker {
    pub(crate) vapi: Arc<Vapi>,
    pub(crate) run: Arc<Run>,
    pub(crate) seen: Arc<Dedup>,
    pub(crate) writers: Arc<Writers>,
    pub(crate) oddities: Arc<Oddities>,
    pub(crate) listing: Arc<Listing>,
    pub(crate) organisation: Arc<Organisation>,
    pub(crate) settings: config::Sync,
    /// Calls asked for in one page; lowered for the rest of the run where large pages do not come through.
    pub(crate) page_limit: Arc<AtomicUsize>,
    /// Assistants that tell apart the calls of one crowded millisecond.
    pub(crate) assistant_ids: Arc<Vec<String>>,
    /// Windows that nobody walks yet.
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) now: DateTime<Utc>,
}

impl Walker {
    /// `None` once it is time for the checkpoint.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let left = (self.run.checkpoint_at() - shared::platform::clock::now())
            .to_std()
            .ok()?;
        tokio::time::timeout(left, work).await.ok()
    }
}

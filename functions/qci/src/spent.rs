//! What a run spent, as a metric: once, when its work ends, however it ends.

use std::sync::Arc;

use rust_decimal::prelude::ToPrimitive as _;
use shared::platform::{clock, telemetry};
use shared::run::Run;

use crate::SCRIPT;

/// Tells what the run spent when it is dropped: work that fails, panics or is cut at its deadline was paid for, too.
pub(crate) struct Spent(pub(crate) Arc<Run>);

impl Drop for Spent {
    fn drop(&mut self) {
        // Of a model without a price, nobody knows what was spent; the run says so.
        let Some(usd) = self.0.counters().api_cost.and_then(|cost| cost.to_f64()) else {
            return;
        };
        if usd > 0.0 {
            telemetry::metrics(clock::now(), &[("Script", SCRIPT)], &[("ScoringCostUsd", "None", usd)]);
        }
    }
}

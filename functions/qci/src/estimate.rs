//! What a run would come to: calls, tokens and USD, before anything is paid.

use std::collections::BTreeMap;

use anyhow::Result;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::json;
use shared::run::{Outcome, Run, Step};
use shared::store::price::Usage;

use crate::Deps;
use crate::backlog::{CHUNK, pick};
use crate::call_input::{Looked, ScoringContext};
use crate::input::Input;

/// Counts, and notes the result on the run; asks no judge and stores no analysis.
pub(crate) async fn tell(deps: &Deps, run: &Run, desk: &ScoringContext, input: &Input) -> Result<Outcome> {
    let ids = pick(deps, run, desk, input).await?;
    let (mut calls, mut broken, mut tokens) = (0, 0, Usage::default());
    let mut skipped: BTreeMap<&str, u32> = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        for looked in desk.look_at(&deps.ledger.pool, chunk).await? {
            match looked {
                Looked::Worth(prepared) => {
                    calls += 1;
                    tokens += desk.usage(&prepared.transcript);
                }
                Looked::Skip(_, reason) => *skipped.entry(reason).or_default() += 1,
                Looked::Broken(..) => broken += 1,
            }
        }
    }
    let usd = desk.prices.of(&desk.model).map(|price| price.cost(tokens));
    let price = usd.map_or_else(
        || "at an unknown price: model_prices has none for it".to_owned(),
        |usd| format!("about {} USD", usd.round_dp(4)),
    );
    let text = format!(
        "{calls} calls would be scored by {}: {} tokens in, {} out, {price}; {} calls would be skipped",
        desk.model,
        tokens.input,
        tokens.output,
        skipped.values().sum::<u32>()
    );
    let text = match broken {
        0 => text,
        broken => format!("{text}; {broken} calls can't be read"),
    };
    let estimate = json!({
        "calls": calls,
        "unreadable": broken,
        "skipped": skipped,
        "model": desk.model,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "usd": usd.as_ref().and_then(Decimal::to_f64),
    });
    run.note("estimate", estimate.clone());
    run.info(Step::Process, text, estimate);
    Ok(Outcome::Done)
}

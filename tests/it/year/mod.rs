//! A year of syncs from a Vapi that hollows out, holds back, falls silent, shows another organisation and forgets.
//!
//! The year is simulated hour by hour from a seed: [`calendar`] says what it brings, [`call`] what becomes of each
//! call, [`hostility`] what Vapi does with what it has, [`truth`] what must be stored, [`incidents`] what people must be
//! told and what not, [`play`] runs it.

mod calendar;
mod call;
mod dice;
mod hostility;
mod incidents;
mod play;
mod truth;

use play::Year;

/// What every seed must come to.
async fn live_through(seed: u64, days: i64) {
    let figures = Box::pin(Year::new(seed, days).await.play()).await;
    eprintln!("seed {seed}, {days} days: {figures}");
    let wrong = &figures.wrong;
    let shown = wrong.iter().take(40).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} findings, the first: {shown:#?}", wrong.len());
}

#[tokio::test]
async fn six_weeks_of_a_hostile_vapi_lose_nothing() {
    Box::pin(live_through(1, 45)).await;
}

#[tokio::test]
async fn a_year_of_a_hostile_vapi_loses_nothing() {
    // Any other year, to look for what these two do not show.
    let seed = std::env::var_os("YEAR_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    Box::pin(live_through(seed.unwrap_or(2), 365)).await;
}

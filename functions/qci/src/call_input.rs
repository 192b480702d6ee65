//! What a call is judged by: its turns, its facts, its brand; and what stays the same for all calls of a run.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeZone as _, Utc};
use rust_decimal::Decimal;
use shared::domain::rubric::Brand;
use shared::platform::db;
use shared::platform::db::Pool;
use shared::platform::telemetry;
use shared::store::framework::Framework;
use shared::store::price::{self, Prices, Usage};
use shared::store::score::{self, Material};

use crate::Deps;
use crate::budget::Budget;
use crate::eligibility;
use crate::measure::Facts;
use crate::prompt::Prompt;
use shared::domain::transcript::Transcript;

/// Tokens of an answer, to tell its cost beforehand: what a full answer to the standard rubric comes to.
const USUAL_ANSWER: u32 = 1_500;

/// Spoken characters that the largest models can read, a million tokens. More would only be refused, after minutes.
const LONGEST: usize = 4_000_000;

/// What stays the same for all calls of a run.
pub(crate) struct ScoringContext {
    pub(crate) framework: Framework,
    brands: HashMap<String, Brand>,
    pub(crate) prompt: Prompt,
    pub(crate) prices: Prices,
    pub(crate) budget: Budget,
    /// The model that is asked.
    pub(crate) model: String,
}

/// A call that is worth judging.
pub(crate) struct Prepared {
    pub(crate) call: Material,
    pub(crate) transcript: Transcript,
    pub(crate) facts: Facts,
    pub(crate) brand: Option<Brand>,
    /// What it will cost at a guess, in USD; unknown where the price is.
    pub(crate) guess: Option<Decimal>,
}

/// A call that was looked at.
pub(crate) enum Looked {
    Worth(Box<Prepared>),
    /// It is not, for this reason.
    Skip(Material, &'static str),
    /// It could not be read or prepared, for this reason.
    Broken(Material, String),
}

impl ScoringContext {
    pub(crate) async fn new(
        deps: &Deps,
        framework: Framework,
        brands: HashMap<String, Brand>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let pool = &deps.ledger.pool;
        let midnight = Utc.from_utc_datetime(&now.date_naive().and_time(chrono::NaiveTime::MIN));
        let (prices, spent_today) = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            let prices = price::on(&client, now.date_naive()).await?;
            Ok((prices, score::ledger::spent_since(&client, midnight).await?))
        })
        .await
        .context("reading the prices and what was spent today")?;
        let settings = &deps.settings;
        Ok(Self {
            prompt: Prompt::of(&framework, deps.judge.format)?,
            model: deps.judge.model.clone().unwrap_or_else(|| framework.model.clone()),
            budget: Budget::new(settings.max_usd_per_run, settings.max_usd_per_day, spent_today),
            framework,
            brands,
            prices,
        })
    }

    /// Reads these calls and looks at each. One that can't be read or prepared is [`Looked::Broken`], and costs no other.
    pub(crate) async fn look_at(&self, pool: &Pool, ids: &[String]) -> Result<Vec<Looked>> {
        let calls = db::retry(pool, || async {
            let client = db::connect(pool).await?;
            Ok(score::materials(&client, ids).await?)
        })
        .await
        .context("reading calls")?;
        let looked = calls.into_iter().map(|call| match call {
            Ok(call) => self.look(call),
            Err(unreadable) => {
                let reason = telemetry::chain(&unreadable);
                let call = Material {
                    call_id: unreadable.call_id,
                    ..Material::default()
                };
                Looked::Broken(call, reason)
            }
        });
        Ok(looked.collect())
    }

    /// Looks at a call; a panic is about this call alone.
    fn look(&self, call: Material) -> Looked {
        let known = Material {
            call_id: call.call_id.clone(),
            hash: call.hash.clone(),
            ..Material::default()
        };
        std::panic::catch_unwind(AssertUnwindSafe(|| self.look_into(call)))
            .unwrap_or_else(|_| Looked::Broken(known, "preparing it panicked: this is a bug".to_owned()))
    }

    /// Takes a call apart and decides whether it is worth judging.
    fn look_into(&self, mut call: Material) -> Looked {
        // Dozens of calls wait for the judge at once, and the messages are the largest part of each by far.
        let messages = std::mem::take(&mut call.messages);
        let transcript = Transcript::read(&messages, call.transcript.as_deref());
        if let Some(reason) = eligibility::reason(&call, &transcript) {
            return Looked::Skip(call, reason);
        }
        let characters = transcript.characters();
        if characters > LONGEST {
            let reason = format!("{characters} characters were spoken; no judge reads more than {LONGEST}");
            return Looked::Broken(call, reason);
        }
        let brand = call.assistant_id.as_ref().and_then(|id| self.brands.get(id));
        let brand = brand.or(self.framework.rubric.brand.as_ref()).cloned();
        let facts = Facts::of(&transcript, brand.as_ref(), &self.framework.rubric.value_phrases);
        let guess = self
            .prices
            .of(&self.model)
            .map(|price| price.cost(self.usage(&transcript)));
        Looked::Worth(Box::new(Prepared {
            call,
            transcript,
            facts,
            brand,
            guess,
        }))
    }

    /// The tokens of a request at a guess: four characters each.
    pub(crate) fn usage(&self, transcript: &Transcript) -> Usage {
        Usage {
            input: u32::try_from(self.prompt.characters(transcript) / 4).unwrap_or(u32::MAX),
            cached: 0,
            output: USUAL_ANSWER,
        }
    }

    /// What an answer cost, in USD.
    pub(crate) fn cost(&self, model: Option<&str>, usage: Usage) -> Option<Decimal> {
        // An endpoint that does not name its model gives the one that was asked.
        self.prices
            .of(model.unwrap_or(&self.model))
            .map(|price| price.cost(usage))
    }
}

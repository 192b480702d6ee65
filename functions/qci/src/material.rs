//! What a call is judged by: its turns, its facts, its brand; and what stays the same for all calls of a run.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeZone as _, Utc};
use rust_decimal::Decimal;
use shared::db;
use shared::framework::{Brand, Framework};
use shared::price::{self, Prices, Usage};
use shared::score::{self, Material};

use crate::Deps;
use crate::budget::Budget;
use crate::gate;
use crate::measure::Facts;
use crate::prompt::Prompt;
use crate::transcript::Transcript;

/// Tokens of an answer, to tell its cost beforehand: what a full answer to the standard rubric comes to.
const USUAL_ANSWER: u32 = 1_500;

/// What stays the same for all calls of a run.
pub(crate) struct Desk {
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
}

impl Desk {
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
            Ok((prices, score::spent_since(&client, midnight).await?))
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

    /// Takes a call apart and decides whether it is worth judging.
    pub(crate) fn look(&self, mut call: Material) -> Looked {
        // Dozens of calls wait for the judge at once, and the document is the largest part of each by far.
        let document = std::mem::take(&mut call.document);
        let transcript = Transcript::read(&document, call.transcript.as_deref());
        if let Some(reason) = gate::reason(&call, &transcript) {
            return Looked::Skip(call, reason);
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

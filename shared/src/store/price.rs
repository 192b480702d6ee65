//! What models cost, and every query on `model_prices`.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// The prices of a day.
#[derive(Clone, Debug, Default)]
pub struct Prices(Vec<(String, Price)>);

/// What a model costs, in USD for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Tokens that the provider had not seen before.
    pub input: Decimal,
    /// Tokens that the provider still had.
    pub cached_input: Decimal,
    /// Tokens that were written.
    pub output: Decimal,
}

/// The tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens that were read.
    pub input: u32,
    /// Those of them that the provider still had.
    pub cached: u32,
    /// Tokens that were written.
    pub output: u32,
}

/// The prices that hold on a day.
pub async fn on(db: &impl Executor, day: NaiveDate) -> Result<Prices, DbError> {
    let rows = db
        .query_typed(
            r"
            select distinct on (model) model, input_usd, cached_input_usd, output_usd
            from model_prices
            where effective_from <= $1
            order by model, effective_from desc
            ",
            &[(&day, Type::DATE)],
        )
        .await?;
    let prices: Result<_, DbError> = rows
        .iter()
        .map(|row| {
            let price = Price {
                input: row.try_get("input_usd")?,
                cached_input: row.try_get("cached_input_usd")?,
                output: row.try_get("output_usd")?,
            };
            Ok((row.try_get("model")?, price))
        })
        .collect();
    Ok(Prices(prices?))
}

/// Sets what a model costs from a day on.
pub async fn set(db: &impl Executor, model: &str, from: NaiveDate, price: Price) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into model_prices (model, effective_from, input_usd, cached_input_usd, output_usd)
        values ($1, $2, $3, $4, $5)
        on conflict (model, effective_from) do update
        set input_usd = excluded.input_usd,
            cached_input_usd = excluded.cached_input_usd,
            output_usd = excluded.output_usd
        ",
        &[
            (&model, Type::TEXT),
            (&from, Type::DATE),
            (&price.input, Type::NUMERIC),
            (&price.cached_input, Type::NUMERIC),
            (&price.output, Type::NUMERIC),
        ],
    )
    .await
    .map(drop)
}

impl Prices {
    /// The price of a model, or of the model that this is a dated release of.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        let find = |name: &str| self.0.iter().find(|(model, _)| model == name).map(|(_, price)| *price);
        find(model).or_else(|| find(undated(model)?))
    }
}

impl Price {
    /// What an answer cost, in USD, to the micro-dollar.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> Decimal {
        let cached = usage.cached.min(usage.input);
        let sum = self.input * Decimal::from(usage.input - cached)
            + self.cached_input * Decimal::from(cached)
            + self.output * Decimal::from(usage.output);
        (sum / Decimal::from(1_000_000)).round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero)
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.cached += other.cached;
        self.output += other.output;
    }
}

/// `name-2025-04-14` without its date.
fn undated(model: &str) -> Option<&str> {
    let (name, date) = model.split_at_checked(model.len().checked_sub(11)?)?;
    NaiveDate::parse_from_str(date, "-%Y-%m-%d").ok().map(|_| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        Price {
            input: Decimal::new(40, 2),
            cached_input: Decimal::new(10, 2),
            output: Decimal::new(160, 2),
        }
    }

    #[test]
    fn a_cost_is_right_to_the_micro_dollar_and_cached_tokens_have_their_own_price() {
        let usage = Usage {
            input: 2_345,
            cached: 1_024,
            output: 321,
        };

        // (1321 × 0.40 + 1024 × 0.10 + 321 × 1.60) ÷ 1,000,000 = 0.0011444
        assert_eq!(price().cost(usage), Decimal::new(1_144, 6));
    }

    #[test]
    fn more_cached_tokens_than_were_read_are_not_believed() {
        let usage = Usage {
            input: 10,
            cached: 1_000_000,
            output: 0,
        };

        assert_eq!(price().cost(usage), Decimal::new(1, 6));
    }

    #[test]
    fn a_dated_release_has_its_models_price_and_another_model_has_none() {
        let prices = Prices(vec![("gpt-4.1-mini".to_owned(), price())]);

        assert_eq!(prices.of("gpt-4.1-mini-2025-04-14"), Some(price()));
        assert_eq!(prices.of("gpt-4.1-mini"), Some(price()));
        assert_eq!(prices.of("gpt-4.1-mini-preview"), None);
        assert_eq!(prices.of("gpt-4.1"), None);
        assert_eq!(prices.of("é2025-04-14"), None);
    }
}

//! What may still be spent: known before each call, so that only requests in flight can go beyond it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

/// The budgets of a run and of its day.
#[derive(Debug)]
pub(crate) struct Budget {
    run: Decimal,
    day: Decimal,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Spent by this run.
    spent: Decimal,
    /// Spent today before it.
    before: Decimal,
    /// Set aside for calls that are being judged.
    reserved: Decimal,
}

/// The budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedUp {
    /// The setting that holds it.
    pub(crate) setting: &'static str,
    /// Its amount, in USD.
    pub(crate) usd: Decimal,
}

impl Budget {
    /// `before` was spent today by others.
    pub(crate) fn new(run: Decimal, day: Decimal, before: Decimal) -> Self {
        let state = State {
            spent: Decimal::ZERO,
            before,
            reserved: Decimal::ZERO,
        };
        Self {
            run,
            day,
            state: Mutex::new(state),
        }
    }

    /// Sets an amount aside for a call.
    pub(crate) fn reserve(&self, amount: Decimal) -> Result<(), UsedUp> {
        let mut state = self.held();
        let total = state.spent + state.reserved + amount;
        if total > self.run {
            return Err(UsedUp {
                setting: "QCI_MAX_USD_PER_RUN",
                usd: self.run,
            });
        }
        if state.before + total > self.day {
            return Err(UsedUp {
                setting: "QCI_MAX_USD_PER_DAY",
                usd: self.day,
            });
        }
        state.reserved += amount;
        Ok(())
    }

    /// What was set aside for a call came to this.
    pub(crate) fn settle(&self, reserved: Decimal, spent: Decimal) {
        let mut state = self.held();
        state.reserved -= reserved;
        state.spent += spent;
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(cents: i64) -> Decimal {
        Decimal::new(cents, 2)
    }

    #[test]
    fn what_is_set_aside_counts_until_it_is_settled() {
        let budget = Budget::new(usd(10), usd(1000), Decimal::ZERO);
        budget.reserve(usd(6)).unwrap();

        let refused = budget.reserve(usd(6)).unwrap_err();
        budget.settle(usd(6), usd(2));

        assert_eq!((refused.setting, refused.usd), ("QCI_MAX_USD_PER_RUN", usd(10)));
        budget.reserve(usd(6)).unwrap();
        budget.reserve(usd(3)).unwrap_err();
    }

    #[test]
    fn what_others_spent_today_counts_for_the_day() {
        let budget = Budget::new(usd(1000), usd(10), usd(9));

        budget.reserve(usd(1)).unwrap();

        assert_eq!(budget.reserve(usd(1)).unwrap_err().setting, "QCI_MAX_USD_PER_DAY");
    }
}

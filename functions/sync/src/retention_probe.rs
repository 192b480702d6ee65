//! How far back a window can be asked for, where Vapi refuses a bound as older than it keeps calls.
//!
//! [`walk`](crate::walk) asks [`RetentionProbe::refused`] what to ask for instead, and at the end of what was served
//! [`RetentionProbe::further`] whether older calls may be served. Without a bound Vapi gives all that it still has, so
//! that is what is asked first; only where that is refused too is the edge looked for by halves.

use chrono::{DateTime, TimeDelta, Utc};
use shared::store::sync_state::Window;

/// How closely the edge of what Vapi serves is looked for; it moves on by itself meanwhile.
const CLOSELY: TimeDelta = TimeDelta::seconds(1);

/// What is known of the edge, from the refusals of one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetentionProbe {
    /// How far back Vapi goes, by the setting.
    floor: DateTime<Utc>,
    /// The latest bound that was refused; nothing older is served.
    refused: Option<DateTime<Utc>>,
    /// Even a request without a bound was refused.
    wants_a_bound: bool,
    /// Whether the window's newest instant was asked for by itself.
    probed: bool,
}

/// What to ask for after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Calls created since.
    Since(DateTime<Utc>),
    /// All that there is.
    WithoutBound,
    /// Nothing: none of it is served.
    NoMore,
}

impl RetentionProbe {
    pub(crate) fn of(floor: DateTime<Utc>) -> Self {
        Self {
            floor,
            refused: None,
            wants_a_bound: false,
            probed: false,
        }
    }

    /// What to ask for after `from` was refused for calls up to `cursor`.
    pub(crate) fn refused(&mut self, from: Option<DateTime<Utc>>, cursor: DateTime<Utc>) -> Ask {
        match from {
            Some(from) => self.refused = self.refused.max(Some(from)),
            None => self.wants_a_bound = true,
        }
        if !self.wants_a_bound {
            return Ask::WithoutBound;
        }
        match self.refused {
            _ if cursor <= self.floor => Ask::NoMore,
            None => Ask::Since(self.floor),
            Some(refused) if refused >= cursor => Ask::NoMore,
            // Whether it is the bound or the window that Vapi is offended by.
            Some(_) if !self.probed => {
                self.probed = true;
                Ask::Since(cursor)
            }
            Some(refused) => middle(refused, cursor).map_or(Ask::NoMore, Ask::Since),
        }
    }

    /// A lower bound that may be served, older than `from`, down to which all is read.
    pub(crate) fn further(&self, from: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        middle(self.refused.filter(|_| self.wants_a_bound)?, from?)
    }

    /// The part of a window below `from` that may yet be served.
    pub(crate) fn rest(&self, window: &Window) -> Option<Window> {
        self.further(window.created_from)?;
        Some(Window {
            id: None,
            created_from: self.refused,
            created_to: window.created_from?,
            ..window.clone()
        })
    }

    /// Below which no call is served, as far as is known.
    pub(crate) fn floor(&self) -> DateTime<Utc> {
        self.refused.unwrap_or(self.floor)
    }
}

fn middle(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let span = to - from;
    (span > CLOSELY).then(|| from + span / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    /// Walks from `cursor` back to `from`, at a Vapi that refuses bounds before `edge`, and requests without one
    /// where it `wants_a_bound`: how far back it came, and by how many requests.
    fn walk(from: Option<i64>, cursor: i64, edge: i64, wants_a_bound: bool) -> (Option<DateTime<Utc>>, usize) {
        let (mut from, mut cursor, edge) = (from.map(at), at(cursor), at(edge));
        let mut reach = RetentionProbe::of(at(0));
        let (mut read, mut requests) = (None, 0);
        loop {
            requests += 1;
            assert!(requests < 100, "it does not end");
            if cursor < edge || from.is_some_and(|from| from < edge) || (from.is_none() && wants_a_bound) {
                from = match reach.refused(from, cursor) {
                    Ask::Since(later) => Some(later),
                    Ask::WithoutBound => None,
                    Ask::NoMore => return (read, requests),
                };
                continue;
            }
            read = Some(from.unwrap_or(edge));
            match (reach.further(from), from) {
                (Some(older), Some(whole)) => (from, cursor) = (Some(older), whole),
                _ => return (read, requests),
            }
        }
    }

    #[test]
    fn what_is_served_is_read_to_the_last_call_by_asking_without_a_bound() {
        assert_eq!(walk(Some(0), 100, 37, false), (Some(at(37)), 2));
        assert_eq!(walk(None, 100, 37, false), (Some(at(37)), 1));
        assert_eq!(walk(Some(50), 100, 37, false), (Some(at(50)), 1));
    }

    #[test]
    fn where_a_bound_must_be_given_the_edge_is_found_by_halves() {
        for edge in [1, 37, 99] {
            for from in [None, Some(0)] {
                let (read, requests) = walk(from, 100, edge, true);

                let missed = read.unwrap() - at(edge);
                assert!((TimeDelta::zero()..=CLOSELY).contains(&missed), "{edge}: {missed}");
                assert!(requests < 30, "{requests}");
            }
        }
    }

    #[test]
    fn a_window_of_which_nothing_is_served_is_given_up_after_a_few_requests() {
        assert_eq!(walk(Some(10), 20, 37, false), (None, 3));
        assert_eq!(walk(None, 20, 37, true), (None, 3));
        assert_eq!(walk(Some(-20), -10, 37, false), (None, 2));
    }
}

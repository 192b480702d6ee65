//! Which windows a run walks, from the mode and from how far earlier runs got.

use chrono::{DateTime, TimeDelta, Utc};
use shared::config;
use shared::sync_state::{Pass, State, Window};

use crate::input::Mode;

/// How often the trailing window is read again.
const RESCAN_EVERY: TimeDelta = TimeDelta::hours(24);

/// What a run is to walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Windows of earlier runs that go on being walked.
    pub(crate) carried: Vec<Window>,
    /// Windows of this run.
    pub(crate) opened: Vec<Window>,
    /// Earlier windows that this run makes superfluous.
    pub(crate) superseded: Vec<Window>,
    /// Whether the watermark moves to the start of this run when all is stored.
    pub(crate) advances: bool,
    /// Whether the trailing window is read again.
    pub(crate) rescans: bool,
    /// From where on calls were missing; absent where none were stored yet.
    pub(crate) since: Option<DateTime<Utc>>,
}

/// Plans a run.
pub(crate) fn plan(mode: &Mode, state: State, open: Vec<Window>, settings: &config::Sync, now: DateTime<Utc>) -> Plan {
    if let Mode::Range { from, to } = mode {
        let range = window(Pass::Range, Some(*from), to.unwrap_or(now).max(*from), None);
        return Plan {
            carried: Vec::new(),
            opened: vec![range],
            superseded: Vec::new(),
            advances: false,
            rescans: false,
            since: None,
        };
    }
    // What an interrupted run aimed at is as good as done: what is left of it are the open windows.
    let since = state.target.or(state.watermark);
    let (Some(since), false) = (since, *mode == Mode::Full) else {
        let full = window(Pass::Full, None, now, None);
        return Plan {
            carried: Vec::new(),
            opened: vec![full],
            superseded: open,
            advances: true,
            rescans: true,
            since: None,
        };
    };
    let from = (since - settings.overlap).min(now);
    let rescan_from = now - settings.rescan;
    let rescans = !settings.rescan.is_zero() && state.rescanned_at.is_none_or(|last| now - last >= RESCAN_EVERY);
    let mut opened = Vec::new();
    if rescans {
        opened.push(window(Pass::Rescan, Some(rescan_from), now, None));
    }
    if !rescans || from < rescan_from {
        opened.push(window(Pass::New, Some(from), now, None));
    }
    opened.push(window(Pass::Changed, None, now, Some(from)));
    Plan {
        carried: open,
        opened,
        superseded: Vec::new(),
        advances: true,
        rescans,
        since: Some(since),
    }
}

fn window(
    pass: Pass,
    created_from: Option<DateTime<Utc>>,
    created_to: DateTime<Utc>,
    updated_from: Option<DateTime<Utc>>,
) -> Window {
    Window {
        id: None,
        pass,
        created_from,
        created_to,
        updated_from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    fn settings() -> config::Sync {
        shared::config::Reader::from_pairs([]).sync()
    }

    fn passes(plan: &Plan) -> Vec<Pass> {
        plan.opened.iter().map(|window| window.pass).collect()
    }

    #[test]
    fn the_first_run_reads_everything() {
        let plan = plan(&Mode::Auto, State::default(), Vec::new(), &settings(), at(0));

        assert_eq!(passes(&plan), [Pass::Full]);
        assert_eq!(plan.opened[0].created_from, None);
        assert!(plan.advances);
    }

    #[test]
    fn a_later_run_reads_what_is_new_and_what_changed_since_the_watermark_with_an_overlap() {
        let state = State {
            watermark: Some(at(0)),
            target: None,
            rescanned_at: Some(at(0)),
        };

        let plan = plan(&Mode::Auto, state, Vec::new(), &settings(), at(6));

        assert_eq!(passes(&plan), [Pass::New, Pass::Changed]);
        assert_eq!(plan.opened[0].created_from, Some(at(0) - TimeDelta::minutes(10)));
        assert_eq!(plan.opened[1].updated_from, Some(at(0) - TimeDelta::minutes(10)));
        assert_eq!(plan.opened[1].created_from, None);
    }

    #[test]
    fn once_a_day_the_trailing_window_is_read_again_in_place_of_the_new_calls_it_contains() {
        let state = State {
            watermark: Some(at(0)),
            target: None,
            rescanned_at: Some(at(-18)),
        };

        let plan = plan(&Mode::Auto, state, Vec::new(), &settings(), at(6));

        assert_eq!(passes(&plan), [Pass::Rescan, Pass::Changed]);
        assert_eq!(plan.opened[0].created_from, Some(at(6 - 48)));
    }

    #[test]
    fn after_a_long_pause_the_new_calls_go_back_further_than_the_trailing_window() {
        let state = State {
            watermark: Some(at(0)),
            target: None,
            rescanned_at: Some(at(0)),
        };

        let plan = plan(&Mode::Auto, state, Vec::new(), &settings(), at(100));

        assert_eq!(passes(&plan), [Pass::Rescan, Pass::New, Pass::Changed]);
    }

    #[test]
    fn an_interrupted_run_is_taken_up_where_it_stopped_and_from_when_it_began() {
        let left = Window {
            id: Some(3),
            ..window(Pass::Full, None, at(-50), None)
        };
        let state = State {
            watermark: None,
            target: Some(at(0)),
            rescanned_at: Some(at(0)),
        };

        let plan = plan(&Mode::Auto, state, vec![left.clone()], &settings(), at(1));

        assert_eq!(plan.carried, [left]);
        assert_eq!(passes(&plan), [Pass::New, Pass::Changed]);
        assert_eq!(plan.since, Some(at(0)));
    }

    #[test]
    fn a_full_run_makes_what_is_left_of_others_superfluous() {
        let left = Window {
            id: Some(3),
            ..window(Pass::New, None, at(-50), None)
        };
        let state = State {
            watermark: Some(at(-9)),
            target: Some(at(0)),
            rescanned_at: None,
        };

        let plan = plan(&Mode::Full, state, vec![left.clone()], &settings(), at(1));

        assert_eq!((plan.superseded, plan.carried), (vec![left], vec![]));
    }

    #[test]
    fn a_range_moves_no_watermark() {
        let plan = plan(
            &Mode::Range { from: at(1), to: None },
            State::default(),
            Vec::new(),
            &settings(),
            at(2),
        );

        assert!(!plan.advances);
        assert_eq!(
            (plan.opened[0].created_from, plan.opened[0].created_to),
            (Some(at(1)), at(2))
        );
    }
}

//! Which windows a run walks, from the mode and from how far earlier runs got.

use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::config;
use shared::store::sync_state::{Pass, State, Window};

use crate::input::Mode;
use crate::last_look;

/// How often the trailing window is read again: once a day, though a schedule's minutes differ from day to day.
const RESCAN_EVERY: TimeDelta = TimeDelta::hours(23);

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
    /// Up to which creation time this run is the last look.
    pub(crate) last_look_to: Option<DateTime<Utc>>,
    /// Whether everything is read, that was read before.
    pub(crate) reads_again: bool,
}

/// Plans a run. Passes begin `overlap` before the point that earlier runs reached.
pub(crate) fn plan(
    mode: &Mode,
    state: &State,
    open: Vec<Window>,
    settings: &config::Sync,
    overlap: TimeDelta,
    now: DateTime<Utc>,
) -> Plan {
    if let Mode::Range { from, to } = mode {
        let range = window(Pass::Range, Some(*from), to.unwrap_or(now).max(*from), None);
        return Plan {
            carried: Vec::new(),
            opened: vec![range],
            superseded: Vec::new(),
            advances: false,
            rescans: false,
            since: None,
            last_look_to: None,
            reads_again: false,
        };
    }
    let since = reached(state, &open);
    // What a first load was not shown, a second reading is.
    let reads_again =
        state.watermark.is_some() && (*mode == Mode::Full || (*mode == Mode::Auto && state.read_again_at.is_none()));
    let (Some(since), false) = (since, reads_again || *mode == Mode::Full) else {
        let full = window(Pass::Full, None, now, None);
        return Plan {
            carried: Vec::new(),
            opened: vec![full],
            superseded: open,
            advances: true,
            rescans: true,
            since: if *mode == Mode::Full { None } else { since },
            last_look_to: Some(last_look::reach(settings.retention, now)),
            reads_again,
        };
    };
    let from = (since - overlap).min(now);
    let rescan_from = now - settings.rescan;
    let rescans = !settings.rescan.is_zero() && state.rescanned_at.is_none_or(|last| now - last >= RESCAN_EVERY);
    let mut opened = Vec::new();
    if rescans {
        opened.push(window(Pass::Rescan, Some(rescan_from), now, None));
    }
    if !rescans || from < rescan_from {
        opened.push(window(Pass::New, Some(from), now, None));
    }
    opened.push(if rescans {
        // Of calls that the trailing window does not hold, those that changed within its length: a listing that lacked
        // one for some hours may have been believed.
        window(Pass::Changed, None, rescan_from, Some(from.min(rescan_from)))
    } else {
        window(Pass::Changed, None, now, Some(from))
    });
    let last_look = last_look::due(state.last_looked_to, settings.retention, now);
    opened.extend(last_look.map(|(from, to)| window(Pass::LastLook, Some(from), to, None)));
    Plan {
        carried: open,
        opened,
        superseded: Vec::new(),
        advances: true,
        rescans,
        since: Some(since),
        last_look_to: last_look.map(|(_, to)| to),
        reads_again: false,
    }
}

/// Up to where calls are stored or lie in an open window.
fn reached(state: &State, open: &[Window]) -> Option<DateTime<Utc>> {
    if open.is_empty() {
        // A run that walked all its windows and died before it judged them reached nothing.
        state.watermark
    } else {
        // What an interrupted run aimed at is as good as done: what is left of it are the open windows.
        state.target.or(state.watermark)
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
        shared::platform::config::Reader::from_pairs([]).sync()
    }

    /// The state after a sync at the beginning, and a second reading before it.
    fn synced() -> State {
        State {
            watermark: Some(at(0)),
            rescanned_at: Some(at(0)),
            read_again_at: Some(at(-6)),
            last_looked_to: Some(at(-24 * 12)),
            ..State::default()
        }
    }

    fn planned(mode: &Mode, state: &State, open: Vec<Window>, now: DateTime<Utc>) -> Plan {
        plan(mode, state, open, &settings(), TimeDelta::minutes(10), now)
    }

    fn passes(plan: &Plan) -> Vec<Pass> {
        plan.opened.iter().map(|window| window.pass).collect()
    }

    #[test]
    fn the_first_run_reads_everything() {
        let plan = planned(&Mode::Auto, &State::default(), Vec::new(), at(0));

        assert_eq!(passes(&plan), [Pass::Full]);
        assert_eq!(plan.opened[0].created_from, None);
        assert!(plan.advances);
    }

    #[test]
    fn a_later_run_reads_what_is_new_and_what_changed_since_the_watermark_with_an_overlap() {
        let state = synced();

        let plan = planned(&Mode::Auto, &state, Vec::new(), at(6));

        assert_eq!(passes(&plan), [Pass::New, Pass::Changed]);
        assert_eq!(plan.opened[0].created_from, Some(at(0) - TimeDelta::minutes(10)));
        assert_eq!(plan.opened[1].updated_from, Some(at(0) - TimeDelta::minutes(10)));
        assert_eq!(plan.opened[1].created_from, None);
    }

    #[test]
    fn once_a_day_the_trailing_window_is_read_again_in_place_of_the_new_calls_it_contains() {
        let state = State {
            rescanned_at: Some(at(-18)),
            ..synced()
        };

        let plan = planned(&Mode::Auto, &state, Vec::new(), at(6));

        assert_eq!(passes(&plan), [Pass::Rescan, Pass::Changed]);
        assert_eq!(plan.opened[0].created_from, Some(at(6 - 48)));
        // Older calls that changed within as long a time are read again beside it.
        assert_eq!(plan.opened[1].created_to, at(6 - 48));
        assert_eq!(plan.opened[1].updated_from, Some(at(6 - 48)));
    }

    #[test]
    fn after_a_long_pause_the_new_calls_go_back_further_than_the_trailing_window() {
        let state = synced();

        let plan = planned(&Mode::Auto, &state, Vec::new(), at(100));

        assert_eq!(passes(&plan), [Pass::Rescan, Pass::New, Pass::Changed, Pass::LastLook]);
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
            read_again_at: None,
            ..synced()
        };

        let plan = planned(&Mode::Auto, &state, vec![left.clone()], at(1));

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
            ..synced()
        };

        let plan = planned(&Mode::Full, &state, vec![left.clone()], at(1));

        assert_eq!((plan.superseded, plan.carried), (vec![left], vec![]));
    }

    #[test]
    fn a_range_moves_no_watermark() {
        let plan = planned(
            &Mode::Range { from: at(1), to: None },
            &State::default(),
            Vec::new(),
            at(2),
        );

        assert!(!plan.advances);
        assert_eq!(
            (plan.opened[0].created_from, plan.opened[0].created_to),
            (Some(at(1)), at(2))
        );
    }

    #[test]
    fn the_first_automatic_run_after_the_first_load_reads_everything_once_more() {
        let loaded = State {
            read_again_at: None,
            ..synced()
        };

        let again = planned(&Mode::Auto, &loaded, Vec::new(), at(6));
        let asked_for_less = planned(&Mode::Incremental, &loaded, Vec::new(), at(6));
        let after = planned(&Mode::Auto, &synced(), Vec::new(), at(6));

        assert_eq!((passes(&again), again.reads_again), (vec![Pass::Full], true));
        assert_eq!(again.since, Some(at(0)));
        assert_eq!(passes(&asked_for_less), [Pass::New, Pass::Changed]);
        assert_eq!(
            (passes(&after), after.reads_again),
            (vec![Pass::New, Pass::Changed], false)
        );
    }

    #[test]
    fn a_run_that_died_before_it_was_judged_is_made_again() {
        let unjudged = State {
            target: Some(at(5)),
            ..synced()
        };

        let plan = planned(&Mode::Auto, &unjudged, Vec::new(), at(6));

        assert_eq!(plan.since, Some(at(0)));
    }

    #[test]
    fn the_last_look_comes_once_a_day_and_however_the_trailing_window_is_set() {
        let mut settings = settings();
        settings.rescan = TimeDelta::zero();
        let passes = |hours| {
            let overlap = TimeDelta::minutes(10);
            passes(&plan(&Mode::Auto, &synced(), Vec::new(), &settings, overlap, at(hours)))
        };

        assert_eq!(passes(22), [Pass::New, Pass::Changed]);
        assert_eq!(passes(24), [Pass::New, Pass::Changed, Pass::LastLook]);
    }
}

//! What a walk does after a page: the decision alone, without a request or a write.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use shared::store::sync_state::Window;

use crate::page::Page;
use crate::retention_probe::RetentionProbe;
use crate::split;

/// How far into the future calls are looked for where no page tells which is the newest.
const FUTURE: TimeDelta = TimeDelta::days(1);

/// Where a walk is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position<'a> {
    /// The window, as far as it is asked for by now.
    pub(crate) window: &'a Window,
    /// Where the page began; everything after it is read.
    pub(crate) cursor: DateTime<Utc>,
    /// Whether the page was asked for without an upper bound.
    pub(crate) is_open_ended: bool,
    /// The most calls that a page is asked for, where a dense window may be split.
    pub(crate) may_split: Option<usize>,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NextStep {
    /// The next page begins at this instant.
    Page(DateTime<Utc>),
    /// The page came short of what Vapi has, and had new calls: it is asked for again.
    SamePage,
    /// More calls than a page holds were created in this millisecond: it is listed apart.
    DenseMillisecond(DateTime<Utc>),
    /// Everything after the instant is read; what is older is walked as these windows.
    HandOver(DateTime<Utc>, Vec<Window>),
    /// The window is read; calls created since then may be served as well.
    Further(DateTime<Utc>),
    /// The window is read.
    End,
    /// A full page without a time: nothing tells where the next one begins.
    Stuck,
}

/// Decides what follows a page.
pub(crate) fn after(page: &Page, at: Position<'_>, retention: &RetentionProbe) -> NextStep {
    let Position { window, cursor, .. } = at;
    if page.is_full() && !page.sorted {
        let upper = if at.is_open_ended { cursor + FUTURE } else { cursor };
        let mut halves = split::in_halves(window, upper, page.created);
        halves.extend(retention.rest(window));
        return NextStep::HandOver(cursor, halves);
    }
    let bound = cursor.trunc_subsecs(3);
    match page.created.0 {
        Some((oldest, _)) if page.new > 0 && (at.is_open_ended || oldest < bound) => {
            let mut parts = at.may_split.map_or_else(Vec::new, |page_limit| {
                split::by_density(window, page, retention.floor(), page_limit)
            });
            if parts.len() < 2 {
                return NextStep::Page(oldest);
            }
            parts.extend(retention.rest(window));
            NextStep::HandOver(oldest, parts)
        }
        Some((instant, _)) if page.is_full() && instant >= bound => NextStep::DenseMillisecond(instant),
        None if page.is_full() => NextStep::Stuck,
        _ if page.new == 0 => match retention.further(window.created_from) {
            Some(further) => NextStep::Further(further),
            None => NextStep::End,
        },
        _ => NextStep::SamePage,
    }
}

#[cfg(test)]
mod tests {
    use shared::store::sync_state::Pass;

    use super::*;
    use crate::page::{SMALLEST_CAP, Span};
    use crate::retention_probe::Ask;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    /// From minute 0 to minute 1,000.
    fn window() -> Window {
        Window {
            id: Some(7),
            pass: Pass::Full,
            created_from: Some(at(0)),
            created_to: at(1_000),
            updated_from: None,
        }
    }

    /// So many rows, all of them new, created between these minutes.
    fn page(rows: usize, created: Option<(i64, i64)>) -> Page {
        Page {
            rows,
            new: rows,
            created: Span(created.map(|(oldest, newest)| (at(oldest), at(newest)))),
            ..Page::with_limit(SMALLEST_CAP)
        }
    }

    fn without_new(page: Page) -> Page {
        Page { new: 0, ..page }
    }

    fn position(window: &Window) -> Position<'_> {
        Position {
            window,
            cursor: window.created_to,
            is_open_ended: false,
            may_split: None,
        }
    }

    fn probe() -> RetentionProbe {
        RetentionProbe::of(at(-10_000))
    }

    fn decide(page: &Page) -> NextStep {
        after(page, position(&window()), &probe())
    }

    #[test]
    fn the_next_page_begins_where_this_one_ends() {
        assert_eq!(decide(&page(SMALLEST_CAP, Some((900, 990)))), NextStep::Page(at(900)));
    }

    #[test]
    fn a_short_page_with_new_calls_is_no_end() {
        assert_eq!(decide(&page(3, Some((900, 990)))), NextStep::Page(at(900)));
        assert_eq!(decide(&page(3, None)), NextStep::SamePage);
        assert_eq!(decide(&page(3, Some((1_000, 1_000)))), NextStep::SamePage);
    }

    #[test]
    fn a_page_without_a_new_call_is_the_end() {
        assert_eq!(decide(&without_new(page(3, Some((900, 990))))), NextStep::End);
        assert_eq!(decide(&page(0, None)), NextStep::End);
        // A full page that is older than the cursor, and known.
        assert_eq!(
            decide(&without_new(page(SMALLEST_CAP, Some((900, 990))))),
            NextStep::End
        );
    }

    #[test]
    fn a_full_page_of_the_cursors_millisecond_is_listed_apart() {
        let crowd = page(SMALLEST_CAP, Some((1_000, 1_000)));

        assert_eq!(decide(&crowd), NextStep::DenseMillisecond(at(1_000)));
        assert_eq!(decide(&without_new(crowd)), NextStep::DenseMillisecond(at(1_000)));
    }

    #[test]
    fn without_an_upper_bound_the_first_page_tells_which_call_is_the_newest() {
        let window = window();
        let open = Position {
            is_open_ended: true,
            ..position(&window)
        };

        let ahead = after(&page(SMALLEST_CAP, Some((1_000, 1_010))), open, &probe());

        assert_eq!(ahead, NextStep::Page(at(1_000)));
    }

    #[test]
    fn a_full_page_out_of_order_cuts_the_window_in_two() {
        let unsorted = Page {
            sorted: false,
            ..page(SMALLEST_CAP, Some((400, 990)))
        };

        let NextStep::HandOver(cursor, halves) = decide(&unsorted) else {
            panic!("{:?}", decide(&unsorted));
        };

        let bounds: Vec<_> = halves
            .iter()
            .map(|half| (half.id, half.created_from, half.created_to))
            .collect();
        assert_eq!(cursor, at(1_000));
        assert_eq!(bounds, [(None, Some(at(500)), at(1_000)), (None, Some(at(0)), at(500))]);
        // One that has it all needs no order.
        let short = Page { rows: 3, ..unsorted };
        assert_eq!(decide(&short), NextStep::Page(at(400)));
    }

    #[test]
    fn a_dense_window_is_split_where_somebody_is_short_of_work() {
        let window = window();
        let helped = Position {
            may_split: Some(SMALLEST_CAP),
            ..position(&window)
        };

        let step = after(&page(SMALLEST_CAP, Some((900, 1_000))), helped, &probe());

        let NextStep::HandOver(cursor, parts) = step else {
            panic!("{step:?}");
        };
        assert_eq!(cursor, at(900));
        assert_eq!(
            (parts[0].created_to, parts.last().unwrap().created_from),
            (at(900), Some(at(0)))
        );
        assert!(
            parts
                .windows(2)
                .all(|pair| pair[0].created_from == Some(pair[1].created_to))
        );
        assert_eq!(parts.len(), 12);
        // What is left is worth a page.
        let last = after(&page(SMALLEST_CAP, Some((50, 1_000))), helped, &probe());
        assert_eq!(last, NextStep::Page(at(50)));
    }

    #[test]
    fn what_vapi_refused_to_serve_by_a_bound_is_looked_for_further_down() {
        let mut probe = probe();
        // Refused with a bound and without one: Vapi wants a bound, and a later one.
        assert_eq!(probe.refused(Some(at(0)), at(1_000)), Ask::WithoutBound);
        assert_eq!(probe.refused(None, at(1_000)), Ask::Since(at(1_000)));
        let served = Window {
            created_from: Some(at(500)),
            ..window()
        };

        let step = after(&page(0, None), position(&served), &probe);

        assert_eq!(step, NextStep::Further(at(250)));
    }

    #[test]
    fn what_vapi_serves_without_a_bound_is_all_there_is() {
        let mut probe = probe();
        assert_eq!(probe.refused(Some(at(0)), at(1_000)), Ask::WithoutBound);
        let unbounded = Window {
            created_from: None,
            ..window()
        };

        assert_eq!(after(&page(0, None), position(&unbounded), &probe), NextStep::End);
    }

    #[test]
    fn a_full_page_without_a_time_cannot_be_followed() {
        assert_eq!(decide(&page(SMALLEST_CAP, None)), NextStep::Stuck);
    }
}

//! A stretch of time as people say it.

use chrono::TimeDelta;

/// Such as `59 min`, `1 h 1 min` or `2 days 3 h`.
#[must_use]
pub fn in_words(span: TimeDelta) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours() % 24, span.num_minutes() % 60);
    match (days, hours, minutes) {
        (2.., 0, _) => format!("{days} days"),
        (2.., ..) => format!("{days} days {hours} h"),
        _ => match (span.num_hours(), minutes) {
            (0, 0) => "less than a minute".to_owned(),
            (0, minutes) => format!("{minutes} min"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_as_people_say_them() {
        let said = |minutes| in_words(TimeDelta::minutes(minutes));

        assert_eq!([said(0), said(59), said(60)], ["less than a minute", "59 min", "1 h"]);
        assert_eq!(
            [said(61), said(47 * 60), said(48 * 60)],
            ["1 h 1 min", "47 h", "2 days"]
        );
        assert_eq!(said(51 * 60 + 10), "2 days 3 h");
    }
}

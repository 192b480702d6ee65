//! What is expected of the scripts that run by themselves.

use chrono::TimeDelta;

use super::Reader;

/// What is expected of the scripts that run by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// `SYNC_SCHEDULE`: how long it is from one sync to the next.
    pub sync_every: TimeDelta,
    /// `QCI_SCHEDULE`: the same for scoring; absent where that follows a sync only.
    pub qci_every: Option<TimeDelta>,
    /// `VAPI_RETENTION_DAYS`: how long Vapi keeps calls.
    pub retention: TimeDelta,
    /// `ALERT_HEADROOM_HOURS`: the time left before calls are lost below which somebody is told.
    pub headroom: TimeDelta,
}

impl Reader {
    /// `SYNC_SCHEDULE`, `QCI_SCHEDULE`, `SCHEDULE_GAP_HOURS`, `VAPI_RETENTION_DAYS`, `ALERT_HEADROOM_HOURS`.
    pub fn watchdog(&mut self) -> Watchdog {
        let gap = TimeDelta::hours(self.within("SCHEDULE_GAP_HOURS", 24, 1, 8760, "hours, from 1 to 8760"));
        Watchdog {
            sync_every: self.schedule("SYNC_SCHEDULE", gap).unwrap_or(TimeDelta::hours(6)),
            qci_every: self.schedule("QCI_SCHEDULE", gap),
            retention: self.sync().retention,
            headroom: TimeDelta::hours(self.within("ALERT_HEADROOM_HOURS", 72, 1, 8760, "hours, from 1 to 8760")),
        }
    }

    /// How long it is between two firings of a schedule; `gap` where its expression does not tell.
    fn schedule(&mut self, name: &str, gap: TimeDelta) -> Option<TimeDelta> {
        let text = self.text(name)?;
        let every = if text.starts_with("cron(") {
            Some(gap)
        } else {
            rate(&text)
        };
        if every.is_none() {
            self.problem(name, "is malformed", "such as rate(6 hours) or cron(15 */6 * * ? *)");
        }
        every
    }
}

/// The span of a `rate(…)` as EventBridge Scheduler writes it.
fn rate(expression: &str) -> Option<TimeDelta> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number = number.parse().ok().filter(|number| (1..=100_000).contains(number))?;
    match unit {
        "minute" | "minutes" => Some(TimeDelta::minutes(number)),
        "hour" | "hours" => Some(TimeDelta::hours(number)),
        "day" | "days" => Some(TimeDelta::days(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reader;
    use super::*;

    #[test]
    fn a_schedule_tells_how_long_it_is_from_one_run_to_the_next() {
        let watchdog = |pairs: &[(&str, &str)]| {
            let mut reader = reader(pairs);
            let watchdog = reader.watchdog();
            reader.finish().map(|()| watchdog).map_err(|error| error.to_string())
        };

        let given = watchdog(&[
            ("SYNC_SCHEDULE", "rate(90 minutes)"),
            ("QCI_SCHEDULE", "cron(0 7 * * ? *)"),
        ])
        .unwrap();
        assert_eq!(given.sync_every, TimeDelta::minutes(90));
        assert_eq!(given.qci_every, Some(TimeDelta::hours(24)));
        let silent = watchdog(&[]).unwrap();
        assert_eq!((silent.sync_every, silent.qci_every), (TimeDelta::hours(6), None));
        for wrong in ["rate(6)", "rate(0 hours)", "6 hours", "rate(6 weeks)", "rate(x days)"] {
            let problem = watchdog(&[("SYNC_SCHEDULE", wrong)]).unwrap_err();
            assert!(problem.starts_with("SYNC_SCHEDULE is malformed"), "{wrong}: {problem}");
        }
    }
}

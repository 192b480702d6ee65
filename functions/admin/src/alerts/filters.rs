//! Which messages a page lists: read from its address, shown in its form.

use shared::store::notification::Filter;

use crate::error::PageError;
use crate::parameters::Parameters;

/// A value of a filter, as the address has it and as people read it.
type Choice = (&'static str, &'static str);

pub(super) const KINDS: [Choice; 4] = [
    ("failure", "failure"),
    ("reminder", "reminder"),
    ("recovery", "recovery"),
    ("test", "test"),
];
pub(super) const CHANNELS: [Choice; 3] = [("slack", "Slack"), ("email", "e-mail"), ("none", "no channel")];
pub(super) const STATUSES: [Choice; 3] = [("sent", "sent"), ("failed", "failed"), ("recorded", "recorded")];

/// The filters of the list.
pub(super) struct Filters {
    kind: Option<&'static str>,
    channel: Option<&'static str>,
    status: Option<&'static str>,
}

/// One of them, as a select.
pub(super) struct Select {
    pub(super) label: &'static str,
    pub(super) name: &'static str,
    pub(super) choices: Vec<(Choice, bool)>,
}

impl Filters {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, PageError> {
        let one_of = |name, choices: &[Choice], expected| {
            let values: Vec<&'static str> = choices.iter().map(|(value, _)| *value).collect();
            parameters.one_of(name, &values, expected)
        };
        Ok(Self {
            kind: one_of("kind", &KINDS, "one of failure, reminder, recovery and test")?,
            channel: one_of("channel", &CHANNELS, "one of slack, email and none")?,
            status: one_of("status", &STATUSES, "one of sent, failed and recorded")?,
        })
    }

    pub(super) fn filter(&self) -> Filter<'static> {
        Filter {
            kind: self.kind,
            channel: self.channel,
            status: self.status,
        }
    }

    pub(super) fn is_any(&self) -> bool {
        [self.kind, self.channel, self.status].iter().any(Option::is_some)
    }

    pub(super) fn selects(&self) -> [Select; 3] {
        let select = |label, name, choices: &[Choice], chosen: Option<&str>| Select {
            label,
            name,
            choices: choices
                .iter()
                .map(|choice| (*choice, chosen == Some(choice.0)))
                .collect(),
        };
        [
            select("Kind", "kind", &KINDS, self.kind),
            select("Channel", "channel", &CHANNELS, self.channel),
            select("Status", "status", &STATUSES, self.status),
        ]
    }
}

/// A channel as people read it.
pub(super) fn channel(name: &str) -> &str {
    let known = CHANNELS.iter().find(|(value, _)| *value == name);
    known.map_or(name, |(_, words)| words)
}

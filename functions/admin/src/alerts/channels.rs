//! The ways to reach people: what the last message on each came to, or what has to be set so that there is one.

use shared::store::notification::Listed;

use super::messages::reason;
use crate::format::{self, Moment, StatusMark};
use crate::viewer::Viewer;

/// One way to reach people.
pub(super) struct Channel {
    pub(super) name: &'static str,
    pub(super) last: Option<Last>,
    /// What has to be set.
    pub(super) settings: &'static [&'static str],
}

/// The last message on a channel.
pub(super) struct Last {
    pub(super) status: StatusMark,
    pub(super) at: Moment,
    pub(super) ago: String,
    pub(super) reason: Option<String>,
    pub(super) has_failed: bool,
}

/// The last news of all went to nobody, since no channel was configured.
pub(super) struct Unheard {
    pub(super) at: Moment,
    pub(super) ago: String,
}

/// Slack and e-mail, given the newest message of each channel.
pub(super) fn both(newest: &[Listed], viewer: &Viewer) -> [Channel; 2] {
    let last = |channel| {
        let row = newest.iter().find(|row| row.notification.channel == channel)?;
        Some(Last::new(row, viewer))
    };
    [
        Channel {
            name: "Slack",
            last: last("slack"),
            settings: &["SLACK_WEBHOOK_URL"],
        },
        Channel {
            name: "E-mail",
            last: last("email"),
            settings: &["ALERT_EMAIL_FROM", "ALERT_EMAIL_TO"],
        },
    ]
}

/// Says it where the newest message, which comes first, was only recorded.
pub(super) fn unheard(newest: &[Listed], viewer: &Viewer) -> Option<Unheard> {
    let last = &newest.first()?.notification;
    (last.channel == "none").then(|| Unheard {
        at: format::moment(last.created_at, viewer.zone()),
        ago: format::ago(last.created_at, viewer.now),
    })
}

impl Last {
    fn new(row: &Listed, viewer: &Viewer) -> Self {
        let last = &row.notification;
        Self {
            status: format::status(&last.status),
            at: format::moment(last.created_at, viewer.zone()),
            ago: format::ago(last.created_at, viewer.now),
            reason: reason(last),
            has_failed: last.status == "failed",
        }
    }
}

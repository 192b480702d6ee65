//! A message as a line of the list.

use shared::store::notification::{Listed, Notification};
use uuid::Uuid;

use super::filters;
use crate::format::{self, Moment, StatusMark};
use crate::viewer::Viewer;

/// A message in words.
pub(super) struct Message {
    pub(super) id: Uuid,
    pub(super) at: Moment,
    pub(super) kind: String,
    /// The class of the kind's mark.
    pub(super) tone: &'static str,
    pub(super) channel: String,
    pub(super) status: StatusMark,
    pub(super) reason: Option<String>,
    pub(super) has_failed: bool,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) run_id: Option<Uuid>,
}

impl Message {
    pub(super) fn new(row: Listed, viewer: &Viewer) -> Self {
        let Listed { notification, run_id } = row;
        Self {
            id: notification.id,
            at: format::moment(notification.created_at, viewer.zone()),
            channel: filters::channel(&notification.channel).to_owned(),
            status: format::status(&notification.status),
            reason: reason(&notification),
            has_failed: notification.status == "failed",
            tone: match notification.kind.as_str() {
                "failure" => "mark-bad",
                "reminder" => "mark-warn",
                "recovery" => "mark-good",
                _ => "mark-plain",
            },
            kind: notification.kind,
            title: notification.title,
            body: notification.body,
            run_id,
        }
    }
}

/// Why a message did not go out, or not as it was meant to.
pub(super) fn reason(notification: &Notification) -> Option<String> {
    let error = notification.error.as_deref();
    match (notification.status.as_str(), notification.form.as_str()) {
        ("failed", _) => Some(match notification.attempts {
            ..=1 => error.unwrap_or_default().to_owned(),
            tries => format!("{} (tried {tries} times)", error.unwrap_or_default()),
        }),
        ("sent", "minimal") => Some(match error {
            Some(error) => format!("In a few plain words, since the whole message did not go through: {error}"),
            None => "In a few plain words".to_owned(),
        }),
        _ => None,
    }
}

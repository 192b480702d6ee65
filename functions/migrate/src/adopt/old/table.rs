//! Which tables there are, and the columns of each.

use serde::Serialize;

/// A table of the earlier system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// `vapi_calls_raw`
    Calls,
    /// `vapi_assistants`
    Assistants,
    /// `vapi_assistant_prompt_history`
    History,
    /// `runs`
    Runs,
    /// `logs`
    Logs,
    /// `analysis_frameworks`
    Frameworks,
    /// `qci_analyses`
    Analyses,
}

/// What a column holds, and so how its text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A text, a number, a truth or JSON: as the database writes it.
    Plain,
    /// An instant, or a list: as JSON, whatever the session's settings.
    Json,
}

/// A column that is read.
pub(in super::super) type Column = (&'static str, Kind);

use Kind::{Json, Plain};

impl Table {
    /// In the order in which they are copied: what is referred to comes first.
    pub const ALL: [Self; 7] = [
        Self::Calls,
        Self::Assistants,
        Self::History,
        Self::Runs,
        Self::Logs,
        Self::Frameworks,
        Self::Analyses,
    ];

    /// Its name, which ours has too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "vapi_calls_raw",
            Self::Assistants => "vapi_assistants",
            Self::History => "vapi_assistant_prompt_history",
            Self::Runs => "runs",
            Self::Logs => "logs",
            Self::Frameworks => "analysis_frameworks",
            Self::Analyses => "qci_analyses",
        }
    }

    /// What makes it the earlier system's: a table of the same name without these is somebody else's.
    pub(in super::super) fn signature(self) -> &'static [&'static str] {
        match self {
            Self::Calls => &["id", "assistant_id"],
            Self::Assistants => &["assistant_id"],
            Self::History => &["assistant_id", "version_number"],
            Self::Runs => &["id", "script_name", "status"],
            Self::Logs => &["id", "run_id", "level", "message"],
            Self::Frameworks => &["id", "name", "prompt_template"],
            Self::Analyses => &["call_id", "total_score"],
        }
    }

    /// The columns that are read; the first is the key.
    pub(in super::super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Calls => &[
                ("id", Plain),
                ("assistant_id", Plain),
                ("customer_id", Plain),
                ("status", Plain),
                ("ended_reason", Plain),
                ("created_at", Json),
                ("started_at", Json),
                ("ended_at", Json),
                ("duration_seconds", Plain),
                ("transcript", Plain),
                ("cost", Plain),
                ("customer_phone_number", Plain),
                ("recording_url", Plain),
                ("vapi_success_evaluation", Plain),
                ("raw_json", Plain),
                ("synced_at", Json),
                ("has_calendar_booking", Plain),
                ("has_tool_calls", Plain),
                ("tool_names", Json),
            ],
            Self::Assistants => &[
                ("assistant_id", Plain),
                ("name", Plain),
                ("model", Plain),
                ("voice", Plain),
                ("prompt", Plain),
                ("raw_json", Plain),
                ("synced_at", Json),
                ("updated_at", Json),
            ],
            Self::History => &[
                ("assistant_id", Plain),
                ("prompt", Plain),
                ("model", Plain),
                ("voice", Plain),
                ("version_number", Plain),
                ("changed_at", Json),
                ("raw_json", Plain),
            ],
            Self::Runs => &[
                ("id", Plain),
                ("legacy_id", Plain),
                ("script_name", Plain),
                ("status", Plain),
                ("started_at", Json),
                ("finished_at", Json),
                ("duration_ms", Plain),
                ("records_fetched", Plain),
                ("records_inserted", Plain),
                ("records_updated", Plain),
                ("records_failed", Plain),
                ("error_message", Plain),
                ("triggered_by", Plain),
                ("batch_id", Plain),
                ("calls_analyzed", Plain),
                ("api_cost", Plain),
                ("metadata", Plain),
            ],
            Self::Logs => &[
                ("id", Plain),
                ("run_id", Plain),
                ("timestamp", Json),
                ("level", Plain),
                ("step", Plain),
                ("message", Plain),
                ("meta", Plain),
            ],
            Self::Frameworks => &[
                ("id", Plain),
                ("name", Plain),
                ("prompt_template", Plain),
                ("model_config", Plain),
            ],
            Self::Analyses => &[
                ("call_id", Plain),
                ("framework_id", Plain),
                ("total_score", Plain),
                ("dynamics_score", Plain),
                ("objections_score", Plain),
                ("brand_score", Plain),
                ("outcome_score", Plain),
                ("coaching_tips", Plain),
                ("key_issues", Plain),
                ("call_classification", Plain),
                ("analysis_model", Plain),
                ("analysis_cost", Plain),
                ("analyzed_at", Json),
            ],
        }
    }

    /// The name of its key.
    pub(in super::super) fn key(self) -> &'static str {
        self.columns()[0].0
    }
}

//! How to reach Vapi, and what a sync keeps and reads again.

use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

use super::Reader;

/// How to reach Vapi, and how hard to pull.
#[derive(Clone, Debug)]
pub struct Vapi {
    /// `VAPI_BASE_URL`.
    pub base_url: Url,
    /// `VAPI_API_KEY`: the private key of one organisation.
    pub api_key: SecretString,
    /// `VAPI_RATE`: requests a second at most; lowered for a while when Vapi answers 429.
    pub rate: f64,
    /// `VAPI_PAGE_LIMIT`: calls asked for in one page, 1 to 1000.
    pub page_limit: usize,
    /// `VAPI_DOWNLOADS`: windows walked at once.
    pub downloads: usize,
    /// `VAPI_TIMEOUT_SECONDS`: silence after which a request is given up.
    pub timeout: Duration,
    /// `VAPI_ATTEMPTS`: tries of one request.
    pub attempts: usize,
}

/// What a sync keeps and reads again.
#[derive(Clone, Debug)]
pub struct Sync {
    /// `VAPI_RETENTION_DAYS`: how long Vapi keeps a call.
    pub retention: TimeDelta,
    /// `SYNC_OVERLAP_MINUTES`: how far before the watermark a pass begins.
    pub overlap: TimeDelta,
    /// `SYNC_RESCAN_HOURS`: the trailing window that is read again once a day.
    pub rescan: TimeDelta,
    /// `SYNC_WRITERS`: connections that write at once.
    pub writers: usize,
    /// `LOG_RETENTION_DAYS`: age at which log lines are pruned.
    pub log_retention: TimeDelta,
    /// `VAPI_ORG_ID`: the organisation whose calls are wanted; where absent, the one that the first sync found.
    pub organisation: Option<String>,
    /// `VAPI_TIMEZONE`: by whose days calls are counted against Vapi's own counts.
    pub timezone: Tz,
}

const DEFAULT: &str = "https://api.vapi.ai";

impl Reader {
    /// `VAPI_API_KEY`, `VAPI_BASE_URL` and the `VAPI_…` limits.
    pub fn vapi(&mut self) -> Vapi {
        self.proxies();
        let api_key = self.key("VAPI_API_KEY", "the private key of a Vapi organisation");
        Vapi {
            base_url: self.base_url("VAPI_BASE_URL", DEFAULT, &["/call", "/assistant", "/analytics"]),
            api_key,
            rate: self.within(
                "VAPI_RATE",
                4.0,
                0.01,
                10_000.0,
                "requests a second, from 0.01 to 10000",
            ),
            page_limit: self.within("VAPI_PAGE_LIMIT", 1000, 1, 1000, "a number from 1 to 1000"),
            downloads: self.within("VAPI_DOWNLOADS", 4, 1, 16, "a number from 1 to 16"),
            timeout: Duration::from_secs(self.within("VAPI_TIMEOUT_SECONDS", 60, 1, 600, "seconds, from 1 to 600")),
            attempts: self.within("VAPI_ATTEMPTS", 6, 1, 20, "a number from 1 to 20"),
        }
    }

    /// Retention, overlap, trailing window, writers, log retention, organisation, time zone.
    pub fn sync(&mut self) -> Sync {
        let timezone = self.text("VAPI_TIMEZONE").map(|name| name.parse());
        if matches!(timezone, Some(Err(_))) {
            self.problem(
                "VAPI_TIMEZONE",
                "is malformed",
                "the name of a time zone, such as Europe/Berlin",
            );
        }
        Sync {
            retention: TimeDelta::days(self.within("VAPI_RETENTION_DAYS", 14, 1, 3650, "days, from 1 to 3650")),
            overlap: TimeDelta::minutes(self.within("SYNC_OVERLAP_MINUTES", 10, 0, 1440, "minutes, from 0 to 1440")),
            rescan: TimeDelta::hours(self.within("SYNC_RESCAN_HOURS", 48, 0, 8760, "hours, from 0 to 8760")),
            writers: self.within("SYNC_WRITERS", 3, 1, 8, "a number from 1 to 8"),
            log_retention: TimeDelta::days(self.within("LOG_RETENTION_DAYS", 90, 1, 3650, "days, from 1 to 3650")),
            organisation: self.text("VAPI_ORG_ID"),
            timezone: timezone.and_then(Result::ok).unwrap_or(Tz::UTC),
        }
    }
}

//! Numbers, times and names as people read them.

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

/// An instant: in the viewer's zone, to the second, and exactly in the tooltip.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ exact }}" title="{{ exact }}">{{ text }}</time>"#
)]
pub(crate) struct Moment {
    exact: String,
    text: String,
}

/// How a run stands: by a shape and a word, not by colour alone.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<span class="status status-{{ status }}">{{ status }}</span>"#
)]
pub(crate) struct StatusMark {
    status: String,
}

impl HtmlSafe for Moment {}
impl HtmlSafe for StatusMark {}

/// Such as `23 Nov 2026, 06:37:53`.
pub(crate) fn moment(at: DateTime<Utc>, zone: Tz) -> Moment {
    Moment {
        exact: at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        text: at.with_timezone(&zone).format("%-d %b %Y, %H:%M:%S").to_string(),
    }
}

/// Such as `06:37`, or `22 Nov, 06:37` where that was another day.
pub(crate) fn clock_time(at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> Moment {
    let (at_theirs, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let form = if at_theirs.date_naive() == now.date_naive() {
        "%H:%M"
    } else {
        "%-d %b, %H:%M"
    };
    Moment {
        text: at_theirs.format(form).to_string(),
        ..moment(at, zone)
    }
}

/// How a row of `runs` or `notifications` stands.
pub(crate) fn status(status: &str) -> StatusMark {
    StatusMark {
        status: status.to_owned(),
    }
}

/// Such as `1,234,567`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("\u{2212}{text}") } else { text }
}

/// Such as `98 ms`, `3.2 s`, `4 min 05 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn duration(span: TimeDelta) -> String {
    let ms = span.num_milliseconds();
    let (seconds, minutes, hours) = (span.num_seconds(), span.num_minutes(), span.num_hours());
    match ms {
        ..1000 => format!("{} ms", ms.max(0)),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes} min {:02} s", seconds % 60),
        3_600_000..172_800_000 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} d {} h", span.num_days(), hours % 24),
    }
}

/// Such as `3 min ago`.
pub(crate) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let span = now - at;
    if span < TimeDelta::seconds(1) {
        "just now".to_owned()
    } else {
        let seconds = span.num_seconds();
        match seconds {
            ..60 => format!("{seconds} s ago"),
            60..3600 => format!("{} min ago", seconds / 60),
            3600..172_800 => format!("{} h ago", seconds / 3600),
            _ => format!("{} d ago", seconds / 86_400),
        }
    }
}

/// USD, such as `$0.4080`; a dash where it is not known.
pub(crate) fn dollars(amount: Option<Decimal>) -> String {
    match amount {
        None => "\u{2013}".to_owned(),
        Some(amount) if amount.is_zero() => "$0".to_owned(),
        Some(amount) if amount < Decimal::TEN => format!("${}", amount.round_dp(4)),
        Some(amount) => format!("${:.2}", amount.round_dp(2)),
    }
}

/// How long a run took, or has been running.
pub(crate) fn took(began: DateTime<Utc>, ended: Option<DateTime<Utc>>, now: DateTime<Utc>) -> TimeDelta {
    (ended.unwrap_or(now) - began).max(TimeDelta::zero())
}

/// The first line of a text, `most` characters at most.
pub(crate) fn first_line(text: &str, most: usize) -> String {
    let text = text.trim();
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < text.len() => format!("{line} …"),
        None => line.to_owned(),
    }
}

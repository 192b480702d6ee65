//! Turns a right answer into the wrong one that a [`Fault`] asks for.

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{
    body::{Part, Row, array, joined},
    faults::{Cut, Fault},
    list::Answer,
    refusal::Refused,
    response::{Delivery, Ready},
};

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=UTF-8";

/// A page as the faults about rows leave it.
pub(crate) fn rows(mut rows: Vec<Row>, faults: &[Fault]) -> Vec<Row> {
    for fault in faults {
        match fault {
            Fault::DuplicatedRows => {
                let again: Vec<Row> = rows.iter().step_by(3).cloned().collect();
                rows.extend(again);
            }
            Fault::ShuffledRows => {
                let half = rows.len() / 2;
                rows.rotate_left(half);
                rows.chunks_mut(2).for_each(<[Row]>::reverse);
            }
            Fault::EmptyList => rows.clear(),
            Fault::OmittedRows(ids) => {
                rows.retain(|row| row.id().is_none_or(|id| !ids.iter().any(|omitted| omitted == id)));
            }
            _ => {}
        }
    }
    rows
}

/// The answer as the fault leaves it; `oldest` is what a retention refusal names.
pub(crate) fn answer(answer: Answer, fault: Option<&Fault>, oldest: DateTime<Utc>) -> Ready {
    match fault {
        None => whole(answer),
        Some(Fault::RateLimited { retry_after }) => Ready {
            retry_after: *retry_after,
            ..error(Refused::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded"))
        },
        Some(Fault::Status(status)) => error(plain(*status)),
        Some(Fault::BeyondRetention) => error(Refused::beyond_retention(oldest)),
        Some(Fault::HtmlPage(status)) => html(*status),
        Some(fault) => spoilt(answer, fault),
    }
}

fn spoilt(answer: Answer, fault: &Fault) -> Ready {
    let answer = match (answer, fault) {
        (Answer::Page(rows), Fault::BrokenRow) => Answer::Page(with_one_row(rows, |row| row.slice(..row.len() / 2))),
        (Answer::Page(rows), Fault::ForeignRow) => {
            Answer::Page(with_one_row(rows, |_| Bytes::from_static(b"\"not a call\"")))
        }
        (Answer::One(text), Fault::BrokenRow) => Answer::One(text.slice(..text.len() / 2)),
        (Answer::One(_), Fault::ForeignRow) => Answer::One(Bytes::from_static(b"\"not a call\"")),
        (answer, _) => answer,
    };
    let mut ready = whole(answer);
    match fault {
        Fault::BrokenJson => {
            let text = joined(&ready.parts);
            let (before, after) = text.split_at(text.len() / 2);
            let broken = [before, b"\x01}{,\"", after].concat();
            ready.parts = vec![Part::Text(Bytes::from(broken))];
        }
        Fault::CutShort(Cut::InsideJson) => {
            let text = joined(&ready.parts);
            ready.parts = vec![Part::Text(text.slice(..text.len() / 2))];
        }
        Fault::CutShort(cut) => {
            ready.delivery = Delivery::Break {
                says_length: *cut == Cut::BeforeContentLength,
            };
        }
        Fault::Drip { pieces, pause } => {
            ready.delivery = Delivery::Drip {
                pieces: *pieces,
                pause: *pause,
            }
        }
        Fault::Hang => ready.delivery = Delivery::Never,
        Fault::Stall => ready.delivery = Delivery::Stall,
        Fault::Reset => ready.delivery = Delivery::Reset,
        Fault::Close => ready.delivery = Delivery::Close,
        _ => {}
    }
    ready
}

/// The page with its middle row replaced.
fn with_one_row(mut rows: Vec<Row>, replace: impl FnOnce(&Bytes) -> Bytes) -> Vec<Row> {
    let middle = rows.len() / 2;
    if let Some(row) = rows.get_mut(middle) {
        *row = Row::Spoilt(replace(row.text()));
    }
    rows
}

fn whole(answer: Answer) -> Ready {
    let status = answer.status();
    let parts = match answer {
        Answer::Page(rows) => array(rows),
        Answer::One(text) => vec![Part::Text(text)],
        Answer::Refused(refused) => vec![Part::Text(refused.body)],
    };
    Ready {
        status,
        content_type: JSON,
        retry_after: None,
        parts,
        delivery: Delivery::Whole,
    }
}

fn error(refused: Refused) -> Ready {
    whole(Answer::Refused(refused))
}

fn plain(status: u16) -> Refused {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refused::new(status, status.canonical_reason().unwrap_or("Error"))
}

fn html(status: u16) -> Ready {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>vapi.example | {status}</title></head>\n\
         <body><h1>Something went wrong</h1><p>Ray ID: 0000000000000000</p></body></html>\n"
    );
    Ready {
        status,
        content_type: HTML,
        retry_after: None,
        parts: vec![Part::Text(Bytes::from(page))],
        delivery: Delivery::Whole,
    }
}

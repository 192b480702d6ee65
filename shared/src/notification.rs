//! Messages to people, and what became of them; every query on `notifications`.

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use crate::db::DbError;

/// One message on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its row.
    pub id: Uuid,
    /// What it is about; a test is about nothing.
    pub incident_id: Option<Uuid>,
    /// `failure`, `reminder`, `recovery` or `test`.
    pub kind: String,
    /// `slack`, `email`, or `none` where no channel is configured.
    pub channel: String,
    /// `sent`, `failed`, or `recorded` where no channel is configured.
    pub status: String,
    /// What was tried last: `full`, or `minimal` for a few plain words.
    pub form: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Why it failed, or why its full form did.
    pub error: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Keeps what became of a message.
pub async fn keep(db: &impl GenericClient, notification: &Notification) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into notifications (id, incident_id, kind, channel, status, form, attempts, title, body, error, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ",
        &[
            (&notification.id, Type::UUID),
            (&notification.incident_id, Type::UUID),
            (&notification.kind, Type::TEXT),
            (&notification.channel, Type::TEXT),
            (&notification.status, Type::TEXT),
            (&notification.form, Type::TEXT),
            (&notification.attempts, Type::INT4),
            (&notification.title, Type::TEXT),
            (&notification.body, Type::TEXT),
            (&notification.error, Type::TEXT),
            (&notification.created_at, Type::TIMESTAMPTZ),
        ],
    )
    .await
    .map(drop)
}

/// How many messages went out on a subject since, those on two channels counted once.
pub async fn count_on(db: &impl GenericClient, subject: &str, since: DateTime<Utc>) -> Result<i64, DbError> {
    let row = db
        .query_typed_one(
            r"
            select count(distinct (notifications.incident_id, notifications.created_at))
            from notifications
            join incidents on incidents.id = notifications.incident_id
            where incidents.subject = $1
              and notifications.created_at > $2
              and notifications.status <> 'failed'
            ",
            &[(&subject, Type::TEXT), (&since, Type::TIMESTAMPTZ)],
        )
        .await?;
    row.try_get(0)
}

/// The newest messages, at most `limit`: all of them, or those before one.
pub async fn newest(
    db: &impl GenericClient,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Notification>, DbError> {
    let (at, id) = before.unzip();
    let rows = db
        .query_typed(
            r"
            select id, incident_id, kind, channel, status, form, attempts, title, body, error, created_at
            from notifications
            where $1::timestamptz is null
               or (created_at, id) < ($1, $2)
            order by created_at desc, id desc
            limit $3
            ",
            &[(&at, Type::TIMESTAMPTZ), (&id, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(notification).collect()
}

fn notification(row: &Row) -> Result<Notification, DbError> {
    Ok(Notification {
        id: row.try_get("id")?,
        incident_id: row.try_get("incident_id")?,
        kind: row.try_get("kind")?,
        channel: row.try_get("channel")?,
        status: row.try_get("status")?,
        form: row.try_get("form")?,
        attempts: row.try_get("attempts")?,
        title: row.try_get("title")?,
        body: row.try_get("body")?,
        error: row.try_get("error")?,
        created_at: row.try_get("created_at")?,
    })
}

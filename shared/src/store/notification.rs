//! Messages to people, and what became of them; every query on `notifications`.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};
use crate::run::list::Part;

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

/// A message, and the newest run that showed what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The message.
    pub notification: Notification,
    /// The run; a test has none, and neither has what no run showed.
    pub run_id: Option<Uuid>,
}

/// Which messages: those that have each of these.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Only messages of this kind.
    pub kind: Option<&'a str>,
    /// Only messages on this channel.
    pub channel: Option<&'a str>,
    /// Only messages that this became of.
    pub status: Option<&'a str>,
}

macro_rules! select_notifications {
    ($rest:literal) => {
        concat!(
            r"
            select notifications.id, notifications.incident_id, notifications.kind, notifications.channel,
                   notifications.status, notifications.form, notifications.attempts, notifications.title,
                   notifications.body, notifications.error, notifications.created_at, incidents.run_id
            from notifications
            left join incidents on incidents.id = notifications.incident_id
            ",
            $rest
        )
    };
}

/// Keeps what became of a message.
pub async fn record(db: &impl Executor, notification: &Notification) -> Result<(), DbError> {
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
pub async fn count_on(db: &impl Executor, subject: &str, since: DateTime<Utc>) -> Result<i64, DbError> {
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
    Ok(row.try_get(0)?)
}

/// A part of the list, newest first.
pub async fn page(db: &impl Executor, filter: Filter<'_>, part: Part, limit: i64) -> Result<Vec<Listed>, DbError> {
    let (sql, place) = match part {
        Part::First => (OLDER, None),
        Part::After(place) => (OLDER, Some(place)),
        Part::Before(place) => (NEWER, Some(place)),
    };
    let (at, id) = place.unzip();
    let rows = db
        .query_typed(
            sql,
            &[
                (&filter.kind, Type::TEXT),
                (&filter.channel, Type::TEXT),
                (&filter.status, Type::TEXT),
                (&at, Type::TIMESTAMPTZ),
                (&id, Type::UUID),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    let mut listed = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
    if matches!(part, Part::Before(_)) {
        listed.reverse();
    }
    Ok(listed)
}

/// The newest message of each channel; of a channel that none was written for there is none.
pub async fn newest_by_channel(db: &impl Executor) -> Result<Vec<Listed>, DbError> {
    const NEWEST: &str = select_notifications!(
        r"
            where notifications.id in (
                select newest.id
                from (values ('slack'), ('email'), ('none')) as known (channel)
                cross join lateral (
                    select id
                    from notifications
                    where channel = known.channel
                    order by created_at desc, id desc
                    limit 1
                ) as newest
            )
            order by notifications.created_at desc, notifications.id desc
        "
    );
    let rows = db.query_typed(NEWEST, &[]).await?;
    rows.iter().map(listed).collect()
}

/// What became of a test that was asked for at this time: on each channel, the first since.
pub async fn tested(db: &impl Executor, since: DateTime<Utc>) -> Result<Vec<Listed>, DbError> {
    const FIRST: &str = select_notifications!(
        r"
            where notifications.id in (
                select first.id
                from (values ('slack'), ('email'), ('none')) as known (channel)
                cross join lateral (
                    select id
                    from notifications
                    where kind = 'test'
                      and channel = known.channel
                      and created_at >= $1
                    order by created_at, id
                    limit 1
                ) as first
            )
            order by notifications.created_at, notifications.id
        "
    );
    let rows = db.query_typed(FIRST, &[(&since, Type::TIMESTAMPTZ)]).await?;
    rows.iter().map(listed).collect()
}

const OLDER: &str = select_notifications!(
    r"
            where ($1::text is null or notifications.kind = $1)
              and ($2::text is null or notifications.channel = $2)
              and ($3::text is null or notifications.status = $3)
              and ($4::timestamptz is null or (notifications.created_at, notifications.id) < ($4, $5))
            order by notifications.created_at desc, notifications.id desc
            limit $6
    "
);

const NEWER: &str = select_notifications!(
    r"
            where ($1::text is null or notifications.kind = $1)
              and ($2::text is null or notifications.channel = $2)
              and ($3::text is null or notifications.status = $3)
              and (notifications.created_at, notifications.id) > ($4, $5)
            order by notifications.created_at, notifications.id
            limit $6
    "
);

fn listed(row: &Row) -> Result<Listed, DbError> {
    Ok(Listed {
        notification: notification(row)?,
        run_id: row.try_get("run_id")?,
    })
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

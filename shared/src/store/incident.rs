//! What went wrong, from its first sign until it was over, and whether somebody was told; every query on `incidents`.
//!
//! notify ─▶ [`lock`] a subject ─▶ [`see`] or [`end`] ─▶ [`hold`] ─▶ (a message goes out) ─▶ [`told`]

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A run failed.
    RunFailed,
    /// A run left work that no other run was asked to go on with.
    RunIncomplete,
    /// No run has ended well for too long.
    Missed,
    /// The schedule has not started the script.
    Late,
    /// A run and its continuations go on for too long.
    TooLong,
    /// Vapi will soon stop serving calls that may not be stored.
    LowHeadroom,
    /// An alarm of the stack is on, and says itself when it is off.
    Alarm,
    /// An alarm counted errors; that it counts no more does not say that all is well.
    Errors,
    /// An event or an invocation was given up after its last retry.
    Undelivered,
    /// Documents of calls that are stored came back with less in them.
    DocumentsEmptied,
    /// Vapi's listings cannot be true.
    ListingSuspect,
    /// Vapi counts calls that are not stored.
    CountsDiffer,
}

/// A sign that something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// What it is about: a script, or else a function or an alarm.
    pub subject: String,
    /// What is wrong.
    pub kind: Kind,
    /// The same for the same trouble.
    pub fingerprint: String,
    /// It in a line.
    pub summary: String,
    /// The run that showed it.
    pub run_id: Option<Uuid>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it showed.
    pub at: DateTime<Utc>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its row.
    pub id: Uuid,
    /// What it is about.
    pub subject: String,
    /// What was wrong.
    pub kind: Kind,
    /// It in a line, as last seen.
    pub summary: String,
    /// The newest run that showed it.
    pub run_id: Option<Uuid>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it last showed.
    pub last_seen_at: DateTime<Utc>,
    /// How often it showed.
    pub occurrences: i64,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// When somebody was last told of it.
    pub told_at: Option<DateTime<Utc>>,
    /// Until when somebody else is telling of it.
    pub held_until: Option<DateTime<Utc>>,
}

/// What [`incident`] reads of a row.
macro_rules! columns {
    () => {
        "id, subject, kind, summary, run_id, since, last_seen_at, occurrences, ended_at, told_at, held_until"
    };
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::RunFailed,
        Self::RunIncomplete,
        Self::Missed,
        Self::Late,
        Self::TooLong,
        Self::LowHeadroom,
        Self::Alarm,
        Self::Errors,
        Self::Undelivered,
        Self::DocumentsEmptied,
        Self::ListingSuspect,
        Self::CountsDiffer,
    ];

    /// As the row has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFailed => "run_failed",
            Self::RunIncomplete => "run_incomplete",
            Self::Missed => "missed",
            Self::Late => "late",
            Self::TooLong => "too_long",
            Self::LowHeadroom => "low_headroom",
            Self::Alarm => "alarm",
            Self::Errors => "errors",
            Self::Undelivered => "undelivered",
            Self::DocumentsEmptied => "documents_emptied",
            Self::ListingSuspect => "listing_suspect",
            Self::CountsDiffer => "counts_differ",
        }
    }

    /// Whether it is about how runs end.
    #[must_use]
    pub fn is_of_a_run(self) -> bool {
        matches!(self, Self::RunFailed | Self::RunIncomplete | Self::Missed)
    }

    /// What a row has; nothing where it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Keeps everybody else from the incidents of a subject until the transaction ends.
pub async fn lock(db: &impl Executor, subject: &str) -> Result<(), DbError> {
    db.query_typed(
        r"
        select pg_advisory_xact_lock(hashtextextended('incidents of ' || $1, 0))
        ",
        &[(&subject, Type::TEXT)],
    )
    .await
    .map(drop)
}

/// Keeps a sign: a new incident, or one more occurrence of one that is open.
pub async fn see(db: &impl Executor, sign: &Symptom) -> Result<Incident, DbError> {
    let row = db
        .query_typed_one(
            concat!(
                r"
            insert into incidents (id, subject, kind, fingerprint, summary, run_id, since, last_seen_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (subject, fingerprint) where ended_at is null do update
            set summary = excluded.summary,
                run_id = coalesce(excluded.run_id, incidents.run_id),
                last_seen_at = greatest(incidents.last_seen_at, excluded.last_seen_at),
                occurrences = incidents.occurrences + 1
            returning ",
                columns!()
            ),
            &[
                (&Uuid::now_v7(), Type::UUID),
                (&sign.subject, Type::TEXT),
                (&sign.kind.as_str(), Type::TEXT),
                (&sign.fingerprint, Type::TEXT),
                (&sign.summary, Type::TEXT),
                (&sign.run_id, Type::UUID),
                (&sign.since, Type::TIMESTAMPTZ),
                (&sign.at, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    incident(&row)
}

/// Ends the open incidents of a subject that are of these kinds and began before; of these, where a fingerprint is
/// given, the one that has it.
pub async fn end(
    db: &impl Executor,
    subject: &str,
    kinds: &[Kind],
    fingerprint: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Vec<Incident>, DbError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let rows = db
        .query_typed(
            concat!(
                r"
            update incidents
            set ended_at = $3,
                held_until = null
            where subject = $1
              and kind = any ($2)
              and ended_at is null
              and since <= $3
              and ($4::text is null or fingerprint = $4)
            returning ",
                columns!()
            ),
            &[
                (&subject, Type::TEXT),
                (&kinds, Type::TEXT_ARRAY),
                (&at, Type::TIMESTAMPTZ),
                (&fingerprint, Type::TEXT),
            ],
        )
        .await?;
    rows.iter().map(incident).collect()
}

/// Ends what was not seen again since, of kinds that nothing else ends; nobody is told of that.
pub async fn expire(
    db: &impl Executor,
    kinds: &[Kind],
    unseen_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    db.execute_typed(
        r"
        update incidents
        set ended_at = greatest($3, since),
            end_told_at = case when told_at is not null then greatest($3, since) end
        where kind = any ($1)
          and ended_at is null
          and last_seen_at < $2
        ",
        &[
            (&kinds, Type::TEXT_ARRAY),
            (&unseen_since, Type::TIMESTAMPTZ),
            (&now, Type::TIMESTAMPTZ),
        ],
    )
    .await
}

/// The open incidents, those of one subject where one is named, oldest first.
pub async fn open(db: &impl Executor, subject: Option<&str>) -> Result<Vec<Incident>, DbError> {
    let rows = db
        .query_typed(
            concat!(
                r"
            select ",
                columns!(),
                r"
            from incidents
            where ended_at is null
              and ($1::text is null or subject = $1)
            order by since, id
            "
            ),
            &[(&subject, Type::TEXT)],
        )
        .await?;
    rows.iter().map(incident).collect()
}

/// When the incident that was over last was over.
pub async fn last_end(db: &impl Executor) -> Result<Option<DateTime<Utc>>, DbError> {
    let row = db
        .query_typed_one(
            r"
            select max(ended_at)
            from incidents
            ",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// The subjects of what there may be something to tell: open incidents, and ends that nobody was told of since.
pub async fn subjects(db: &impl Executor, ended_since: DateTime<Utc>) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select subject
            from incidents
            where ended_at is null
            union
            select subject
            from incidents
            where ended_at >= $1
              and told_at is not null
              and end_told_at is null
            order by subject
            ",
            &[(&ended_since, Type::TIMESTAMPTZ)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The incidents of a subject that ended since, and of whose end nobody was told.
pub async fn ends_untold(
    db: &impl Executor,
    subject: &str,
    ended_since: DateTime<Utc>,
) -> Result<Vec<Incident>, DbError> {
    let rows = db
        .query_typed(
            concat!(
                r"
            select ",
                columns!(),
                r"
            from incidents
            where subject = $1
              and ended_at >= $2
              and told_at is not null
              and end_told_at is null
            order by since, id
            "
            ),
            &[(&subject, Type::TEXT), (&ended_since, Type::TIMESTAMPTZ)],
        )
        .await?;
    rows.iter().map(incident).collect()
}

/// Nobody else tells of these until then.
pub async fn hold(db: &impl Executor, ids: &[Uuid], until: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update incidents
        set held_until = $2
        where id = any ($1)
        ",
        &[(&ids, Type::UUID_ARRAY), (&until, Type::TIMESTAMPTZ)],
    )
    .await
    .map(drop)
}

/// Somebody was told of these.
pub async fn told(db: &impl Executor, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update incidents
        set told_at = $2,
            held_until = null
        where id = any ($1)
        ",
        &[(&ids, Type::UUID_ARRAY), (&now, Type::TIMESTAMPTZ)],
    )
    .await
    .map(drop)
}

/// Somebody was told that these are over.
pub async fn end_told(db: &impl Executor, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), DbError> {
    db.execute_typed(
        r"
        update incidents
        set end_told_at = $2,
            held_until = null
        where id = any ($1)
          and ended_at is not null
        ",
        &[(&ids, Type::UUID_ARRAY), (&now, Type::TIMESTAMPTZ)],
    )
    .await
    .map(drop)
}

fn incident(row: &Row) -> Result<Incident, DbError> {
    let kind: &str = row.try_get("kind")?;
    Ok(Incident {
        id: row.try_get("id")?,
        subject: row.try_get("subject")?,
        // The table's check lets no other in.
        kind: Kind::parse(kind).unwrap_or(Kind::RunFailed),
        summary: row.try_get("summary")?,
        run_id: row.try_get("run_id")?,
        since: row.try_get("since")?,
        last_seen_at: row.try_get("last_seen_at")?,
        occurrences: row.try_get("occurrences")?,
        ended_at: row.try_get("ended_at")?,
        told_at: row.try_get("told_at")?,
        held_until: row.try_get("held_until")?,
    })
}

//! A Vapi call as stored, and every query on `vapi_calls_raw`.

pub mod adopted;
mod compressed;
mod detail;
mod listed;
mod rederived;
mod stored;

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Utc};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::domain::call::Call;
use crate::domain::document::DERIVED_VERSION;
use crate::platform::db::{DbError, Executor, Transaction};
use stored::{Marks, marks};

pub(crate) use compressed::{compress, share};
pub use detail::{Detail, detail};
pub use listed::{
    Counted, Listed, by_stretch, in_stretch, is_listed, mark_absent, mark_gone, newest_organisation, oldest,
    oldest_not_shown, unlisted,
};
pub use rederived::{Rederived, count_behind, rederive};
pub use stored::{Look, known, stored};

/// What a write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
}

/// The columns that a write fills, in the order of [`values`].
const COLUMNS: [(&str, Type); 31] = [
    ("id", Type::TEXT),
    ("org_id", Type::TEXT),
    ("type", Type::TEXT),
    ("status", Type::TEXT),
    ("ended_reason", Type::TEXT),
    ("assistant_id", Type::TEXT),
    ("assistant_name", Type::TEXT),
    ("assistant_version", Type::TEXT),
    ("squad_id", Type::TEXT),
    ("phone_number_id", Type::TEXT),
    ("customer_id", Type::TEXT),
    ("customer_phone_number", Type::TEXT),
    ("created_at", Type::TIMESTAMPTZ),
    ("updated_at", Type::TIMESTAMPTZ),
    ("started_at", Type::TIMESTAMPTZ),
    ("ended_at", Type::TIMESTAMPTZ),
    ("duration_seconds", Type::INT4),
    ("cost", Type::NUMERIC),
    ("transcript", Type::TEXT),
    ("recording_url", Type::TEXT),
    ("vapi_success_evaluation", Type::TEXT),
    ("has_calendar_booking", Type::BOOL),
    ("has_tool_calls", Type::BOOL),
    ("tool_names", Type::TEXT_ARRAY),
    ("raw_json", Type::JSONB),
    ("document_hash", Type::BYTEA),
    ("synced_at", Type::TIMESTAMPTZ),
    ("content_kept_at", Type::TIMESTAMPTZ),
    ("source_hash", Type::BYTEA),
    ("content_shape", Type::INT8),
    ("derived_version", Type::INT2),
];

/// Whether there is any call in the table.
pub async fn any(db: &impl Executor) -> Result<bool, DbError> {
    let rows = db
        .query_typed("select exists (select from vapi_calls_raw)", &[])
        .await?;
    rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// The calls of an organisation created since `since` that had not ended when they were last read.
pub async fn open_since(
    db: &impl Executor,
    organisation: Option<&str>,
    since: DateTime<Utc>,
) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select id
            from vapi_calls_raw
            where (status is null or status not in ('ended', 'not-found', 'deletion-failed'))
              and created_at >= $1
              and gone_at is null
              and ($2::text is null or org_id is null or org_id = $2)
            order by created_at
            ",
            &[(&since, Type::TIMESTAMPTZ), (&organisation, Type::TEXT)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Inserts calls that the table does not hold, by the fastest way there is. Fails as a whole.
pub async fn copy(transaction: &Transaction<'_>, calls: &[&Call], now: DateTime<Utc>) -> Result<u64, DbError> {
    copy_into(transaction, "vapi_calls_raw", calls, now).await
}

/// Updates calls that [`stored`] holds back for this transaction; never replaces a version by an older one. Fails as a
/// whole.
///
/// A hash that differs only says that the text does: the same members in another order are no change. The hash alone is
/// written then, so that the same text is known the next time.
pub async fn update(transaction: &Transaction<'_>, calls: &[&Call], now: DateTime<Utc>) -> Result<u64, DbError> {
    make_room(transaction).await?;
    copy_into(transaction, "incoming_calls", calls, now).await?;
    let columns = column_list();
    let assignments: Vec<String> = COLUMNS
        .iter()
        .skip(1)
        .map(|(name, _)| format!("{name} = excluded.{name}"))
        .collect();
    // Only the constant names above go into the text. A conflict is certain; looking for it by the key is never slow.
    let statement = format!(
        "insert into vapi_calls_raw ({columns})
         select {columns} from incoming_calls
         on conflict (id) do update set {}
         where (vapi_calls_raw.raw_json <> excluded.raw_json
                or vapi_calls_raw.transcript is distinct from excluded.transcript
                or vapi_calls_raw.content_kept_at is distinct from excluded.content_kept_at)
           and (vapi_calls_raw.updated_at is null or vapi_calls_raw.updated_at <= excluded.updated_at)",
        assignments.join(", ")
    );
    let updated = transaction.execute_typed(&statement, &[]).await?;
    if updated < calls.len() as u64 {
        stored::note_hashes(transaction).await?;
    }
    transaction.batch_execute("drop table incoming_calls").await?;
    Ok(updated)
}

/// Makes the table that calls are sent to first. A value keeps its compression on its way to another table.
async fn make_room(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let statement = "create temporary table incoming_calls (like vapi_calls_raw including defaults including compression) \
                     on commit drop";
    transaction.batch_execute(statement).await
}

async fn copy_into(
    transaction: &Transaction<'_>,
    table: &str,
    calls: &[&Call],
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    let statement = format!("copy {table} ({}) from stdin (format binary)", column_list());
    let types = COLUMNS.map(|(_, kind)| kind);
    let mut rows = transaction.copy_in(&statement, &types).await?;
    for call in calls {
        let document = Document(&call.document);
        let marks = marks(call);
        rows.write(&values(call, &document, &marks, &now)).await?;
    }
    rows.finish().await
}

fn column_list() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

fn values<'a>(
    call: &'a Call,
    document: &'a Document<'a>,
    marks: &'a Marks<'a>,
    now: &'a DateTime<Utc>,
) -> [&'a (dyn ToSql + Sync); 31] {
    [
        &call.id,
        &call.org_id,
        &call.kind,
        &call.status,
        &call.ended_reason,
        &call.assistant_id,
        &call.assistant_name,
        &call.assistant_version,
        &call.squad_id,
        &call.phone_number_id,
        &call.customer_id,
        &call.customer_phone_number,
        &call.created_at,
        &call.updated_at,
        &call.started_at,
        &call.ended_at,
        &call.duration_seconds,
        &call.cost,
        &call.transcript,
        &call.recording_url,
        &call.vapi_success_evaluation,
        &call.has_calendar_booking,
        &call.has_tool_calls,
        &call.tool_names,
        document,
        &marks.document_hash,
        now,
        &call.content_kept_at,
        &marks.source_hash,
        &marks.content_shape,
        &DERIVED_VERSION,
    ]
}

/// JSON text on its way into a `jsonb` column, without parsing it on this side.
#[derive(Debug)]
pub(crate) struct Document<'a>(pub(crate) &'a str);

impl ToSql for Document<'_> {
    fn to_sql(&self, _kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        // The version of jsonb's binary form.
        out.put_u8(1);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }

    to_sql_checked!();
}

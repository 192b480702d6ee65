//! What went wrong again and again in an assistant's calls.

use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// Issues of several calls that have the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The key.
    pub key: String,
    /// What the newest of the calls says of it.
    pub text: String,
    /// How many calls have it.
    pub calls: i64,
    /// How many calls were looked at.
    pub among: i64,
    /// The newest call that has it.
    pub example: String,
}

/// The issues of an assistant's newest scored calls in a stretch of time, most frequent first.
pub async fn recurring(
    db: &impl Executor,
    id: &str,
    window: &Range<DateTime<Utc>>,
    newest: i64,
    limit: i64,
) -> Result<Vec<Issue>, DbError> {
    let rows = db
        .query_typed(
            r"
            with newest as materialized (
                select score.call_id, score.call_at, score.key_issues
                from qci_analyses as score
                where score.framework_id = (
                    select id
                    from analysis_frameworks
                    where is_active
                      and framework_type = 'qci'
                )
                  and score.status = 'scored'
                  and score.assistant_id = $1
                  and score.call_at >= $2
                  and score.call_at < $3
                order by score.call_at desc, score.call_id desc
                limit $4
            )
            select item ->> 'issue_key' as issue_key,
                   (array_agg(coalesce(item ->> 'issue', '') order by call_at desc, call_id desc))[1] as issue,
                   (array_agg(call_id order by call_at desc, call_id desc))[1] as example,
                   count(distinct call_id) as calls,
                   (select count(*) from newest) as among
            from newest
            cross join lateral jsonb_array_elements(
                -- Whoever else writes this column may not know that it is an array.
                case when jsonb_typeof(key_issues) = 'array' then key_issues else '[]' end
            ) as item
            where item ->> 'issue_key' <> ''
            group by 1
            order by calls desc, issue_key
            limit $5
            ",
            &[
                (&id, Type::TEXT),
                (&window.start, Type::TIMESTAMPTZ),
                (&window.end, Type::TIMESTAMPTZ),
                (&newest, Type::INT8),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(Issue::try_from).collect()
}

impl TryFrom<&Row> for Issue {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            key: row.try_get("issue_key")?,
            text: row.try_get("issue")?,
            calls: row.try_get("calls")?,
            among: row.try_get("among")?,
            example: row.try_get("example")?,
        })
    }
}

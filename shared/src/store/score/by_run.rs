//! The calls that one run looked at, listed as [`dashboard`](crate::store::dashboard) lists all.

use futures::stream::{BoxStream, StreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::platform::db::{DbError, Executor};
use crate::store::dashboard::{Listed, Place, Quality, Scope, select_listed};

/// A page of the list, newest first.
pub async fn by_run(
    db: &impl Executor,
    run: Uuid,
    scope: &Scope<'_>,
    quality: Quality,
    place: Place<'_>,
    limit: i64,
) -> Result<Vec<Listed>, DbError> {
    let (statement, at, id) = match place {
        // No id is less than none: all that is older than the end.
        Place::Newest => (OLDER, scope.to, ""),
        Place::Before(at, id) => (OLDER, at, id),
        Place::After(at, id) => (NEWER, at, id),
    };
    let rows = db
        .query_typed(
            statement,
            &[
                (&run, Type::UUID),
                (&scope.assistant_id, Type::TEXT),
                (&quality.as_str(), Type::TEXT),
                (&scope.from, Type::TIMESTAMPTZ),
                (&scope.to, Type::TIMESTAMPTZ),
                (&at, Type::TIMESTAMPTZ),
                (&id, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(Listed::try_from).collect()
}

/// The whole list, newest first, as the server sends it. The connection has no time for anything else until it ends.
pub async fn stream_by_run(
    db: &impl Executor,
    run: Uuid,
    scope: &Scope<'_>,
    quality: Quality,
) -> Result<BoxStream<'static, Result<Listed, DbError>>, DbError> {
    let quality = quality.as_str();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![
        (&run, Type::UUID),
        (&scope.assistant_id, Type::TEXT),
        (&quality, Type::TEXT),
        (&scope.from, Type::TIMESTAMPTZ),
        (&scope.to, Type::TIMESTAMPTZ),
    ];
    let rows = db.query_typed_raw(ALL, parameters).await?;
    Ok(rows.map(|row| Listed::try_from(&row?)).boxed())
}

/// The calls that are older than a place: a run looks at some thousands, which its own index finds.
const OLDER: &str = select_listed!(
    "with page as materialized (
        select found.call_at, found.id
        from qci_analyses as analysis
        join calls_listed as found on found.id = analysis.call_id
        where analysis.run_id = $1
          and ($2::text is null or found.assistant_id = $2)
          and case $3
                  when 'quality' then found.duration_seconds > 30
                  when 'excellent' then found.duration_seconds > 60 and found.qci_score > 70
                  when 'with_qci' then found.has_qci
                  when 'with_transcript' then found.has_transcript
                  else true
              end
          and found.call_at >= $4
          and found.call_at < $5
          and (found.call_at, found.id) < ($6, $7)
        order by found.call_at desc, found.id desc
        limit $8
    )"
);

/// The calls that are just newer than a place.
const NEWER: &str = select_listed!(
    "with page as materialized (
        select found.call_at, found.id
        from qci_analyses as analysis
        join calls_listed as found on found.id = analysis.call_id
        where analysis.run_id = $1
          and ($2::text is null or found.assistant_id = $2)
          and case $3
                  when 'quality' then found.duration_seconds > 30
                  when 'excellent' then found.duration_seconds > 60 and found.qci_score > 70
                  when 'with_qci' then found.has_qci
                  when 'with_transcript' then found.has_transcript
                  else true
              end
          and found.call_at >= $4
          and found.call_at < $5
          and (found.call_at, found.id) > ($6, $7)
        order by found.call_at, found.id
        limit $8
    )"
);

const ALL: &str = select_listed!(
    "with page as not materialized (
        select found.call_at, found.id
        from qci_analyses as analysis
        join calls_listed as found on found.id = analysis.call_id
        where analysis.run_id = $1
          and ($2::text is null or found.assistant_id = $2)
          and case $3
                  when 'quality' then found.duration_seconds > 30
                  when 'excellent' then found.duration_seconds > 60 and found.qci_score > 70
                  when 'with_qci' then found.has_qci
                  when 'with_transcript' then found.has_transcript
                  else true
              end
          and found.call_at >= $4
          and found.call_at < $5
    )"
);

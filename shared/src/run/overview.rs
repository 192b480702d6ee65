//! How runs went over a time: by status, how long they took, what they cost, what they failed of, when the next is due.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::platform::db::Lenient;
use crate::platform::db::{DbError, Executor};

/// Which runs are looked at, whatever became of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Only runs of this script.
    pub script_name: Option<&'a str>,
    /// Only runs that were asked for by this one.
    pub triggered_by: Option<&'a str>,
}

/// The runs of one status that began between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The index of the lower bound.
    pub index: usize,
    /// See [`Status`](super::Status).
    pub status: String,
    /// How many runs.
    pub runs: i64,
    /// How long those took that ended, in milliseconds; a skipped run is not counted as having taken time.
    pub durations_ms: Vec<i32>,
    /// What they spent, in USD, as far as it is known.
    pub cost: Decimal,
    /// Runs of which it is not known.
    pub unpriced: i64,
}

/// A script and how its last runs went.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// Its newest run.
    pub last_id: Uuid,
    /// When that began.
    pub last_started_at: DateTime<Utc>,
    /// How it stands.
    pub last_status: String,
    /// When it must end.
    pub last_deadline_at: DateTime<Utc>,
    /// When the newest success ended.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// How long the last runs took that ended, in milliseconds, oldest first.
    pub durations_ms: Vec<i32>,
    /// When the last scheduled runs began, oldest first.
    pub scheduled: Vec<DateTime<Utc>>,
}

/// How long the oldest call that was not stored yet would still be served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Headroom {
    /// In hours, as it was then.
    pub hours: f64,
    /// When a sync said so.
    pub at: DateTime<Utc>,
}

/// Durations of a script that a page shows.
const DURATIONS: usize = 30;
/// Gaps that the usual one is the median of.
const GAPS: usize = 11;

/// The runs between each two neighbours of `bounds`, which rise; from the lower bound on, and before the upper one.
pub async fn slices(db: &impl Executor, scope: Scope<'_>, bounds: &[DateTime<Utc>]) -> Result<Vec<Slice>, DbError> {
    let (lower, upper) = (&bounds[..bounds.len().max(1) - 1], bounds.get(1..).unwrap_or_default());
    // A slice at a time: sorting all runs of a quarter by slice and status takes twice as long.
    let rows = db
        .query_typed(
            r"
            select slice.index - 1 as index, found.status, found.runs, found.durations_ms, found.cost, found.unpriced
            from unnest($1, $2) with ordinality as slice (lower, upper, index)
            cross join lateral (
                select status,
                       count(*) as runs,
                       coalesce(array_agg(duration_ms) filter (where duration_ms is not null and status <> 'skipped'),
                                '{}') as durations_ms,
                       coalesce(sum(api_cost), 0) as cost,
                       count(*) filter (where api_cost is null) as unpriced
                from runs
                where started_at >= slice.lower
                  and started_at < slice.upper
                  and ($3::text is null or script_name = $3)
                  and ($4::text is null or (left(triggered_by, 100) = left($4, 100) and triggered_by = $4))
                group by status
            ) as found
            order by slice.index, found.status
            ",
            &[
                (&lower, Type::TIMESTAMPTZ_ARRAY),
                (&upper, Type::TIMESTAMPTZ_ARRAY),
                (&scope.script_name, Type::TEXT),
                (&scope.triggered_by, Type::TEXT),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let index: i64 = row.try_get("index")?;
            Ok(Slice {
                index: usize::try_from(index).unwrap_or_default(),
                status: row.try_get("status")?,
                runs: row.try_get("runs")?,
                durations_ms: row.try_get("durations_ms")?,
                cost: row.try_get("cost")?,
                unpriced: row.try_get("unpriced")?,
            })
        })
        .collect()
}

/// Every script that ever ran, by name.
pub async fn scripts(db: &impl Executor) -> Result<Vec<Script>, DbError> {
    // `between` a name and itself: for `=` the planner would rather walk the runs of all scripts, newest first, which
    // takes for ever where a script has not run for long.
    let rows = db
        .query_typed(
            r"
            with recursive names as (
                (select script_name from runs order by script_name limit 1)
                union all
                select (select script_name from runs where script_name > names.script_name order by script_name limit 1)
                from names
                where names.script_name is not null
            )
            select names.script_name, last.id, last.started_at, last.status, last.deadline_at,
                   success.finished_at as succeeded_at, recent.durations_ms, recent.scheduled
            from (select script_name from names where script_name is not null) as names
            cross join lateral (
                select id, started_at, status, deadline_at
                from runs
                where runs.script_name between names.script_name and names.script_name
                order by runs.script_name, started_at desc, id desc
                limit 1
            ) as last
            left join lateral (
                select finished_at
                from runs
                where runs.script_name between names.script_name and names.script_name
                  and status = 'success'
                order by runs.script_name, started_at desc
                limit 1
            ) as success on true
            cross join lateral (
                select coalesce(array_agg(duration_ms order by started_at)
                           filter (where duration_ms is not null and status <> 'skipped'), '{}') as durations_ms,
                       coalesce(array_agg(started_at order by started_at)
                           filter (where triggered_by = 'schedule' and status <> 'skipped'), '{}') as scheduled
                from (
                    select started_at, duration_ms, status, triggered_by
                    from runs
                    where runs.script_name between names.script_name and names.script_name
                    order by runs.script_name, started_at desc, id desc
                    limit 200
                ) as latest
            ) as recent
            order by names.script_name
            limit 50
            ",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Script {
                name: row.try_get("script_name")?,
                last_id: row.try_get("id")?,
                last_started_at: row.try_get("started_at")?,
                last_status: row.try_get("status")?,
                last_deadline_at: row.try_get("deadline_at")?,
                succeeded_at: row.try_get("succeeded_at")?,
                durations_ms: the_last(DURATIONS, row.try_get("durations_ms")?),
                scheduled: the_last(GAPS + 1, row.try_get("scheduled")?),
            })
        })
        .collect()
}

/// What the newest sync that knew it said of the time that is left to store what Vapi still has.
pub async fn headroom(db: &impl Executor) -> Result<Option<Headroom>, DbError> {
    let row = db
        .query_typed_opt(
            r"
            select started_at, metadata -> 'retention_headroom_hours' as hours
            from (
                select started_at, metadata
                from runs
                where script_name = 'vapi-sync'
                order by started_at desc, id desc
                limit 200
            ) as latest
            where jsonb_typeof(metadata -> 'retention_headroom_hours') = 'number'
            order by started_at desc
            limit 1
            ",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (at, hours): (DateTime<Utc>, Lenient) = (row.try_get("started_at")?, row.try_get("hours")?);
    Ok(hours.0.as_f64().map(|hours| Headroom { hours, at }))
}

/// The first lines of what runs failed of, of the newest `limit` that did.
pub async fn errors(
    db: &impl Executor,
    scope: Scope<'_>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select split_part(ltrim(left(error_message, 400), E' \r\n\t'), E'\n', 1) as line
            from runs
            where status = 'error'
              and started_at >= $1
              and started_at < $2
              and ($3::text is null or script_name = $3)
              and ($4::text is null or triggered_by = $4)
            order by started_at desc, id desc
            limit $5
            ",
            &[
                (&from, Type::TIMESTAMPTZ),
                (&to, Type::TIMESTAMPTZ),
                (&scope.script_name, Type::TEXT),
                (&scope.triggered_by, Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("line")?)).collect()
}

/// Who ever asked for a run, by name; one whose name is long by its beginning.
pub async fn triggers(db: &impl Executor) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            with recursive names as (
                (select left(triggered_by, 100) as name from runs order by left(triggered_by, 100) limit 1)
                union all
                select (
                    select left(triggered_by, 100)
                    from runs
                    where left(triggered_by, 100) > names.name
                    order by left(triggered_by, 100)
                    limit 1
                )
                from names
                where names.name is not null
            )
            select name
            from names
            where name is not null
            limit 100
            ",
            &[],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

impl Script {
    /// The usual time from one scheduled run to the next; unknown before there were three.
    #[must_use]
    pub fn interval(&self) -> Option<TimeDelta> {
        let mut gaps: Vec<TimeDelta> = self.scheduled.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let is_known = gaps.len() >= 2 && gaps[gaps.len() / 2] > TimeDelta::zero();
        is_known.then(|| gaps[gaps.len() / 2])
    }

    /// When the next scheduled run should begin.
    #[must_use]
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        Some(*self.scheduled.last()? + self.interval()?)
    }
}

/// The least value that this share of the values does not exceed.
#[must_use]
pub fn quantile(values: &mut [i32], percent: usize) -> Option<i32> {
    let index = (values.len() * percent).div_ceil(100).checked_sub(1)?;
    let (_, value, _) = values.select_nth_unstable(index);
    Some(*value)
}

fn the_last<T>(count: usize, mut values: Vec<T>) -> Vec<T> {
    values.split_off(values.len().saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let mut values = [50, 10, 40, 20, 30];

        assert_eq!(quantile(&mut values, 50), Some(30));
        assert_eq!(quantile(&mut values, 95), Some(50));
        assert_eq!(quantile(&mut values, 20), Some(10));
        assert_eq!(quantile(&mut [7], 95), Some(7));
        assert_eq!(quantile(&mut [], 50), None);
    }
}

//! How good an assistant's calls were: means with their uncertainty, and the queries on its scores.

use std::collections::HashMap;
use std::ops::{AddAssign, Range};

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::platform::db::{DbError, Executor};

/// What is kept of a number of scores: enough for their mean and how sure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many calls have a score.
    pub scored: i64,
    sum: f64,
    squares: f64,
}

/// The scores of an assistant in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Which of the stretches that were asked for.
    pub index: usize,
    /// Its scores.
    pub sample: Sample,
    /// How many of them are excellent, good, in need of improvement, and poor.
    pub classes: [i64; 4],
}

/// The columns that a [`Sample`] is read from, of rows of `qci_analyses` that are called `score`.
macro_rules! sample {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            r"
            count(*) as scored,
            coalesce(sum(score.total_score), 0)::float8 as total,
            coalesce(sum(score.total_score * score.total_score), 0)::float8 as squares
            ",
            $after
        )
    };
}
pub(super) use sample;

/// The scores of each of these assistants by the active framework, in stretches of time that begin at `starts`, the last
/// of which ends at `end`. Stretches without a score are left out. To sort them into classes takes as long again as the
/// rest, and is done where it is asked for; else they are all zero.
pub async fn over_time(
    db: &impl Executor,
    ids: &[String],
    starts: &[DateTime<Utc>],
    end: DateTime<Utc>,
    with_classes: bool,
) -> Result<HashMap<String, Vec<Bucket>>, DbError> {
    let rows = db
        .query_typed(
            sample!(
                r"
                select asked.assistant_id, scores.*
                from unnest($1) as asked (assistant_id)
                cross join lateral (
                    select width_bucket(score.call_at, $2) - 1 as bucket,
                           count(*) filter (where $4 and score.total_score >= 80) as from_80,
                           count(*) filter (where $4 and score.total_score >= 60) as from_60,
                           count(*) filter (where $4 and score.total_score >= 40) as from_40,
                           count(*) filter (where $4) as from_0,
                ",
                r"
                    from qci_analyses as score
                    where score.framework_id = (
                        select id
                        from analysis_frameworks
                        where is_active
                          and framework_type = 'qci'
                    )
                      and score.status = 'scored'
                      and score.assistant_id = asked.assistant_id
                      and score.call_at >= ($2)[1]
                      and score.call_at < $3
                    group by 1
                ) as scores
                order by asked.assistant_id, scores.bucket
                "
            ),
            &[
                (&ids, Type::TEXT_ARRAY),
                (&starts, Type::TIMESTAMPTZ_ARRAY),
                (&end, Type::TIMESTAMPTZ),
                (&with_classes, Type::BOOL),
            ],
        )
        .await?;
    let mut found: HashMap<String, Vec<Bucket>> = HashMap::new();
    for row in &rows {
        let buckets = found.entry(row.try_get("assistant_id")?).or_default();
        buckets.push(Bucket::try_from(row)?);
    }
    Ok(found)
}

/// The calls of an assistant in a stretch of time, and their scores by the active framework.
pub async fn within(db: &impl Executor, id: &str, window: &Range<DateTime<Utc>>) -> Result<(i64, Sample), DbError> {
    let row = db
        .query_typed_one(
            sample!(
                r"
                select (
                           select count(*)
                           from vapi_calls_raw as call
                           where call.assistant_id = $1
                             and call.call_at >= $2
                             and call.call_at < $3
                       ) as calls,
                ",
                r"
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
                "
            ),
            &[
                (&id, Type::TEXT),
                (&window.start, Type::TIMESTAMPTZ),
                (&window.end, Type::TIMESTAMPTZ),
            ],
        )
        .await?;
    Ok((row.try_get("calls")?, Sample::try_from(&row)?))
}

impl Sample {
    /// The mean score; absent where there is none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.sum / self.size())
    }

    /// How far the true mean may be from this one, to either side, with 95 % confidence: by Student's t, as the spread is
    /// itself only known from these scores. One score alone says nothing of it.
    #[must_use]
    pub fn margin(&self) -> Option<f64> {
        if self.scored < 2 {
            return None;
        }
        let (size, mean) = (self.size(), self.sum / self.size());
        let variance = ((self.squares - size * mean * mean) / (size - 1.0)).max(0.0);
        Some(student_t(self.scored - 1) * (variance / size).sqrt())
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has that many calls")]
    fn size(&self) -> f64 {
        self.scored as f64
    }
}

impl AddAssign for Sample {
    fn add_assign(&mut self, other: Self) {
        self.scored += other.scored;
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

impl TryFrom<&Row> for Bucket {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        let index: i32 = row.try_get("bucket")?;
        // How many are no worse than each class.
        let counts: [i64; 4] = [
            row.try_get("from_80")?,
            row.try_get("from_60")?,
            row.try_get("from_40")?,
            row.try_get("from_0")?,
        ];
        let better = [0, counts[0], counts[1], counts[2]];
        Ok(Self {
            index: usize::try_from(index).unwrap_or_default(),
            sample: Sample::try_from(row)?,
            classes: std::array::from_fn(|class| counts[class] - better[class]),
        })
    }
}

impl TryFrom<&Row> for Sample {
    type Error = DbError;

    fn try_from(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            scored: row.try_get("scored")?,
            sum: row.try_get("total")?,
            squares: row.try_get("squares")?,
        })
    }
}

/// The 97.5th percentile of Student's t with 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
];
/// The same of the normal distribution, which it comes near to.
const Z: f64 = 1.959_964;

fn student_t(freedom: i64) -> f64 {
    let tabled = usize::try_from(freedom - 1).ok().and_then(|index| T.get(index));
    #[expect(clippy::cast_precision_loss, reason = "nobody has that many calls")]
    let freedom = freedom as f64;
    // Beyond the table, two terms of its expansion are right to four digits.
    let first = (Z.powi(3) + Z) / (4.0 * freedom);
    let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * freedom * freedom);
    tabled.copied().unwrap_or(Z + first + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(scores: &[f64]) -> Sample {
        Sample {
            scored: i64::try_from(scores.len()).unwrap(),
            sum: scores.iter().sum(),
            squares: scores.iter().map(|score| score * score).sum(),
        }
    }

    #[test]
    fn students_t_is_as_in_the_tables() {
        let known = [
            (1, 12.706),
            (2, 4.303),
            (10, 2.228),
            (30, 2.042),
            (31, 2.040),
            (40, 2.021),
            (60, 2.000),
        ];
        for (freedom, expected) in known
            .into_iter()
            .chain([(120, 1.980), (1000, 1.962), (1_000_000, 1.960)])
        {
            assert!(
                (student_t(freedom) - expected).abs() < 6e-4,
                "{freedom}: {}",
                student_t(freedom)
            );
        }
    }

    #[test]
    fn the_margin_is_that_of_textbooks() {
        // Mean 5, standard deviation 2.138, of eight: 2.3646 × 2.138 ÷ √8.
        let eight = sample(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);

        assert_eq!(eight.mean(), Some(5.0));
        assert!((eight.margin().unwrap() - 1.7875).abs() < 1e-3, "{:?}", eight.margin());
    }

    #[test]
    fn one_score_has_a_mean_and_no_margin_and_none_has_neither() {
        assert_eq!((sample(&[70.0]).mean(), sample(&[70.0]).margin()), (Some(70.0), None));
        assert_eq!((sample(&[]).mean(), sample(&[]).margin()), (None, None));
    }

    #[test]
    fn equal_scores_have_a_margin_of_nothing() {
        assert!(sample(&[66.67; 1000]).margin().unwrap() < 1e-6);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut both = sample(&[50.0, 60.0]);

        both += sample(&[70.0]);

        assert_eq!(both, sample(&[50.0, 60.0, 70.0]));
    }
}

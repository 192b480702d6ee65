//! Reads a list request's query string: the parameters of `GET /call` and `GET /assistant`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::{refusal::Refused, settings::Unknown};

/// What a list request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) limit: Option<usize>,
    pub(crate) id: Option<String>,
    pub(crate) assistant_id: Option<String>,
    pub(crate) phone_number_id: Option<String>,
    pub(crate) created: Bounds,
    pub(crate) updated: Bounds,
}

/// The four bounds that one date can have; all of those given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) gt: Option<DateTime<Utc>>,
    pub(crate) ge: Option<DateTime<Utc>>,
    pub(crate) lt: Option<DateTime<Utc>>,
    pub(crate) le: Option<DateTime<Utc>>,
}

/// Most rows that a client may ask for.
const MOST: i64 = 1000;

impl Query {
    /// Reads decoded pairs, or refuses with a message for each bad one.
    pub(crate) fn parse(pairs: &[(String, String)], unknown: Unknown) -> Result<Self, Refused> {
        let mut query = Self::default();
        let mut problems = Vec::new();
        for (at, (name, value)) in pairs.iter().enumerate() {
            let repeated = pairs[..at].iter().any(|(earlier, _)| earlier == name);
            if repeated {
                problems.push(format!("{name} must not be repeated"));
            } else if let Err(problem) = query.set(name, value, unknown) {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            Ok(query)
        } else {
            Err(Refused::invalid(problems))
        }
    }

    fn set(&mut self, name: &str, value: &str, unknown: Unknown) -> Result<(), String> {
        match name {
            "limit" => self.limit = Some(limit(value)?),
            "id" => self.id = Some(value.to_owned()),
            "assistantId" => self.assistant_id = Some(value.to_owned()),
            "phoneNumberId" => self.phone_number_id = Some(value.to_owned()),
            "createdAtGt" => self.created.gt = Some(date(name, value)?),
            "createdAtGe" => self.created.ge = Some(date(name, value)?),
            "createdAtLt" => self.created.lt = Some(date(name, value)?),
            "createdAtLe" => self.created.le = Some(date(name, value)?),
            "updatedAtGt" => self.updated.gt = Some(date(name, value)?),
            "updatedAtGe" => self.updated.ge = Some(date(name, value)?),
            "updatedAtLt" => self.updated.lt = Some(date(name, value)?),
            "updatedAtLe" => self.updated.le = Some(date(name, value)?),
            _ if unknown == Unknown::Refused => {
                return Err(format!("property {name} should not exist"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Bounds {
    /// True if no bound is given.
    pub(crate) fn is_open(&self) -> bool {
        self.all().next().is_none()
    }

    /// True if this instant satisfies every bound.
    pub(crate) fn admit(&self, instant: DateTime<Utc>) -> bool {
        self.gt.is_none_or(|bound| instant > bound)
            && self.ge.is_none_or(|bound| instant >= bound)
            && self.lt.is_none_or(|bound| instant < bound)
            && self.le.is_none_or(|bound| instant <= bound)
    }

    /// No instant after this one is admitted.
    pub(crate) fn latest(&self) -> Option<DateTime<Utc>> {
        self.lt.into_iter().chain(self.le).min()
    }

    /// No instant before this one is admitted.
    pub(crate) fn earliest(&self) -> Option<DateTime<Utc>> {
        self.gt.into_iter().chain(self.ge).max()
    }

    /// Every bound that is given.
    pub(crate) fn all(&self) -> impl Iterator<Item = DateTime<Utc>> {
        [self.gt, self.ge, self.lt, self.le].into_iter().flatten()
    }
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Err(_) => Err("limit must be a number conforming to the specified constraints".to_owned()),
        Ok(limit) if limit > MOST => Err(format!("limit must not be greater than {MOST}")),
        Ok(limit) => usize::try_from(limit).map_err(|_| "limit must not be less than 0".to_owned()),
    }
}

fn date(name: &str, text: &str) -> Result<DateTime<Utc>, String> {
    let with_offset = DateTime::parse_from_rfc3339(text).ok().filter(|_| !text.contains(' '));
    with_offset
        .map(|instant| instant.to_utc())
        .or_else(|| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .ok()
                .map(|at| at.and_utc())
        })
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        })
        .ok_or_else(|| format!("{name} must be a valid ISO 8601 date string"))
}

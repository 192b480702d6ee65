//! What the functions must answer, worked out call by call: no index, no range, no copy.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, TimeDelta, Timelike as _, Utc};
use serde_json::{Value, json};

use super::scene::{Call, Scene};

/// A call of the window, when it was, and its score in hundredths.
type Seen<'a> = (&'a Call, DateTime<Utc>, Option<i32>);

/// The calls of the window, in the order of the list.
fn seen(scene: &Scene) -> Vec<Seen<'_>> {
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for (index, call) in scene.calls.iter().enumerate() {
        let is_the_assistants = scene.assistant().is_none() || scene.assistant() == call.now.assistant();
        let score = scene
            .scores
            .iter()
            .find(|score| score.call == index && Some(score.framework) == scene.active)
            .and_then(|score| score.total);
        match scene.call_at(call) {
            Some(at) if is_the_assistants && scene.from() <= at && at <= scene.to() => seen.push((call, at, score)),
            _ => {}
        }
    }
    seen.sort_by(|one, other| (other.1, &other.0.id).cmp(&(one.1, &one.0.id)));
    seen
}

fn lasts_longer(call: &Call, than: i32) -> bool {
    call.now.seconds.is_some_and(|seconds| seconds > than)
}

pub(super) fn metrics(scene: &Scene) -> Value {
    let seen = seen(scene);
    let longer = |than| seen.iter().filter(|(call, ..)| lasts_longer(call, than)).count();
    let seconds: Vec<i32> = seen
        .iter()
        .filter_map(|(call, ..)| call.now.seconds)
        .filter(|seconds| *seconds > 0)
        .collect();
    let scores: Vec<i32> = seen.iter().filter_map(|(_, _, score)| *score).collect();
    json!({
        "totalCalls": seen.len(),
        "qualityCalls": longer(30),
        "engagedCalls": longer(60),
        "analyzedCalls": scores.len(),
        "avgDuration": tenths(10 * sum(&seconds), seconds.len()),
        "avgQCI": tenths(sum(&scores), 10 * scores.len()),
        "qualityRate": tenths(1000 * i64::try_from(longer(30)).unwrap(), seen.len()),
        "totalAssistants": 0,
    })
}

fn sum(values: &[i32]) -> i64 {
    values.iter().map(|value| i64::from(*value)).sum()
}

/// A quotient as so many tenths, halves away from zero; zero of nothing, as JSON writes it.
fn tenths(dividend: i64, divisor: usize) -> Value {
    let divisor = i64::try_from(divisor).unwrap();
    if divisor == 0 {
        return json!(0);
    }
    let tenths = (2 * dividend + divisor) / (2 * divisor);
    format!("{}.{}", tenths / 10, tenths % 10)
        .parse::<f64>()
        .unwrap()
        .into()
}

pub(super) fn list(scene: &Scene) -> Vec<Value> {
    let passes = |(call, _, score): &Seen<'_>| match scene.filter {
        Some("quality") => lasts_longer(call, 30),
        Some("excellent") => lasts_longer(call, 60) && score.is_some_and(|score| score > 7_000),
        Some("with_qci") => score.is_some(),
        Some("with_transcript") => call.transcript.is_some_and(|text| !text.is_empty()),
        _ => true,
    };
    seen(scene)
        .into_iter()
        .filter(passes)
        .skip(usize::try_from(scene.offset).unwrap_or(0))
        .take(usize::try_from(scene.limit).unwrap_or(0))
        .map(|(call, _, score)| {
            json!([
                call.id,
                score.map(|score| f64::from(score) / 100.0),
                call.transcript.is_some_and(|text| !text.is_empty()),
                score.is_some(),
                score.map(|score| quality(call, score)),
                call.now.assistant(),
                call.now.seconds,
            ])
        })
        .collect()
}

fn quality(call: &Call, score: i32) -> &'static str {
    if lasts_longer(call, 60) && score > 7_000 {
        "excellent"
    } else if lasts_longer(call, 30) && score > 5_000 {
        "good"
    } else if lasts_longer(call, 15) {
        "average"
    } else {
        "poor"
    }
}

/// Every bucket of the window, with what falls into it by its name alone.
pub(super) fn timeline(scene: &Scene) -> Vec<Value> {
    if scene.from() > scene.to() {
        return Vec::new();
    }
    let mut counts: BTreeMap<(i64, NaiveDate), [i64; 3]> = BTreeMap::new();
    let (mut next, last) = (bucket(scene, scene.from()), bucket(scene, scene.to()));
    while next <= last {
        counts.insert(next, [0; 3]);
        next = following(scene, next);
    }
    for (call, at, score) in seen(scene) {
        let count = counts.get_mut(&bucket(scene, at)).unwrap();
        count[0] += 1;
        count[1] += i64::from(lasts_longer(call, 30));
        count[2] += i64::from(score.is_some());
    }
    counts
        .into_iter()
        .map(|((_, date), [total, quality, analyzed])| json!([date.to_string(), total, quality, analyzed]))
        .collect()
}

/// The bucket of an instant: for hours their number since the first, and the day that its name is of.
fn bucket(scene: &Scene, at: DateTime<Utc>) -> (i64, NaiveDate) {
    let date = at.with_timezone(&scene.zone).date_naive();
    let day = match scene.granularity {
        "hour" => {
            let number = (at - first_hour(scene)).num_hours();
            return hour(scene, number);
        }
        "week" => date - Days::new(date.weekday().num_days_from_monday().into()),
        "month" => date.with_day(1).unwrap(),
        "quarter" => date.with_day(1).unwrap() - Months::new(date.month0() % 3),
        "year" => date.with_ordinal(1).unwrap(),
        _ => date,
    };
    (0, day)
}

fn following(scene: &Scene, (number, date): (i64, NaiveDate)) -> (i64, NaiveDate) {
    let date = match scene.granularity {
        "hour" => return hour(scene, number + 1),
        "week" => date + Days::new(7),
        "month" => date + Months::new(1),
        "quarter" => date + Months::new(3),
        "year" => date + Months::new(12),
        _ => date + Days::new(1),
    };
    (0, date)
}

fn hour(scene: &Scene, number: i64) -> (i64, NaiveDate) {
    let begins = first_hour(scene) + TimeDelta::hours(number);
    (number, begins.with_timezone(&scene.zone).date_naive())
}

/// When the local hour began in which the window does.
fn first_hour(scene: &Scene) -> DateTime<Utc> {
    let local = scene.from().with_timezone(&scene.zone);
    scene.from() - TimeDelta::minutes(local.minute().into())
}

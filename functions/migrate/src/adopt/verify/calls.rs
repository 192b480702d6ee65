//! Calls of both sides.

use anyhow::Result;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use shared::domain::call::Call;
use shared::platform::db;
use shared::store::call::adopted::{self, Adopted, Held};
use shared::store::call::{self, Look};

use super::{Compared, Side};
use crate::adopt::calls::{gather, unseen};
use crate::adopt::old::Old;
use crate::adopt::tally::Tally;

/// What is added up over all calls.
#[derive(Default)]
struct Sums {
    read: i64,
    refused: i64,
    held: i64,
    cost: [Decimal; 2],
    seconds: [Decimal; 2],
    with_transcript: [i64; 2],
    same_hash: i64,
    same: i64,
    changed_since: i64,
    lacking: i64,
    documents_say_otherwise: i64,
}

pub(super) async fn compared(side: &Side<'_>, now: DateTime<Utc>) -> Result<Vec<Compared>> {
    // What has no time in the earlier table has that of its adoption.
    let now = side.adopted_by(now);
    let mut sums = Sums {
        refused: side.far.map_or(0, |far| far.rows_refused),
        ..Sums::default()
    };
    let mut after: Option<String> = None;
    loop {
        let rows = side.batch(after.as_deref()).await?;
        let Some(last) = rows.last() else {
            return Ok(sums.compared());
        };
        let batch = db::retry(side.pool, || Sums::of(side, &rows, now)).await?;
        sums.add(&batch);
        after = Some(last.key().to_owned());
    }
}

impl Sums {
    async fn of(side: &Side<'_>, rows: &[Old], now: DateTime<Utc>) -> Result<Self> {
        let (expected, rejects) = gather(rows, now, &mut Tally::default());
        let mut sums = Self {
            read: i64::try_from(expected.len() + rejects.len()).unwrap_or_default(),
            ..Self::default()
        };
        let mut client = side.client().await?;
        let transaction = client.transaction().await?;
        let calls: Vec<&Adopted> = expected.iter().map(|(_, adopted)| adopted).collect();
        let held = adopted::compare(&transaction, &calls).await?;
        let rewritten: Vec<&Call> = calls
            .iter()
            .filter(|adopted| {
                held.get(&adopted.call.id)
                    .is_some_and(|held| held.is_rewritten && !held.is_same)
            })
            .map(|adopted| &adopted.call)
            .collect();
        let stored = call::stored(&transaction, &unseen(&rewritten), Look::ToCompare).await?;
        for (row, adopted) in &expected {
            let held = held.get(&adopted.call.id);
            sums.add_call(row, adopted, held);
            if held.is_none_or(|held| held.is_same) {
                continue;
            }
            // What a sync has changed must have lost nothing; nobody else should have changed anything.
            let is_whole = stored
                .get(&adopted.call.id)
                .is_some_and(|stored| stored.change_by_earlier(&adopted.call, now).is_none());
            sums.changed_since += i64::from(is_whole);
            sums.lacking += i64::from(!is_whole);
        }
        Ok(sums)
    }

    fn add_call(&mut self, row: &Old, adopted: &Adopted, held: Option<&Held>) {
        let call = &adopted.call;
        let cost = row.decimal("cost").or(call.cost).unwrap_or_default();
        let seconds = row.whole("duration_seconds").or(call.duration_seconds);
        let seconds = seconds.filter(|seconds| *seconds > 0).unwrap_or_default();
        self.cost[0] += cost;
        self.seconds[0] += Decimal::from(seconds);
        self.with_transcript[0] += i64::from(call.transcript.as_deref().is_some_and(|text| !text.is_empty()));
        let Some(held) = held else { return };
        let (new_cost, new_seconds) = (held.cost.unwrap_or_default(), held.duration_seconds.unwrap_or_default());
        self.held += 1;
        self.cost[1] += new_cost;
        self.seconds[1] += Decimal::from(new_seconds);
        self.with_transcript[1] += i64::from(held.has_transcript);
        self.same_hash += i64::from(held.has_same_hash);
        self.same += i64::from(held.is_same);
        self.documents_say_otherwise += i64::from(held.is_same && (cost != new_cost || seconds != new_seconds));
    }

    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.held += other.held;
        for side in 0..2 {
            self.cost[side] += other.cost[side];
            self.seconds[side] += other.seconds[side];
            self.with_transcript[side] += other.with_transcript[side];
        }
        self.same_hash += other.same_hash;
        self.same += other.same;
        self.changed_since += other.changed_since;
        self.lacking += other.lacking;
        self.documents_say_otherwise += other.documents_say_otherwise;
    }

    fn compared(&self) -> Vec<Compared> {
        let reasons = [
            (self.refused, "could not be read (vapi_call_rejects)"),
            (self.changed_since, "were changed by a sync since, and lack nothing"),
            (
                self.documents_say_otherwise,
                "have a document that says something else than its column",
            ),
        ];
        let reasons = reasons.iter().filter(|(rows, _)| *rows > 0);
        let reasons: Vec<String> = reasons.map(|(rows, what)| format!("{rows} {what}")).collect();
        let why = reasons.join("; ");
        let is_known = !why.is_empty() && self.lacking == 0;
        let is_found = self.read - self.held <= self.refused;
        let [transcripts, ours] = self.with_transcript;
        vec![
            Compared::new("calls: found in ours by id", self.read, self.held).because(is_found, why.clone()),
            Compared::new("calls: the same in every column", self.held, self.same).because(is_known, why.clone()),
            Compared::new("calls: documents with the same hash", self.held, self.same_hash)
                .because(is_known, why.clone()),
            Compared::new("calls: cost", self.cost[0], self.cost[1]).because(is_known, why.clone()),
            Compared::new("calls: seconds", self.seconds[0], self.seconds[1]).because(is_known, why.clone()),
            Compared::new("calls: with a transcript", transcripts, ours)
                .because(is_known && ours + self.refused >= transcripts, why),
        ]
    }
}

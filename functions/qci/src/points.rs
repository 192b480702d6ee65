//! The score: points by level and by band, counted here and never taken from the model.
//!
//! [`Rubric`], facts, [`Answer`] and [`Verified`] ─▶ [`score`] ─▶ what is stored; [`problems`] ─▶ one more try

mod problems;
#[cfg(test)]
pub(crate) mod tests;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use shared::domain::rubric::{Band, BlockId, Criterion, Lane, Measure, Rubric};

pub(crate) use self::problems::problems;
use crate::answer::{Answer, Choice};
use crate::evidence::{Evidence, Verified};

/// What a call is worth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Score {
    /// From 0 to 100, to two decimals.
    pub(crate) total: Decimal,
    /// By the total.
    pub(crate) class: Class,
    /// The scores of the blocks together.
    pub(crate) points: Decimal,
    /// The max of the blocks that have a score together.
    pub(crate) applicable_max: u32,
    /// Whether a level was not counted since none of its quotes was found.
    pub(crate) flagged: bool,
    /// In the order of the rubric.
    pub(crate) blocks: Vec<BlockScore>,
    /// In the order of the rubric.
    pub(crate) criteria: Vec<CriterionResult>,
}

/// What a block is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BlockScore {
    /// Which one.
    pub(crate) block: BlockId,
    /// The most it can be worth.
    pub(crate) max: u32,
    /// To two decimals; absent where none of its criteria counted.
    pub(crate) score: Option<Decimal>,
}

/// What came of a criterion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CriterionResult {
    /// Its id.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// The block that it belongs to.
    pub(crate) block: BlockId,
    /// Who answered it.
    pub(crate) kind: Kind,
    /// Whether it counts.
    pub(crate) standing: Standing,
    /// The level that was chosen, even if it does not count.
    pub(crate) level: Option<String>,
    /// The fact that was measured; one without a bound, such as the time of what never happened, is null in JSON.
    pub(crate) fact: Option<f64>,
    /// The points, where it counts.
    pub(crate) points: Option<u32>,
    /// The most points.
    pub(crate) max: u32,
    /// The judge's reason; where it does not count, ours first.
    pub(crate) reason: Option<String>,
    /// Quotes that were found.
    pub(crate) evidence: Vec<Evidence>,
    /// Quotes that were not, or may not count.
    pub(crate) unverified: Vec<Evidence>,
}

/// Who answered a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// We did.
    Measured,
    /// The model did.
    Judged,
}

/// Whether a criterion counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It does.
    Counted,
    /// The question makes no sense for this call.
    NotApplicable,
    /// There is an answer, and nobody can say which.
    Indeterminable,
}

/// A total in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// From 80.
    Excellent,
    /// From 60.
    Good,
    /// From 40.
    NeedsImprovement,
    /// Below.
    Poor,
}

/// Why a call gets no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoScore {
    /// There is nothing to make one of.
    #[error("no criterion could be counted")]
    NothingCounted,
    /// The timing alone is no judgement of a call.
    #[error("no judged criterion could be counted")]
    NothingJudged,
}

/// Scores a call.
pub(crate) fn score(
    rubric: &Rubric,
    measured: impl Fn(Measure) -> Option<f64>,
    answer: &Answer,
    verified: &Verified,
) -> Result<Score, NoScore> {
    let criteria: Vec<_> = rubric
        .criteria()
        .map(|(block, criterion)| match &criterion.lane {
            Lane::Measured { measure, bands } => by_band(block, criterion, *measure, bands, measured(*measure)),
            Lane::Judged { .. } => by_level(block, criterion, answer, verified),
        })
        .collect();
    let mut counted = criteria
        .iter()
        .filter(|result| result.standing == Standing::Counted)
        .peekable();
    if counted.peek().is_none() {
        return Err(NoScore::NothingCounted);
    }
    if !counted.any(|result| result.kind == Kind::Judged) {
        return Err(NoScore::NothingJudged);
    }
    let blocks: Vec<_> = rubric
        .blocks
        .iter()
        .map(|block| BlockScore {
            block: block.id,
            max: block.max,
            score: block_score(block.id, block.max, &criteria),
        })
        .collect();
    let points = blocks.iter().filter_map(|block| block.score).sum();
    let applicable = blocks.iter().filter(|block| block.score.is_some());
    let applicable_max = applicable.map(|block| block.max).sum();
    let total = share(Decimal::ONE_HUNDRED, points, applicable_max).ok_or(NoScore::NothingCounted)?;
    Ok(Score {
        total,
        class: Class::of(total),
        points,
        applicable_max,
        flagged: criteria.iter().any(CriterionResult::lacks_evidence),
        blocks,
        criteria,
    })
}

impl Class {
    /// The class of a total.
    #[must_use]
    pub(crate) fn of(total: Decimal) -> Self {
        [(80, Self::Excellent), (60, Self::Good), (40, Self::NeedsImprovement)]
            .into_iter()
            .find(|(least, _)| total >= Decimal::from(*least))
            .map_or(Self::Poor, |(_, class)| class)
    }

    /// As the database writes it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::NeedsImprovement => "needs_improvement",
            Self::Poor => "poor",
        }
    }
}

impl CriterionResult {
    fn new(block: BlockId, criterion: &Criterion, kind: Kind) -> Self {
        Self {
            id: criterion.id.clone(),
            name: criterion.name.clone(),
            block,
            kind,
            standing: Standing::Indeterminable,
            level: None,
            fact: None,
            points: None,
            max: criterion.max,
            reason: None,
            evidence: Vec::new(),
            unverified: Vec::new(),
        }
    }

    fn count(&mut self, points: u32) {
        self.standing = Standing::Counted;
        self.points = Some(points);
    }

    /// Whether a level was chosen that could not be counted, or that no word of its quotes supports. The lowest level
    /// needs no quote; one whose quotes are all made up is not to be trusted either.
    fn lacks_evidence(&self) -> bool {
        let is_uncounted = self.standing == Standing::Indeterminable && self.level.is_some();
        is_uncounted || (self.evidence.is_empty() && !self.unverified.is_empty())
    }
}

fn by_band(
    block: BlockId,
    criterion: &Criterion,
    measure: Measure,
    bands: &[Band],
    fact: Option<f64>,
) -> CriterionResult {
    let mut result = CriterionResult::new(block, criterion, Kind::Measured);
    result.fact = fact.filter(|fact| !fact.is_nan());
    let band = result
        .fact
        .and_then(|fact| bands.iter().find(|band| band.at_most.is_none_or(|bound| fact <= bound)));
    if let Some(band) = band {
        result.count(band.points);
        result.reason = (result.fact == Some(f64::INFINITY)).then(|| "never in this call".to_owned());
    } else {
        result.standing = Standing::NotApplicable;
        result.reason = Some(format!("not measurable: {}", measure.as_str()));
    }
    result
}

fn by_level(block: BlockId, criterion: &Criterion, answer: &Answer, verified: &Verified) -> CriterionResult {
    let mut result = CriterionResult::new(block, criterion, Kind::Judged);
    let Some((place, judgement)) = answer.of(&criterion.id) else {
        result.reason = Some("the judge did not answer it".to_owned());
        return result;
    };
    let quotes = verified.judgements.get(place).cloned().unwrap_or_default();
    (result.evidence, result.unverified) = quotes.into_iter().partition(Evidence::is_verified);
    let judge = &judgement.reason;
    let level = match judgement.choice {
        Choice::Level(level) => criterion.levels().get(level),
        Choice::NotApplicable => {
            result.standing = Standing::NotApplicable;
            result.reason = Some(judge.clone());
            return result;
        }
        Choice::CannotTell => None,
    };
    result.level = level.map(|level| level.id.clone());
    match level {
        None => result.reason = Some(format!("the judge cannot tell: {judge}")),
        Some(level) if level.points > 0 && result.evidence.is_empty() => {
            result.reason = Some(format!(
                "no quote of the judge's was found in the transcript; it said: {judge}"
            ));
        }
        Some(level) => {
            result.count(level.points);
            result.reason = Some(judge.clone());
        }
    }
    result
}

fn block_score(block: BlockId, max: u32, criteria: &[CriterionResult]) -> Option<Decimal> {
    let counted = criteria
        .iter()
        .filter(|result| result.block == block)
        .filter_map(|result| Some((result.points?, result.max)));
    let (points, most) = counted.fold((0, 0), |(points, most), (one, of)| (points + one, most + of));
    share(Decimal::from(max), Decimal::from(points), most)
}

/// `whole` × `part` ÷ `of`, to two decimals.
fn share(whole: Decimal, part: Decimal, of: u32) -> Option<Decimal> {
    let share = (whole * part).checked_div(Decimal::from(of))?;
    Some(share.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
}

//! A score with its parts: blocks, criteria, and what the judge found beside them.

use rust_decimal::{Decimal, RoundingStrategy};
use shared::domain::findings::{CriterionFound, Findings};
use shared::domain::rubric::{BlockId, Lane, Measure, Rubric};
use shared::store::score::Stored;

use super::evidence::Cited;
use super::fact;
use super::long::{self, Long};
use super::quote::{Quotes, Record};
use super::verdict::{Mark, words};

/// The blocks of a score.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) name: String,
    /// Absent where it does not apply.
    pub(crate) score: Option<Decimal>,
    pub(crate) max: u32,
    /// How its criteria make its score.
    pub(crate) sum: String,
    pub(crate) criteria: Vec<Criterion>,
}

/// What came of one question.
#[derive(Debug)]
pub(crate) struct Criterion {
    pub(crate) anchor: String,
    pub(crate) name: String,
    pub(crate) lane: &'static str,
    /// The level or the fact.
    pub(crate) answer: Option<String>,
    /// What the level means.
    pub(crate) meaning: Option<String>,
    pub(crate) points: String,
    pub(crate) standing: Mark,
    pub(crate) reason: Option<Long>,
    pub(crate) evidence: Quotes,
    pub(crate) unverified: Quotes,
}

/// A tip, a failure, or something good.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) anchor: String,
    pub(crate) text: Long,
    /// The criterion that it belongs to: anchor and name.
    pub(crate) criterion: Option<(String, String)>,
    pub(crate) impact: Option<Long>,
    pub(crate) fix: Option<Long>,
    pub(crate) quotes: Quotes,
}

/// Everything that cites the call.
pub(crate) fn cited(findings: &Findings) -> impl Iterator<Item = Cited<'_>> {
    let criteria = findings.criteria.iter().flat_map(|found| {
        let name = name_of(found);
        found.evidence.iter().map(move |evidence| Cited {
            anchor: anchor(&found.id),
            name: name.clone(),
            evidence,
        })
    });
    let tips = (1..)
        .zip(&findings.coaching_tips)
        .map(|(n, tip)| ("tip", n, &tip.evidence));
    let failures = (1..)
        .zip(&findings.critical_failures)
        .map(|(n, failure)| ("failure", n, &failure.evidence));
    let strengths = (1..)
        .zip(&findings.what_went_well)
        .map(|(n, strength)| ("strength", n, &strength.evidence));
    let others = tips.chain(failures).chain(strengths).filter_map(|(kind, n, evidence)| {
        let evidence = evidence.as_ref().filter(|evidence| !evidence.quote.is_empty())?;
        let name = match kind {
            "tip" => format!("coaching tip {n}"),
            "failure" => format!("critical failure {n}"),
            _ => format!("what went well {n}"),
        };
        Some(Cited {
            anchor: format!("{kind}-{n}"),
            name,
            evidence,
        })
    });
    criteria.chain(others)
}

/// The blocks in their order, and after them the criteria of blocks that nobody knows.
pub(crate) fn blocks(stored: &Stored, findings: &Findings, rubric: Option<&Rubric>, record: Record<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (id, score) in BlockId::ALL.into_iter().zip(stored.blocks) {
        let of_rubric = rubric.and_then(|rubric| rubric.blocks.iter().find(|block| block.id == id));
        let found = || findings.criteria.iter().filter(|found| found.block == id.as_str());
        if of_rubric.is_none() && score.is_none() && found().next().is_none() {
            continue;
        }
        let max = of_rubric.map_or_else(|| found().filter_map(|found| found.max).sum(), |block| block.max);
        blocks.push(Block {
            name: of_rubric.map_or_else(|| capital(id.as_str()), |block| block.name.clone()),
            score,
            max,
            sum: sum(score, max, found()),
            criteria: found().map(|found| Criterion::new(found, rubric, record)).collect(),
        });
    }
    let is_known = |found: &&CriterionFound| BlockId::ALL.iter().any(|id| id.as_str() == found.block);
    let strays: Vec<_> = findings.criteria.iter().filter(|found| !is_known(found)).collect();
    if !strays.is_empty() {
        blocks.push(Block {
            name: "Without a block".to_owned(),
            score: None,
            max: 0,
            sum: "These are part of no score.".to_owned(),
            criteria: strays
                .into_iter()
                .map(|found| Criterion::new(found, rubric, record))
                .collect(),
        });
    }
    blocks
}

/// The coaching tips.
pub(crate) fn tips(findings: &Findings, record: Record<'_>) -> Vec<Finding> {
    let tips = (1..).zip(&findings.coaching_tips);
    tips.map(|(n, tip)| {
        let criterion = findings.criteria.iter().find(|found| found.id == tip.criterion);
        Finding {
            anchor: format!("tip-{n}"),
            text: long::plain(&tip.issue),
            criterion: criterion.map(|found| (anchor(&found.id), name_of(found))),
            impact: text(&tip.impact),
            fix: text(&tip.fix),
            quotes: Quotes::of_finding(record, tip.evidence.as_ref()),
        }
    })
    .collect()
}

/// What must never happen and did.
pub(crate) fn failures(findings: &Findings, record: Record<'_>) -> Vec<Finding> {
    let failures = (1..).zip(&findings.critical_failures);
    failures
        .map(|(n, failure)| {
            let quotes = Quotes::of_finding(record, failure.evidence.as_ref());
            Finding::bare(format!("failure-{n}"), &failure.issue, quotes)
        })
        .collect()
}

/// What went well.
pub(crate) fn strengths(findings: &Findings, record: Record<'_>) -> Vec<Finding> {
    let strengths = (1..).zip(&findings.what_went_well);
    strengths
        .map(|(n, strength)| {
            let quotes = Quotes::of_finding(record, strength.evidence.as_ref());
            Finding::bare(format!("strength-{n}"), &strength.what, quotes)
        })
        .collect()
}

impl Finding {
    fn bare(anchor: String, text: &str, quotes: Quotes) -> Self {
        Self {
            anchor,
            text: long::plain(text),
            criterion: None,
            impact: None,
            fix: None,
            quotes,
        }
    }
}

impl Criterion {
    fn new(found: &CriterionFound, rubric: Option<&Rubric>, record: Record<'_>) -> Self {
        let criterion = rubric.and_then(|rubric| Some(rubric.criterion(&found.id)?.1));
        let level = found.level.as_deref();
        let meaning = level.and_then(|level| {
            let levels = criterion?.levels();
            levels.iter().find(|known| known.id == level)
        });
        let measure: Option<Measure> = match criterion.map(|criterion| &criterion.lane) {
            Some(Lane::Measured { measure, .. }) => Some(*measure),
            _ => None,
        };
        let never = found.kind == "measured" && found.standing == "counted";
        let answer = match level {
            Some(level) => Some(words(level)),
            None => fact::of_criterion(measure, found.fact, never),
        };
        let max = found.max.map_or_else(|| "?".to_owned(), |max| max.to_string());
        Self {
            anchor: anchor(&found.id),
            name: name_of(found),
            lane: match found.kind.as_str() {
                "measured" => "measured",
                "judged" => "judged",
                _ => "not known by whom",
            },
            answer,
            meaning: meaning.map(|level| level.description.clone()),
            points: match found.points {
                Some(points) => format!("{points} / {max}"),
                None => format!("\u{2013} / {max}"),
            },
            standing: standing(&found.standing),
            reason: found.reason.as_deref().and_then(text),
            evidence: Quotes::new(record, &found.evidence, true),
            unverified: Quotes::new(record, &found.unverified, false),
        }
    }
}

fn standing(standing: &str) -> Mark {
    match standing {
        "counted" => Mark::new("counted", "plain"),
        "not_applicable" => Mark::new("does not apply, not counted", "plain"),
        "indeterminable" => Mark::new("cannot be told, not counted", "warn"),
        "" => Mark::new("not known whether it counts", "warn"),
        other => Mark::new(words(other), "warn"),
    }
}

/// How the criteria make the block's score: their points, scaled to the block where not all of them count.
fn sum<'a>(score: Option<Decimal>, max: u32, criteria: impl Iterator<Item = &'a CriterionFound>) -> String {
    let (mut points, mut most) = (0_u64, 0_u64);
    for found in criteria.filter(|found| found.standing == "counted") {
        if let (Some(of), Some(to)) = (found.points, found.max) {
            points += u64::from(of);
            most += u64::from(to);
        }
    }
    let scaled = (Decimal::from(max) * Decimal::from(points))
        .checked_div(Decimal::from(most))
        .map(|score| score.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    match score {
        None if most == 0 => "Does not apply to this call, and is not part of the total.".to_owned(),
        score if score != scaled => "The criteria shown do not add up to this score.".to_owned(),
        _ if most == u64::from(max) => format!("The sum of its criteria: {points} of {most} points."),
        _ => format!("{points} of the {most} points that count, scaled to {max}."),
    }
}

/// Where a criterion stands on the page.
fn anchor(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    format!("criterion-{}", id.chars().take(100).map(plain).collect::<String>())
}

fn name_of(found: &CriterionFound) -> String {
    let name = if found.name.trim().is_empty() {
        &found.id
    } else {
        &found.name
    };
    match name.char_indices().nth(200) {
        Some((cut, _)) => format!("{}\u{2026}", &name[..cut]),
        None => name.clone(),
    }
}

fn text(text: &str) -> Option<Long> {
    (!text.trim().is_empty()).then(|| long::plain(text))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

//! An answer whose every quote was checked.

use shared::domain::rubric::{EvidenceFrom, Lane, Rubric};

use super::{Evidence, QuoteMatcher};
use crate::answer::{Answer, Failure, Quote, Strength, Tip};
use shared::domain::transcript::Transcript;

/// What came of checking the quotes of an answer.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the columns are called so")]
pub(crate) struct Verified {
    /// A list for each judgement, in the order of the answer's.
    pub(crate) judgements: Vec<Vec<Evidence>>,
    /// The tips.
    pub(crate) coaching_tips: Vec<Tip<Evidence>>,
    /// The critical failures.
    pub(crate) critical_failures: Vec<Failure<Evidence>>,
    /// The strengths.
    pub(crate) what_went_well: Vec<Strength<Evidence>>,
    /// All quotes of the answer.
    pub(crate) quotes_total: usize,
    /// Those that were found and may count.
    pub(crate) quotes_verified: usize,
}

impl Verified {
    /// Checks the quotes of an answer.
    #[must_use]
    pub(crate) fn new(rubric: &Rubric, answer: &Answer, transcript: &Transcript) -> Self {
        let witness = QuoteMatcher::new(transcript);
        let (mut total, mut verified) = (0, 0);
        let mut check = |quote: &Quote, from| {
            let evidence = witness.check(quote, from);
            total += 1;
            verified += usize::from(evidence.is_verified());
            evidence
        };
        let judgements = answer.judgements.iter().map(|judgement| {
            let from = evidence_from(rubric, &judgement.criterion);
            judgement.evidence.iter().map(|quote| check(quote, from)).collect()
        });
        let judgements = judgements.collect();
        // A finding gives no points, and often shows in what the caller had to say.
        let mut check = |quote: &Quote| check(quote, EvidenceFrom::Anyone);
        Self {
            judgements,
            coaching_tips: answer.coaching_tips.iter().map(|tip| tip.checked(&mut check)).collect(),
            critical_failures: (answer.critical_failures.iter())
                .map(|failure| Failure {
                    issue: failure.issue.clone(),
                    evidence: check(&failure.evidence),
                })
                .collect(),
            what_went_well: (answer.what_went_well.iter())
                .map(|strength| Strength {
                    what: strength.what.clone(),
                    evidence: check(&strength.evidence),
                })
                .collect(),
            quotes_total: total,
            quotes_verified: verified,
        }
    }
}

impl Tip<Quote> {
    fn checked(&self, mut check: impl FnMut(&Quote) -> Evidence) -> Tip<Evidence> {
        Tip {
            criterion: self.criterion.clone(),
            category: self.category,
            issue: self.issue.clone(),
            issue_key: self.issue_key.clone(),
            evidence: check(&self.evidence),
            impact: self.impact.clone(),
            fix: self.fix.clone(),
        }
    }
}

fn evidence_from(rubric: &Rubric, criterion: &str) -> EvidenceFrom {
    match rubric.criterion(criterion).map(|(_, criterion)| &criterion.lane) {
        Some(Lane::Judged { evidence_from, .. }) => *evidence_from,
        _ => EvidenceFrom::default(),
    }
}

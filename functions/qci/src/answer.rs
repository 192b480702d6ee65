//! The judge's answer, typed. It is untrusted: what does not fit the rubric exactly is refused, never mended.
//!
//! the judge ─▶ [`Answer::read`] ─▶ [`evidence`](crate::evidence) ─▶ [`points`](crate::points)

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;
use shared::domain::fields::{Object, Problems};
use shared::domain::rubric::{BlockId, Criterion, Rubric};

use crate::schema::{CANNOT_TELL, NOT_APPLICABLE};

/// Words that are said to stand in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// The number of the turn; not every number has a turn.
    pub(crate) turn: i64,
    /// The words.
    pub(crate) quote: String,
}

/// What the judge said of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// One for each judged criterion, in the order of the rubric.
    pub(crate) judgements: Vec<Judgement>,
    /// What the agent could do better.
    pub(crate) coaching_tips: Vec<Tip<Quote>>,
    /// What must never happen and did.
    pub(crate) critical_failures: Vec<Failure<Quote>>,
    /// What was good.
    pub(crate) what_went_well: Vec<Strength<Quote>>,
}

/// What it said of one criterion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    /// The criterion's id.
    pub(crate) criterion: String,
    /// Why.
    pub(crate) reason: String,
    /// On what grounds.
    pub(crate) evidence: Vec<Quote>,
    /// The answer.
    pub(crate) choice: Choice,
}

/// One of the answers that a criterion allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The level at this place of the criterion's levels.
    Level(usize),
    /// The condition of the criterion is not met.
    NotApplicable,
    /// The transcript does not show it.
    CannotTell,
}

/// What the agent could do better; `E` is a quote, or what came of checking it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tip<E> {
    /// The criterion that it would raise.
    pub(crate) criterion: String,
    /// The block that it belongs to.
    pub(crate) category: BlockId,
    /// What the agent did.
    pub(crate) issue: String,
    /// The same for the same issue in other calls, in `snake_case`.
    pub(crate) issue_key: String,
    /// Where it shows.
    pub(crate) evidence: E,
    /// What it cost.
    pub(crate) impact: String,
    /// What to do instead.
    pub(crate) fix: String,
}

/// What must never happen and did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Failure<E> {
    /// What happened.
    pub(crate) issue: String,
    /// Where it shows.
    pub(crate) evidence: E,
}

/// What was good.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Strength<E> {
    /// What the agent did well.
    pub(crate) what: String,
    /// Where it shows.
    pub(crate) evidence: E,
}

/// An answer that no score can be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is no JSON.
    #[error("the answer is no JSON: {0}")]
    InvalidJson(String),
    /// It is JSON of another form: each problem with its path.
    #[error("the answer does not fit the schema: {}", .0.join("; "))]
    Schema(Vec<String>),
    /// It has the form and says nothing.
    #[error("the answer is empty: no level above the lowest, no quote, no finding")]
    Empty,
}

impl Unusable {
    /// As the record of the request names it.
    #[must_use]
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::InvalidJson(_) => "invalid_json",
            Self::Schema(_) => "schema",
            Self::Empty => "empty",
        }
    }
}

impl Answer {
    /// Reads the content of the judge's message.
    pub(crate) fn read(rubric: &Rubric, content: &str) -> Result<Self, Unusable> {
        let value = json(content)?;
        let problems = Problems::default();
        let answer = answer(rubric, &problems, &value);
        match (answer, problems.into_list()) {
            (Some(answer), problems) if problems.is_empty() => answer.not_empty(),
            (_, problems) => Err(Unusable::Schema(problems)),
        }
    }

    /// What was said of a criterion, and at which place it stands.
    pub(crate) fn of(&self, criterion: &str) -> Option<(usize, &Judgement)> {
        self.judgements
            .iter()
            .enumerate()
            .find(|(_, judgement)| judgement.criterion == criterion)
    }

    fn not_empty(self) -> Result<Self, Unusable> {
        let silent = |judgement: &Judgement| {
            judgement.evidence.is_empty() && !matches!(judgement.choice, Choice::Level(level) if level > 0)
        };
        let findings = self.coaching_tips.len() + self.critical_failures.len() + self.what_went_well.len();
        if findings == 0 && self.judgements.iter().all(silent) {
            return Err(Unusable::Empty);
        }
        Ok(self)
    }
}

fn json(content: &str) -> Result<Value, Unusable> {
    // Some endpoints let a model break lines inside of strings; outside of them such a character is a blank anyway.
    let content = content.replace(|c: char| c.is_ascii_control(), " ");
    serde_json::from_str(&content).map_err(|error| {
        let start = content.trim_start();
        Unusable::InvalidJson(if start.is_empty() {
            "it is blank".to_owned()
        } else if start.starts_with("```") || start.starts_with("~~~") {
            "it is fenced as Markdown; JSON alone is expected".to_owned()
        } else {
            error.to_string()
        })
    })
}

fn answer(rubric: &Rubric, problems: &Problems, value: &Value) -> Option<Answer> {
    const MEMBERS: [&str; 4] = ["criteria", "coaching_tips", "critical_failures", "what_went_well"];
    let object = problems.object(String::new(), value, &MEMBERS)?;
    let judgements = judgements(rubric, &object);
    let coaching_tips = object.each("coaching_tips", &TIP, |item| tip(rubric, item));
    let critical_failures = object.each("critical_failures", &["issue", "evidence"], |item| {
        let (issue, evidence) = (item.text("issue"), evidence(item));
        Some(Failure {
            issue: issue?.to_owned(),
            evidence: evidence?,
        })
    });
    let what_went_well = object.each("what_went_well", &["what", "evidence"], |item| {
        let (what, evidence) = (item.text("what"), evidence(item));
        Some(Strength {
            what: what?.to_owned(),
            evidence: evidence?,
        })
    });
    Some(Answer {
        judgements: judgements?,
        coaching_tips: coaching_tips?,
        critical_failures: critical_failures?,
        what_went_well: what_went_well?,
    })
}

fn judgements(rubric: &Rubric, object: &Object) -> Option<Vec<Judgement>> {
    let ids: Vec<_> = rubric.judged().map(|(_, criterion)| criterion.id.as_str()).collect();
    let criteria = object.object("criteria", &ids)?;
    let judgements: Vec<_> = rubric
        .judged()
        .map(|(_, criterion)| {
            judgement(
                criterion,
                &criteria.object(&criterion.id, &["reason", "evidence", "level"])?,
            )
        })
        .collect();
    judgements.into_iter().collect()
}

fn judgement(criterion: &Criterion, object: &Object) -> Option<Judgement> {
    let reason = object.text("reason");
    let evidence = object.each("evidence", &QUOTE, quote);
    let choice = object.text("level").and_then(|level| {
        let choice = choice(criterion, level);
        if choice.is_none() {
            object.note("level", "not one of the levels of this criterion");
        }
        choice
    });
    Some(Judgement {
        criterion: criterion.id.clone(),
        reason: reason?.to_owned(),
        evidence: evidence?,
        choice: choice?,
    })
}

fn choice(criterion: &Criterion, level: &str) -> Option<Choice> {
    match level {
        CANNOT_TELL => Some(Choice::CannotTell),
        NOT_APPLICABLE => criterion.applies_when().map(|_| Choice::NotApplicable),
        id => criterion
            .levels()
            .iter()
            .position(|level| level.id == id)
            .map(Choice::Level),
    }
}

const QUOTE: [&str; 2] = ["turn", "quote"];

const TIP: [&str; 7] = [
    "criterion",
    "category",
    "issue",
    "issue_key",
    "evidence",
    "impact",
    "fix",
];

fn tip(rubric: &Rubric, object: &Object) -> Option<Tip<Quote>> {
    let criterion = object.text("criterion");
    if criterion.is_some_and(|id| rubric.criterion(id).is_none()) {
        object.note("criterion", "not a criterion of the rubric");
    }
    let blocks: Vec<_> = rubric.blocks.iter().map(|block| block.id).collect();
    let category = object.one_of("category", &blocks, BlockId::as_str);
    let issue = object.text("issue");
    let issue_key = object.text("issue_key").map(key);
    if issue_key.as_ref().is_some_and(String::is_empty) {
        object.note("issue_key", "must have a letter or a digit");
    }
    let evidence = evidence(object);
    let (impact, fix) = (object.text("impact"), object.text("fix"));
    Some(Tip {
        criterion: criterion?.to_owned(),
        category: category?,
        issue: issue?.to_owned(),
        issue_key: issue_key?,
        evidence: evidence?,
        impact: impact?.to_owned(),
        fix: fix?.to_owned(),
    })
}

/// Keys group issues over calls, and must not fall apart over a capital or a hyphen.
fn key(text: &str) -> String {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

fn evidence(object: &Object) -> Option<Quote> {
    quote(&object.object("evidence", &QUOTE)?)
}

fn quote(object: &Object) -> Option<Quote> {
    let (turn, quote) = (object.integer("turn"), object.text("quote"));
    Some(Quote {
        turn: turn?,
        quote: quote?.to_owned(),
    })
}

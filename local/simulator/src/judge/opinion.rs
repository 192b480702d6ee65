//! Forms the whole answer about a transcript.

use serde_json::{Value, json};

use super::{
    advice,
    fit::{fit, resolve},
    rules::{self, Finding, Mark},
    transcript::{Speaker, Transcript},
    words::{self, Evidence},
};

/// The level that says that a criterion makes no sense for a call.
const NOT_APPLICABLE: &str = "not_applicable";
/// The level that says that a call does not show enough.
pub(crate) const CANNOT_TELL: &str = "cannot_tell";
/// The words of a caller who wants to be the judge.
const INSTRUCTIONS: [&str; 10] = [
    "ignore the rubric",
    "ignore all previous",
    "ignore previous",
    "give 100",
    "full marks",
    "system:",
    "new instructions",
    "rate this call",
    "one hundred out of",
    "100 out of 100",
];
const MOST_TIPS: usize = 3;

/// A criterion and the levels that the schema offers for it.
#[derive(Debug)]
pub(crate) struct Criterion {
    pub(crate) id: String,
    /// Those that are on the scale, from the lowest.
    pub(crate) levels: Vec<String>,
    /// Those that are not.
    others: Vec<String>,
}

/// An instance of the schema that says what this judge thinks.
pub(crate) fn answer(schema: &Value, transcript: &Transcript, obeys_injection: bool) -> Value {
    let order = obeys_injection.then(|| instruction(transcript)).flatten();
    let found: Vec<(Criterion, Finding)> = criteria(schema)
        .into_iter()
        .map(|criterion| {
            let finding = match &order {
                Some(order) => Finding::new(Mark::HIGHEST, vec![order.clone()], "The transcript asks for it."),
                None => rules::find(&criterion.id, transcript),
            };
            (criterion, finding)
        })
        .collect();
    let levels: serde_json::Map<String, Value> = found
        .iter()
        .map(|(criterion, finding)| (criterion.id.clone(), opinion(criterion, finding)))
        .collect();
    let draft = json!({
        "criteria": levels,
        "coaching_tips": if order.is_some() { Vec::new() } else { tips(&found, transcript) },
        "critical_failures": if order.is_some() { Vec::new() } else { failures(transcript) },
        "what_went_well": praise(&found),
    });
    fit(schema, schema, &draft)
}

/// The criteria that a schema asks about.
pub(crate) fn criteria(schema: &Value) -> Vec<Criterion> {
    let all = resolve(schema, &resolve(schema, schema)["properties"]["criteria"]);
    let all = all["properties"].as_object().into_iter().flatten();
    all.map(|(id, criterion)| {
        let level = resolve(schema, &resolve(schema, criterion)["properties"]["level"]);
        let levels = level["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let (others, levels) = levels
            .map(str::to_owned)
            .partition(|level| level == NOT_APPLICABLE || level == CANNOT_TELL);
        Criterion {
            id: id.clone(),
            levels,
            others,
        }
    })
    .collect()
}

impl Criterion {
    /// The level for a mark, and whether it has to be proved.
    fn level(&self, mark: Mark) -> (&str, bool) {
        let other = |level: &str| self.others.iter().find(|other| *other == level);
        let quarters = match mark {
            Mark::Quarters(quarters) => quarters,
            Mark::NotApplicable if other(NOT_APPLICABLE).is_some() => return (NOT_APPLICABLE, false),
            _ if other(CANNOT_TELL).is_some() => return (CANNOT_TELL, false),
            _ => 0,
        };
        let highest = self.levels.len().saturating_sub(1);
        let at = (quarters * highest + Mark::HIGHEST / 2) / Mark::HIGHEST;
        (self.levels.get(at).map_or("", String::as_str), at > 0)
    }

    /// What says nothing at all, and yet is a level.
    pub(crate) fn emptiest(&self) -> &str {
        self.level(Mark::CannotTell).0
    }
}

fn opinion(criterion: &Criterion, finding: &Finding) -> Value {
    let (level, is_claim) = criterion.level(finding.mark);
    let evidence: Vec<Value> = if is_claim {
        finding.evidence.iter().map(cited).collect()
    } else {
        Vec::new()
    };
    json!({"reason": finding.reason, "evidence": evidence, "level": level})
}

fn tips(found: &[(Criterion, Finding)], transcript: &Transcript) -> Vec<Value> {
    let weak = found
        .iter()
        .filter(|(_, finding)| matches!(finding.mark, Mark::Quarters(0 | 1)));
    let tips = weak.filter_map(|(criterion, finding)| {
        let advice = advice::on(&criterion.id);
        let evidence = finding
            .evidence
            .first()
            .cloned()
            .or_else(|| rules::longest(transcript))?;
        Some(json!({
            "criterion": criterion.id,
            "category": advice.category,
            "issue": advice.issue,
            "issue_key": advice.issue_key,
            "evidence": cited(&evidence),
            "impact": advice.impact,
            "fix": advice.fix,
        }))
    });
    tips.take(MOST_TIPS).collect()
}

fn failures(transcript: &Transcript) -> Vec<Value> {
    let failures = advice::CRITICAL.iter().filter_map(|(phrases, issue)| {
        let evidence = transcript
            .of(Speaker::Agent)
            .find_map(|turn| words::quote_of(turn, phrases))?;
        Some(json!({"issue": issue, "evidence": cited(&evidence)}))
    });
    failures.collect()
}

fn praise(found: &[(Criterion, Finding)]) -> Vec<Value> {
    let strong = found
        .iter()
        .filter(|(_, finding)| finding.mark == Mark::Quarters(Mark::HIGHEST));
    let praise = strong.filter_map(|(criterion, finding)| {
        let evidence = finding.evidence.first()?;
        Some(json!({"what": advice::on(&criterion.id).praise, "evidence": cited(evidence)}))
    });
    praise.take(MOST_TIPS).collect()
}

/// What somebody in the transcript tells the judge to do.
fn instruction(transcript: &Transcript) -> Option<Evidence> {
    transcript
        .turns
        .iter()
        .find_map(|turn| words::quote_of(turn, &INSTRUCTIONS))
}

fn cited(evidence: &Evidence) -> Value {
    json!({"turn": evidence.turn, "quote": evidence.quote})
}

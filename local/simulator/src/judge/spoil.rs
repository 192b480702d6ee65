//! Spoils an answer in the ways in which models do.

use serde_json::{Map, Value, json};

use super::{
    faults::Fault,
    opinion::{self, Criterion},
    transcript::Transcript,
};

/// What nobody says on the telephone.
const INVENTED: [&str; 4] = [
    "our purple llamas will personally water your garden",
    "we ship every order by hot air balloon at midnight",
    "the invoice is payable in sea shells or old stamps",
    "your dragon may wait in the hall during the visit",
];

/// The answer that this fault makes of a good one; most faults leave it alone.
pub(crate) fn answer(mut answer: Value, fault: &Fault, schema: &Value, transcript: &Transcript) -> Value {
    let criteria = opinion::criteria(schema);
    match fault {
        Fault::Empty => empty(&mut answer, &criteria),
        Fault::TopMarks => {
            relevel(&mut answer, &criteria, |criterion| {
                criterion.levels.last().map(String::as_str)
            });
            without_evidence(&mut answer);
        }
        Fault::UnknownLevel => {
            if let Some(criterion) = criteria.first() {
                answer["criteria"][&criterion.id]["level"] = json!(unknown_level(criterion));
            }
        }
        Fault::MissingCriterion => {
            let members = answer["criteria"].as_object_mut();
            if let (Some(members), Some(criterion)) = (members, criteria.first()) {
                members.remove(&criterion.id);
            }
        }
        Fault::TotalScore => answer["total_score"] = json!(97),
        Fault::InventedQuotes => {
            let text = transcript.text();
            let mut invented = INVENTED.iter().filter(|quote| !text.contains(**quote)).cycle();
            cited(&mut answer, &mut |piece| {
                piece["quote"] = json!(invented.next().unwrap_or(&""));
            });
        }
        Fault::WrongTurns => cited(&mut answer, &mut |piece| misplace(piece, transcript)),
        Fault::RewordedQuotes => cited(&mut answer, &mut |piece| reword(piece, transcript)),
        _ => {}
    }
    answer
}

/// The text that this fault makes of an answer.
pub(crate) fn text(answer: &str, fault: &Fault) -> String {
    match fault {
        Fault::InvalidJson => answer
            .strip_suffix('}')
            .map_or_else(|| format!("{answer},"), |rest| format!("{rest},}}")),
        Fault::Fenced => format!("```json\n{answer}\n```"),
        Fault::Length => {
            let half = answer.chars().count() / 2;
            answer.chars().take(half).collect()
        }
        _ => answer.to_owned(),
    }
}

fn empty(answer: &mut Value, criteria: &[Criterion]) {
    relevel(answer, criteria, |criterion| Some(criterion.emptiest()));
    without_evidence(answer);
    for criterion in members(&mut answer["criteria"]) {
        if let Some(reason) = criterion.get_mut("reason") {
            *reason = json!("");
        }
    }
    for member in members(answer).filter(|member| member.is_array()) {
        *member = json!([]);
    }
}

fn relevel<'a>(answer: &mut Value, criteria: &'a [Criterion], level: impl Fn(&'a Criterion) -> Option<&'a str>) {
    for criterion in criteria {
        answer["criteria"][&criterion.id]["level"] = json!(level(criterion));
    }
}

fn without_evidence(answer: &mut Value) {
    for criterion in members(&mut answer["criteria"]) {
        if let Some(evidence) = criterion.get_mut("evidence") {
            *evidence = json!([]);
        }
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

fn unknown_level(criterion: &Criterion) -> String {
    let mut level = "outstanding".to_owned();
    while criterion.levels.contains(&level) {
        level.push('_');
    }
    level
}

/// Changes each piece of evidence, wherever it stands.
fn cited(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    if value["turn"].is_number() && value["quote"].is_string() {
        return change(value);
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| cited(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| cited(member, change)),
        _ => {}
    }
}

fn misplace(piece: &mut Value, transcript: &Transcript) {
    let quote = piece["quote"].as_str().unwrap_or_default();
    let other = transcript.turns.iter().find(|turn| !turn.text.contains(quote));
    let beyond = transcript.turns.iter().map(|turn| turn.number).max().unwrap_or(0) + 1;
    piece["turn"] = json!(other.map_or(beyond, |turn| turn.number));
}

/// Leaves out the word in the middle, or adds one if nobody would notice.
fn reword(piece: &mut Value, transcript: &Transcript) {
    let quote = piece["quote"].as_str().unwrap_or_default();
    let mut words: Vec<&str> = quote.split_whitespace().collect();
    if words.len() > 1 {
        words.remove(words.len() / 2);
    }
    let mut reworded = words.join(" ");
    while transcript.text().contains(&reworded) {
        reworded = format!("well {reworded}");
    }
    piece["quote"] = json!(reworded);
}

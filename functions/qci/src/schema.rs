//! What the judge is asked and the form of its answer, both made from the rubric.
//!
//! [`Rubric`] ─▶ [`questions`] and [`schema`] ─▶ the judge ─▶ [`Answer::read`](crate::answer::Answer::read)

#[cfg(test)]
mod tests;

use std::fmt::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use shared::domain::rubric::{BlockId, Criterion, EvidenceFrom, Lane, Rubric};

/// In place of a level, where the condition of the criterion is not met.
pub(crate) const NOT_APPLICABLE: &str = "not_applicable";
/// In place of a level, where the transcript does not show it.
pub(crate) const CANNOT_TELL: &str = "cannot_tell";

/// The JSON schema of the answer, in the strict subset: every member is required and no other allowed.
///
/// A model writes in the order of the schema, so that the reason and the evidence stand before the level.
#[must_use]
pub(crate) fn schema(rubric: &Rubric) -> Box<RawValue> {
    let judged = rubric
        .judged()
        .map(|(_, criterion)| (criterion.id.as_str(), judgement(criterion)));
    let ids = rubric.criteria().map(|(_, criterion)| criterion.id.as_str()).collect();
    let blocks = rubric.blocks.iter().map(|block| block.id.as_str()).collect();
    let schema = Node::Object(vec![
        ("criteria", Node::Object(judged.collect())),
        ("coaching_tips", Node::list(tip(ids, blocks))),
        (
            "critical_failures",
            Node::list(Node::Object(vec![("issue", Node::Text), ("evidence", quote())])),
        ),
        (
            "what_went_well",
            Node::list(Node::Object(vec![("what", Node::Text), ("evidence", quote())])),
        ),
    ]);
    schema.text()
}

/// The criteria in words, for the part of the prompt that is the same for every call.
#[must_use]
pub(crate) fn questions(rubric: &Rubric) -> String {
    let mut text = "The criteria\n".to_owned();
    for (block, criterion) in rubric.judged() {
        ask(&mut text, block, criterion);
    }
    let measured: Vec<_> = rubric
        .measured()
        .map(|(block, criterion)| format!("`{}` ({}, in `{}`)", criterion.id, criterion.name, block.as_str()))
        .collect();
    if !measured.is_empty() {
        text += "\nMeasured elsewhere, and here only for coaching tips: ";
        text += &measured.join(", ");
        text += ".\n";
    }
    text
}

fn ask(text: &mut String, block: BlockId, criterion: &Criterion) {
    let Lane::Judged {
        question,
        levels,
        evidence_from,
        applies_when,
    } = &criterion.lane
    else {
        return;
    };
    let mut line = |line: std::fmt::Arguments| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format_args!(
        "\n`{}` ({}, in `{}`)",
        criterion.id,
        criterion.name,
        block.as_str()
    ));
    line(format_args!("Question: {question}"));
    line(format_args!(
        "Evidence: {}",
        match evidence_from {
            EvidenceFrom::Agent => "only what the agent or one of its tools said",
            EvidenceFrom::Anyone => "what anyone said",
        }
    ));
    line(format_args!("Levels, from the lowest:"));
    for level in levels {
        line(format_args!("- `{}`: {}", level.id, level.description));
    }
    if let Some(condition) = applies_when {
        line(format_args!("- `{NOT_APPLICABLE}`: it is not so that {condition}."));
    }
    line(format_args!("- `{CANNOT_TELL}`: the transcript does not show it."));
}

fn judgement(criterion: &Criterion) -> Node<'_> {
    let mut levels: Vec<_> = criterion.levels().iter().map(|level| level.id.as_str()).collect();
    if criterion.applies_when().is_some() {
        levels.push(NOT_APPLICABLE);
    }
    levels.push(CANNOT_TELL);
    Node::Object(vec![
        ("reason", Node::Text),
        ("evidence", Node::list(quote())),
        ("level", Node::OneOf(levels)),
    ])
}

fn tip<'a>(ids: Vec<&'a str>, blocks: Vec<&'a str>) -> Node<'a> {
    Node::Object(vec![
        ("criterion", Node::OneOf(ids)),
        ("category", Node::OneOf(blocks)),
        ("issue", Node::Text),
        ("issue_key", Node::Text),
        ("evidence", quote()),
        ("impact", Node::Text),
        ("fix", Node::Text),
    ])
}

fn quote<'a>() -> Node<'a> {
    Node::Object(vec![("turn", Node::Integer), ("quote", Node::Text)])
}

/// A schema as far as ours goes. Its members keep their order, which a `serde_json::Value` would not.
enum Node<'a> {
    Object(Vec<(&'a str, Node<'a>)>),
    List(Box<Node<'a>>),
    OneOf(Vec<&'a str>),
    Text,
    Integer,
}

impl Node<'_> {
    fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    #[expect(
        clippy::expect_used,
        reason = "maps with text keys, lists and texts always serialise"
    )]
    fn text(&self) -> Box<RawValue> {
        to_raw_value(self).expect("a schema serialises")
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(members) => {
                let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
                let mut map = serializer.serialize_map(Some(4))?;
                map.serialize_entry("type", "object")?;
                map.serialize_entry("properties", &Properties(members))?;
                map.serialize_entry("required", &names)?;
                map.serialize_entry("additionalProperties", &false)?;
                map.end()
            }
            Self::List(item) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "array")?;
                map.serialize_entry("items", item)?;
                map.end()
            }
            Self::OneOf(names) => json!({"type": "string", "enum": names}).serialize(serializer),
            Self::Text => json!({"type": "string"}).serialize(serializer),
            Self::Integer => json!({"type": "integer"}).serialize(serializer),
        }
    }
}

struct Properties<'a>(&'a [(&'a str, Node<'a>)]);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, node)| (name, node)))
    }
}

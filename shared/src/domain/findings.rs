//! What the lists of a stored analysis say. Whoever wrote them may have written otherwise than we do now: what cannot
//! be read is left out and named, and the rest is there.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The columns of an analysis that are JSON, as text.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Each criterion's result.
    pub criteria: String,
    /// What was measured.
    pub facts: String,
    /// What to do better.
    pub coaching_tips: String,
    /// What went badly wrong.
    pub critical_failures: String,
    /// What went well.
    pub what_went_well: String,
}

/// All lists of an analysis.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Each criterion's result.
    pub criteria: Vec<CriterionFound>,
    /// What was measured.
    pub facts: Map<String, Value>,
    /// What to do better.
    pub coaching_tips: Vec<TipFound>,
    /// What went badly wrong.
    pub critical_failures: Vec<FailureFound>,
    /// What went well.
    pub what_went_well: Vec<StrengthFound>,
    /// The columns of which something could not be read.
    pub unreadable: Vec<&'static str>,
}

/// What came of a criterion.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CriterionFound {
    /// Its id in the rubric.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// For people.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// The block that it belongs to.
    #[serde(deserialize_with = "lenient")]
    pub block: String,
    /// `measured` or `judged`.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// `counted`, `not_applicable` or `indeterminable`.
    #[serde(deserialize_with = "lenient")]
    pub standing: String,
    /// The level that was chosen.
    #[serde(deserialize_with = "lenient")]
    pub level: Option<String>,
    /// The fact that was measured.
    #[serde(deserialize_with = "lenient")]
    pub fact: Option<f64>,
    /// Its points.
    #[serde(deserialize_with = "lenient")]
    pub points: Option<u32>,
    /// The most points.
    #[serde(deserialize_with = "lenient")]
    pub max: Option<u32>,
    /// Why.
    #[serde(deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// Quotes that count.
    #[serde(deserialize_with = "lenient")]
    pub evidence: Vec<EvidenceFound>,
    /// Quotes that do not.
    #[serde(deserialize_with = "lenient")]
    pub unverified: Vec<EvidenceFound>,
}

/// A quote, and what came of looking it up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EvidenceFound {
    /// The number of the turn.
    #[serde(deserialize_with = "lenient")]
    pub turn: Option<i64>,
    /// The place of its message in the document.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<usize>,
    /// The words.
    #[serde(deserialize_with = "lenient")]
    pub quote: String,
    /// `exact`, `normalised`, `repaired` or `unverified`.
    #[serde(deserialize_with = "lenient")]
    pub verification: String,
    /// Why it was not found.
    #[serde(deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// The turn that was cited, if it was another.
    #[serde(deserialize_with = "lenient")]
    pub cited_turn: Option<i64>,
    /// The words that were cited, if they were others.
    #[serde(deserialize_with = "lenient")]
    pub cited_quote: Option<String>,
}

/// What the agent could do better.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TipFound {
    /// The criterion that it would raise.
    #[serde(deserialize_with = "lenient")]
    pub criterion: String,
    /// What the agent did.
    #[serde(deserialize_with = "lenient")]
    pub issue: String,
    /// Where it shows.
    #[serde(deserialize_with = "lenient")]
    pub evidence: Option<EvidenceFound>,
    /// What it cost.
    #[serde(deserialize_with = "lenient")]
    pub impact: String,
    /// What to do instead.
    #[serde(deserialize_with = "lenient")]
    pub fix: String,
}

/// What must never happen and did.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FailureFound {
    /// What happened.
    #[serde(deserialize_with = "lenient")]
    pub issue: String,
    /// Where it shows.
    #[serde(deserialize_with = "lenient")]
    pub evidence: Option<EvidenceFound>,
}

/// What was good.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StrengthFound {
    /// What the agent did well.
    #[serde(deserialize_with = "lenient")]
    pub what: String,
    /// Where it shows.
    #[serde(deserialize_with = "lenient")]
    pub evidence: Option<EvidenceFound>,
}

impl Findings {
    /// Reads what can be read.
    #[must_use]
    pub fn read(documents: &Documents) -> Self {
        let mut unreadable = Vec::new();
        let facts: Result<Map<String, Value>, _> = serde_json::from_str(&documents.facts);
        if facts.is_err() {
            unreadable.push("facts");
        }
        Self {
            criteria: list("criteria", &documents.criteria, &mut unreadable),
            facts: facts.unwrap_or_default(),
            coaching_tips: list("coaching_tips", &documents.coaching_tips, &mut unreadable),
            critical_failures: list("critical_failures", &documents.critical_failures, &mut unreadable),
            what_went_well: list("what_went_well", &documents.what_went_well, &mut unreadable),
            unreadable,
        }
    }
}

/// The entries of a list that can be read, each for itself.
fn list<T: DeserializeOwned>(column: &'static str, text: &str, unreadable: &mut Vec<&'static str>) -> Vec<T> {
    let entries: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_else(|_| {
        unreadable.push(column);
        Vec::new()
    });
    // A structure would be read from an array as well, by its places.
    let read = |entry: &&RawValue| {
        entry
            .get()
            .starts_with('{')
            .then(|| serde_json::from_str(entry.get()).ok())
    };
    let found: Vec<T> = entries.iter().filter_map(read).flatten().collect();
    if found.len() < entries.len() {
        unreadable.push(column);
    }
    found
}

/// A field of another type is taken for one that is not there.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(criteria: &str) -> Documents {
        Documents {
            criteria: criteria.to_owned(),
            facts: "{}".to_owned(),
            coaching_tips: "[]".to_owned(),
            critical_failures: "[]".to_owned(),
            what_went_well: "[]".to_owned(),
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_there() {
        let odd = r#"[{"id": "a", "points": "many", "evidence": {}, "max": 5}, 7, [], {"id": "b", "fact": 1e999}]"#;

        let findings = Findings::read(&documents(odd));

        let ids: Vec<&str> = findings.criteria.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(ids, ["a"]);
        assert_eq!((findings.criteria[0].points, findings.criteria[0].max), (None, Some(5)));
        assert_eq!(findings.unreadable, ["criteria"]);
    }

    #[test]
    fn a_column_of_another_form_costs_no_other() {
        let findings = Findings::read(&Documents {
            facts: "3".to_owned(),
            coaching_tips: r#"[{"issue": "It was late.", "evidence": {"quote": "Hello."}}]"#.to_owned(),
            ..documents("\"none\"")
        });

        assert_eq!(findings.unreadable, ["facts", "criteria"]);
        assert_eq!(findings.coaching_tips[0].issue, "It was late.");
        let evidence = findings.coaching_tips[0].evidence.as_ref();
        assert_eq!(evidence.map(|found| found.quote.as_str()), Some("Hello."));
    }
}

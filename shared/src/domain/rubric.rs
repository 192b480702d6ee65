//! What is scored, as data: blocks of criteria, each measured by us or judged by a model.
//!
//! `analysis_frameworks.rubric` ─▶ [`Rubric::read`] ─▶ the judge's schema and prompt, points

mod read;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;

/// A rubric that was checked: its criteria sum to their blocks, and its blocks to 100.
#[derive(Clone, Debug, PartialEq)]
pub struct Rubric {
    /// The blocks, each at most once.
    pub blocks: Vec<Block>,
    /// The brand that the agents speak for, unless their assistant has one of its own.
    pub brand: Option<Brand>,
    /// What the first statement of value may be known by, in lower case.
    pub value_phrases: Vec<String>,
}

/// A rubric that cannot be scored by: everything that is wrong with it, each with the path of the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidRubric(pub Vec<String>);

/// The four blocks that an analysis has a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockId {
    /// How the conversation runs.
    Dynamics,
    /// How objections are met.
    Objections,
    /// How the brand is represented.
    Brand,
    /// What the call came to.
    Outcome,
}

/// A part of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Which one.
    pub id: BlockId,
    /// For people.
    pub name: String,
    /// The points of all its criteria together.
    pub max: u32,
    /// Its criteria.
    pub criteria: Vec<Criterion>,
}

/// One question that points are given for.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Unique in the rubric: lower-case letters, digits and underscores.
    pub id: String,
    /// For people.
    pub name: String,
    /// The most points.
    pub max: u32,
    /// Who answers it.
    pub lane: Lane,
}

/// Who answers a criterion.
#[derive(Clone, Debug, PartialEq)]
pub enum Lane {
    /// We do, from the timing and the words of the turns.
    Measured {
        /// The fact.
        measure: Measure,
        /// Points by the size of the fact, ascending; the last band has no bound.
        bands: Vec<Band>,
    },
    /// The model does, by choosing a level.
    Judged {
        /// What it is asked.
        question: String,
        /// The levels, from the lowest.
        levels: Vec<Level>,
        /// Whose words count as evidence.
        evidence_from: EvidenceFrom,
        /// The condition under which the question makes sense at all; without one it always does.
        applies_when: Option<String>,
    },
}

/// A fact that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// The agent's part of the speech, from 0 to 1.
    AgentTalkShare,
    /// Silence beyond three seconds at a time, in seconds.
    DeadAirSeconds,
    /// How often the agent began before the caller had ended.
    AgentInterruptions,
    /// The median time that the agent took to answer, in seconds.
    ResponseLatencyP50,
    /// The 95th percentile of it, in seconds.
    ResponseLatencyP95,
    /// When the agent first said what the caller gains, in seconds from the start.
    TimeToValue,
    /// When the agent first named the brand, in seconds from the start.
    BrandFirstMention,
    /// How often the agent named the brand.
    BrandMentions,
    /// How often the agent repeated itself.
    RepeatedPhrases,
}

/// Points for a fact up to a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The largest fact of this band, included; the last band has none.
    pub at_most: Option<f64>,
    /// The points.
    pub points: u32,
}

/// An answer that the model may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Unique in its criterion: lower-case letters, digits and underscores.
    pub id: String,
    /// The points.
    pub points: u32,
    /// When it is the right one.
    pub description: String,
}

/// Whose words can be evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvidenceFrom {
    /// The agent's, and what its tools answered: most questions are about the agent's conduct.
    #[default]
    Agent,
    /// Anybody's.
    Anyone,
}

/// A brand and what speech-to-text makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// As it is written.
    pub name: String,
    /// Other spellings that count, none of them blank.
    pub aliases: Vec<String>,
}

impl Rubric {
    /// Reads and checks a rubric; tells everything that is wrong with it.
    pub fn read(value: &Value) -> Result<Self, InvalidRubric> {
        read::rubric(value)
    }

    /// All criteria in their order, each with its block.
    pub fn criteria(&self) -> impl Iterator<Item = (BlockId, &Criterion)> {
        self.blocks
            .iter()
            .flat_map(|block| block.criteria.iter().map(|criterion| (block.id, criterion)))
    }

    /// Those that the model answers.
    pub fn judged(&self) -> impl Iterator<Item = (BlockId, &Criterion)> {
        self.criteria().filter(|(_, criterion)| criterion.is_judged())
    }

    /// Those that we answer.
    pub fn measured(&self) -> impl Iterator<Item = (BlockId, &Criterion)> {
        self.criteria().filter(|(_, criterion)| !criterion.is_judged())
    }

    /// The criterion with an id, and its block.
    #[must_use]
    pub fn criterion(&self, id: &str) -> Option<(BlockId, &Criterion)> {
        self.criteria().find(|(_, criterion)| criterion.id == id)
    }
}

impl Criterion {
    /// Whether the model answers it.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        matches!(self.lane, Lane::Judged { .. })
    }

    /// The levels, from the lowest; none where it is measured.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        match &self.lane {
            Lane::Judged { levels, .. } => levels,
            Lane::Measured { .. } => &[],
        }
    }

    /// The condition under which its question makes sense.
    #[must_use]
    pub fn applies_when(&self) -> Option<&str> {
        match &self.lane {
            Lane::Judged { applies_when, .. } => applies_when.as_deref(),
            Lane::Measured { .. } => None,
        }
    }
}

impl BlockId {
    /// In the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Dynamics, Self::Objections, Self::Brand, Self::Outcome];

    /// As a rubric and the database write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dynamics => "dynamics",
            Self::Objections => "objections",
            Self::Brand => "brand",
            Self::Outcome => "outcome",
        }
    }
}

impl Measure {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::AgentTalkShare,
        Self::DeadAirSeconds,
        Self::AgentInterruptions,
        Self::ResponseLatencyP50,
        Self::ResponseLatencyP95,
        Self::TimeToValue,
        Self::BrandFirstMention,
        Self::BrandMentions,
        Self::RepeatedPhrases,
    ];

    /// As a rubric writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgentTalkShare => "agent_talk_share",
            Self::DeadAirSeconds => "dead_air_seconds",
            Self::AgentInterruptions => "agent_interruptions",
            Self::ResponseLatencyP50 => "response_latency_p50",
            Self::ResponseLatencyP95 => "response_latency_p95",
            Self::TimeToValue => "time_to_value",
            Self::BrandFirstMention => "brand_first_mention",
            Self::BrandMentions => "brand_mentions",
            Self::RepeatedPhrases => "repeated_phrases",
        }
    }
}

impl EvidenceFrom {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Agent, Self::Anyone];

    /// As a rubric writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Anyone => "anyone",
        }
    }
}

//! What to tell the judge when it is asked once more.

use shared::domain::rubric::Rubric;

use crate::answer::{Answer, Choice};
use crate::evidence::{Evidence, Refusal, Verified};

/// Of a quote that is longer than this the rest is left out: the judge knows it by its beginning.
const SHOWN: usize = 200;

/// For each level with points that no quote counts for, sentences that say why; of the criteria only, since the
/// quotes of tips give no points.
#[must_use]
pub(crate) fn problems(rubric: &Rubric, answer: &Answer, verified: &Verified) -> Vec<String> {
    let mut problems = Vec::new();
    for (judgement, quotes) in answer.judgements.iter().zip(&verified.judgements) {
        let Choice::Level(chosen) = judgement.choice else {
            continue;
        };
        let id = &judgement.criterion;
        let levels = rubric.criterion(id).map(|(_, criterion)| criterion.levels());
        let level = levels.and_then(|levels| levels.get(chosen));
        // One quote that counts is enough: asking again is paid for.
        let Some(level) = level.filter(|level| level.points > 0 && !quotes.iter().any(Evidence::is_verified)) else {
            continue;
        };
        let refused = quotes.iter().filter_map(|quote| Some((quote, quote.reason?)));
        problems.extend(refused.map(|(quote, reason)| sentence(id, quote, reason)));
        problems.push(format!(
            "Criterion `{id}`: the level `{}` has no quote that counts. Quote the words that show it, or choose the \
             level that the transcript supports.",
            level.id
        ));
    }
    problems
}

fn sentence(id: &str, evidence: &Evidence, reason: Refusal) -> String {
    let turn = evidence.turn;
    let quote: String = evidence.quote.chars().take(SHOWN).collect();
    match reason {
        Refusal::NoWords => format!("Criterion `{id}`: a quote of turn {turn} has no word in it. Leave it out."),
        Refusal::NotFound => format!(
            "Criterion `{id}`: the quote {quote:?} was not found in turn {turn}. Copy the words as they stand in one \
             turn, and cite its number."
        ),
        Refusal::Caller => format!(
            "Criterion `{id}`: the quote {quote:?} of turn {turn} is the caller's, and only the agent's words count \
             here. Quote the agent."
        ),
        Refusal::Instruction => format!(
            "Criterion `{id}`: the quote {quote:?} of turn {turn} cannot be evidence, since that turn speaks about \
             the judging. Quote another turn."
        ),
    }
}

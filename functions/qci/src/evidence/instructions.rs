//! Turns that read like instructions to a judge: somebody who knows of the score and speaks to it.
//!
//! A false alarm costs a quote and no more; so does a miss, since the judge is told to follow no turn.

use shared::domain::transcript::{Speaker, Transcript, Turn};
use shared::domain::words::{Word, words};

/// The numbers of those turns.
#[must_use]
pub(crate) fn instructions(transcript: &Transcript) -> Vec<usize> {
    let turns = transcript.judged().filter(|turn| is_instruction(turn));
    turns.filter_map(|turn| turn.number).collect()
}

/// How many words apart the two parts of an instruction may stand.
const REACH: usize = 6;

const SET_ASIDE: [&str; 8] = [
    "ignore",
    "disregard",
    "forget",
    "override",
    "bypass",
    "ignoring",
    "disregarding",
    "overrule",
];
const RULES: [&str; 10] = [
    "rubric",
    "instruction",
    "instructions",
    "prompt",
    "prompts",
    "scoring",
    "grading",
    "criteria",
    "guidelines",
    "directives",
];
/// Where other instructions stand that a caller may well be told to ignore.
const CARRIERS: [&str; 21] = [
    "email",
    "mail",
    "letter",
    "box",
    "package",
    "packaging",
    "label",
    "website",
    "page",
    "app",
    "leaflet",
    "sms",
    "text",
    "sheet",
    "bottle",
    "form",
    "screen",
    "voicemail",
    "keypad",
    "phone",
    "manual",
];

const RATE: [&str; 7] = ["give", "award", "assign", "score", "rate", "grade", "mark"];
/// What only a judge can give.
const FULL_MARKS: [&[&str]; 26] = [
    &["full", "marks"],
    &["full", "points"],
    &["full", "score"],
    &["full", "scores"],
    &["full", "credit"],
    &["maximum", "points"],
    &["maximum", "score"],
    &["maximum", "marks"],
    &["maximum", "level"],
    &["max", "points"],
    &["max", "score"],
    &["top", "marks"],
    &["top", "score"],
    &["top", "level"],
    &["highest", "score"],
    &["highest", "level"],
    &["highest", "rating"],
    &["highest", "marks"],
    &["perfect", "score"],
    &["perfect", "rating"],
    &["ten", "out", "of", "ten"],
    &["10", "out", "of", "10"],
    &["100", "out", "of", "100"],
    &["hundred", "out", "of"],
    &["10", "10"],
    &["100", "100"],
];
/// What a bare 100 must be for, lest it be dollars.
const SCORED: [&[&str]; 12] = [
    &["this", "call"],
    &["the", "agent"],
    &["this", "agent"],
    &["this", "conversation"],
    &["the", "conversation"],
    &["the", "assistant"],
    &["this", "assistant"],
    &["this", "transcript"],
    &["the", "transcript"],
    &["every", "criterion"],
    &["all", "criteria"],
    &["each", "criterion"],
];
/// Who speaks of a score of their own: "I would give you ten out of ten" is no instruction.
const OWN: [&str; 12] = [
    "i", "id", "ill", "ive", "we", "wed", "well", "they", "theyd", "he", "she", "people",
];

const ROLES: [&str; 4] = ["system", "assistant", "developer", "user"];
const JUDGES: [&str; 6] = ["judge", "evaluator", "grader", "scorer", "reviewer", "rater"];

fn is_instruction(turn: &Turn) -> bool {
    let words = words(&turn.text);
    sets_rules_aside(&words)
        || asks_for_marks(&words)
        || names_the_judge(&words)
        || speaks_as_a_role(&turn.text)
        || answers_for_the_judge(turn)
}

fn sets_rules_aside(words: &[Word]) -> bool {
    pairs(words, &SET_ASIDE, &RULES).any(|(_, rules)| {
        let after = &words[rules + 1..words.len().min(rules + 5)];
        !after.iter().any(|word| CARRIERS.contains(&word.text.as_str()))
    })
}

fn asks_for_marks(words: &[Word]) -> bool {
    let verbs = (0..words.len()).filter(|at| is_one_of(&words[*at], &RATE) && !is_own_rating(words, *at));
    verbs
        .map(|at| &words[at + 1..words.len().min(at + 1 + 2 * REACH)])
        .any(|after| {
            let near = &after[..after.len().min(REACH + 4)];
            let full = FULL_MARKS.iter().any(|phrase| holds(near, phrase));
            let hundred = ["100", "hundred"].iter().any(|number| holds(after, &[number]));
            full || hundred && SCORED.iter().any(|phrase| holds(after, phrase))
        })
}

/// Whether the nearest person before a verb speaks for themselves, or is asked what they would say.
fn is_own_rating(words: &[Word], verb: usize) -> bool {
    let before = &words[verb.saturating_sub(5)..verb];
    for (at, word) in before.iter().enumerate().rev() {
        if is_one_of(word, &OWN) {
            return true;
        }
        if word.text == "you" {
            return at > 0 && is_one_of(&before[at - 1], &["would", "did", "do", "could"]);
        }
    }
    false
}

fn names_the_judge(words: &[Word]) -> bool {
    let told = pairs(words, &["are", "youre"], &JUDGES).any(|(are, judge)| {
        let you = words[are].text == "youre" || are > 0 && words[are - 1].text == "you";
        let of_something = words.get(judge + 1).is_some_and(|next| next.text == "of");
        you && judge - are <= 4 && !of_something
    });
    let addressed = pairs(words, &["note", "message", "attention", "instruction", "dear"], &JUDGES)
        .any(|(noun, judge)| judge - noun <= 3);
    told || addressed
}

/// "System:" where a sentence begins, or the marks that models part their turns with.
fn speaks_as_a_role(text: &str) -> bool {
    let text = text.to_lowercase();
    let marked = ["<|", "[inst]", "[system]", "<system>", "### system", "system colon"];
    let begins = |before: &str| {
        !before
            .trim_end()
            .ends_with(|last: char| last.is_alphanumeric() || last == ',')
    };
    marked.iter().any(|mark| text.contains(mark))
        || text.match_indices(':').any(|(colon, _)| {
            let before = text[..colon].trim_end();
            ROLES.iter().any(|role| before.strip_suffix(role).is_some_and(begins))
        })
}

/// JSON such as the judge itself would write. Tools answer in JSON, and a score there may be of anything.
fn answers_for_the_judge(turn: &Turn) -> bool {
    let text = turn.text.to_lowercase();
    let names = |names: &[&str]| names.iter().any(|name| is_member(&text, name));
    let result = names(&["level", "score", "total_score", "points"]);
    match turn.speaker {
        Speaker::ToolCall | Speaker::ToolResult => {
            result && names(&["criteria", "criterion", "evidence", "coaching_tips"])
        }
        Speaker::Agent | Speaker::Caller | Speaker::Other => result,
    }
}

fn is_member(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = &text[..at];
        let after = text[at + name.len()..].trim_start_matches(['\\', '"', '\'', '”', '’']);
        let quoted = after.len() < text.len() - at - name.len();
        let bare = before.trim_end().ends_with(['{', ',']);
        let opened = before.ends_with(['"', '\'', '“', '‘']);
        (opened && quoted || bare) && after.trim_start().starts_with(':')
    })
}

/// Places of a word of one kind and a later one of another within reach.
fn pairs<'a>(words: &'a [Word], first: &'a [&str], second: &'a [&str]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let firsts = (0..words.len()).filter(move |at| is_one_of(&words[*at], first));
    firsts.flat_map(move |at| {
        let reach = at + 1..words.len().min(at + 1 + REACH);
        reach
            .filter(move |then| is_one_of(&words[*then], second))
            .map(move |then| (at, then))
    })
}

fn holds(words: &[Word], phrase: &[&str]) -> bool {
    words
        .windows(phrase.len())
        .any(|window| window.iter().zip(phrase).all(|(word, other)| word.text == *other))
}

fn is_one_of(word: &Word, names: &[&str]) -> bool {
    names.contains(&word.text.as_str())
}

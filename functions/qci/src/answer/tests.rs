use serde_json::{Value, json};

use super::*;
use crate::points::tests::small;

fn good() -> Value {
    json!({
        "criteria": {
            "answered": {"reason": "None was raised.", "evidence": [], "level": "not_applicable"},
            "closing": {"reason": "It was.", "evidence": [{"turn": 3, "quote": "See you on Tuesday"}], "level": "yes"}
        },
        "coaching_tips": [{"criterion": "talk", "category": "dynamics", "issue": "Long.", "issue_key": "Talks-too long!",
            "evidence": {"turn": 1, "quote": "Well"}, "impact": "Bored.", "fix": "Short."}],
        "critical_failures": [{"issue": "Rude.", "evidence": {"turn": 1, "quote": "Well"}}],
        "what_went_well": [{"what": "Polite.", "evidence": {"turn": 1, "quote": "Well"}}]
    })
}

fn read(value: &Value) -> Result<Answer, Unusable> {
    Answer::read(&small(), &value.to_string())
}

fn problems(value: &Value) -> Vec<String> {
    match read(value).unwrap_err() {
        Unusable::Schema(problems) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_that_fits_is_read_with_levels_by_their_place() {
    let answer = read(&good()).unwrap();

    let choices: Vec<_> = answer.judgements.iter().map(|judgement| judgement.choice).collect();
    assert_eq!(choices, [Choice::NotApplicable, Choice::Level(2)]);
    assert_eq!(answer.judgements[1].evidence[0].turn, 3);
    assert_eq!(answer.coaching_tips[0].issue_key, "talks_too_long");
    assert_eq!((answer.critical_failures.len(), answer.what_went_well.len()), (1, 1));
}

#[test]
fn a_line_that_is_broken_inside_of_a_string_is_read_as_a_blank() {
    let broken = good().to_string().replace("It was.", "It\n\twas.");

    let answer = Answer::read(&small(), &broken).unwrap();

    assert_eq!(answer.judgements[1].reason, "It  was.");
}

#[test]
fn what_is_no_json_is_refused_and_a_fence_is_called_one() {
    let read = |content: &str| Answer::read(&small(), content).unwrap_err();

    assert_eq!(read(" \n"), Unusable::InvalidJson("it is blank".to_owned()));
    let fenced = read(&format!("```json\n{}\n```", good()));
    assert_eq!(
        fenced.to_string(),
        "the answer is no JSON: it is fenced as Markdown; JSON alone is expected"
    );
    let mut cut = good().to_string();
    cut.truncate(100);
    assert!(matches!(read(&cut), Unusable::InvalidJson(_)));
    assert!(matches!(
        read(&format!("{} I hope this helps.", good())),
        Unusable::InvalidJson(_)
    ));
}

#[test]
fn members_that_nobody_asked_for_are_refused_by_name() {
    let mut answer = good();
    answer["total_score"] = json!(100);
    answer["criteria"]["closing"]["points"] = json!(8);
    answer["criteria"]["charm"] = json!({});

    assert_eq!(
        problems(&answer),
        [
            "total_score: unknown member; expected criteria, coaching_tips, critical_failures, what_went_well",
            "criteria.charm: unknown member; expected answered, closing",
            "criteria.closing.points: unknown member; expected reason, evidence, level",
        ]
    );
}

#[test]
fn what_is_missing_or_of_another_type_is_refused_by_its_path() {
    let cases = [
        (
            "/criteria/closing/level",
            json!("excellent"),
            "criteria.closing.level: not one of the levels of this criterion",
        ),
        (
            "/criteria/closing/level",
            json!("not_applicable"),
            "criteria.closing.level: not one of the levels of this criterion",
        ),
        (
            "/criteria/closing/level",
            json!(2),
            "criteria.closing.level: must be a text without NUL",
        ),
        (
            "/criteria/closing/level",
            json!(null),
            "criteria.closing.level: must be a text without NUL",
        ),
        (
            "/criteria/closing/reason",
            json!("a\0b"),
            "criteria.closing.reason: must be a text without NUL",
        ),
        (
            "/criteria/closing/evidence",
            json!({}),
            "criteria.closing.evidence: must be a list",
        ),
        (
            "/criteria/closing/evidence/0/turn",
            json!("3"),
            "criteria.closing.evidence[0].turn: must be a whole number",
        ),
        (
            "/criteria/closing/evidence/0/turn",
            json!(3.5),
            "criteria.closing.evidence[0].turn: must be a whole number",
        ),
        (
            "/criteria/closing/evidence/0",
            json!("Tuesday"),
            "criteria.closing.evidence[0]: must be an object",
        ),
        ("/criteria/closing", json!("yes"), "criteria.closing: must be an object"),
        (
            "/coaching_tips/0/criterion",
            json!("charm"),
            "coaching_tips[0].criterion: not a criterion of the rubric",
        ),
        (
            "/coaching_tips/0/category",
            json!("brand"),
            "coaching_tips[0].category: unknown; expected one of dynamics, objections, outcome",
        ),
        (
            "/coaching_tips/0/issue_key",
            json!("?!"),
            "coaching_tips[0].issue_key: must have a letter or a digit",
        ),
        (
            "/critical_failures/0/evidence",
            json!([]),
            "critical_failures[0].evidence: must be an object",
        ),
        ("/what_went_well", json!("all"), "what_went_well: must be a list"),
    ];
    for (pointer, value, expected) in cases {
        let mut answer = good();
        *answer.pointer_mut(pointer).unwrap() = value;

        assert_eq!(problems(&answer), [expected]);
    }
    let mut answer = good();
    answer["criteria"].as_object_mut().unwrap().remove("closing");
    assert_eq!(problems(&answer), ["criteria.closing: is missing"]);
    assert_eq!(problems(&json!([])), ["must be an object"]);
}

#[test]
fn an_answer_that_says_nothing_is_empty_and_not_a_bad_call() {
    let mut silent = good();
    for list in ["coaching_tips", "critical_failures", "what_went_well"] {
        silent[list] = json!([]);
    }
    silent["criteria"]["closing"]["evidence"] = json!([]);
    for level in ["no", "cannot_tell"] {
        silent["criteria"]["closing"]["level"] = json!(level);

        assert_eq!(read(&silent), Err(Unusable::Empty));
    }
    let mut spoken = silent.clone();
    spoken["criteria"]["closing"]["evidence"] = json!([{"turn": 1, "quote": "Bye"}]);
    assert!(read(&spoken).is_ok());
    let mut tipped = silent;
    tipped["coaching_tips"] = good()["coaching_tips"].clone();
    assert!(read(&tipped).is_ok());
}

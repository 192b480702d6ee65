use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use shared::domain::transcript::{Speaker, Transcript, Turn};

/// Dynamics 30 measured, objections 20 that may not apply, outcome 50.
pub(crate) fn small() -> Rubric {
    let level =
        |id: &str, points: u32, description: &str| json!({"id": id, "points": points, "description": description});
    Rubric::read(&json!({"blocks": [
        {"id": "dynamics", "name": "Dynamics", "max": 30, "criteria": [
            {"id": "talk", "name": "Talk", "max": 30, "measure": "agent_talk_share",
             "bands": [{"at_most": 0.3, "points": 10}, {"at_most": 0.6, "points": 30}, {"points": 0}]}]},
        {"id": "objections", "name": "Objections", "max": 20, "criteria": [
            {"id": "answered", "name": "Answered", "max": 20, "question": "Was it answered?",
             "levels": [level("no", 0, "Not at all."), level("yes", 20, "Quite.")],
             "applies_when": "there was an objection"}]},
        {"id": "outcome", "name": "Outcome", "max": 50, "criteria": [
            {"id": "closing", "name": "Closing", "max": 50, "question": "Was it closed?", "evidence_from": "anyone",
             "levels": [level("no", 0, "Not at all."), level("partly", 25, "Half."), level("yes", 50, "Quite.")]}]}
    ]}))
    .unwrap()
}

fn call() -> Transcript {
    let turn = |number, speaker, text: &str| Turn {
        number: Some(number),
        speaker,
        text: text.to_owned(),
        ..Turn::default()
    };
    Transcript {
        turns: vec![
            turn(1, Speaker::Agent, "Good morning, what can I do for you?"),
            turn(2, Speaker::Caller, "Tuesday at ten, if it is not too expensive."),
            turn(3, Speaker::Agent, "It costs nothing. See you on Tuesday at ten."),
        ],
        ..Transcript::default()
    }
}

const FOUND: (i64, &str) = (3, "See you on Tuesday");
const INVENTED: (i64, &str) = (3, "We guarantee the lowest price");

fn said(level: &str, quotes: &[(i64, &str)]) -> Value {
    let quotes: Vec<_> = quotes
        .iter()
        .map(|(turn, quote)| json!({"turn": turn, "quote": quote}))
        .collect();
    json!({"reason": "So it seems.", "evidence": quotes, "level": level})
}

fn answer_of(answered: &Value, closing: &Value) -> Value {
    let tip = json!({"criterion": "talk", "category": "dynamics", "issue": "I.", "issue_key": "i",
        "evidence": {"turn": 1, "quote": "never said by anyone"}, "impact": "I.", "fix": "F."});
    json!({"criteria": {"answered": answered, "closing": closing}, "coaching_tips": [tip],
        "critical_failures": [], "what_went_well": []})
}

fn judged(answered: &Value, closing: &Value) -> (Answer, Verified) {
    let answer = Answer::read(&small(), &answer_of(answered, closing).to_string()).unwrap();
    let verified = Verified::new(&small(), &answer, &call());
    (answer, verified)
}

fn scored(talk: Option<f64>, answered: &Value, closing: &Value) -> Result<Score, NoScore> {
    let (answer, verified) = judged(answered, closing);
    score(&small(), |_| talk, &answer, &verified)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn points_come_to_blocks_and_blocks_to_a_total() {
    let score = scored(
        Some(0.3),
        &said("yes", &[(3, "It costs nothing.")]),
        &said("partly", &[FOUND]),
    )
    .unwrap();

    let blocks: Vec<_> = score.blocks.iter().map(|block| block.score).collect();
    assert_eq!(
        blocks,
        [Some(decimal("10.00")), Some(decimal("20.00")), Some(decimal("25.00"))]
    );
    assert_eq!(
        (score.points, score.applicable_max, score.total),
        (decimal("55"), 100, decimal("55"))
    );
    assert_eq!((score.class, score.flagged), (Class::NeedsImprovement, false));
}

#[test]
fn a_block_that_does_not_apply_is_left_out_and_the_rest_rescaled() {
    let score = scored(None, &said("not_applicable", &[]), &said("partly", &[FOUND])).unwrap();

    assert_eq!(
        (score.points, score.applicable_max, score.total),
        (decimal("25"), 50, decimal("50"))
    );
    let standings: Vec<_> = score.criteria.iter().map(|result| result.standing).collect();
    assert_eq!(
        standings,
        [Standing::NotApplicable, Standing::NotApplicable, Standing::Counted]
    );
    assert_eq!(
        score.criteria[0].reason.as_deref(),
        Some("not measurable: agent_talk_share")
    );
    assert_eq!(score.blocks[1].score, None);
}

#[test]
fn halves_are_rounded_away_from_zero() {
    assert_eq!(share(Decimal::from(1), Decimal::from(1), 8), Some(decimal("0.13")));
    assert_eq!(share(Decimal::from(100), Decimal::from(2), 3), Some(decimal("66.67")));
    assert_eq!(share(Decimal::from(100), Decimal::from(2), 0), None);
}

#[test]
fn a_level_with_points_and_no_quote_that_was_found_counts_for_nothing_and_is_flagged() {
    let score = scored(Some(0.5), &said("no", &[]), &said("yes", &[INVENTED])).unwrap();

    let closing = &score.criteria[2];
    assert_eq!(
        (closing.standing, closing.points, closing.level.as_deref()),
        (Standing::Indeterminable, None, Some("yes"))
    );
    assert_eq!((closing.evidence.len(), closing.unverified.len()), (0, 1));
    assert!(
        closing
            .reason
            .as_ref()
            .unwrap()
            .starts_with("no quote of the judge's was found")
    );
    assert_eq!(
        (score.flagged, score.applicable_max, score.total),
        (true, 50, decimal("60"))
    );
}

#[test]
fn quotes_that_were_not_found_are_kept_apart_from_those_that_were() {
    let score = scored(None, &said("not_applicable", &[]), &said("yes", &[INVENTED, FOUND])).unwrap();

    let closing = &score.criteria[2];
    assert_eq!(
        (closing.points, closing.evidence.len(), closing.unverified.len()),
        (Some(50), 1, 1)
    );
    assert_eq!(closing.evidence[0].quote, FOUND.1);
    assert!(!score.flagged);
}

#[test]
fn the_caller_s_words_give_no_points_for_the_agent_s_conduct() {
    let score = scored(Some(0.5), &said("yes", &[(2, "Tuesday at ten")]), &said("no", &[])).unwrap();

    assert_eq!(score.criteria[1].standing, Standing::Indeterminable);
    assert!(score.flagged);
}

#[test]
fn a_level_without_points_needs_no_quote() {
    let score = scored(Some(0.9), &said("no", &[]), &said("no", &[])).unwrap();

    assert_eq!(
        (score.total, score.class, score.flagged),
        (decimal("0"), Class::Poor, false)
    );
    assert!(score.criteria.iter().all(|result| result.points == Some(0)));
}

#[test]
fn what_the_judge_cannot_tell_is_left_out_without_a_flag() {
    let score = scored(Some(0.5), &said("cannot_tell", &[]), &said("yes", &[FOUND])).unwrap();

    assert_eq!(score.criteria[1].standing, Standing::Indeterminable);
    assert_eq!(
        (score.flagged, score.applicable_max, score.total),
        (false, 80, decimal("100"))
    );
}

#[test]
fn timing_alone_is_no_score() {
    let (no, unfounded) = (said("not_applicable", &[]), said("yes", &[INVENTED]));

    assert_eq!(scored(Some(0.5), &no, &unfounded), Err(NoScore::NothingJudged));
    assert_eq!(
        scored(None, &no, &said("cannot_tell", &[])),
        Err(NoScore::NothingCounted)
    );
}

#[test]
fn a_fact_without_bound_falls_in_the_last_band_and_one_that_is_no_number_in_none() {
    let talk = |fact| scored(Some(fact), &said("no", &[]), &said("no", &[])).unwrap().criteria[0].clone();

    assert_eq!((talk(f64::INFINITY).points, talk(f64::NAN).points), (Some(0), None));
    assert_eq!((talk(0.6).points, talk(0.61).points), (Some(30), Some(0)));
    assert_eq!(serde_json::to_value(talk(f64::INFINITY)).unwrap()["fact"], Value::Null);
}

#[test]
fn the_classes_begin_at_eighty_sixty_and_forty() {
    for (total, class) in [
        ("100", "excellent"),
        ("80", "excellent"),
        ("79.99", "good"),
        ("60", "good"),
        ("59.99", "needs_improvement"),
        ("40", "needs_improvement"),
        ("39.99", "poor"),
        ("0", "poor"),
    ] {
        assert_eq!(Class::of(decimal(total)).as_str(), class);
    }
}

#[test]
fn a_result_is_written_with_the_names_that_are_stored() {
    let score = scored(Some(0.5), &said("no", &[]), &said("partly", &[FOUND])).unwrap();

    assert_eq!(
        serde_json::to_value(&score.criteria[2]).unwrap(),
        json!({
            "id": "closing", "name": "Closing", "block": "outcome", "kind": "judged", "standing": "counted",
            "level": "partly", "fact": null, "points": 25, "max": 50, "reason": "So it seems.",
            "evidence": [{"turn": 3, "quote": "See you on Tuesday", "verification": "exact"}], "unverified": []
        })
    );
}

#[test]
fn all_quotes_are_counted_those_of_tips_too() {
    let (_, verified) = judged(&said("no", &[]), &said("yes", &[FOUND, INVENTED]));

    assert_eq!((verified.quotes_total, verified.quotes_verified), (3, 1));
    assert!(!verified.coaching_tips[0].evidence.is_verified());
}

#[test]
fn the_judge_is_told_of_levels_that_no_quote_holds_up_and_not_of_a_bad_quote_beside_a_good_one() {
    let (answer, verified) = judged(&said("yes", &[(2, "Tuesday at ten")]), &said("yes", &[FOUND, INVENTED]));

    let problems = problems(&small(), &answer, &verified);

    assert_eq!(
        problems,
        [
            "Criterion `answered`: the quote \"Tuesday at ten\" of turn 2 is the caller's, and only the agent's words \
             count here. Quote the agent.",
            "Criterion `answered`: the level `yes` has no quote that counts. Quote the words that show it, or choose \
             the level that the transcript supports.",
        ]
    );
    let (answer, verified) = judged(&said("not_applicable", &[]), &said("no", &[]));
    assert_eq!(super::problems(&small(), &answer, &verified), [] as [&str; 0]);
}

/// A rubric with one to four blocks of random criteria, as JSON.
fn rubrics() -> impl Strategy<Value = Value> {
    let sizes = prop::sample::select(vec![vec![100], vec![37, 63], vec![30, 20, 50], vec![30, 20, 20, 30]]);
    (
        sizes,
        prop::collection::vec((any::<bool>(), any::<bool>(), 1_u32..7), 12),
    )
        .prop_map(|(sizes, kinds)| {
            let mut kinds = kinds.into_iter().enumerate();
            let blocks = sizes.iter().zip(BlockId::ALL).map(|(max, block)| {
                let mut left = *max;
                let mut criteria = Vec::new();
                for (index, (is_judged, may_apply, part)) in kinds.by_ref().take(3) {
                    let max = if index % 3 == 2 { left } else { part };
                    left -= max;
                    criteria.push(criterion(index, max, is_judged || index == 0, may_apply));
                }
                json!({"id": block.as_str(), "name": "B", "max": max, "criteria": criteria})
            });
            json!({"blocks": blocks.collect::<Vec<_>>()})
        })
}

fn criterion(index: usize, max: u32, is_judged: bool, may_not_apply: bool) -> Value {
    let mut criterion = json!({"id": format!("c{index}"), "name": "C", "max": max});
    if is_judged {
        criterion["question"] = json!("Q?");
        let level = |id: &str, points: u32| json!({"id": id, "points": points, "description": "D"});
        criterion["levels"] = json!([level("low", 0), level("high", max)]);
        if may_not_apply {
            criterion["applies_when"] = json!("C");
        }
    } else {
        criterion["measure"] = json!("dead_air_seconds");
        criterion["bands"] = json!([{"at_most": 1.5, "points": max / 2}, {"at_most": 3, "points": max}, {"points": 0}]);
    }
    criterion
}

type Told = Vec<(usize, Vec<(i64, &'static str)>)>;

fn told() -> impl Strategy<Value = Told> {
    let quotes = vec![
        FOUND,
        INVENTED,
        (1, "see you on tuesday"),
        (2, "Tuesday at ten"),
        (1, "Good morning"),
        (9, ""),
    ];
    prop::collection::vec(
        (0_usize..4, prop::collection::vec(prop::sample::select(quotes), 0..4)),
        12,
    )
}

fn told_of(rubric: &Rubric, told: &Told) -> Value {
    let criteria = rubric.judged().zip(told).map(|((_, criterion), (choice, quotes))| {
        let level = match choice {
            0 => "low",
            1 => "cannot_tell",
            2 if criterion.applies_when().is_some() => "not_applicable",
            _ => "high",
        };
        (criterion.id.clone(), said(level, quotes))
    });
    let criteria: serde_json::Map<_, _> = criteria.collect();
    json!({"criteria": criteria, "coaching_tips": [], "critical_failures": [],
        "what_went_well": [{"what": "W.", "evidence": {"turn": 1, "quote": "Good morning"}}]})
}

fn facts() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), Just(Some(f64::INFINITY)), (0.0..5.0).prop_map(Some)]
}

proptest! {
    #[test]
    fn a_score_follows_from_its_blocks_and_every_point_from_a_quote(value in rubrics(), told in told(), fact in facts()) {
        let rubric = Rubric::read(&value).unwrap();
        let answer = Answer::read(&rubric, &told_of(&rubric, &told).to_string()).unwrap();
        let verified = Verified::new(&rubric, &answer, &call());

        let Ok(score) = score(&rubric, |_| fact, &answer, &verified) else {
            return Ok(());
        };

        let applicable: Vec<_> = score.blocks.iter().filter(|block| block.score.is_some()).collect();
        let max: u32 = applicable.iter().map(|block| block.max).sum();
        let points: Decimal = applicable.iter().filter_map(|block| block.score).sum();
        let total = (Decimal::ONE_HUNDRED * points / Decimal::from(max))
            .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        prop_assert_eq!((score.total, score.points, score.applicable_max), (total, points, max));
        prop_assert!(score.total >= Decimal::ZERO && score.total <= Decimal::ONE_HUNDRED);
        for block in applicable {
            prop_assert!(block.score.unwrap() >= Decimal::ZERO && block.score.unwrap() <= Decimal::from(block.max));
        }
        for result in &score.criteria {
            prop_assert_eq!(result.points.is_some(), result.standing == Standing::Counted);
            prop_assert!(result.evidence.iter().all(Evidence::is_verified));
            prop_assert!(!result.unverified.iter().any(Evidence::is_verified));
            let has_points = result.points.is_some_and(|points| points > 0);
            prop_assert!(result.kind == Kind::Measured || !has_points || !result.evidence.is_empty());
        }
        let lacking = |result: &CriterionResult| {
            let is_uncounted = result.level.is_some() && result.standing != Standing::Counted;
            is_uncounted || (result.evidence.is_empty() && !result.unverified.is_empty())
        };
        prop_assert_eq!(score.flagged, score.criteria.iter().any(lacking));
    }

    #[test]
    fn an_answer_that_lost_or_changed_a_member_is_never_read(value in rubrics(), told in told(), at: prop::sample::Index, how in 0..4) {
        let rubric = Rubric::read(&value).unwrap();
        let mut answer = told_of(&rubric, &told);
        let criteria = answer["criteria"].as_object_mut().unwrap();
        let id = criteria.keys().nth(at.index(criteria.len())).unwrap().clone();
        match how {
            0 => drop(criteria.remove(&id)),
            1 => criteria[&id]["level"] = json!("excellent"),
            2 => criteria[&id]["points"] = json!(100),
            _ => criteria[&id]["evidence"] = json!("See you on Tuesday"),
        }

        prop_assert!(Answer::read(&rubric, &answer.to_string()).is_err());
    }

    #[test]
    fn an_answer_that_was_cut_or_is_anything_else_is_never_read(told in told(), at: prop::sample::Index, other in "\\PC{0,60}") {
        let answer = answer_of(&said("no", &told[0].1), &said("yes", &told[1].1)).to_string();
        prop_assert!(Answer::read(&small(), &answer).is_ok());
        let cut = answer.char_indices().nth(at.index(answer.chars().count())).unwrap().0;

        prop_assert!(Answer::read(&small(), &answer[..cut]).is_err());
        prop_assert!(Answer::read(&small(), &other).is_err());
    }
}

use serde_json::{Value, json};

use super::*;

/// The seeded rubric, cut out of its migration.
fn standard() -> Value {
    let migration = include_str!("../../../../migrations/V10__standard_framework.sql");
    let (_, rest) = migration.split_once("$rubric$").unwrap();
    let (rubric, _) = rest.split_once("$rubric$").unwrap();
    serde_json::from_str(rubric).unwrap()
}

fn small() -> Value {
    json!({
        "blocks": [
            {"id": "dynamics", "name": "Dynamics", "max": 40, "criteria": [
                {"id": "talk", "name": "Talk", "max": 10, "measure": "agent_talk_share",
                 "bands": [{"at_most": 0.3, "points": 4}, {"at_most": 0.6, "points": 10}, {"points": 0}]},
                {"id": "silence", "name": "Silence", "max": 30, "measure": "dead_air_seconds",
                 "bands": [{"points": 30}]}
            ]},
            {"id": "outcome", "name": "Outcome", "max": 60, "criteria": [
                {"id": "closing", "name": "Closing", "max": 60, "question": "Was it closed?",
                 "levels": [{"id": "no", "points": 0, "description": "No."},
                            {"id": "yes", "points": 60, "description": "Yes."}]}
            ]}
        ],
        "brand": {"name": "Acme", "aliases": ["ack me"]},
        "value_phrases": ["Saves You"]
    })
}

/// The small rubric with another value at a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut rubric = small();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = rubric.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) => {
            members.insert(name.to_owned(), value);
        }
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} is in no container"),
    }
    rubric
}

fn problems(value: &Value) -> Vec<String> {
    Rubric::read(value).unwrap_err().0
}

#[test]
fn the_standard_rubric_is_sound_and_has_its_four_blocks() {
    let rubric = Rubric::read(&standard()).unwrap();

    let blocks: Vec<_> = rubric.blocks.iter().map(|block| (block.id, block.max)).collect();
    assert_eq!(
        blocks,
        [
            (BlockId::Dynamics, 30),
            (BlockId::Objections, 20),
            (BlockId::Brand, 20),
            (BlockId::Outcome, 30)
        ]
    );
    assert_eq!((rubric.measured().count(), rubric.judged().count()), (6, 9));
    assert_eq!(rubric.brand, None);
    assert!(
        rubric
            .value_phrases
            .iter()
            .all(|phrase| *phrase == phrase.to_lowercase())
    );
}

#[test]
fn every_criterion_about_objections_may_be_not_applicable_and_no_other() {
    let rubric = Rubric::read(&standard()).unwrap();

    for (block, criterion) in rubric.criteria() {
        assert_eq!(
            criterion.applies_when().is_some(),
            block == BlockId::Objections,
            "{}",
            criterion.id
        );
    }
}

#[test]
fn a_rubric_is_read_with_its_defaults() {
    let rubric = Rubric::read(&small()).unwrap();

    let (block, closing) = rubric.criterion("closing").unwrap();
    assert_eq!(block, BlockId::Outcome);
    assert!(matches!(
        &closing.lane,
        Lane::Judged { evidence_from: EvidenceFrom::Agent, applies_when: None, levels, .. } if levels.len() == 2
    ));
    assert_eq!(rubric.value_phrases, ["saves you"]);
    assert_eq!(rubric.brand.unwrap().aliases, ["ack me"]);
    assert_eq!(rubric.blocks[0].criteria[0].levels(), []);
}

#[test]
fn names_in_a_rubric_are_those_that_are_written() {
    for block in BlockId::ALL {
        assert_eq!(serde_json::to_value(block).unwrap(), block.as_str());
    }
}

fn assert_told<const N: usize>(root: &str, cases: [(&str, Value, &str); N]) {
    for (member, value, expected) in cases {
        let problems = problems(&with(&format!("{root}/{member}"), value));

        assert!(
            problems.iter().any(|problem| problem == expected),
            "{member}: {problems:#?} lacks {expected}"
        );
    }
}

#[test]
fn what_does_not_fit_in_a_block_or_beside_the_blocks_is_named_with_its_reason() {
    assert_told(
        "/blocks/0",
        [
            (
                "max",
                json!(41),
                "blocks[0].criteria: their max come to 40; the max of the block is 41",
            ),
            ("max", json!("40"), "blocks[0].max: must be a whole number from 0"),
            (
                "id",
                json!("style"),
                "blocks[0].id: unknown; expected one of dynamics, objections, brand, outcome",
            ),
            (
                "id",
                json!("outcome"),
                "blocks[1].id: outcome is already the id of blocks[0]",
            ),
            ("name", json!("  "), "blocks[0].name: must not be blank"),
            ("criteria", json!([]), "blocks[0].criteria: there must be at least one"),
        ],
    );
    assert_told(
        "",
        [
            (
                "extra",
                json!(1),
                "extra: unknown member; expected blocks, brand, value_phrases",
            ),
            (
                "value_phrases",
                json!([""]),
                "value_phrases[0]: must be a text that is not blank",
            ),
            ("brand", json!({"name": ""}), "brand.name: must not be blank"),
            (
                "brand",
                json!({"name": "A", "alias": "B"}),
                "brand.alias: unknown member; expected name, aliases",
            ),
            (
                "brand",
                json!({"name": "A", "aliases": []}),
                "brand.aliases: must not be empty; leave it out where there are none",
            ),
            (
                "brand",
                json!({"name": "A", "aliases": ["a", " "]}),
                "brand.aliases[1]: must be a text that is not blank",
            ),
        ],
    );
}

#[test]
fn what_does_not_fit_in_a_measured_criterion_is_named_with_its_reason() {
    let band = |at_most: f64, points: u32| json!({"at_most": at_most, "points": points});
    let last = |points: u32| json!({"points": points});
    let at = |problem: &str| format!("blocks[0].criteria[0]{problem}");
    assert_told(
        "/blocks/0/criteria/0",
        [
            (
                "id",
                json!("Talk"),
                &at(".id: must be lower-case letters, digits and underscores"),
            ),
            (
                "id",
                json!("silence"),
                &format!("blocks[0].criteria[1].id: silence is already the id of {}", at("")),
            ),
            (
                "id",
                json!("closing"),
                &format!("blocks[1].criteria[0].id: closing is already the id of {}", at("")),
            ),
            ("max", json!(0), &at(".max: must be above 0")),
            (
                "bnads",
                json!([]),
                &at(
                    ".bnads: unknown member; expected id, name, max, measure, bands, question, levels, evidence_from, \
                     applies_when",
                ),
            ),
            (
                "question",
                json!("Q?"),
                &at(": is both measured and judged; it must have either measure and bands or question and levels"),
            ),
            (
                "measure",
                json!("mood"),
                &at(
                    ".measure: unknown; expected one of agent_talk_share, dead_air_seconds, agent_interruptions, \
                     response_latency_p50, response_latency_p95, time_to_value, brand_first_mention, brand_mentions, \
                     repeated_phrases",
                ),
            ),
            ("bands", json!([]), &at(".bands: there must be at least one")),
            (
                "bands",
                json!([band(1.0, 10)]),
                &at(".bands: the last band must have no at_most"),
            ),
            (
                "bands",
                json!([last(10), last(0)]),
                &at(".bands: every band but the last must have at_most"),
            ),
            (
                "bands",
                json!([band(0.5, 10), band(0.5, 4), last(0)]),
                &at(".bands: at_most must rise from band to band"),
            ),
            (
                "bands",
                json!([band(0.5, 9), last(0)]),
                &at(".bands: the best gives 9 points; it must give the max of 10"),
            ),
            (
                "bands",
                json!([band(0.5, 10), last(11)]),
                &at(".bands[1].points: 11 is above the max of 10"),
            ),
            (
                "bands",
                json!([{"at_most": "1", "points": 10}]),
                &at(".bands[0].at_most: must be a number"),
            ),
        ],
    );
}

#[test]
fn what_does_not_fit_in_a_judged_criterion_is_named_with_its_reason() {
    let level = |id: &str, points: u32| json!({"id": id, "points": points, "description": "D."});
    let at = |problem: &str| format!("blocks[1].criteria[0].{problem}");
    assert_told(
        "/blocks/1/criteria/0",
        [
            ("question", json!(" "), &at("question: must not be blank")),
            ("applies_when", json!(""), &at("applies_when: must not be blank")),
            (
                "evidence_from",
                json!("caller"),
                &at("evidence_from: unknown; expected one of agent, anyone"),
            ),
            (
                "levels",
                json!([level("no", 0)]),
                &at("levels: there must be at least two"),
            ),
            (
                "levels",
                json!([level("no", 0), level("no", 60)]),
                &at("levels[1].id: no is already the id of blocks[1].criteria[0].levels[0]"),
            ),
            (
                "levels",
                json!([level("no", 0), level("cannot_tell", 60)]),
                &at("levels[1].id: cannot_tell is reserved"),
            ),
            (
                "levels",
                json!([level("not_applicable", 0)]),
                &at("levels[0].id: not_applicable is reserved"),
            ),
            (
                "levels",
                json!([level("no", 0), level("Not Yet", 60)]),
                &at("levels[1].id: must be lower-case letters, digits and underscores"),
            ),
            (
                "levels",
                json!([level("no", 1), level("yes", 60)]),
                &at("levels: one must have 0 points"),
            ),
            (
                "levels",
                json!([level("yes", 60), level("no", 0)]),
                &at("levels: points must rise from level to level"),
            ),
            (
                "levels",
                json!([level("no", 0), level("yes", 50)]),
                &at("levels: the best gives 50 points; it must give the max of 60"),
            ),
            (
                "levels",
                json!([level("no", 0), level("yes", 61)]),
                &at("levels[1].points: 61 is above the max of 60"),
            ),
            (
                "levels",
                json!([{"id": "no", "points": 0, "description": ""}]),
                &at("levels[0].description: must not be blank"),
            ),
        ],
    );
}

#[test]
fn blocks_come_to_a_hundred() {
    let mut rubric = small();
    rubric["blocks"].as_array_mut().unwrap().pop();

    assert_eq!(
        problems(&rubric),
        [
            "blocks: their max come to 40; they must come to 100",
            "blocks: no criterion is judged; one at least must be, or no call gets a score",
        ]
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let mut rubric = small();
    rubric["blocks"][0]["criteria"][0]["max"] = json!(9);
    rubric["blocks"][1]["criteria"][0]["qestion"] = rubric["blocks"][1]["criteria"][0]["question"].take();
    rubric["brand"]["aliases"] = json!([]);

    let error = Rubric::read(&rubric).unwrap_err().to_string();

    for part in [
        "blocks[0].criteria[0].bands[1].points: 10 is above the max of 9; ",
        "blocks[0].criteria: their max come to 39; the max of the block is 40; ",
        "blocks[1].criteria[0].qestion: unknown member",
        "blocks[1].criteria[0].question: ",
        "brand.aliases: must not be empty",
    ] {
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn what_is_no_rubric_at_all_is_refused_without_a_panic() {
    for value in [
        json!(null),
        json!([]),
        json!({}),
        json!({"blocks": 1}),
        json!({"blocks": [1, {"criteria": [null]}]}),
    ] {
        assert!(!problems(&value).is_empty(), "{value}");
    }
    assert_eq!(problems(&json!([])), ["must be an object"]);
    assert_eq!(problems(&json!({})), ["blocks: is missing"]);
}

#[test]
fn sums_that_would_overflow_are_refused() {
    let huge = with("/blocks/0/criteria/0/max", json!(u32::MAX));

    assert!(
        problems(&huge)
            .iter()
            .any(|problem| problem.starts_with("blocks[0].criteria: their max come to 4294967325"))
    );
}

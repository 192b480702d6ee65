//! A rubric from its JSON form, with every reason why it cannot be scored by.

use std::cell::RefCell;

use serde_json::Value;

use super::{Band, Block, BlockId, Brand, Criterion, EvidenceFrom, InvalidRubric, Lane, Level, Measure, Rubric};
use crate::domain::fields::{Object, Problems};

/// What the blocks come to together.
const WHOLE: u64 = 100;

/// What the model may answer in place of a level.
const RESERVED: [&str; 2] = ["not_applicable", "cannot_tell"];

const CRITERION: [&str; 9] = [
    "id",
    "name",
    "max",
    "measure",
    "bands",
    "question",
    "levels",
    "evidence_from",
    "applies_when",
];

/// The members that only a measured criterion has, and those that only a judged one has.
const MEASURED: [&str; 2] = ["measure", "bands"];
const JUDGED: [&str; 4] = ["question", "levels", "evidence_from", "applies_when"];

pub(super) fn rubric(value: &Value) -> Result<Rubric, InvalidRubric> {
    let problems = Problems::default();
    let rubric = problems
        .object(String::new(), value, &["blocks", "brand", "value_phrases"])
        .and_then(|object| whole(&object));
    match (rubric, problems.into_list()) {
        (Some(rubric), problems) if problems.is_empty() => Ok(rubric),
        (_, problems) => Err(InvalidRubric(problems)),
    }
}

fn whole(object: &Object) -> Option<Rubric> {
    let (blocks_taken, criteria_taken) = (Taken::default(), Taken::default());
    let blocks = object.each("blocks", &["id", "name", "max", "criteria"], |item| {
        block(item, &blocks_taken, &criteria_taken)
    });
    if let Some(sum) = sum_of(object, "blocks", "max").filter(|sum| *sum != WHOLE) {
        object.note(
            "blocks",
            format_args!("their max come to {sum}; they must come to {WHOLE}"),
        );
    }
    if let Some(blocks) = &blocks
        && !blocks
            .iter()
            .flat_map(|block| &block.criteria)
            .any(Criterion::is_judged)
    {
        object.note(
            "blocks",
            "no criterion is judged; one at least must be, or no call gets a score",
        );
    }
    let brand = object.has("brand").then(|| brand(object));
    let value_phrases = if object.has("value_phrases") {
        object.all_words("value_phrases")
    } else {
        Some(Vec::new())
    };
    Some(Rubric {
        blocks: blocks?,
        brand: match brand {
            Some(brand) => Some(brand?),
            None => None,
        },
        value_phrases: value_phrases?.into_iter().map(str::to_lowercase).collect(),
    })
}

fn block(object: &Object, blocks: &Taken, criteria: &Taken) -> Option<Block> {
    let id = object.one_of("id", &BlockId::ALL, BlockId::as_str);
    if let Some(id) = id {
        blocks.take(object, id.as_str());
    }
    let name = object.words("name");
    let max = object.count("max");
    let list = object.each("criteria", &CRITERION, |item| criterion(item, criteria));
    match (sum_of(object, "criteria", "max"), max) {
        (Some(0), _) if list.as_ref().is_some_and(Vec::is_empty) => {
            object.note("criteria", "there must be at least one");
        }
        (Some(sum), Some(max)) if sum != u64::from(max) => {
            object.note(
                "criteria",
                format_args!("their max come to {sum}; the max of the block is {max}"),
            );
        }
        _ => {}
    }
    Some(Block {
        id: id?,
        name: name?.to_owned(),
        max: max?,
        criteria: list?,
    })
}

fn criterion(object: &Object, taken: &Taken) -> Option<Criterion> {
    let id = identifier(object, taken);
    let name = object.words("name");
    let max = object.count("max");
    if max == Some(0) {
        object.note("max", "must be above 0");
    }
    let (measured, judged) = (
        MEASURED.map(|name| object.has(name)),
        JUDGED.map(|name| object.has(name)),
    );
    let lane = match (measured.contains(&true), judged.contains(&true)) {
        (true, false) => measured_lane(object, max),
        (false, true) => judged_lane(object, max),
        (true, true) => {
            object
                .note_self("is both measured and judged; it must have either measure and bands or question and levels");
            None
        }
        (false, false) => {
            object.note_self("must have either measure and bands or question and levels");
            None
        }
    };
    Some(Criterion {
        id: id?,
        name: name?.to_owned(),
        max: max?,
        lane: lane?,
    })
}

fn measured_lane(object: &Object, max: Option<u32>) -> Option<Lane> {
    let measure = object.one_of("measure", &Measure::ALL, Measure::as_str);
    let bands = object.each("bands", &["at_most", "points"], |item| {
        let at_most = item.has("at_most").then(|| item.number("at_most"));
        let points = points(item, max);
        Some(Band {
            at_most: match at_most {
                Some(bound) => Some(bound?),
                None => None,
            },
            points: points?,
        })
    });
    if let Some(bands) = &bands {
        check_bands(object, bands, max);
    }
    Some(Lane::Measured {
        measure: measure?,
        bands: bands?,
    })
}

fn check_bands(object: &Object, bands: &[Band], max: Option<u32>) {
    let Some((last, bounded)) = bands.split_last() else {
        object.note("bands", "there must be at least one");
        return;
    };
    if last.at_most.is_some() {
        object.note("bands", "the last band must have no at_most");
    }
    if bounded.iter().any(|band| band.at_most.is_none()) {
        object.note("bands", "every band but the last must have at_most");
    }
    let bounds: Vec<f64> = bands.iter().filter_map(|band| band.at_most).collect();
    if !bounds.is_sorted_by(|one, next| one < next) {
        object.note("bands", "at_most must rise from band to band");
    }
    check_best(object, "bands", bands.iter().map(|band| band.points), max);
}

fn judged_lane(object: &Object, max: Option<u32>) -> Option<Lane> {
    let question = object.words("question");
    let taken = Taken::default();
    let levels = object.each("levels", &["id", "points", "description"], |item| {
        let id = identifier(item, &taken);
        if let Some(id) = id.as_deref().filter(|id| RESERVED.contains(id)) {
            item.note("id", format_args!("{id} is reserved"));
        }
        let points = points(item, max);
        let description = item.words("description");
        Some(Level {
            id: id?,
            points: points?,
            description: description?.to_owned(),
        })
    });
    if let Some(levels) = &levels {
        check_levels(object, levels, max);
    }
    let evidence_from = if object.has("evidence_from") {
        object.one_of("evidence_from", &EvidenceFrom::ALL, EvidenceFrom::as_str)
    } else {
        Some(EvidenceFrom::default())
    };
    let applies_when = object.has("applies_when").then(|| object.words("applies_when"));
    Some(Lane::Judged {
        question: question?.to_owned(),
        levels: levels?,
        evidence_from: evidence_from?,
        applies_when: match applies_when {
            Some(condition) => Some(condition?.to_owned()),
            None => None,
        },
    })
}

fn check_levels(object: &Object, levels: &[Level], max: Option<u32>) {
    if levels.len() < 2 {
        object.note("levels", "there must be at least two");
    }
    if !levels.is_empty() && levels.iter().all(|level| level.points > 0) {
        object.note("levels", "one must have 0 points");
    }
    if !levels.is_sorted_by(|one, next| one.points < next.points) {
        object.note("levels", "points must rise from level to level");
    }
    check_best(object, "levels", levels.iter().map(|level| level.points), max);
}

fn check_best(object: &Object, name: &str, points: impl Iterator<Item = u32>, max: Option<u32>) {
    if let (Some(best), Some(max)) = (points.max(), max)
        && best < max
    {
        object.note(
            name,
            format_args!("the best gives {best} points; it must give the max of {max}"),
        );
    }
}

fn points(object: &Object, max: Option<u32>) -> Option<u32> {
    let points = object.count("points")?;
    if let Some(max) = max.filter(|max| points > *max) {
        object.note("points", format_args!("{points} is above the max of {max}"));
    }
    Some(points)
}

fn brand(object: &Object) -> Option<Brand> {
    let object = object.object("brand", &["name", "aliases"])?;
    let name = object.words("name");
    let aliases = if object.has("aliases") {
        let aliases = object.all_words("aliases");
        if aliases.as_ref().is_some_and(Vec::is_empty) {
            object.note("aliases", "must not be empty; leave it out where there are none");
        }
        aliases
    } else {
        Some(Vec::new())
    };
    Some(Brand {
        name: name?.to_owned(),
        aliases: aliases?.into_iter().map(str::to_owned).collect(),
    })
}

fn identifier(object: &Object, taken: &Taken) -> Option<String> {
    let id = object.text("id")?;
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if id.is_empty() || !id.chars().all(allowed) {
        object.note("id", "must be lower-case letters, digits and underscores");
        return None;
    }
    taken.take(object, id);
    Some(id.to_owned())
}

/// The sum of a number over a list, whatever else is wrong there; `None` where it lacks or is of another type.
fn sum_of(object: &Object, list: &str, number: &str) -> Option<u64> {
    object
        .peek(list)?
        .as_array()?
        .iter()
        .map(|item| Some(u64::from(u32::try_from(item.get(number)?.as_u64()?).ok()?)))
        .sum()
}

/// Ids that are in use, each with the path of the object that has it.
#[derive(Default)]
struct Taken(RefCell<Vec<(String, String)>>);

impl Taken {
    fn take(&self, object: &Object, id: &str) {
        let mut taken = self.0.borrow_mut();
        match taken.iter().find(|(other, _)| other == id) {
            Some((_, path)) => object.note("id", format_args!("{id} is already the id of {path}")),
            None => taken.push((id.to_owned(), object.own_path().to_owned())),
        }
    }
}

//! Who talks to whom about what: the words behind a conversation's slots.

use super::{
    business::{Business, Service},
    dice::Dice,
    phrase::Slots,
};

/// One conversation's facts. They stay the same from its first line to its last.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) business: &'static Business,
    pub(crate) service: &'static Service,
    pub(crate) price: i64,
    pub(crate) caller: String,
    /// In E.164, from a range reserved for fiction.
    pub(crate) number: String,
    pub(crate) reference: String,
    day: &'static str,
    time: &'static str,
    other_day: &'static str,
    other_time: &'static str,
    value: &'static str,
    /// How often speech-to-text gets the brand wrong.
    pub(crate) mishears: f64,
}

const DAYS: [&str; 6] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const TIMES: [&str; 12] = [
    "eight fifteen",
    "nine",
    "nine thirty",
    "ten",
    "ten forty five",
    "half past eleven",
    "noon",
    "one thirty",
    "two",
    "three fifteen",
    "four",
    "five thirty",
];
/// Real area codes; with 555-01xx behind them the numbers are nobody's.
const AREA_CODES: [&str; 10] = ["202", "212", "303", "312", "404", "415", "503", "617", "713", "808"];
const DIGITS: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

impl Scene {
    pub(crate) fn new(business: &'static Business, dice: &mut Dice) -> Self {
        let service = &business.services[dice.below(business.services.len())];
        let day = dice.below(DAYS.len());
        let time = dice.below(TIMES.len());
        Self {
            business,
            service,
            price: dice.between(service.price.0, service.price.1),
            caller: caller(dice),
            number: number(dice),
            reference: format!(
                "{}{}",
                dice.pick(&["AB", "KT", "LM", "QR", "VX"]),
                dice.between(1000, 9999)
            ),
            day: DAYS[day],
            time: TIMES[time],
            other_day: DAYS[(day + 1 + dice.below(DAYS.len() - 2)) % DAYS.len()],
            other_time: TIMES[(time + 1 + dice.below(TIMES.len() - 2)) % TIMES.len()],
            value: dice.pick(&business.values),
            mishears: 0.0,
        }
    }

    /// From here on it is about this service.
    pub(crate) fn want(&mut self, service: usize, dice: &mut Dice) {
        self.service = &self.business.services[service];
        self.price = dice.between(self.service.price.0, self.service.price.1);
    }

    /// The number as a person reads it out.
    fn spoken_number(&self) -> String {
        let digits = self.number.trim_start_matches("+1").bytes();
        let words: Vec<&str> = digits.map(|digit| DIGITS[usize::from(digit - b'0')]).collect();
        words.join(" ")
    }
}

impl Slots for Scene {
    fn fill(&self, slot: &str, dice: &mut Dice, into: &mut String) {
        let business = self.business;
        match slot {
            "brand" if dice.chance(self.mishears) => into.push_str(dice.pick(&business.misheard)),
            "brand" => into.push_str(business.brand),
            "trade" => into.push_str(business.trade),
            "agent" => into.push_str(business.agent),
            "street" => into.push_str(business.street),
            "hours" => into.push_str(business.hours),
            "service" => into.push_str(self.service.name),
            "minutes" => push(into, self.service.minutes, ""),
            "price" => push(into, self.price, " dollars"),
            "deposit" => push(into, self.price / 50 * 10 + 20, " dollars"),
            "value" => into.push_str(self.value),
            "day" => into.push_str(self.day),
            "time" => into.push_str(self.time),
            "other_day" => into.push_str(self.other_day),
            "other_time" => into.push_str(self.other_time),
            "caller" => into.push_str(&self.caller),
            "number" => into.push_str(&self.spoken_number()),
            "reference" => into.push_str(&self.reference),
            unknown => {
                into.push('{');
                into.push_str(unknown);
                into.push('}');
            }
        }
    }
}

fn push(into: &mut String, number: i64, unit: &str) {
    into.push_str(&number.to_string());
    into.push_str(unit);
}

/// A name that nobody can take for a real person's.
pub(crate) fn caller(dice: &mut Dice) -> String {
    let letter = char::from(b'A' + u8::try_from(dice.below(26)).unwrap_or(0));
    match dice.below(4) {
        0 => format!("Sample Person {}", dice.between(2, 99)),
        1 => format!("Demo Caller {letter}"),
        _ => format!("Test Customer {letter}"),
    }
}

/// A number that no carrier gives out.
pub(crate) fn number(dice: &mut Dice) -> String {
    format!("+1{}55501{:02}", dice.pick(&AREA_CODES), dice.below(100))
}

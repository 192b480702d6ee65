//! The caller wants a number.

use serde_json::json;

use super::{CALLER_HUNG_UP, Ending, Outcome, opening};
use crate::vapi::generate::{stage::Stage, topics};

pub(super) fn enquiry(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    opening::open(stage, inbound);
    stage.caller(
        "[First of all, what does it cost|How much is {service}|I really just want to know the price of {service}][?|, roughly?]",
    );
    if stage.dice.chance(0.5) {
        let arguments = json!({"service": stage.scene.service.name});
        let result = json!({"service": stage.scene.service.name, "price": stage.scene.price, "currency": "USD"});
        stage.tool("lookUpPrice", arguments, result.to_string(), (0.2, 1.2));
    }
    stage.agent(
        "[{service} comes to {price}|For {service} you pay {price}|That would be {price} for {service}], \
         [all in|everything included|and it takes about {minutes} minutes].",
    );
    stage.caller("[Okay|Hm|And is that fixed|That's less than I thought|That's about what I expected][.|, okay.]");
    topics::chat(stage, n.max(1));
    stage.agent(
        "[Would you like me to keep a time for you?|Shall I look for a slot?|Do you want to book it straight away?]",
    );
    stage
        .caller("[Not today, I'm comparing prices|I'll call again|Let me think about it|No, I just wanted the price].");
    stage.agent("[That's fine|No problem]. [The price holds for a month|You know where to find us]. [Thanks for calling {brand}|Bye for now].");
    stage.caller("[Thanks, bye|Thank you|Okay, goodbye].");
    Ending {
        outcome: Outcome::Informed,
        reason: CALLER_HUNG_UP,
        summary: "{caller} asked what {service} costs, was told {price} and did not book.",
    }
}

//! The caller is interested, but does not decide today.

use serde_json::json;

use super::{AGENT_HUNG_UP, CALLER_HUNG_UP, Ending, Outcome, opening};
use crate::vapi::generate::{stage::Stage, topics};

pub(super) fn warm(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    opening::open(stage, inbound);
    let questions = 2 + stage.dice.below(3);
    topics::qualify(stage, questions);
    opening::pitch(stage);
    topics::chat(stage, n);
    warm_end(stage)
}

/// The offer, and why it is not taken today.
pub(super) fn warm_end(stage: &mut Stage<'_>) -> Ending {
    stage.agent(
        "[From what you tell me|Based on that|With what you describe], {service} [would fit|sounds right], \
         and that comes to {price}. [How does that sound?|Is that about what you expected?|What do you think?]",
    );
    stage.caller(
        "[It sounds good, but I have to talk to my [wife|husband|partner] first.|I'm interested, I just need to look at my budget.|\
         Can you send me that in writing?|I'd like to compare one more offer.]",
    );
    stage.agent(
        "[That makes sense|Of course|Completely understandable]. [I'll send you the offer|Let me send everything] \
         [by text to {number}|to the number I have here], [and it stays valid for two weeks|no strings attached].",
    );
    let arguments = json!({
        "name": stage.scene.caller, "phone": stage.scene.number,
        "service": stage.scene.service.name, "price": stage.scene.price, "stage": "warm",
    });
    let result = json!({"ok": true, "leadId": stage.scene.reference});
    stage.tool("createLead", arguments, result.to_string(), (0.3, 1.8));
    stage.caller("[Perfect|Great, I'll have a look|That would help|Thanks].");
    if stage.dice.chance(0.7) {
        stage.agent("[Would it be all right if we called you|May I check back] [on {day}|{day} around {time}]?");
        stage.caller("[Yes, that's fine|Okay|{other_day} is better for me|Sure].");
    }
    opening::close(stage);
    Ending {
        outcome: Outcome::Lead,
        reason: if stage.dice.chance(0.5) {
            CALLER_HUNG_UP
        } else {
            AGENT_HUNG_UP
        },
        summary: "{caller} is interested in {service} at {price} and wants to [think it over|talk to family|compare] first. \
                  The offer was sent by text.",
    }
}

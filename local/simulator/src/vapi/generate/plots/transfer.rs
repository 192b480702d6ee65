//! The caller wants a person, or another department.

use serde_json::json;

use super::{Ending, Outcome, opening};
use crate::vapi::generate::{scene, stage::Stage, topics};

pub(super) fn to_a_person(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    opening::open(stage, inbound);
    topics::chat(stage, n / 2);
    stage.caller("[I have a question about my bill|It's about an invoice|I was charged twice].");
    stage.tool(
        "handoff_to_Billing",
        json!({"destination": "Billing"}),
        "Handoff initiated.",
        (0.05, 0.3),
    );
    stage.handoff();
    stage.agent("[Billing here|This is the billing desk at {brand}], [what is it about?|how can I help?]");
    stage.caller("[I was charged {deposit} twice|The amount is wrong|There's a fee I don't understand], [can I talk to a person|is there a human I can talk to]?");
    stage.agent("[Of course|I understand]. [Stay on the line|One moment], [I'll connect you|I'm putting you through to a colleague].");
    let number = scene::number(stage.dice);
    stage.tool(
        "transferCall",
        json!({"destination": number}),
        "Transfer initiated.",
        (0.1, 0.6),
    );
    Ending {
        outcome: Outcome::Transferred,
        reason: "assistant-forwarded-call",
        summary: "{caller} asked about a double charge and was put through to a person.",
    }
}

//! The caller has no time now.

use serde_json::json;

use super::{AGENT_HUNG_UP, Ending, Outcome, opening};
use crate::vapi::generate::{stage::Stage, topics};

pub(super) fn requested(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    opening::open(stage, inbound);
    if n > 3 {
        topics::qualify(stage, 2);
        topics::chat(stage, n - 3);
    }
    stage.caller(
        "[Listen, I'm driving|Sorry, I'm in a meeting|I'm at work right now|This isn't a good time], \
         [can you call me back|could somebody ring me later|can we do this another time]?",
    );
    stage.agent(
        "[Of course|No problem at all|Absolutely]. [When would suit you?|What time is better?|Would {day} around {time} work?]",
    );
    stage.caller("[{day} after {time}|{day} is good|Try {day}, {time} or so|Tomorrow morning, please].");
    stage.agent("[{day} at {time} then|I'll note {day} at {time}], on {number}[?|, is that right?]");
    stage.caller("[Yes|That's it|Correct, yes|Mhm].");
    let arguments = json!({"name": stage.scene.caller, "phone": stage.scene.number, "note": stage.scene.service.name});
    if stage.dice.chance(0.85) {
        stage.tool("scheduleCallback", arguments, "{\"ok\":true}", (0.3, 1.5));
    } else {
        stage.tool("scheduleCallback", arguments, "Error: invalid date", (0.3, 1.5));
    }
    stage.agent(
        "[Done|It's in the calendar|All set]. [Somebody from {brand} will call you then|We'll speak then], [drive safely|have a good day|bye for now].",
    );
    if stage.dice.chance(0.6) {
        stage.caller("[Thanks, bye|Bye|Okay, thank you].");
    }
    Ending {
        outcome: Outcome::Callback,
        reason: AGENT_HUNG_UP,
        summary: "{caller} had no time and asked to be called back on {day} at {time}.",
    }
}

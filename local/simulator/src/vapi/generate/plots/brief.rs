//! Calls that are over before they begin.

use super::{AGENT_HUNG_UP, CALLER_HUNG_UP, Ending, Outcome};
use crate::vapi::generate::stage::Stage;

const GREETING: &str =
    "[Hi|Hello], this is {agent} [from|calling from] {brand}. [Am I speaking with {caller}?|Is this {caller}?]";

pub(super) fn wrong_number(stage: &mut Stage<'_>) -> Ending {
    stage.agent(GREETING);
    stage.caller("[No, you have the wrong number|There's nobody by that name here|Who? No, that's not me].");
    stage.agent("[Oh, I'm sorry|My apologies]. [Is there a {caller} in the house?|I was trying to reach {caller}, on {number}.]");
    stage.caller("[No, I've had this number for [years|ten years]|No. Take me off your list|Never heard of them].");
    stage.agent("[I'll remove the number right away|I'll correct that]. [Sorry to have bothered you|Thanks for letting me know], goodbye.");
    Ending {
        outcome: Outcome::Nothing,
        reason: AGENT_HUNG_UP,
        summary: "The number does not belong to {caller}. It was to be removed.",
    }
}

pub(super) fn early_hang_up(stage: &mut Stage<'_>) -> Ending {
    stage.agent(GREETING);
    if stage.dice.chance(0.7) {
        stage.caller("[Not interested|No thanks|Stop calling me|I'm busy|What? No].");
    }
    Ending {
        outcome: Outcome::Nothing,
        reason: CALLER_HUNG_UP,
        summary: "The person hung up within seconds.",
    }
}

pub(super) fn voicemail(stage: &mut Stage<'_>) -> Ending {
    stage.caller(
        "[Hi, you've reached {caller}, I can't come to the phone|You have reached the mailbox of {number}|\
         The person you are calling is not available]. [Please leave a message after the tone|Leave a message].",
    );
    stage.agent(
        "[Hello|Hi] {caller}, this is {agent} from {brand} about {service}. \
         [Please call us back|We'll try again {day}|You can reach us {hours}]. [Thank you|Goodbye].",
    );
    Ending {
        outcome: Outcome::Nothing,
        reason: "voicemail",
        // As the real one does, the summary may well be made up.
        summary: "[The assistant left a message for {caller}.||The customer discussed a marketing meeting on {day}.]",
    }
}

pub(super) fn nobody_there(stage: &mut Stage<'_>) -> Ending {
    stage.agent(GREETING);
    stage.silence(6.0, 12.0);
    stage.agent("[Hello|Are you still there|Can you hear me]?");
    stage.silence(8.0, 20.0);
    Ending {
        outcome: Outcome::Nothing,
        reason: "silence-timed-out",
        summary: "Nobody answered.",
    }
}

pub(super) fn broken_off(stage: &mut Stage<'_>) -> Ending {
    stage.agent(GREETING);
    if stage.dice.chance(0.6) {
        stage.caller("[Yes|Hello|Yes, who's there]?");
    }
    stage.silence(2.0, 8.0);
    Ending {
        outcome: Outcome::Nothing,
        reason: "",
        summary: "",
    }
}

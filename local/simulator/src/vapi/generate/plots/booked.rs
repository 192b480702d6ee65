//! The caller wants an appointment.

use serde_json::json;

use super::{AGENT_HUNG_UP, CALLER_HUNG_UP, Ending, Outcome, opening};
use crate::vapi::generate::{stage::Stage, topics};

pub(super) fn booked(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    until_the_slot(stage, n, inbound);
    book(stage, true);
    confirm(stage);
    opening::close(stage);
    Ending {
        outcome: Outcome::Booked,
        reason: if stage.dice.chance(0.6) {
            CALLER_HUNG_UP
        } else {
            AGENT_HUNG_UP
        },
        summary: "{caller} called about {service} and booked {day} at {time}[ after a few questions|]. \
                  [The reference is {reference}.|A confirmation was sent by text.]",
    }
}

pub(super) fn at_second_try(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    until_the_slot(stage, n, inbound);
    book(stage, false);
    stage.agent(
        "[The calendar is a little slow|That didn't go through|Hm, the system gave me an error], \
         [let me try once more|one moment please|bear with me].",
    );
    if stage.dice.chance(0.5) {
        stage.caller("[No problem|Okay|Take your time].");
    }
    book(stage, true);
    confirm(stage);
    opening::close(stage);
    Ending {
        outcome: Outcome::Booked,
        reason: CALLER_HUNG_UP,
        summary: "The first attempt to book {service} failed. The assistant tried again and booked {day} at {time} \
                  for {caller}.",
    }
}

pub(super) fn failed(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    until_the_slot(stage, n, inbound);
    book(stage, false);
    stage.agent("[I'm sorry|Apologies], [the booking system is not answering|I get an error here]. Let me try [again|once more].");
    if stage.dice.chance(0.5) {
        book(stage, false);
    } else {
        let arguments = json!({"slot": stage.scene.reference, "name": stage.scene.caller});
        stage.tool_without_answer("bookSlot", arguments);
    }
    stage.agent(
        "[I'm afraid it still doesn't work|No luck, I'm sorry]. [A colleague will call you|Somebody will ring you] \
         [within the hour|this afternoon] to [finish the booking|fix the time].",
    );
    stage.caller("[That's a bit annoying, but okay|Fine|Well, please make sure they do|Again? All right].");
    stage.agent("[I understand, and I'm sorry|Thank you for your patience]. [Goodbye|Speak soon|Have a good day].");
    Ending {
        outcome: Outcome::Callback,
        reason: AGENT_HUNG_UP,
        summary: "{caller} wanted {service} on {day} but the booking tool failed twice. A colleague has to call back.",
    }
}

fn until_the_slot(stage: &mut Stage<'_>, n: usize, inbound: bool) {
    opening::open(stage, inbound);
    let questions = 1 + stage.dice.below(4);
    topics::qualify(stage, questions);
    if stage.dice.chance(0.6) {
        opening::pitch(stage);
    }
    topics::chat(stage, n);
    stage.agent(
        "[Shall we find a time?|Would you like to set a time?|Let's look at the calendar.] \
         [Which day suits you best?|Do mornings or afternoons work better?|When would be good for you?]",
    );
    stage.caller(
        "[Sometime around {day}|{day} would be good|As early as possible|Any day but {other_day}|Later this week].",
    );
    if stage.dice.chance(0.5) {
        stage.agent("[Let me check|One moment|I'm looking at the calendar now].");
    }
    let arguments = json!({"service": stage.scene.service.name, "days": 5, "around": stage.scene.reference.len()});
    let result = json!({"slots": [
        {"day": "first", "start": "T09:30", "free": true},
        {"day": "second", "start": format!("T{:02}:15", stage.dice.between(10, 16)), "free": true},
    ]});
    stage.tool("findSlots", arguments, result.to_string(), (0.4, 2.6));
    stage.agent(
        "I [have|can offer|see] {day} at {time}[, or {other_day} at {other_time}|, and {other_day} at {other_time} as well]. \
         [Which one do you prefer?|Does one of those work?|What would suit you?]",
    );
    stage.caller(
        "[{day} at {time} works|The first one|{day} please|Let's do {day}|{day}, that's perfect][.|, thank you.|, I think.]",
    );
    stage.agent("[And your full name for the booking?|Whose name shall I put it under?|Can I take your name, please?]");
    stage.caller("[{caller}|It's {caller}|Put it under {caller}|My name's {caller}].");
    if stage.dice.chance(0.6) {
        stage.agent("[And is {number} the best number for you?|I have {number}, is that right?]");
        stage.caller("[Yes|That's right|Correct|Yes, that one].");
    }
}

fn book(stage: &mut Stage<'_>, works: bool) {
    let arguments = json!({
        "service": stage.scene.service.name,
        "name": stage.scene.caller,
        "phone": stage.scene.number,
        "ref": stage.scene.reference,
    });
    if works {
        let result = json!({"ok": true, "bookingId": stage.scene.reference, "reminder": "sms"});
        stage.tool("bookSlot", arguments, result.to_string(), (0.5, 3.0));
        return;
    }
    let result = stage.dice.pick(&[
        "Error: upstream timed out after 5000 ms",
        "{\"ok\":false,\"error\":\"SLOT_TAKEN\",\"message\":\"This slot has just been taken.\"}",
        "Request failed with status code 502",
        "{\"error\":{\"code\":503,\"message\":\"calendar unavailable\"}}",
        "Tool Call Failed: no response from server",
    ]);
    stage.tool("bookSlot", arguments, result, (2.0, 7.5));
}

fn confirm(stage: &mut Stage<'_>) {
    stage.agent(
        "[Wonderful|Perfect|All done|Great], [you're booked|that's booked|I've put you down] for {service} on {day} at {time}. \
         [Your reference is {reference}.|The reference number is {reference}, and a text is on its way.|You'll get a text with all of it.]",
    );
    stage.caller("[Great, thank you|Perfect|Lovely, thanks|Brilliant|Okay, noted].");
}

//! The caller has a reason not to.

use serde_json::json;

use super::{AGENT_HUNG_UP, CALLER_HUNG_UP, Ending, Outcome, opening};
use crate::vapi::generate::{stage::Stage, topics};

/// What the caller holds against it, an answer that meets it, and one that does not.
struct Objection(&'static str, &'static str, &'static str);

const OBJECTIONS: [Objection; 7] = [
    Objection(
        "[Honestly, that's too expensive|{price} is a lot|Wow, that's more than I wanted to spend].",
        "[I hear you, it is real money|That's fair, nobody likes to spend more than they must]. \
         [Compared with what it saves you|If you look at it over a year] it [pays off|is less than it looks], because {value}. \
         [We can also spread it over three months.|And there's a smaller option to start with.]",
        "[The price is the price|I can't change that|It's {price}, that's what everyone pays].",
    ),
    Objection(
        "[I already have somebody for that|We're with another company|My cousin usually does it].",
        "[Good that you're looked after|That's fine, I don't want to take you away from someone you like]. \
         [Out of interest, what would you change if you could?|Many people keep us as a second opinion], because {value}.",
        "[They're probably worse|Well, you should switch|Okay, but we're better].",
    ),
    Objection(
        "[I don't trust [these calls|robots]|I've been ripped off before|How do I know you're real].",
        "[I'd be careful too|You're right to ask]. [I'm a digital assistant at {brand}, at {street}|We're at {street}, come and see us], \
         and [you pay nothing today|nothing is signed on the phone]. {value} - [you can hold us to that|in writing].",
        "[I'm just doing my job here|I can't prove it to you|You'll have to believe me].",
    ),
    Objection(
        "[I need to think about it|I'm not sure yet|Let me sleep on it].",
        "[Of course, take the time you need|Sleeping on it is a good idea]. [What would help you decide?|Is it the price or the time that worries you?] \
         [I can hold {day} at {time} for you until tomorrow, at no cost.|I'll keep the price for a week.]",
        "[What is there to think about?|You'd have to decide now|The offer is only for today].",
    ),
    Objection(
        "[I had a bad experience with you|Last time nobody turned up|Your last visit was a mess].",
        "[I'm really sorry, that should not have happened|Thank you for telling me, I'd be upset too]. \
         [I'll put a note on it so the manager calls you|Let me make it right]: [the visit is on us|you get the first slot], and {value}.",
        "[I don't see anything about that here|That wasn't us, I think|Anyway, which day would you like?]",
    ),
    Objection(
        "[I don't have time for that|I work all week|It takes too long].",
        "[I get that|Weeks like that are hard]. It takes {minutes} minutes, and we're there {hours}. \
         [{day} at {time} is before most people start work.|We can come to you on {other_day}.]",
        "[Everybody's busy|It only takes {minutes} minutes|You'd have to make the time].",
    ),
    Objection(
        "[Just send me something, I won't decide on the phone|I don't buy on the phone].",
        "[I wouldn't either|Quite right]. [I'll text you two lines and the price|You'll get it in writing], \
         [and you decide in peace|no follow-up unless you want one]. [May I ask what matters most to you?|]",
        "[We don't send things out|It's easier if you decide now].",
    ),
];

pub(super) fn handled(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    offer(stage, n, inbound);
    let count = 1 + stage.dice.below(2);
    for Objection(says, meets, _) in some(stage, count) {
        stage.caller(says);
        stage.agent(meets);
        stage.caller("[Okay, that's fair|Hm, I hadn't thought of it that way|All right, that helps|Well, if you put it like that].");
    }
    stage.agent("[Shall I put you down for {day} at {time}, then?|Would {day} at {time} suit you to give it a try?]");
    stage.caller("[Okay, let's do it|Fine, {day} then|Yes, go on|You've convinced me].");
    let arguments =
        json!({"service": stage.scene.service.name, "name": stage.scene.caller, "phone": stage.scene.number});
    let result = json!({"ok": true, "bookingId": stage.scene.reference});
    stage.tool("bookSlot", arguments, result.to_string(), (0.5, 2.8));
    stage.agent("[Thank you|Wonderful]. That's {service} on {day} at {time}, reference {reference}.");
    stage.caller("[Great|Good|Thanks for explaining it].");
    opening::close(stage);
    Ending {
        outcome: Outcome::Booked,
        reason: CALLER_HUNG_UP,
        summary: "{caller} hesitated about {service} at {price}. The assistant answered the objection and booked {day} at {time}.",
    }
}

pub(super) fn lost(stage: &mut Stage<'_>, n: usize, inbound: bool) -> Ending {
    offer(stage, n, inbound);
    for Objection(says, _, misses) in some(stage, 2) {
        stage.caller(says);
        stage.agent(misses);
    }
    stage.caller(
        "[Then I'd rather not|You know what, forget it|No, that's not what I asked|I'm not interested, thanks].",
    );
    stage.agent("[Okay|All right]. [So shall I book you in?|Would {day} at {time} work?|Have a nice day.]");
    stage.caller("[No. Goodbye|I said no|Please don't call again|No, bye].");
    Ending {
        outcome: Outcome::Lost,
        reason: if stage.dice.chance(0.85) {
            CALLER_HUNG_UP
        } else {
            AGENT_HUNG_UP
        },
        summary: "{caller} objected to the offer of {service} at {price}, was not answered and ended the call.",
    }
}

fn offer(stage: &mut Stage<'_>, n: usize, inbound: bool) {
    opening::open(stage, inbound);
    let questions = 1 + stage.dice.below(3);
    topics::qualify(stage, questions);
    topics::chat(stage, n);
    stage.agent(
        "[So what I'd suggest is|My suggestion would be|I think the right thing is] {service}, \
         [which comes to {price}|that's {price}|at {price}]. [Shall I book it?|How does that sound?]",
    );
}

fn some(stage: &mut Stage<'_>, n: usize) -> Vec<&'static Objection> {
    let mut order: Vec<&Objection> = OBJECTIONS.iter().collect();
    stage.dice.shuffle(&mut order);
    order.truncate(n);
    order
}

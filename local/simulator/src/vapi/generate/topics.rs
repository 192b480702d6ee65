//! Questions that callers ask any business, and what its assistant answers.

use super::stage::Stage;

/// A question, its answer, and what the caller makes of it.
struct Topic(&'static str, &'static str, &'static str);

/// Lets the caller ask about `n` things, none of them twice until all have been asked.
pub(crate) fn chat(stage: &mut Stage<'_>, n: usize) {
    let mut order: Vec<usize> = Vec::new();
    for asked in 0..n {
        if order.is_empty() {
            order = (0..TOPICS.len()).collect();
            stage.dice.shuffle(&mut order);
        }
        let Topic(asks, answers, replies) = &TOPICS[order.pop().unwrap_or(0)];
        stage.caller(asks);
        stage.agent(answers);
        if stage.asked() || stage.dice.chance(0.5) {
            stage.caller(replies);
            stage.agent(if asked + 1 < n { BRIDGE } else { LAST_BRIDGE });
        }
    }
}

/// Lets the agent find out `n` of the things it must know.
pub(crate) fn qualify(stage: &mut Stage<'_>, n: usize) {
    let mut questions = stage.scene.business.questions;
    stage.dice.shuffle(&mut questions);
    for (asks, answers) in questions.into_iter().take(n) {
        stage.agent(asks);
        stage.caller(answers);
        if stage.dice.chance(0.5) {
            stage.agent(
                "[Okay|Understood|Good to know|Right|Thanks], [that helps|noted|I've put that down|I have that].",
            );
        }
    }
}

const BRIDGE: &str = "[Happy to help|Any time|No problem at all|Of course|Glad that helps]. \
    [Is there anything else you'd like to know?|What else can I tell you?|Anything else on your mind?|\
    Shall we carry on?|Does that answer it?]";

const LAST_BRIDGE: &str = "[Happy to help|Any time|No problem at all|Of course|Glad that helps].";

const TOPICS: [Topic; 32] = [
    Topic(
        "[What time are you open|When are you open|What are your hours], [by the way|roughly]?",
        "We're open {hours}. [Evenings are usually quieter.|Mornings fill up first.|]",
        "[Okay, good|That works for me|Perfect].",
    ),
    Topic(
        "And [where exactly are you|what's the address]?",
        "We're at {street}. [There's a blue door on the left.|The bus stops right outside.|I can text you a map.]",
        "[I think I know where that is|Oh, I've walked past that|I'll find it].",
    ),
    Topic(
        "[Is there parking|Can I park there]?",
        "[Yes|There is], [two spaces in front|a free car park round the corner|street parking, free for two hours].",
        "[Great|That makes it easier|Okay, thanks].",
    ),
    Topic(
        "How do I pay, [card|cash|by invoice] or what?",
        "[Card, cash or a payment link|Any card works, and we can send a link|You can pay on the day or by invoice], \
         [whatever suits you|it's up to you].",
        "[A link would be handy|Card then|Fine].",
    ),
    Topic(
        "What if I [have to cancel|can't make it]?",
        "[No problem|That happens]. Up to [a day|twenty four hours] before it's free, after that we keep {deposit}.",
        "[Fair enough|Okay, that's reasonable|Hmm, all right].",
    ),
    Topic(
        "How long does it [usually|normally] take?",
        "For {service} we plan {minutes} minutes. [Sometimes a bit less.|It rarely takes longer.|]",
        "[That's quicker than I thought|Okay, I can plan for that|All right].",
    ),
    Topic(
        "Do you [give|offer] any discounts?",
        "[There's ten percent off for students and seniors|We take ten percent off if you bring a friend|\
         If you book two at once the second is a little cheaper].",
        "[I'll keep that in mind|Good to know|Not for me then, but thanks].",
    ),
    Topic(
        "Who [would be doing it|will I be dealing with]?",
        "[One of our senior people|A colleague with about ten years behind them|The same person each time], \
         and [you'll get their name beforehand|I'll text you the name].",
        "[I like that|Okay|That's reassuring].",
    ),
    Topic(
        "Is there [any guarantee|a warranty]?",
        "[There is|Yes]: {value}.",
        "[Oh, nice|That's good to hear|Interesting].",
    ),
    Topic(
        "Do I need to bring [anything|something]?",
        "[Just some ID|Only your reference number, {reference}|Nothing at all, we have it on file].",
        "[Easy enough|Got it|Let me write that down].",
    ),
    Topic(
        "Could you [send me that|confirm that] by [text|e-mail]?",
        "[Sure|Of course|Absolutely]. I have {number}, [is that right|is that still the best number]?",
        "[Yes, that's it|That's right|Correct].",
    ),
    Topic(
        "[Somebody told me|I read online] you had some trouble with [late|missed] appointments.",
        "[I'm sorry you heard that|That was fair in the spring|I understand why you ask]. \
         [We've added staff since|We now text you an hour ahead|It's been much better since we changed the rota].",
        "[Okay, as long as it's sorted|I see|Thanks for being straight with me].",
    ),
    Topic(
        "Can [my partner|a friend|my mother] come along?",
        "[Absolutely|Of course|Yes, there's room for one more].",
        "[Great|She'll be pleased|Thanks].",
    ),
    Topic(
        "Do you work [weekends|on Saturdays] as well?",
        "We're there {hours}, so [have a look whether that fits|tell me which day suits you].",
        "[I'd have to check|Right|That might work].",
    ),
    Topic(
        "[Sorry, the line's bad|You broke up there], [say that again|can you repeat that]?",
        "[Of course|Sure]: we have {service} at {price}, on {day} at {time}.",
        "[Now I heard you|Okay, got it this time|Better, thanks].",
    ),
    Topic(
        "Am I [talking to|speaking with] a [real person|robot]?",
        "I'm {agent}, the [virtual|digital] assistant at {brand}. \
         [I can book and answer most questions|A colleague can call you back any time you like].",
        "[Huh, you sound human|Oh, okay|Fine by me].",
    ),
    Topic(
        "[What happens first|How does the first visit go]?",
        "[First we have a short talk|We start with a quick look], then [you get a clear price|you hear the options], \
         and only then [do we begin|does anything get done].",
        "[That sounds sensible|Good|Okay].",
    ),
    Topic(
        "How far ahead are you booked?",
        "[Right now about a week|Two or three days at the moment|It changes daily], \
         but [I keep a few early slots|cancellations come in every morning].",
        "[Not bad|Longer than I hoped|Okay].",
    ),
    Topic(
        "Is [the price|that] with tax?",
        "[Yes, everything included|It is|Tax is in there already]: {price} [in total|all in|and that's it].",
        "[Good|No surprises then|Okay].",
    ),
    Topic(
        "Can I [pay in instalments|spread the cost]?",
        "[From two hundred dollars up, yes|We can split it over three months|\
         A colleague can set that up with you], [without interest|at no extra charge].",
        "[I might do that|Good option to have|Let me think about it].",
    ),
    Topic(
        "Do you also [come out to|visit] people at home?",
        "[Within fifteen miles, yes|For some jobs we do|Only in special cases]. [Where are you based?|]",
        "[I'd rather come in anyway|That might be easier|Good to know].",
    ),
    Topic(
        "[Did you get|Have you seen] my e-mail [from last week|about this]?",
        "[I can't see the inbox from here|That goes to a colleague], but [I'll ask them to look today|I'll leave a note].",
        "[Please do|Okay|It isn't urgent].",
    ),
    Topic(
        "What's the [difference|catch] with the cheaper one?",
        "[It's shorter|It covers the basics], and [most people are happy with it|you can add to it later]. \
         {service} comes to {price}.",
        "[I see|Then the normal one|Makes sense].",
    ),
    Topic(
        "[Who told you my number|Where did you get my number]?",
        "[You left it with us when you asked about {service}|It was on the form you sent us]. \
         [I can remove it if you like.|Just say so and I'll delete it.]",
        "[Ah, that form|No, it's fine|Right, I remember].",
    ),
    Topic(
        "Do you have something [earlier|sooner]?",
        "[Let me see|One second]. There's {other_day} at {other_time}, [that just opened up|if you're quick].",
        "[Hmm, no, leave it|That's tempting|Let me stay with the other one].",
    ),
    Topic(
        "How long have you been [around|doing this]?",
        "[Nearly twenty years|Since the nineties|Twelve years this autumn], [always at {street}|under the same owner].",
        "[Wow|Okay, good|I didn't know that].",
    ),
    Topic(
        "Is it [loud|busy] there around {time}?",
        "[Usually not|A bit|It depends on the day]. {day} is [the calmest|a good choice].",
        "[Good|I don't mind|Thanks].",
    ),
    Topic(
        "Do you speak [Spanish|French] there too?",
        "[Two of us do|Yes, on {day} mornings|I can note that you'd like it].",
        "[It's for my father|Good to know|Not needed, I was curious].",
    ),
    Topic(
        "[What do other people say|Do you have reviews]?",
        "[They mostly mention how friendly the team is|People like that {value}|\
         There's a page with reviews, I can text it].",
        "[I'll have a look|Okay|Sounds good].",
    ),
    Topic(
        "[My kids are making noise, sorry|Hold on, the dog|One second, somebody's at the door].",
        "[Take your time|No worries|I'm not going anywhere].",
        "[Okay, I'm back|Sorry about that|Right, where were we].",
    ),
    Topic(
        "Can I [change the time|move it] later?",
        "[As often as you like|Yes, by phone or with the link in the text], until the evening before.",
        "[Perfect|Good|I probably won't].",
    ),
    Topic(
        "[Is my data safe with you|Do you record this]?",
        "[Calls are recorded to improve what we do|This call may be recorded], \
         [you can ask us to delete it|and nothing is passed on].",
        "[Fine|Okay|All right, as long as I know].",
    ),
];

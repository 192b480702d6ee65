//! Businesses that look after people and animals.

use super::{Business, service};

pub(super) static BUSINESSES: [Business; 4] = [
    Business {
        brand: "Fennwick Dental",
        misheard: ["Finwick Dental", "Penwick dental", "Fennec Dental", "Ken Wick Dental"],
        trade: "dental practice",
        agent: "Mira",
        label: Some("Fennwick front desk"),
        street: "14 Juniper Row",
        hours: "eight to five, Monday to Friday",
        services: [
            service("a check-up and cleaning", (95, 140), 45),
            service("a teeth whitening session", (280, 360), 90),
            service("an emergency appointment", (120, 190), 30),
            service("an implant consultation", (60, 80), 40),
        ],
        needs: [
            (
                2,
                "I've had a toothache since [the weekend|Sunday|last night] and [I'd like|I need] someone to look at it",
            ),
            (
                0,
                "I'm [overdue|about a year overdue] for a cleaning and wanted to [book something|get that sorted]",
            ),
            (
                2,
                "a filling came out [yesterday|this morning] and I'm not sure [if it can wait|how urgent that is]",
            ),
            (
                1,
                "I saw you offer whitening and [had a few questions|wanted to know how it works]",
            ),
            (0, "my [son|daughter] needs a check-up before school starts"),
        ],
        questions: [
            (
                "Is the tooth sensitive to hot or cold at all?",
                "[Cold mostly|A little, with cold drinks|Both, if I'm honest].",
            ),
            (
                "Have you [visited us|been seen here] before?",
                "[No, this would be the first time|Once, a few years ago|I don't think so].",
            ),
            (
                "Do you have dental insurance, or would you be paying yourself?",
                "[I have insurance through work|I'd pay myself|I'm between plans right now].",
            ),
            (
                "Are you taking any medication [we|the dentist] should know about?",
                "[Nothing regular|Just something for blood pressure|No, nothing].",
            ),
            (
                "Would you prefer a morning or an afternoon?",
                "[Mornings are easier|Afternoon, after two ideally|Either works].",
            ),
        ],
        values: [
            "we never charge for the first X-ray and you see the same dentist every visit",
            "most emergencies are seen the same day, which saves people a weekend of pain",
            "every treatment is priced before it starts, so there are no surprises on the bill",
            "our evening team is trained for nervous patients and nobody rushes you",
        ],
    },
    Business {
        brand: "Brindlewood Vets",
        misheard: [
            "Spindlewood Vets",
            "Brindle Wood Bets",
            "Kindle Wood Vets",
            "Bringle would vets",
        ],
        trade: "veterinary clinic",
        agent: "Tomas",
        label: Some("Brindlewood reception"),
        street: "3 Millpond Lane",
        hours: "seven thirty to seven, and Saturday mornings",
        services: [
            service("a vaccination visit", (55, 80), 20),
            service("a dental clean for your dog", (240, 330), 120),
            service("a health check", (45, 65), 25),
            service("a neutering appointment", (180, 290), 180),
        ],
        needs: [
            (
                2,
                "my dog's been limping [since yesterday|for two days] and [I'm a bit worried|it isn't getting better]",
            ),
            (
                0,
                "our cat is due for [her|his] shots and I got a reminder [card|letter]",
            ),
            (
                2,
                "we just adopted a puppy and [somebody said|the shelter said] to get a check done",
            ),
            (3, "I wanted to ask what it costs to have [a rabbit|a kitten] neutered"),
            (
                2,
                "my dog ate something in the park and [seems off|won't touch his food]",
            ),
        ],
        questions: [
            (
                "How old is [he|she|your pet]?",
                "[About four|Nearly two years|Eleven, so getting on a bit].",
            ),
            (
                "Is [he|she|your pet] eating and drinking as usual?",
                "[Drinking yes, eating not so much|Yes, no change there|Less than normal].",
            ),
            (
                "Has [he|she|your pet] been registered with us before?",
                "[Not yet|Yes, under my partner's name|I think we came once].",
            ),
            (
                "Any allergies or medication?",
                "[None that we know of|Just flea drops|A thyroid tablet every morning].",
            ),
            (
                "Which breed is it?",
                "[A mix, mostly terrier|A tabby|Some kind of spaniel].",
            ),
        ],
        values: [
            "a vet calls you back the same evening with results, so you don't sit and wonder",
            "we have separate waiting rooms for cats and dogs, and it makes visits far calmer",
            "the health plan spreads vaccines and checks over the year and saves most owners a fifth",
            "we film every operation for you, which owners tell us is a real comfort",
        ],
    },
    Business {
        brand: "Halcyra Wellness",
        misheard: [
            "Hal Sierra Wellness",
            "Halcyon Era wellness",
            "Al Cyra Wellness",
            "Health Sierra",
        ],
        trade: "wellness studio",
        agent: "June",
        label: Some("Halcyra bookings (voice)"),
        street: "88 Orchard Parade",
        hours: "nine to nine every day except Tuesday",
        services: [
            service("a sixty minute massage", (85, 120), 60),
            service("a trial month", (39, 59), 60),
            service("a couples session", (160, 220), 90),
            service("a posture assessment", (50, 70), 45),
        ],
        needs: [
            (
                0,
                "my back has been [terrible|bad] from sitting all day and [a friend|a colleague] recommended you",
            ),
            (
                0,
                "I've got a voucher and [wanted to use it|I'm not sure how to book with it]",
            ),
            (2, "I'm looking for a birthday present for my [wife|husband|sister]"),
            (1, "I saw the trial month online and had a question about it"),
            (3, "I need to move an appointment I have with you"),
        ],
        questions: [
            (
                "Is there any injury [we|the therapist] should know about?",
                "[An old knee thing|Nothing recent|My lower back, that's the reason I'm calling].",
            ),
            (
                "Would you like firm or gentle pressure?",
                "[Firm|Gentle, please|Somewhere in the middle].",
            ),
            (
                "Have you been to the studio before?",
                "[First time|Two or three times|Not at this address].",
            ),
            (
                "Would you like a man or a woman as your therapist?",
                "[No preference|A woman, please|Doesn't matter].",
            ),
            (
                "How did you hear about us?",
                "[A friend|I walked past|Online somewhere].",
            ),
        ],
        values: [
            "every session starts with a five minute check, so the time goes where it actually hurts",
            "you can pause the trial month whenever you travel and lose nothing",
            "you are never handed from one therapist to another unless you ask",
            "if the first visit does not help, the second one is on us",
        ],
    },
    Business {
        brand: "Marrowgate Driving",
        misheard: [
            "Narrow Gate Driving",
            "Marigate driving",
            "Marrow Great Driving",
            "Barrow Gate",
        ],
        trade: "driving school",
        agent: "Devon",
        label: Some("Marrowgate outbound: trial lessons"),
        street: "201 Station Approach",
        hours: "seven in the morning to eight at night",
        services: [
            service("a trial lesson", (25, 35), 60),
            service("a block of ten lessons", (420, 520), 60),
            service("a motorway refresher", (70, 90), 120),
            service("a mock test", (55, 75), 90),
        ],
        needs: [
            (1, "I failed my test [last month|twice now] and need a few more lessons"),
            (
                0,
                "I've never driven before and I'm [a bit nervous|not sure where to start]",
            ),
            (2, "I have a licence from abroad and want to get used to the roads here"),
            (0, "my [daughter|son] turns seventeen soon and wants to start"),
            (3, "I've got my test in three weeks and my instructor cancelled on me"),
        ],
        questions: [
            (
                "Do you already hold a provisional licence?",
                "[Yes|I applied last week|Not yet].",
            ),
            (
                "Manual or automatic?",
                "[Manual|Automatic, definitely|I haven't decided].",
            ),
            (
                "How many hours have you driven so far?",
                "[None|Maybe ten|About thirty].",
            ),
            (
                "Where should the instructor pick you up?",
                "[At home|From work|The college if that's possible].",
            ),
            (
                "When would you like to take the test?",
                "[As soon as I can|In the spring|No rush].",
            ),
        ],
        values: [
            "eight in ten of our learners pass at the first attempt",
            "you keep the same instructor and the same car from the first lesson to the test",
            "lessons can be cancelled up to a day ahead without losing a cent",
            "the trial lesson is taken off the price of the block if you carry on",
        ],
    },
];

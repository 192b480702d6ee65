//! Businesses that look after houses.

use super::{Business, service};

pub(super) static BUSINESSES: [Business; 4] = [
    Business {
        brand: "Solvantis Home Solar",
        misheard: [
            "Solvent is Home Solar",
            "Sol Vantage home solar",
            "Salvantis",
            "So Vantis Homes Solar",
        ],
        trade: "solar installer",
        agent: "Priya",
        label: Some("Solvantis outbound: surveys"),
        street: "7 Turbine Court",
        hours: "nine to six, Monday to Saturday",
        services: [
            service("a free roof survey", (0, 0), 50),
            service("a six kilowatt system", (8900, 11400), 480),
            service("a battery upgrade", (3400, 4900), 240),
            service("a panel clean and check", (180, 260), 90),
        ],
        needs: [
            (
                1,
                "my electricity bill doubled and [I'm looking at panels|I want to see if solar makes sense]",
            ),
            (0, "I filled in the form on your site about a survey"),
            (
                3,
                "we had panels put in by another company and they [stopped working|went out of business]",
            ),
            (2, "I'd like a price for adding a battery"),
            (
                0,
                "my neighbour had you [over|in] and I wanted to ask the same questions",
            ),
        ],
        questions: [
            (
                "Do you own the house?",
                "[Yes, we do|Yes, with my wife|We own it, yes].",
            ),
            (
                "Roughly what do you pay for electricity a month?",
                "[Around two hundred|Something like one sixty|Too much, close to three hundred].",
            ),
            (
                "Which way does the main roof face?",
                "[South I think|South west|East and west].",
            ),
            (
                "Is there much shade, from trees or other buildings?",
                "[A chimney, that's it|One big oak|None really].",
            ),
            (
                "How old is the roof?",
                "[Ten years or so|New, two years ago|I'd have to look that up].",
            ),
        ],
        values: [
            "the output is guaranteed in writing, and we pay the difference in a bad year",
            "our own electricians do the whole job, so there is one number to call",
            "most homes with your kind of bill earn the system back within eight years",
            "the survey is free and the report is yours to keep, even if you go elsewhere",
        ],
    },
    Business {
        brand: "Tarrowby Heating",
        misheard: [
            "Tarot Bay Heating",
            "Harrowby heating",
            "Tarry By Heating",
            "Narrow B Heating",
        ],
        trade: "heating and air company",
        agent: "Cole",
        label: Some("Tarrowby dispatcher"),
        street: "45 Foundry Street",
        hours: "round the clock for emergencies, eight to five for the rest",
        services: [
            service("a boiler service", (110, 160), 60),
            service("a new thermostat", (190, 280), 75),
            service("a heat pump quote", (0, 0), 60),
            service("an emergency visit", (180, 260), 60),
        ],
        needs: [
            (
                3,
                "the heating's gone cold and [we have a baby in the house|it's freezing in here]",
            ),
            (0, "the boiler is making a [banging|whistling] noise"),
            (0, "I'm due a service and the letter says to call this number"),
            (
                2,
                "I'm thinking about a heat pump and [don't know where to start|want a rough idea of cost]",
            ),
            (3, "your engineer was here [Monday|last week] and it's leaking again"),
        ],
        questions: [
            (
                "Is there any smell of gas?",
                "[No|No, nothing like that|I don't think so, no].",
            ),
            (
                "What make is the boiler, if you can see it?",
                "[I can't read the plate|It's a grey one, about ten years old|Something with a V].",
            ),
            (
                "Is there an error code on the display?",
                "[It says F twenty two|E one one nine|It's just blank].",
            ),
            (
                "Do you own the property or rent it?",
                "[We own it|I rent, but the landlord said to call|Own].",
            ),
            (
                "Will somebody over eighteen be at home?",
                "[Yes, me|My partner will|After four, yes].",
            ),
        ],
        values: [
            "the engineer carries the common parts, so nine repairs in ten are done in one visit",
            "you get a two hour window and a text when the van sets off",
            "the call-out is free if we cannot fix it",
            "every repair is covered for a full year, parts and labour",
        ],
    },
    Business {
        brand: "Ostermere Lettings",
        misheard: [
            "Oyster Mere Lettings",
            "Austin Mere lettings",
            "Ostrich Mirror Lettings",
            "Oster Meer Letting",
        ],
        trade: "property letting agency",
        agent: "Nadia",
        label: None,
        street: "60 Harbour Terrace",
        hours: "nine to half past five on weekdays, ten to two on Saturday",
        services: [
            service("a viewing", (0, 0), 30),
            service("a rent valuation", (0, 0), 40),
            service("full management", (120, 190), 60),
            service("an inventory check", (90, 140), 75),
        ],
        needs: [
            (0, "I'm calling about the two bedroom flat [on your site|in the window]"),
            (1, "I'd like to know what my place would rent for"),
            (2, "the tap in the [kitchen|bathroom] has been dripping for a week"),
            (
                3,
                "I'm moving out [next month|in June] and need to know how the deposit works",
            ),
            (0, "I have to rearrange a viewing"),
        ],
        questions: [
            (
                "When would you like to move?",
                "[As soon as possible|Start of next month|I'm flexible].",
            ),
            (
                "How many people would be living there?",
                "[Just me|Two of us|Two adults and a child].",
            ),
            ("Do you have any pets?", "[A cat|No|A small dog, is that a problem?]"),
            (
                "What is your budget for rent each month?",
                "[Up to fourteen hundred|Around a thousand|Twelve hundred, bills on top].",
            ),
            (
                "Are you working at the moment?",
                "[Full time|Yes, self-employed|I start a new job in March].",
            ),
        ],
        values: [
            "repairs reported before noon are looked at the same working day",
            "landlords get the rent on the first, whatever the tenant does",
            "viewings run into the evening so nobody has to take time off",
            "there are no fees for tenants, none at all",
        ],
    },
    Business {
        brand: "Thistlepoint Storage",
        misheard: [
            "This'll Point Storage",
            "Missile Point storage",
            "Thistle Pint Storage",
            "Whistle Point Storage",
        ],
        trade: "self storage company",
        agent: "Ada",
        label: Some("Thistlepoint web widget"),
        street: "Unit 9, Canal Works",
        hours: "six in the morning until eleven at night, every day",
        services: [
            service("a fifty square foot unit", (68, 92), 20),
            service("a hundred square foot unit", (120, 165), 20),
            service("a climate controlled unit", (140, 195), 20),
            service("a van for the day", (55, 75), 15),
        ],
        needs: [
            (
                0,
                "I'm between flats and need to put [everything|a sofa and some boxes] somewhere for [two|three] months",
            ),
            (1, "do you have anything free [this weekend|from Monday]"),
            (1, "I was charged twice [last month|in April] and want to sort it out"),
            (0, "I'd like to give notice on my unit"),
            (1, "I run a small shop and need room for stock"),
        ],
        questions: [
            (
                "How much do you need to store, a room or a whole flat?",
                "[One room|A small flat|Just boxes, maybe twenty].",
            ),
            ("For how long, roughly?", "[Three months|Half a year|I don't know yet]."),
            (
                "Anything that must not get cold or damp?",
                "[A piano|Some paintings|No, just furniture].",
            ),
            (
                "How often will you want to get in?",
                "[Hardly ever|Once a week|Most days, it's for the shop].",
            ),
            (
                "Will you bring it yourself or need a van?",
                "[I have a van|I'd need one|A friend helps me].",
            ),
        ],
        values: [
            "you pay by the day after the first month, so a late move costs nothing extra",
            "every unit has its own alarm and only you hold the code",
            "we move you up or down a size without a new contract",
            "there is a free van for the first trip",
        ],
    },
];

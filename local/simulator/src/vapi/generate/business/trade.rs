//! Businesses of other trades.

use super::{Business, service};

pub(super) static BUSINESSES: [Business; 5] = [
    Business {
        brand: "Quillmark Insurance",
        misheard: [
            "Kilmark Insurance",
            "Quill Marquee insurance",
            "Will Mark Insurance",
            "Quailmark",
        ],
        trade: "insurance broker",
        agent: "Harper",
        label: Some("Quillmark renewals"),
        street: "Floor 4, RunStore House",
        hours: "eight to eight on weekdays",
        services: [
            service("home cover", (310, 460), 25),
            service("car cover", (540, 820), 25),
            service("a policy review", (0, 0), 35),
            service("cover for a small business", (680, 990), 45),
        ],
        needs: [
            (0, "my renewal came through and it's gone up [again|by a third]"),
            (
                1,
                "I bought a [new|second hand] car and need cover from [Friday|tomorrow]",
            ),
            (
                0,
                "I had some water damage and don't know if it's [covered|worth claiming]",
            ),
            (1, "I'd like to add my [partner|daughter] to the policy"),
            (0, "I'm shopping around for house insurance"),
        ],
        questions: [
            (
                "When does your present policy end?",
                "[The thirtieth|In two weeks|I'd have to check].",
            ),
            (
                "Have you made a claim in the last five years?",
                "[None|One, a windscreen|Two small ones].",
            ),
            (
                "Is the house brick or timber?",
                "[Brick|Timber frame|Brick with a flat roof at the back].",
            ),
            (
                "How many miles do you drive in a year?",
                "[Eight thousand or so|Not much, I work from home|Around twelve thousand].",
            ),
            (
                "Who are you with today?",
                "[One of the big ones|The bank set it up|I'd rather not say].",
            ),
        ],
        values: [
            "one person handles your claim from start to end, and you get their direct number",
            "we compare twenty insurers and show you every price, ours included",
            "customers who moved to us last year saved about a hundred and forty dollars",
            "there is no fee for changing your mind within the first month",
        ],
    },
    Business {
        brand: "Velkona Cycles",
        misheard: [
            "Falcona Cycles",
            "Vel Kona cycles",
            "Bell Corner Cycles",
            "Volcano Cycles",
        ],
        trade: "bicycle workshop",
        agent: "Remy",
        label: Some("Velkona workshop line"),
        street: "22 Tannery Yard",
        hours: "ten to six, closed on Mondays",
        services: [
            service("a full service", (85, 120), 120),
            service("a brake adjustment", (25, 40), 30),
            service("an e-bike diagnosis", (45, 65), 45),
            service("a bike fitting", (110, 150), 90),
        ],
        needs: [
            (
                1,
                "my rear brake is rubbing and [I ride to work every day|it's driving me mad]",
            ),
            (
                0,
                "I'd like to get my bike serviced before [the summer|a tour we're doing]",
            ),
            (2, "my e-bike shows an error and won't [start|assist]"),
            (0, "I bought a bike from you and the gears [jump|slip]"),
            (0, "somebody bent my wheel [at the station|outside work]"),
        ],
        questions: [
            ("Disc brakes or rim brakes?", "[Disc|Rim|I honestly don't know]."),
            ("When was it last serviced?", "[Never|Two years ago|Last autumn]."),
            (
                "Which make is it?",
                "[It's a second hand one with no name|A steel tourer|One of those folding ones].",
            ),
            (
                "Can you bring it in, or shall we collect it?",
                "[I'll bring it|Collecting would be great|I can ride it over].",
            ),
            (
                "Do you need it back the same day?",
                "[If possible|No hurry|By Friday would be good].",
            ),
        ],
        values: [
            "a bike brought in by ten is ready the same day, or the work is half price",
            "every mechanic here has done this for at least ten years",
            "you get a photo of each worn part before we replace anything",
            "small adjustments in the following month are free",
        ],
    },
    Business {
        brand: "Kestrine Auto",
        misheard: ["Christine Auto", "Kestrel in Auto", "Chest Rain Auto", "Kestrene auto"],
        trade: "car repair garage",
        agent: "Bo",
        label: Some("Kestrine service advisor"),
        street: "130 Ring Road East",
        hours: "seven thirty to six",
        services: [
            service("an oil change", (69, 99), 45),
            service("new front brakes", (240, 340), 120),
            service("a yearly inspection", (50, 70), 60),
            service("an air conditioning check", (80, 110), 50),
        ],
        needs: [
            (
                2,
                "there's a warning light on and I'm not sure [it's safe to drive|what it means]",
            ),
            (2, "my inspection runs out [this week|on Friday]"),
            (1, "the brakes are squealing [badly|every morning]"),
            (1, "I got a quote from you and wanted to ask about it"),
            (3, "the air con blows warm"),
        ],
        questions: [
            (
                "What car is it, and from which year?",
                "[A twenty sixteen hatchback|An estate, twenty eleven|A van, twenty nineteen].",
            ),
            (
                "How many miles has it done?",
                "[Ninety thousand|Forty something|A hundred and twenty].",
            ),
            ("Is the warning light red or amber?", "[Amber|Red|It comes and goes]."),
            (
                "Could you leave the car for the day?",
                "[Yes|Only if I can get a lift|I need it by five].",
            ),
            (
                "Has anybody else looked at it already?",
                "[My brother in law|No|Another garage, they wanted a fortune].",
            ),
        ],
        values: [
            "nothing is done without your yes, and you can see the worn part yourself",
            "we lend you a car for the day at no charge",
            "the repair is guaranteed for two years whatever the mileage",
            "the price on the phone is the price on the bill",
        ],
    },
    Business {
        brand: "Pendrell Legal",
        misheard: ["Pendulum Legal", "Pen Drill Legal", "Pendle Legal", "Bend Rail legal"],
        trade: "law office",
        agent: "Sage",
        label: Some("Pendrell intake"),
        street: "5 Chancel Square",
        hours: "nine to five on weekdays",
        services: [
            service("a first consultation", (90, 130), 30),
            service("a will", (240, 360), 60),
            service("a contract review", (320, 450), 60),
            service("help with a tenancy dispute", (180, 260), 45),
        ],
        needs: [
            (
                3,
                "I've been served with papers and don't know [what to do|how long I have]",
            ),
            (3, "my landlord won't return my deposit"),
            (1, "we'd like to make a will, my [wife|husband] and I"),
            (2, "I need somebody to read a contract before I sign it"),
            (0, "I was let go [last week|on Monday] and it doesn't feel right"),
        ],
        questions: [
            (
                "Is there a date by which you must answer?",
                "[The end of the month|I think two weeks|Not that I've seen].",
            ),
            (
                "Is anybody else involved, such as a company?",
                "[My old employer|An agency|Just the landlord].",
            ),
            (
                "Have you spoken to another lawyer about it?",
                "[No|Once, on the phone|A friend who studied law].",
            ),
            (
                "Do you have the papers in front of you?",
                "[Yes|They're at home|I can find them].",
            ),
            (
                "Would a video meeting suit you, or rather in person?",
                "[Video is fine|In person|Whatever is sooner].",
            ),
        ],
        values: [
            "the first consultation ends with a written plan and a fixed price",
            "a lawyer, not an assistant, reads your papers before you come in",
            "you are never billed for a phone call",
            "if we cannot help, we tell you who can, and that costs nothing",
        ],
    },
    Business {
        brand: "Dovanelle Catering",
        misheard: [
            "Donovan L Catering",
            "Dove and Elle catering",
            "Devonelle Catering",
            "Tova Nell",
        ],
        trade: "caterer",
        agent: "Iris",
        label: Some("Dovanelle events - qualification bot v2"),
        street: "The Old Bakery, Weir Road",
        hours: "ten to seven, events at any hour",
        services: [
            service("a wedding menu tasting", (60, 90), 90),
            service("an office lunch for twenty", (340, 460), 60),
            service("a garden party package", (900, 1400), 240),
            service("a cake order", (70, 160), 20),
        ],
        needs: [
            (0, "we're getting married in [June|September] and looking for a caterer"),
            (
                1,
                "I need lunch for about twenty people [next Thursday|on the fourteenth]",
            ),
            (3, "I ordered a cake and have to change the date"),
            (0, "I wanted to know if you do vegan menus"),
            (
                2,
                "we have a retirement party coming up and [not much time|a small budget]",
            ),
        ],
        questions: [
            (
                "How many guests do you expect?",
                "[About forty|Eighty, maybe ninety|Twenty at most].",
            ),
            (
                "Are there any allergies or diets?",
                "[Two vegans|One nut allergy|Nothing I know of].",
            ),
            (
                "Is there a kitchen at the venue?",
                "[A small one|No|I'd have to ask them].",
            ),
            (
                "Would you like it served or as a buffet?",
                "[A buffet|Served|What do most people do?]",
            ),
            (
                "What budget did you have in mind per head?",
                "[Thirty or so|I have no idea|As little as possible].",
            ),
        ],
        values: [
            "the tasting is free if you book within a month",
            "everything is cooked on the day, within ten miles of your venue",
            "we bring plates, cloths and staff, and leave the place cleaner than we found it",
            "one allergy means one separate kitchen line, not a separate plate",
        ],
    },
];

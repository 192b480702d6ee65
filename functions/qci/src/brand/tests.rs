use super::*;

/// Brands, and what speech-to-text made of them.
const BRANDS: [(&str, [&str; 4]); 13] = [
    (
        "Fennwick Dental",
        ["Finwick Dental", "Penwick dental", "Fennec Dental", "Ken Wick Dental"],
    ),
    (
        "Brindlewood Vets",
        [
            "Spindlewood Vets",
            "Brindle Wood Bets",
            "Kindle Wood Vets",
            "Bringle would vets",
        ],
    ),
    (
        "Halcyra Wellness",
        [
            "Hal Sierra Wellness",
            "Halcyon Era wellness",
            "Al Cyra Wellness",
            "Health Sierra",
        ],
    ),
    (
        "Marrowgate Driving",
        [
            "Narrow Gate Driving",
            "Marigate driving",
            "Marrow Great Driving",
            "Barrow Gate",
        ],
    ),
    (
        "Solvantis Home Solar",
        [
            "Solvent is Home Solar",
            "Sol Vantage home solar",
            "Salvantis",
            "So Vantis Homes Solar",
        ],
    ),
    (
        "Tarrowby Heating",
        [
            "Tarot Bay Heating",
            "Harrowby heating",
            "Tarry By Heating",
            "Narrow B Heating",
        ],
    ),
    (
        "Ostermere Lettings",
        [
            "Oyster Mere Lettings",
            "Austin Mere lettings",
            "Ostrich Mirror Lettings",
            "Oster Meer Letting",
        ],
    ),
    (
        "Thistlepoint Storage",
        [
            "This'll Point Storage",
            "Missile Point storage",
            "Thistle Pint Storage",
            "Whistle Point Storage",
        ],
    ),
    (
        "Quillmark Insurance",
        [
            "Kilmark Insurance",
            "Quill Marquee insurance",
            "Will Mark Insurance",
            "Quailmark",
        ],
    ),
    (
        "Velkona Cycles",
        [
            "Falcona Cycles",
            "Vel Kona cycles",
            "Bell Corner Cycles",
            "Volcano Cycles",
        ],
    ),
    (
        "Kestrine Auto",
        ["Christine Auto", "Kestrel in Auto", "Chest Rain Auto", "Kestrene auto"],
    ),
    (
        "Pendrell Legal",
        ["Pendulum Legal", "Pen Drill Legal", "Pendle Legal", "Bend Rail legal"],
    ),
    (
        "Dovanelle Catering",
        [
            "Donovan L Catering",
            "Dove and Elle catering",
            "Devonelle Catering",
            "Tova Nell",
        ],
    ),
];

/// What the agents of these businesses say on an ordinary day, each with a word of some brand's tail.
const ORDINARY: [&str; 20] = [
    "Do you have dental insurance, or would you be paying yourself?",
    "We do a dental clean for your dog under a light anaesthetic.",
    "Our vets call you back the same evening with the results.",
    "The wellness studio opens at nine every day except Tuesday.",
    "Have you done any driving at all before, even in a car park?",
    "Most people with home solar see the savings in the first year.",
    "Is the heating out completely, or just not as warm as usual?",
    "What about a home visit by one of our heating engineers?",
    "Our lettings team can show you the flat this Thursday.",
    "The smaller storage units are nearly full, and we have more storage.",
    "That is the price for the amount of storage you asked for.",
    "Home insurance and travel insurance renew on the same day.",
    "We still have cycles in every size for children.",
    "Many customers just want to automate the payment.",
    "Is it an automatic or a manual, and is it an auto with four doors?",
    "The legal side takes about a week after the first consultation.",
    "Your catering order for forty people is confirmed.",
    "Best regards from the whole team, and thanks for calling!",
    "To solve this, somebody from the office calls you tomorrow.",
    "Perfect. I have Wednesday at nine or Thursday at three thirty.",
];

fn names(name: &str) -> Names {
    Names::of(&Brand {
        name: name.to_owned(),
        aliases: Vec::new(),
    })
}

#[test]
fn the_brand_itself_is_found_in_any_case() {
    for (brand, _) in BRANDS {
        let text = format!("hello, this is {}. How can I help?", brand.to_lowercase());

        assert_eq!(names(brand).mentions(&text), [brand.to_lowercase()]);
    }
}

#[test]
fn at_least_nine_of_ten_misheard_spellings_are_found() {
    let mut missed = Vec::new();
    for (brand, misheard) in BRANDS {
        for spelling in misheard {
            if names(brand).mentions(&format!("Thanks for calling {spelling}, this is Mira.")) != [spelling] {
                missed.push(spelling);
            }
        }
    }

    assert!(missed.len() <= 4, "missed {}: {missed:?}", missed.len());
}

#[test]
fn ordinary_sentences_name_no_brand() {
    for (brand, _) in BRANDS {
        for sentence in ORDINARY {
            assert!(names(brand).mentions(sentence).is_empty(), "{brand} in: {sentence}");
        }
    }
}

#[test]
fn another_business_is_not_the_brand_even_in_the_same_trade() {
    for (brand, _) in BRANDS {
        let tail = brand.split_once(' ').unwrap().1;
        for (other, _) in BRANDS.iter().filter(|(other, _)| *other != brand) {
            let head = other.split_once(' ').unwrap().0;
            let text = format!("Unlike {other}, or {head} {tail}, we open on Sunday.");

            assert!(names(brand).mentions(&text).is_empty(), "{brand} in: {text}");
        }
    }
}

#[test]
fn the_tail_alone_is_not_the_brand() {
    assert!(
        names("Fennwick Dental")
            .mentions("Dental care, dental work, a Dental.")
            .is_empty()
    );
    assert!(
        names("Solvantis Home Solar")
            .mentions("We do Home Solar. Solar for your home.")
            .is_empty()
    );
    assert!(names("A Dental").mentions("Dental").is_empty());
}

#[test]
fn the_distinctive_word_alone_counts_with_a_capital_only() {
    let gateway = names("Gateway Dental");

    assert_eq!(gateway.mentions("You have reached Gateway."), ["Gateway"]);
    assert!(gateway.mentions("Flossing is the gateway to health.").is_empty());
    assert!(names("Best Dental").mentions("The Best time is Monday.").is_empty());
}

#[test]
fn an_article_is_not_the_distinctive_word() {
    assert_eq!(
        names("The Cheesecake House").mentions("Welcome to Cheesecake House!"),
        ["Cheesecake House"]
    );
    assert!(
        names("The Cheesecake House")
            .mentions("the greenhouse, the house, the")
            .is_empty()
    );
}

#[test]
fn a_short_name_of_one_word_must_be_exact() {
    assert_eq!(names("Acme").mentions("Acme, ACME's and acne"), ["Acme"]);
    assert!(names("Apple").mentions("Please apply the apples.").is_empty());
}

#[test]
fn a_short_distinctive_word_must_be_nearly_exact() {
    assert!(
        names("Smile Dental")
            .mentions("It is a small dental practice.")
            .is_empty()
    );
    assert!(names("Best Auto").mentions("Park at the west auto gate.").is_empty());
    assert_eq!(
        names("Smile Dental").mentions("Thanks for calling smiles dental."),
        ["smiles dental"]
    );
}

#[test]
fn what_confirms_the_distinctive_word_must_be_like_the_tail() {
    assert_eq!(names("Pendrell Legal").mentions("Pendle Legal here."), ["Pendle Legal"]);
    assert!(names("Pendrell Legal").mentions("Pendle lethal here.").is_empty());
}

#[test]
fn an_alias_counts_as_the_brand() {
    let brand = Brand {
        name: "Velkona Cycles".to_owned(),
        aliases: vec!["Bell Corner".to_owned(), "VC".to_owned()],
    };

    assert_eq!(
        Names::of(&brand).mentions("VC here. Is that Bell Corner?"),
        ["VC", "Bell Corner"]
    );
}

#[test]
fn each_mention_counts_once() {
    let found = names("Fennwick Dental");

    let text = "Fennwick Dental? Yes, Fennwick-Dental, or just Fennwick.";

    assert_eq!(found.mentions(text), ["Fennwick Dental", "Fennwick-Dental", "Fennwick"]);
}

#[test]
fn nothing_is_found_for_a_name_without_letters() {
    assert!(names(" … ").mentions("… anything …").is_empty());
}

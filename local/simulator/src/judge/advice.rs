//! What this judge has to say about each criterion, besides its level.

/// What to say where a criterion was met badly, and where it was met well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advice {
    pub(crate) criterion: &'static str,
    pub(crate) category: &'static str,
    pub(crate) issue: &'static str,
    pub(crate) issue_key: &'static str,
    pub(crate) impact: &'static str,
    pub(crate) fix: &'static str,
    pub(crate) praise: &'static str,
}

/// The advice on a criterion; there is some for any.
pub(crate) fn on(criterion: &str) -> Advice {
    let known = ALL.iter().find(|advice| advice.criterion == criterion);
    *known.unwrap_or(&ON_ANY_OTHER)
}

/// Words that no agent should say, and what is wrong with them.
pub(crate) const CRITICAL: [(&[&str], &str); 3] = [
    (
        &["they're probably worse", "okay, but we're better"],
        "The agent runs a competitor down.",
    ),
    (
        &[
            "only for today",
            "you'd have to decide now",
            "it's easier if you decide now",
        ],
        "The agent puts the caller under pressure.",
    ),
    (
        &[
            "i can't prove it",
            "have to believe me",
            "that wasn't us",
            "i don't see anything about that",
        ],
        "The agent dismisses what worries the caller.",
    ),
];

const ON_ANY_OTHER: Advice = Advice {
    criterion: "",
    category: "other",
    issue: "The agent could do more here.",
    issue_key: "could_do_more",
    impact: "The caller gets less out of the call than possible.",
    fix: "Read the description of the highest level and aim for it.",
    praise: "The agent did this well.",
};

const ALL: [Advice; 9] = [
    Advice {
        criterion: "listening",
        category: "dynamics",
        issue: "The agent talks more than it listens.",
        issue_key: "talks_too_much",
        impact: "The caller does not feel heard and says less.",
        fix: "Say one thing at a time, then wait for the answer.",
        praise: "The agent shows that it has heard the caller.",
    },
    Advice {
        criterion: "acknowledged",
        category: "objections",
        issue: "The agent passes over an objection.",
        issue_key: "objection_not_acknowledged",
        impact: "The caller repeats the objection or gives up.",
        fix: "Name the concern in the caller's words before answering it.",
        praise: "The agent takes the caller's concern seriously.",
    },
    Advice {
        criterion: "answered",
        category: "objections",
        issue: "The agent does not answer an objection.",
        issue_key: "objection_not_answered",
        impact: "The reason not to buy stays.",
        fix: "Give one reason that fits this objection, and an alternative.",
        praise: "The agent answers the objection with a reason.",
    },
    Advice {
        criterion: "checked",
        category: "objections",
        issue: "The agent does not ask whether its answer was enough.",
        issue_key: "objection_not_checked",
        impact: "A doubt that is left ends the call later.",
        fix: "Ask whether that settles it before going on.",
        praise: "The agent asks whether the objection is settled.",
    },
    Advice {
        criterion: "value_stated",
        category: "brand",
        issue: "The agent does not say what the caller gains.",
        issue_key: "no_value_stated",
        impact: "The price stands alone.",
        fix: "Name one benefit before the price.",
        praise: "The agent says what the caller gains.",
    },
    Advice {
        criterion: "speaks_for_brand",
        category: "brand",
        issue: "The agent hardly speaks for the brand.",
        issue_key: "brand_not_represented",
        impact: "The caller does not know whom to trust.",
        fix: "Name the company in the greeting and at the end.",
        praise: "The agent speaks for the brand.",
    },
    Advice {
        criterion: "need_understood",
        category: "outcome",
        issue: "The agent offers before it has asked.",
        issue_key: "need_not_explored",
        impact: "The offer may not fit.",
        fix: "Ask at least two questions before offering anything.",
        praise: "The agent asks before it offers.",
    },
    Advice {
        criterion: "next_step",
        category: "outcome",
        issue: "The call ends without a next step.",
        issue_key: "no_next_step",
        impact: "The caller has no reason to come back.",
        fix: "Offer a fixed time, or else a call back.",
        praise: "The call ends with a step that both know.",
    },
    Advice {
        criterion: "closing",
        category: "outcome",
        issue: "The call ends abruptly.",
        issue_key: "abrupt_closing",
        impact: "The last impression is a poor one.",
        fix: "Sum up, ask for anything else, thank and say goodbye.",
        praise: "The agent ends the call in good order.",
    },
];

//! What happens in a call, from the first word to the last.

mod booked;
mod brief;
mod callback;
mod flawed;
mod lead;
mod objection;
mod opening;
mod price;
mod transfer;

use super::stage::Stage;

/// The stories that are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plot {
    Booked,
    /// The booking fails at first, and is tried again.
    BookedAtSecondTry,
    /// The booking fails for good.
    BookingFailed,
    WarmLead,
    Callback,
    ObjectionHandled,
    ObjectionLost,
    PriceEnquiry,
    /// Booked, but speech-to-text spells the brand wrong throughout.
    BrandMisheard,
    /// The agent never names the business.
    BrandForgotten,
    WrongNumber,
    DeadAir,
    AgentInterrupts,
    AgentOverTalks,
    Transferred,
    /// The caller tries to talk the machine into something.
    Injection,
    EarlyHangUp,
    Voicemail,
    /// The agent speaks and nobody answers.
    NobodyThere,
    /// Something breaks after the first words.
    BrokenOff,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Booked,
    Lead,
    Callback,
    Informed,
    Transferred,
    Lost,
    Nothing,
}

/// Who ended a call, in Vapi's words.
pub(crate) const CALLER_HUNG_UP: &str = "customer-ended-call";
pub(crate) const AGENT_HUNG_UP: &str = "assistant-ended-call";

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) reason: &'static str,
    /// One or two sentences with slots.
    pub(crate) summary: &'static str,
}

/// Plays a plot to its end. `topics` is how much the caller wants to know besides.
pub(crate) fn play(plot: Plot, stage: &mut Stage<'_>, topics: usize, inbound: bool) -> Ending {
    match plot {
        Plot::Booked => booked::booked(stage, topics, inbound),
        Plot::BookedAtSecondTry => booked::at_second_try(stage, topics, inbound),
        Plot::BookingFailed => booked::failed(stage, topics, inbound),
        Plot::WarmLead => lead::warm(stage, topics, inbound),
        Plot::Callback => callback::requested(stage, topics, inbound),
        Plot::ObjectionHandled => objection::handled(stage, topics, inbound),
        Plot::ObjectionLost => objection::lost(stage, topics, inbound),
        Plot::PriceEnquiry => price::enquiry(stage, topics, inbound),
        Plot::BrandMisheard => flawed::brand_misheard(stage, topics, inbound),
        Plot::BrandForgotten => flawed::brand_forgotten(stage, topics),
        Plot::WrongNumber => brief::wrong_number(stage),
        Plot::DeadAir => flawed::dead_air(stage, topics, inbound),
        Plot::AgentInterrupts => flawed::agent_interrupts(stage, topics, inbound),
        Plot::AgentOverTalks => flawed::agent_over_talks(stage, topics, inbound),
        Plot::Transferred => transfer::to_a_person(stage, topics, inbound),
        Plot::Injection => flawed::injection(stage, topics, inbound),
        Plot::EarlyHangUp => brief::early_hang_up(stage),
        Plot::Voicemail => brief::voicemail(stage),
        Plot::NobodyThere => brief::nobody_there(stage),
        Plot::BrokenOff => brief::broken_off(stage),
    }
}

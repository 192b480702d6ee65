//! Which calls are not worth a score, and why: decided before anything is paid.

use shared::store::score::Material;

use shared::domain::transcript::Transcript;

/// Turns of the caller below which there was no conversation.
const LEAST_TURNS: usize = 2;
/// Spoken characters below which there is nothing to judge.
const LEAST_CHARACTERS: usize = 100;

/// Why a call gets no score; `None` lets it through.
pub(crate) fn reason(call: &Material, transcript: &Transcript) -> Option<&'static str> {
    let ended_reason = call.ended_reason.as_deref().unwrap_or_default();
    if call.status.as_deref() != Some("ended") {
        Some("not_ended")
    } else if ended_reason == "voicemail" {
        Some("voicemail")
    } else if is_unanswered(ended_reason) {
        Some("unanswered")
    } else if transcript.spoken().next().is_none() {
        Some("no_transcript")
    } else if transcript.user_turns() < LEAST_TURNS {
        Some("too_few_turns")
    } else if transcript.characters() < LEAST_CHARACTERS {
        Some("too_short")
    } else {
        None
    }
}

/// The person was never reached. New reasons that mean the same show in the transcript.
fn is_unanswered(ended_reason: &str) -> bool {
    matches!(
        ended_reason,
        "customer-busy"
            | "customer-did-not-answer"
            | "customer-did-not-give-microphone-permission"
            | "twilio-reported-customer-misdialed"
            | "vonage-rejected"
            | "call.ringing.sip-inbound-caller-hungup-before-call-connect"
            | "sip-outbound-unallocated-number"
            | "sip-outbound-carrier-released-call"
            | "call.in-progress.error-assistant-did-not-receive-customer-audio"
    )
}

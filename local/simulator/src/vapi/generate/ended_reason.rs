//! Why calls end: several hundred values, most of them made of a fault, a provider and a code.

use super::dice::Dice;

const LLMS: [&str; 22] = [
    "anthropic",
    "anthropic-bedrock",
    "anthropic-vertex",
    "anyscale",
    "azure-openai",
    "baseten",
    "cerebras",
    "custom-llm",
    "deep-seek",
    "deepinfra",
    "google",
    "groq",
    "inflection-ai",
    "minimax",
    "mistral",
    "openai",
    "openrouter",
    "perplexity-ai",
    "runpod",
    "together-ai",
    "vapi",
    "xai",
];
const VOICES: [&str; 18] = [
    "azure",
    "cartesia",
    "deepgram",
    "eleven-labs",
    "hume",
    "inworld",
    "lmnt",
    "microsoft",
    "minimax",
    "neuphonic",
    "openai",
    "playht",
    "rime-ai",
    "sesame",
    "smallest-ai",
    "vapi",
    "wellsaid",
    "xai",
];
const TRANSCRIBERS: [&str; 14] = [
    "assembly-ai",
    "azure-speech",
    "cartesia",
    "custom",
    "deepgram",
    "eleven-labs",
    "gladia",
    "google",
    "openai",
    "soniox",
    "speechmatics",
    "talkscriber",
    "vapi",
    "xai",
];
const THEIR_FAULT: [&str; 3] = ["500-server-error", "503-server-overloaded-error", "llm-failed"];
const OUR_FAULT: [&str; 4] = [
    "400-bad-request-validation-failed",
    "401-unauthorized",
    "403-model-access-denied",
    "429-exceeded-quota",
];

/// A provider failed, or Vapi did; in the newer spelling or in the legacy one.
pub(super) fn broken(dice: &mut Dice) -> String {
    let legacy = dice.chance(0.45);
    let vapis = if legacy {
        "pipeline-error-"
    } else {
        "call.in-progress.error-vapifault-"
    };
    match dice.below(10) {
        0..4 => format!("{vapis}{}-{}", dice.pick(&LLMS), dice.pick(&OUR_FAULT)),
        4..7 => {
            let theirs = if legacy {
                "pipeline-error-"
            } else {
                "call.in-progress.error-providerfault-"
            };
            format!("{theirs}{}-{}", dice.pick(&LLMS), dice.pick(&THEIR_FAULT))
        }
        7 | 8 => format!("{vapis}{}-voice-failed", dice.pick(&VOICES)),
        _ => format!("{vapis}{}-transcriber-failed", dice.pick(&TRANSCRIBERS)),
    }
}

/// The call could not be set up.
pub(super) fn not_started(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "assistant-not-found",
        "assistant-not-valid",
        "assistant-request-failed",
        "assistant-request-returned-error",
        "assistant-request-returned-forwarding-phone-number",
        "assistant-request-returned-invalid-assistant",
        "assistant-request-returned-no-assistant",
        "assistant-request-returned-unspeakable-error",
        "call-start-error-neither-assistant-nor-server-set",
        "call.start.assistant-version-error-validation",
        "call.start.error-enterprise-feature-not-available-recording-consent",
        "call.start.error-fraud-check-failed",
        "call.start.error-get-assistant",
        "call.start.error-get-customer",
        "call.start.error-get-phone-number",
        "call.start.error-get-resources-validation",
        "call.start.error-get-transport",
        "call.start.error-subscription-concurrency-limit-reached",
        "call.start.error-subscription-frozen",
        "call.start.error-subscription-insufficient-credits",
        "call.start.error-subscription-upgrade-failed",
        "call.start.error-subscription-wallet-does-not-exist",
        "call.start.error-vapi-number-international",
        "call.start.error-vapi-number-outbound-daily-limit",
        "call.start.error-vapifault-database-error",
        "call.start.error-vapifault-get-org",
        "call.start.error-vapifault-get-subscription",
    ])
}

/// The telephone network did not put the call through.
pub(super) fn telephony(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "call.in-progress.error-providerfault-outbound-sip-403-forbidden",
        "call.in-progress.error-providerfault-outbound-sip-408-request-timeout",
        "call.in-progress.error-providerfault-outbound-sip-480-temporarily-unavailable",
        "call.in-progress.error-providerfault-outbound-sip-503-service-unavailable",
        "call.in-progress.error-sip-outbound-call-failed-to-connect",
        "call.ringing.error-sip-inbound-call-failed-to-connect",
        "call.ringing.sip-inbound-caller-hungup-before-call-connect",
        "phone-call-provider-bypass-enabled-but-no-call-received",
        "phone-call-provider-closed-websocket",
        "twilio-failed-to-connect-call",
        "twilio-reported-customer-misdialed",
        "vonage-disconnected",
        "vonage-failed-to-connect-call",
        "vonage-rejected",
    ])
}

/// Rare ends of calls that never had a conversation.
pub(super) fn rare(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "assistant-join-timed-out",
        "call-deleted",
        "call.in-progress.error-assistant-did-not-receive-customer-audio",
        "call.in-progress.error-pipeline-no-available-llm-model",
        "call.in-progress.error-pipeline-ws-model-connection-failed",
        "call.ringing.hook-executed-say",
        "call.ringing.hook-executed-transfer",
        "customer-did-not-give-microphone-permission",
        "manually-canceled",
        "scheduled-call-deleted",
        "worker-shutdown",
    ])
}

/// Ends of conversations that neither side chose.
pub(super) fn cut(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "assistant-ended-call-after-message-spoken",
        "assistant-ended-call-with-hangup-task",
        "assistant-said-end-call-phrase",
        "call.ending.hook-executed-say",
        "call.in-progress.sip-completed-call",
        "call.in-progress.twilio-completed-call",
        "customer-ended-call-during-transfer",
        "exceeded-max-duration",
        "vonage-completed",
    ])
}

/// A value that no published list has, as the API adds them all the time.
pub(super) const UNPUBLISHED: &str = "call.in-progress.error-configfault-voice-region-unsupported";

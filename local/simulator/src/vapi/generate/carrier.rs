//! Who called whom, and over which network.

use serde_json::{Map, Value, json};

use super::{dice::Dice, scene::Scene};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Inbound,
    Outbound,
    Web,
    Websocket,
}

impl Direction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inboundPhoneCall",
            Self::Outbound => "outboundPhoneCall",
            Self::Web => "webCall",
            Self::Websocket => "vapi.websocketCall",
        }
    }

    /// Of a call that was answered.
    pub(crate) fn of_a_talk(dice: &mut Dice) -> Self {
        dice.weighted(&[
            (Self::Outbound, 54),
            (Self::Inbound, 32),
            (Self::Web, 11),
            (Self::Websocket, 3),
        ])
    }

    /// Whether the assistant was called, not calling.
    pub(crate) fn is_inbound(self) -> bool {
        self != Self::Outbound
    }
}

/// Adds network, number and caller to a call, and returns the transport's name.
pub(crate) fn connect(
    facts: &mut Map<String, Value>,
    direction: Direction,
    scene: &Scene,
    dialled: bool,
    dice: &mut Dice,
) -> &'static str {
    match direction {
        Direction::Web => {
            facts.insert(
                "transport".into(),
                json!({
                    "provider": "daily", "conversationType": "voice", "roomDeleteOnUserLeaveEnabled": true,
                    "callUrl": format!("https://rooms.vapi.example/{}", dice.hex(20)),
                }),
            );
            return "daily";
        }
        Direction::Websocket => {
            facts.insert(
                "transport".into(),
                json!({
                    "provider": "vapi.websocket", "conversationType": "voice",
                    "audioFormat": {"format": "pcm_s16le", "container": "raw", "sampleRate": 16000},
                }),
            );
            return "vapi.websocket";
        }
        Direction::Inbound | Direction::Outbound => {}
    }
    facts.insert(
        "phoneNumberId".into(),
        json!(format!("77e1f0aa-24c5-4b8d-b7f3-9f1d3a5c6e{:02}", dice.below(4))),
    );
    let mut customer = json!({"number": scene.number});
    if direction == Direction::Outbound {
        customer["name"] = json!(scene.caller);
        if dice.chance(0.3) {
            customer["externalId"] = json!(format!("crm-{}", dice.between(10_000, 99_999)));
            customer["email"] = json!(format!("caller{}@mail.example", dice.between(1, 9999)));
        }
    }
    facts.insert("customer".into(), customer);
    if !dialled {
        return "twilio";
    }
    let (transport, provider, id, details) = line(dice);
    facts.insert("phoneCallProvider".into(), json!(provider));
    facts.insert("phoneCallProviderId".into(), json!(id));
    facts.insert(
        "phoneCallTransport".into(),
        json!(if transport == "vapi.sip" { "sip" } else { "pstn" }),
    );
    facts.insert("transport".into(), details);
    transport
}

/// A telephone line: its transport, its provider, the call's id there, and all of it together.
fn line(dice: &mut Dice) -> (&'static str, &'static str, String, Value) {
    match dice.weighted(&[(0, 60), (1, 22), (2, 12), (3, 6)]) {
        0 => {
            let id = format!("CA{}", dice.hex(32));
            let account = format!("AC{}", dice.hex(32));
            let details =
                json!({"provider": "twilio", "conversationType": "voice", "callSid": id, "accountSid": account});
            ("twilio", "twilio", id, details)
        }
        1 => {
            let id = dice.uuid();
            let details =
                json!({"provider": "vapi.sip", "conversationType": "voice", "callSid": id, "sbcCallSid": dice.uuid()});
            ("vapi.sip", "vapi", id, details)
        }
        2 => {
            let id = format!("v3:{}", dice.hex(40));
            let details = json!({"provider": "telnyx", "conversationType": "voice", "callControlId": id, "callLegId": dice.uuid(),
                                 "callSessionId": dice.uuid()});
            ("telnyx", "telnyx", id, details)
        }
        _ => {
            let id = format!("CON-{}", dice.uuid());
            let details = json!({"provider": "vonage", "conversationType": "voice", "conversationUUID": id, "callUUID": dice.uuid()});
            ("vonage", "vonage", id, details)
        }
    }
}

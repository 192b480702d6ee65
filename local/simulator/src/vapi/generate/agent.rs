//! An assistant as the generator knows it, and the document that Vapi shows of it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    business::{self, Business},
    call::ORGANISATION,
    dice::Dice,
    instant, prompt,
};
use crate::vapi::{document::Document, spec::Spec};

/// One assistant.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) business: &'static Business,
    pub(crate) voice: Value,
    pub(crate) transcriber: Value,
    /// What its success evaluation says.
    pub(crate) rubric: Rubric,
    /// Its transcriber reports every word's confidence.
    pub(crate) reports_words: bool,
    pub(crate) version: u32,
    provider: &'static str,
    model: &'static str,
    prompt: String,
    /// When the last paragraph of its prompt was added.
    changed: DateTime<Utc>,
    created: DateTime<Utc>,
    holds_secrets: bool,
    tool_ids: [String; 2],
    output_ids: [String; 3],
    scorecard_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rubric {
    PassFail,
    Numeric,
    Descriptive,
    Percentage,
    Checklist,
}

/// What a later version of a prompt has and an earlier one lacks.
const ADDED: &str = "# Added in this version\nBefore you say goodbye, ask whether the caller found what they needed, and note the answer.\n";

const MODELS: [(&str, &str); 7] = [
    ("openai", "gpt-4.1"),
    ("openai", "gpt-4o"),
    ("openai", "gpt-4.1-mini"),
    ("anthropic", "claude-3-7-sonnet-20250219"),
    ("google", "gemini-2.5-flash"),
    ("groq", "llama-3.3-70b-versatile"),
    ("openai", "gpt-5-mini"),
];

impl Agent {
    /// The `n`-th assistant of a world.
    pub(crate) fn new(spec: &Spec, n: usize) -> Option<Self> {
        let business = business::all().nth(n)?;
        let mut dice = Dice::new(spec.seed, "assistant", u64::try_from(n).unwrap_or(0));
        let (provider, model) = MODELS[n % MODELS.len()];
        let days = i64::from(spec.days.max(1));
        let changed = spec.now - TimeDelta::minutes(dice.between(days * 240, days * 1200));
        let prompt = if n % 5 == 2 {
            prompt::sketch(business, &mut dice)
        } else {
            prompt::write(business, !n.is_multiple_of(3), &mut dice)
        };
        Some(Self {
            id: dice.uuid(),
            business,
            voice: voice(n, &mut dice),
            transcriber: transcriber(n),
            rubric: [
                Rubric::PassFail,
                Rubric::Numeric,
                Rubric::Descriptive,
                Rubric::Percentage,
                Rubric::Checklist,
            ][n % 5],
            reports_words: n == 5,
            version: u32::try_from(dice.between(2, 7)).unwrap_or(2),
            provider,
            model,
            prompt,
            // Two of three have not changed for weeks.
            changed: if n % 3 == 1 {
                changed
            } else {
                changed - TimeDelta::days(60)
            },
            created: spec.now - TimeDelta::minutes(dice.between(150_000, 400_000)),
            holds_secrets: n % 4 == 2,
            tool_ids: [dice.uuid(), dice.uuid()],
            output_ids: [dice.uuid(), dice.uuid(), dice.uuid()],
            scorecard_id: dice.uuid(),
        })
    }

    /// The model as costs name it.
    pub(crate) fn model(&self) -> Value {
        json!({"provider": self.provider, "model": self.model})
    }

    /// The version in force at an instant, and its prompt.
    pub(crate) fn at(&self, at: DateTime<Utc>) -> (String, String) {
        if at < self.changed {
            (format!("v{}", self.version - 1), self.prompt.clone())
        } else {
            (format!("v{}", self.version), format!("{}\n{ADDED}", self.prompt))
        }
    }

    /// The ids of the outputs that are extracted from its calls, with their names.
    pub(crate) fn outputs(&self) -> Vec<(String, &'static str)> {
        let names = ["Booked", "Caller mood", "Next step"];
        self.output_ids.iter().cloned().zip(names).collect()
    }

    pub(crate) fn scorecard(&self) -> &str {
        &self.scorecard_id
    }

    /// The parts that may also stand inside a call.
    pub(crate) fn configuration(&self, secrets: bool, dice: &mut Dice) -> Value {
        let mut configuration = json!({
            "firstMessage": format!("Hello, this is {} from {}.", self.business.agent, self.business.brand),
            "firstMessageMode": "assistant-speaks-first",
            "model": {
                "provider": self.provider,
                "model": self.model,
                "temperature": 0.4,
                "messages": [{"role": "system", "content": format!("{}\n{ADDED}", self.prompt)}],
                "toolIds": self.tool_ids,
                "tools": tools(secrets, dice),
            },
            "voice": self.voice,
            "transcriber": self.transcriber,
            "maxDurationSeconds": 600,
            "endCallPhrases": ["goodbye", "bye for now"],
            "serverMessages": ["end-of-call-report", "status-update"],
            "artifactPlan": {
                "recordingEnabled": true,
                "recordingFormat": "wav;l16",
                "structuredOutputIds": self.output_ids,
                "scorecardIds": [self.scorecard_id],
            },
            "metadata": {"team": self.business.trade, "synthetic": true},
        });
        if let Some(label) = self.business.label {
            configuration["name"] = json!(label);
        }
        if secrets {
            configuration["server"] = json!({
                "url": "https://hooks.customer.example/vapi",
                "timeoutSeconds": 20,
                "headers": {"Authorization": format!("Bearer SECRET-server-{}", dice.hex(20)), "X-Tenant": "synthetic"},
            });
            configuration["credentials"] = json!([
                {"provider": "openai", "apiKey": format!("SECRET-openai-{}", dice.hex(24)), "name": "Own key"},
                {"provider": "11labs", "apiKey": format!("SECRET-11labs-{}", dice.hex(24))},
            ]);
        }
        configuration
    }

    /// The document as `GET /assistant` shows it.
    pub(crate) fn document(&self, spec: &Spec) -> Document {
        let mut dice = Dice::new(spec.seed, "assistant text", u64::from(self.version));
        let mut value = self.configuration(self.holds_secrets, &mut dice);
        let updated = self.changed.max(self.created);
        value["id"] = json!(self.id);
        value["orgId"] = json!(ORGANISATION);
        value["createdAt"] = json!(instant(self.created));
        value["updatedAt"] = json!(instant(updated));
        value["latestVersion"] = json!(format!("v{}", self.version));
        Document::read(&value, (spec.now, spec.now))
    }
}

fn tools(secrets: bool, dice: &mut Dice) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let mut tools = vec![
        json!({"type": "function", "async": false, "function": {
            "name": "findSlots", "description": "Free times in the calendar.",
            "parameters": {"type": "object", "required": ["service"],
                           "properties": {"service": text("What is to be booked."), "days": {"type": "number"}}}}}),
        json!({"type": "function", "async": false, "function": {
            "name": "bookSlot", "description": "Books a free time.",
            "parameters": {"type": "object", "required": ["service", "name", "phone"], "properties": {
                "service": text("What is to be booked."), "name": text("The caller's full name."), "phone": text("In E.164.")}}}}),
        json!({"type": "endCall"}),
    ];
    if secrets {
        tools[1]["server"] = json!({
            "url": "https://calendar.customer.example/book",
            "headers": {"x-api-key": format!("SECRET-tool-{}", dice.hex(20))},
        });
    }
    Value::Array(tools)
}

fn voice(n: usize, dice: &mut Dice) -> Value {
    match n % 5 {
        0 => json!({"provider": "vapi", "voiceId": "Elliot"}),
        1 => json!({"provider": "11labs", "voiceId": format!("invented{}", dice.hex(12)), "stability": 0.5}),
        2 => json!({"provider": "cartesia", "voiceId": dice.uuid()}),
        3 => json!({"provider": "openai", "voiceId": "alloy"}),
        _ => json!({"provider": "deepgram", "voiceId": "asteria"}),
    }
}

fn transcriber(n: usize) -> Value {
    match n % 4 {
        0 => json!({"provider": "deepgram", "model": "nova-3", "language": "en"}),
        1 => json!({"provider": "deepgram", "model": "nova-2", "language": "en-US"}),
        2 => json!({"provider": "assembly-ai", "language": "en"}),
        _ => json!({"provider": "gladia", "model": "fast", "language": "en"}),
    }
}

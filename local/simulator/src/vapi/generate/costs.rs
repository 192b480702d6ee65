//! What a call cost, in the two ways in which Vapi says it.

use serde_json::{Value, json};

use super::{agent::Agent, dice::Dice, wire::Number};

/// A call's `cost`, `costs` and `costBreakdown`.
pub(crate) struct Costs {
    pub(crate) total: Value,
    pub(crate) items: Value,
    pub(crate) breakdown: Value,
}

/// What is paid for.
pub(crate) struct Usage {
    pub(crate) minutes: f64,
    /// How often the model was asked.
    pub(crate) turns: u32,
    pub(crate) prompt_characters: usize,
    pub(crate) spoken_characters: usize,
    pub(crate) transport: &'static str,
    pub(crate) outbound: bool,
    /// The account pays its providers itself.
    pub(crate) own_keys: bool,
    /// Which structured outputs were extracted.
    pub(crate) outputs: Vec<(String, &'static str)>,
}

fn money(dollars: f64) -> Value {
    Number::new(dollars, 4).into()
}

/// Prices a call. The parts are rounded, so that their sum may miss the total.
pub(crate) fn of(usage: &Usage, agent: &Agent, dice: &mut Dice) -> Costs {
    let keys = if usage.own_keys { 0.0 } else { 1.0 };
    let prompt_tokens = i64::from(usage.turns) * i64::try_from(usage.prompt_characters / 4).unwrap_or(0)
        + i64::from(usage.turns * usage.turns) * 24;
    let completion_tokens = i64::try_from(usage.spoken_characters / 4).unwrap_or(0) + i64::from(usage.turns) * 6;
    let cached = prompt_tokens * dice.between(20, 80) / 100;
    let heard = usage.minutes * dice.real(0.98, 1.06);

    let speech_to_text = heard * 0.0098 * keys;
    let model = (tokens(prompt_tokens) * 0.4 + tokens(completion_tokens) * 1.6) * keys;
    let voice = characters(usage.spoken_characters) * 22.0 * keys;
    let vapi = usage.minutes * 0.05;
    let transport = if usage.transport == "twilio" {
        usage.minutes * 0.014
    } else {
        0.0
    };
    let (summary, success) = (dice.real(0.0001, 0.0006), dice.real(0.0001, 0.0008));
    let outputs: Vec<(f64, i64)> = usage
        .outputs
        .iter()
        .map(|_| (dice.real(0.001, 0.004), dice.between(600, 1900)))
        .collect();
    let extracted: f64 = outputs.iter().map(|(cost, _)| cost).sum();
    let total = speech_to_text + model + voice + vapi + transport + summary + success + extracted;

    let mut items = vec![
        json!({"type": "transport", "provider": usage.transport, "minutes": money(usage.minutes), "cost": money(transport)}),
        json!({"type": "transcriber", "transcriber": agent.transcriber, "minutes": money(heard), "cost": money(speech_to_text)}),
        json!({"type": "model", "model": agent.model(), "promptTokens": prompt_tokens, "completionTokens": completion_tokens,
               "cachedPromptTokens": cached, "cost": money(model)}),
        json!({"type": "voice", "voice": agent.voice, "characters": usage.spoken_characters, "cost": money(voice)}),
        json!({"type": "vapi", "subType": if dice.chance(0.1) { "overage" } else { "normal" }, "minutes": money(usage.minutes),
               "cost": money(vapi)}),
        analysis("summary", summary, dice),
        analysis("successEvaluation", success, dice),
    ];
    if !outputs.is_empty() {
        let mut item = analysis("structuredOutput", extracted, dice);
        item["structuredOutputBreakdown"] = usage
            .outputs
            .iter()
            .zip(&outputs)
            .map(|((id, name), (cost, tokens))| {
                json!({"structuredOutputId": id, "name": name, "cost": money(*cost), "promptTokens": tokens, "completionTokens": 24})
            })
            .collect();
        items.push(item);
    }
    if usage.outbound {
        items.push(json!({
            "type": "voicemail-detection", "model": {"provider": "openai", "model": "gpt-4o-audio-preview"}, "provider": "vapi",
            "promptTextTokens": dice.between(20, 90), "promptAudioTokens": dice.between(40, 300),
            "completionTextTokens": dice.between(2, 20), "completionAudioTokens": 0, "cost": money(0.0002),
        }));
    }
    items.push(
        json!({"type": "knowledge-base", "model": {"provider": "google", "model": "gemini-2.5-flash"},
                      "promptTokens": 0, "completionTokens": 0, "cost": 0}),
    );

    let breakdown = json!({
        "transport": money(transport), "stt": money(speech_to_text), "llm": money(model), "tts": money(voice),
        "vapi": money(vapi), "chat": 0, "total": money(total), "llmPromptTokens": prompt_tokens,
        "llmCompletionTokens": completion_tokens, "llmCachedPromptTokens": cached, "ttsCharacters": usage.spoken_characters,
        "analysisCostBreakdown": {
            "summary": money(summary), "summaryPromptTokens": dice.between(300, 1500), "summaryCompletionTokens": dice.between(20, 90),
            "structuredData": 0, "structuredDataPromptTokens": 0, "structuredDataCompletionTokens": 0,
            "successEvaluation": money(success), "successEvaluationPromptTokens": dice.between(300, 1900),
            "successEvaluationCompletionTokens": 1,
            "structuredOutput": money(extracted), "structuredOutputPromptTokens": outputs.iter().map(|(_, tokens)| tokens).sum::<i64>(),
            "structuredOutputCompletionTokens": 24 * outputs.len(),
        },
    });
    Costs {
        total: money(total),
        items: Value::Array(items),
        breakdown,
    }
}

fn analysis(kind: &str, cost: f64, dice: &mut Dice) -> Value {
    json!({"type": "analysis", "analysisType": kind, "model": {"provider": "google", "model": "gemini-2.5-flash"},
           "promptTokens": dice.between(300, 1900), "completionTokens": dice.between(1, 90), "cost": money(cost)})
}

/// Millions of tokens.
#[expect(
    clippy::cast_precision_loss,
    reason = "a call has far fewer tokens than a double has digits"
)]
fn tokens(count: i64) -> f64 {
    count as f64 / 1e6
}

/// Millions of characters.
#[expect(clippy::cast_precision_loss, reason = "as for tokens")]
fn characters(count: usize) -> f64 {
    count as f64 / 1e6
}

//! `generationConfig` for a provider, in LiteLLM's mix of spellings: <https://ai.google.dev/api/generate-content#generationconfig>.

use serde_json::{Map, Value, json};

use super::camel;
use crate::wire::gemini::{media, models, schema};
use crate::wire::model::{ChatRequest, Effort, Family, Part, Reasoning, ResponseFormat};

/// Members of `generationConfig` that clients of other dialects say at the top of their requests, as LiteLLM takes them.
const AT_THE_TOP: [&str; 14] = [
    "thinkingConfig",
    "speechConfig",
    "imageConfig",
    "mediaResolution",
    "responseModalities",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseLogprobs",
    "maxOutputTokens",
    "candidateCount",
    "stopSequences",
    "audioTimestamp",
    "enableAffectiveDialog",
];

/// All settings of the answer. Empty: nothing was said.
pub fn encode(chat: &ChatRequest) -> Map<String, Value> {
    let mut config = Map::new();
    sampling(chat, &mut config);
    if let Some(format) = &chat.response_format {
        shape(format, &chat.model, &mut config);
    }
    if let Some(thinking) = chat.reasoning.as_ref().and_then(|reasoning| thinking(reasoning, &chat.model)) {
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    if !chat.modalities.is_empty() {
        let words: Vec<String> = chat.modalities.iter().map(|modality| modality.to_ascii_uppercase()).collect();
        config.insert("responseModalities".to_owned(), words.into());
    }
    if !models::is_3_or_newer(&chat.model) {
        let resolution = media::resolution(details(chat));
        config.extend(resolution.map(|word| ("mediaResolution".to_owned(), word.into())));
    }
    voice(chat, &mut config);
    further(chat, &mut config);
    config
}

fn sampling(chat: &ChatRequest, config: &mut Map<String, Value>) {
    let sampling = &chat.sampling;
    let mut put = |name: &str, value: Option<Value>| config.extend(value.map(|value| (name.to_owned(), value)));
    // Google's own default: its newer models loop below it, and LiteLLM says so for them.
    let default = models::is_3_or_newer(&chat.model).then_some(1.0);
    put("temperature", sampling.temperature.or(default).map(number));
    put("top_p", sampling.top_p.map(number));
    put("top_k", sampling.top_k.map(Value::from));
    put("candidate_count", sampling.n.map(Value::from));
    put("max_output_tokens", sampling.max_tokens.map(Value::from));
    put("stop_sequences", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into()));
    put("presence_penalty", sampling.presence_penalty.map(number));
    put("frequency_penalty", sampling.frequency_penalty.map(number));
    put("seed", sampling.seed.map(Value::from));
    put("responseLogprobs", sampling.logprobs.map(Value::from));
    put("logprobs", sampling.top_logprobs.map(Value::from));
}

/// Whole numbers without a fraction, as clients write them.
fn number(number: f64) -> Value {
    let whole = number as i64;
    if whole as f64 == number { whole.into() } else { number.into() }
}

fn shape(format: &ResponseFormat, model: &str, config: &mut Map<String, Value>) {
    let json =
        |config: &mut Map<String, Value>| config.insert("response_mime_type".to_owned(), "application/json".into());
    match format {
        ResponseFormat::Text => drop(config.insert("response_mime_type".to_owned(), "text/plain".into())),
        ResponseFormat::JsonObject => drop(json(config)),
        ResponseFormat::JsonSchema { schema, .. } => {
            json(config);
            let (name, schema) = match models::takes_json_schema(model) {
                true => ("response_json_schema", schema.value()),
                false => ("response_schema", schema::for_answer(schema)),
            };
            config.insert(name.to_owned(), schema);
        }
    }
}

/// `thinkingConfig`. Thoughts are shown to who asks for thinking, unless he said otherwise.
fn thinking(reasoning: &Reasoning, model: &str) -> Option<Value> {
    let off = reasoning.off || reasoning.effort == Some(Effort::None) || reasoning.budget_tokens == Some(0);
    let include = reasoning.include.unwrap_or(!off);
    if models::is_3_or_newer(model) {
        let flash = models::is_3_flash(model);
        let as_you_like = reasoning.effort.is_none() && reasoning.budget_tokens.is_some_and(|budget| budget < 0);
        let level = match reasoning.effort() {
            _ if off => {
                if flash {
                    "minimal"
                } else {
                    "low"
                }
            }
            Some(_) if as_you_like || reasoning.adaptive => return Some(json!({"includeThoughts": include})),
            Some(Effort::None | Effort::Minimal) if flash => "minimal",
            Some(Effort::None | Effort::Minimal | Effort::Low) => "low",
            Some(Effort::Medium) if models::knows_medium(model) => "medium",
            Some(Effort::Medium | Effort::High | Effort::XHigh | Effort::Max) => "high",
            None => return reasoning.include.map(|include| json!({"includeThoughts": include})),
        };
        return Some(json!({"thinkingLevel": level, "includeThoughts": include}));
    }
    let budget = match (reasoning.budget_tokens, reasoning.effort) {
        _ if off => models::off_budget(model),
        (Some(budget), _) => budget,
        (None, Some(Effort::Minimal)) => models::least_budget(model),
        (None, Some(effort)) => effort.budget_tokens(),
        (None, None) if reasoning.adaptive => -1,
        (None, None) => return reasoning.include.map(|include| json!({"includeThoughts": include})),
    };
    Some(json!({"thinkingBudget": budget, "includeThoughts": include}))
}

/// How well the conversation's images are to be looked at.
fn details(chat: &ChatRequest) -> impl Iterator<Item = &str> {
    chat.messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Media(media) => media.detail.as_deref(),
        _ => None,
    })
}

/// OpenAI's `audio`: the voice of an answer that is spoken.
fn voice(chat: &ChatRequest, config: &mut Map<String, Value>) {
    let Some(audio) = chat.extra("audio").map(|audio| audio.value()).filter(Value::is_object) else { return };
    if let Some(voice) = audio.get("voice").and_then(Value::as_str) {
        let speech = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}});
        config.insert("speechConfig".to_owned(), speech);
    }
    let modalities = config.entry("responseModalities").or_insert_with(|| json!([]));
    if let Some(words) = modalities.as_array_mut().filter(|words| !words.contains(&json!("AUDIO"))) {
        words.push("AUDIO".into());
    }
}

/// What has no field: kept together by clients of the family, at the top of the request by others.
fn further(chat: &ChatRequest, config: &mut Map<String, Value>) {
    for (name, value) in &chat.extra {
        let camel = camel(name);
        if camel == "generationConfig" {
            let Value::Object(rest) = value.value() else { continue };
            for (name, value) in rest {
                config.entry(name).or_insert(value);
            }
        } else if chat.family != Some(Family::Gemini) && AT_THE_TOP.contains(&&*camel) && !config.contains_key(&*camel)
        {
            config.entry(name.clone()).or_insert_with(|| value.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::model::Json;

    #[test]
    fn thinking_has_budgets_and_levels() {
        let check = |model: &str, reasoning: Reasoning, expected: Value| {
            assert_eq!(thinking(&reasoning, model).unwrap_or_default(), expected, "{model} {reasoning:?}");
        };
        let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
        let budget = |tokens| Reasoning { budget_tokens: Some(tokens), ..Reasoning::default() };
        let off = || Reasoning { off: true, ..Reasoning::default() };
        let adaptive = || Reasoning { adaptive: true, ..Reasoning::default() };
        let (flash, pro, third) = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro-preview");
        let tokens = |budget: i64, include: bool| json!({"thinkingBudget": budget, "includeThoughts": include});
        let level = |level: &str, include: bool| json!({"thinkingLevel": level, "includeThoughts": include});
        check(flash, effort(Effort::Low), tokens(1024, true));
        check(flash, effort(Effort::High), tokens(4096, true));
        check(flash, effort(Effort::Minimal), tokens(1, true));
        check(flash, effort(Effort::None), tokens(0, false));
        check(flash, off(), tokens(0, false));
        check(pro, off(), tokens(128, false));
        check(flash, budget(500), tokens(500, true));
        check(flash, budget(-1), tokens(-1, true));
        check(flash, adaptive(), tokens(-1, true));
        check(flash, Reasoning { include: Some(false), ..budget(5) }, tokens(5, false));
        check(flash, Reasoning::default(), Value::Null);
        check(third, effort(Effort::Low), level("low", true));
        check(third, effort(Effort::Medium), level("high", true));
        check("gemini-3-flash-preview", effort(Effort::Medium), level("medium", true));
        check("gemini-3-flash-preview", off(), level("minimal", false));
        check(third, off(), level("low", false));
        check(third, budget(1000), level("low", true));
        check(third, budget(-1), json!({"includeThoughts": true}));
        check(third, adaptive(), json!({"includeThoughts": true}));
    }

    #[test]
    fn settings_without_a_field_are_taken_in_either_spelling() {
        let extra = |name: &str, value: &str| (name.to_owned(), Json::parse(value).unwrap());
        let chat = ChatRequest {
            extra: vec![
                extra("speech_config", r#"{"a":1}"#),
                extra("audio", r#"{"voice":"Kore","format":"pcm16"}"#),
                extra("imageConfig", r#"{"aspectRatio":"1:1"}"#),
                extra("safety_settings", "[]"),
            ],
            family: Some(Family::OpenAi),
            ..ChatRequest::default()
        };
        let expected = json!({
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            "responseModalities": ["AUDIO"], "imageConfig": {"aspectRatio": "1:1"},
        });
        assert_eq!(Value::Object(encode(&chat)), expected);
    }

    #[test]
    fn an_answers_shape_depends_on_the_model() {
        let schema =
            Json::parse(r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#);
        let format =
            ResponseFormat::JsonSchema { name: None, schema: schema.unwrap(), strict: None, description: None };
        let check = |model: &str, name: &str, shown: Value| {
            let mut config = Map::new();
            shape(&format, model, &mut config);
            assert_eq!(Value::Object(config), json!({"response_mime_type": "application/json", name: shown}));
        };
        check(
            "gemini-1.5-pro",
            "response_schema",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "propertyOrdering": ["a"]}),
        );
        check(
            "gemini-2.5-flash",
            "response_json_schema",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
        );
    }
}

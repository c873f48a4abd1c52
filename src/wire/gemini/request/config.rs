//! `generationConfig` of a client, <https://ai.google.dev/api/generate-content#generationconfig>.

use super::{Members, read};
use crate::error::Error;
use crate::wire::gemini::media::object;
use crate::wire::gemini::schema::from_google;
use crate::wire::model::{ChatRequest, Effort, Json, Reasoning, ResponseFormat};

const PARAM: &str = "generationConfig";

/// Reads the members that have a counterpart; the others stay together for a provider of the family.
pub fn read_into(chat: &mut ChatRequest, members: Members) -> Result<(), Error> {
    let mut shape = Shape::default();
    let mut rest = Vec::new();
    for (name, value) in members.0 {
        let raw = value.text();
        let number = || read::<f64>(raw, PARAM);
        let whole = || number().map(|number| Some(number as u64));
        let sampling = &mut chat.sampling;
        match name.as_str() {
            "temperature" => sampling.temperature = Some(number()?),
            "topP" => sampling.top_p = Some(number()?),
            "topK" => sampling.top_k = whole()?,
            "maxOutputTokens" => sampling.max_tokens = whole()?,
            "candidateCount" => sampling.n = whole()?,
            "seed" => sampling.seed = Some(number()? as i64),
            "presencePenalty" => sampling.presence_penalty = Some(number()?),
            "frequencyPenalty" => sampling.frequency_penalty = Some(number()?),
            "stopSequences" => sampling.stop = read(raw, PARAM)?,
            "responseLogprobs" => sampling.logprobs = read(raw, PARAM)?,
            "logprobs" => sampling.top_logprobs = whole()?,
            "responseModalities" => {
                let modalities: Vec<String> = read(raw, PARAM)?;
                chat.modalities = modalities.iter().map(|modality| modality.to_ascii_lowercase()).collect();
            }
            "thinkingConfig" => chat.reasoning = reasoning(read(raw, PARAM)?)?,
            "responseMimeType" => shape.mime_type = read(raw, PARAM)?,
            "responseSchema" => shape.schema = Some(from_google(value)),
            "responseJsonSchema" | "_responseJsonSchema" => shape.schema = Some(value),
            _ => rest.push((name, value)),
        }
    }
    chat.response_format = shape.format(&mut rest);
    if let Some(rest) = object(&rest).filter(|_| !rest.is_empty()) {
        chat.extra.push((PARAM.to_owned(), rest));
    }
    Ok(())
}

#[derive(Default)]
struct Shape {
    mime_type: Option<String>,
    schema: Option<Json>,
}

impl Shape {
    fn format(self, rest: &mut Vec<(String, Json)>) -> Option<ResponseFormat> {
        if let Some(other) =
            self.mime_type.as_deref().filter(|known| !["application/json", "text/plain"].contains(known))
        {
            rest.extend(Json::of(&other).map(|other| ("responseMimeType".to_owned(), other)));
        }
        match (self.mime_type.as_deref(), self.schema) {
            (_, Some(schema)) => {
                Some(ResponseFormat::JsonSchema { name: None, schema, strict: None, description: None })
            }
            (Some("application/json"), None) => Some(ResponseFormat::JsonObject),
            (Some("text/plain"), None) => Some(ResponseFormat::Text),
            _ => None,
        }
    }
}

/// `thinkingConfig`. Only to show thoughts is what every agent asks of every model: it asks for no thinking.
fn reasoning(mut members: Members) -> Result<Option<Reasoning>, Error> {
    let mut take = |name| members.take(name);
    let budget: Option<f64> = take("thinkingBudget").map(|value| read(value.text(), PARAM)).transpose()?;
    let include = take("includeThoughts").map(|value| read(value.text(), PARAM)).transpose()?;
    let level: Option<String> = take("thinkingLevel").map(|value| read(value.text(), PARAM)).transpose()?;
    let budget = budget.map(|budget| budget as i64);
    let effort = level.and_then(|level| Effort::parse(&level.to_ascii_lowercase()));
    if budget.is_none() && effort.is_none() {
        return Ok(None);
    }
    Ok(Some(Reasoning { effort, budget_tokens: budget, off: budget == Some(0), include, ..Reasoning::default() }))
}

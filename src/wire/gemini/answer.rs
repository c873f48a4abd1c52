//! What whole answers and events of a stream have in common: a candidate's parts and what is told about them.

use serde_json::{Map, Value, json};

use super::media;
use super::types::{CAMEL, Candidate, Part as Wire, Spelt};
use crate::wire::codec::Ids;
use crate::wire::model::{Family, Finish, FinishReason, Json, Part, Text, Thinking, ToolCall};

/// A part, in our words. `calls`: how many calls came before.
pub fn part(part: Wire, ids: Ids, calls: &mut u32) -> Option<Part> {
    if let Some(call) = part.function_call {
        let index = *calls;
        *calls += 1;
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| ids.tool_call(index));
        let arguments = call.args.map_or_else(|| "{}".to_owned(), |args| args.text().to_owned());
        let signature = part.signature;
        return Some(Part::ToolCall(ToolCall {
            id,
            name: call.name,
            arguments,
            signature,
            index: Some(index),
            ..ToolCall::default()
        }));
    }
    if let Some(blob) = part.inline_data {
        return Some(Part::Media(media::of_blob(blob, Vec::new())));
    }
    if let Some(file) = part.file_data {
        return Some(Part::Media(media::of_file(file, Vec::new())));
    }
    match part.text {
        Some(text) if part.thought => {
            let family = Some(Family::Gemini);
            Some(Part::Thinking(Thinking { text, signature: part.signature, family, ..Thinking::default() }))
        }
        Some(text) => {
            let said = !text.is_empty() || part.signature.is_some();
            said.then(|| Part::Text(Text { signature: part.signature, ..Text::plain(text) }))
        }
        // Google also sends a seal alone, behind what it seals.
        None if part.other.is_empty() => {
            part.signature.map(|seal| Part::Text(Text { signature: Some(seal), ..Text::default() }))
        }
        None => native(&part),
    }
}

/// A part that only Gemini has a word for.
pub fn native(part: &Wire) -> Option<Part> {
    Some(Part::Native { family: Family::Gemini, value: Json::of(&Spelt(part, &CAMEL))? })
}

/// How a candidate ended. A call is what it ended with, unless Google would not have it.
pub fn finish(native: Option<String>, called: bool) -> Finish {
    let reason = match native.as_deref().map(FinishReason::of).unwrap_or_default() {
        FinishReason::ContentFilter => FinishReason::ContentFilter,
        _ if called => FinishReason::ToolCalls,
        reason => reason,
    };
    Finish { reason, native, stop_sequence: None }
}

/// Google would not read the prompt.
pub fn blocked(reason: String) -> Finish {
    Finish { reason: FinishReason::ContentFilter, native: Some(reason), stop_sequence: None }
}

/// What is told about the candidates, under the names that LiteLLM gives it in answers of OpenAI's dialect.
#[derive(Debug, Default)]
pub struct Told {
    grounding: Vec<Value>,
    url_context: Vec<Value>,
    safety: Vec<Value>,
    citations: Vec<Value>,
}

impl Told {
    /// Takes note of a candidate.
    pub fn add(&mut self, candidate: &Candidate) {
        match candidate.grounding_metadata.as_ref().map(Json::value) {
            Some(Value::Array(several)) => self.grounding.extend(several),
            one => self.grounding.extend(one),
        }
        self.url_context.extend(candidate.url_context_metadata.as_ref().map(Json::value));
        self.safety.extend(candidate.safety_ratings.as_ref().map(Json::value));
        self.citations.extend(candidate.citation_metadata.as_ref().map(Json::value));
    }

    /// Something was told besides how safe it all is.
    pub fn is_news(&self) -> bool {
        !(self.grounding.is_empty() && self.url_context.is_empty() && self.citations.is_empty())
    }

    /// How often Google searched. `None`: it did not say.
    pub fn searches(&self) -> Option<u64> {
        let queries = self.grounding.iter().filter_map(|metadata| metadata.get("webSearchQueries")?.as_array());
        let count = |queries: &Vec<Value>| queries.iter().filter(|query| *query != "").count() as u64;
        queries.map(count).reduce(u64::saturating_add).filter(|count| *count > 0)
    }

    /// As members of an answer; all four, also without content.
    pub fn members(self) -> Map<String, Value> {
        let all = [
            ("vertex_ai_grounding_metadata", self.grounding),
            ("vertex_ai_url_context_metadata", self.url_context),
            ("vertex_ai_safety_results", self.safety),
            ("vertex_ai_citation_metadata", self.citations),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

/// Sources of the words as OpenAI's annotations, which is what LiteLLM makes of them.
pub fn annotations(grounding: &Json) -> Vec<(Family, Json)> {
    let grounding = grounding.value();
    let list = |name: &str| grounding.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let sources = list("groundingChunks");
    let of_support = |support: &Value| {
        let segment = support.get("segment")?;
        let at = support.get("groundingChunkIndices")?.as_array()?.first()?.as_u64()?;
        let web = sources.get(usize::try_from(at).ok()?)?.get("web")?;
        let word = |name: &str| web.get(name).and_then(Value::as_str).unwrap_or_default();
        let citation = json!({
            // Google leaves out what is zero.
            "start_index": segment.get("startIndex").and_then(Value::as_u64).unwrap_or_default(),
            "end_index": segment.get("endIndex")?,
            "url": word("uri"),
            "title": word("title"),
        });
        Some((Family::OpenAi, Json::of(&json!({"type": "url_citation", "url_citation": citation}))?))
    };
    list("groundingSupports").iter().filter_map(of_support).collect()
}

/// `logprobsResult` as OpenAI's `logprobs`.
pub fn logprobs(result: &Json) -> Option<Json> {
    let result = result.value();
    let tops = result.get("topCandidates").and_then(Value::as_array);
    let one = |token: &Value| Some((token.get("token")?.clone(), token.get("logProbability")?.clone()));
    let top = |at: usize| -> Vec<Value> {
        let candidates = tops.and_then(|tops| tops.get(at)?.get("candidates")?.as_array());
        let tokens = candidates.into_iter().flatten().filter_map(one);
        tokens.map(|(token, logprob)| json!({"token": token, "logprob": logprob})).collect()
    };
    let chosen = result.get("chosenCandidates")?.as_array()?.iter().enumerate();
    let content: Vec<Value> = chosen
        .filter_map(|(at, token)| {
            let (token, logprob) = one(token)?;
            Some(json!({"token": token, "logprob": logprob, "top_logprobs": top(at)}))
        })
        .collect();
    Json::of(&json!({ "content": content }))
}

/// OpenAI's `logprobs` as `logprobsResult`.
pub fn logprobs_result(logprobs: &Json) -> Option<Value> {
    let one = |token: &Value| Some(json!({"token": token.get("token")?, "logProbability": token.get("logprob")?}));
    let logprobs = logprobs.value();
    let content = logprobs.get("content")?.as_array()?;
    let chosen: Vec<Value> = content.iter().filter_map(one).collect();
    let top = |token: &Value| {
        let tokens = token.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
        json!({"candidates": tokens.filter_map(one).collect::<Vec<_>>()})
    };
    let tops: Vec<Value> = content.iter().map(top).collect();
    Some(json!({"chosenCandidates": chosen, "topCandidates": tops}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_become_annotations() {
        let grounding = Json::parse(
            r#"{"webSearchQueries":["a",""],"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[
                {"segment":{"endIndex":5},"groundingChunkIndices":[0]},{"segment":{"endIndex":9},"groundingChunkIndices":[7]}]}"#,
        )
        .unwrap();
        let citation =
            r#"{"type":"url_citation","url_citation":{"start_index":0,"end_index":5,"url":"u","title":"t"}}"#;
        assert_eq!(annotations(&grounding), [(Family::OpenAi, Json::parse(citation).unwrap())]);
        let mut told = Told::default();
        told.add(&Candidate { grounding_metadata: Some(grounding), ..Candidate::default() });
        assert_eq!((told.searches(), told.is_news()), (Some(1), true));
    }

    #[test]
    fn logprobs_go_both_ways() {
        let google = json!({"chosenCandidates": [{"token": "a", "logProbability": -0.5}],
            "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1.5}]}]});
        let openai = logprobs(&Json::of(&google).unwrap()).unwrap();
        let expected = r#"{"content":[{"token":"a","logprob":-0.5,"top_logprobs":[{"token":"b","logprob":-1.5}]}]}"#;
        assert_eq!(openai.text(), expected);
        assert_eq!(logprobs_result(&openai), Some(google));
    }

    #[test]
    fn an_end_is_a_call_unless_it_was_refused() {
        let check = |native: &str, called, expected| {
            assert_eq!(finish(Some(native.into()), called).reason, expected, "{native}");
        };
        check("STOP", true, FinishReason::ToolCalls);
        check("STOP", false, FinishReason::Stop);
        check("MAX_TOKENS", false, FinishReason::Length);
        check("SAFETY", true, FinishReason::ContentFilter);
        check("MALFORMED_FUNCTION_CALL", false, FinishReason::Stop);
    }
}

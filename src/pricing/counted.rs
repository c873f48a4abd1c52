//! LiteLLM's `POST /utils/token_counter`: how many tokens a prompt is.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::tokens::{BYTES_A_TOKEN, Tokenizer};
use crate::error::{Compat, Error, Kind};
use crate::wire::anthropic;
use crate::wire::dialects::ClientDialect;
use crate::wire::model::{Message, Part};
use crate::wire::openai::request::Request;
use crate::wire::peek::ValueKind;
use crate::wire::texts::Prompt;

/// LiteLLM's word for tiktoken.
const OPENAI_TOKENIZER: &str = "openai_tokenizer";

/// An answer to the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenCount {
    /// Tokens of the prompt.
    pub total_tokens: u64,
    /// The model's name in the question.
    pub request_model: String,
    /// The model that it stands for.
    pub model_used: String,
    /// Which tokeniser counted, in LiteLLM's words.
    pub tokenizer_type: &'static str,
}

impl TokenCount {
    /// Counts what the body asks for: `prompt`, `messages` (OpenAI's or Anthropic's) or `contents` (Gemini's). `model_used`
    /// is the model behind the group's name, where one is known; its tokeniser counts.
    ///
    /// Takes milliseconds, at first use a tenth of a second: call it off the event loop.
    ///
    /// # Errors
    /// [`Kind::InvalidJson`]; [`Kind::MissingParameter`] without a model or without anything to count.
    pub fn of(body: Bytes, model_used: impl FnOnce(&str) -> Option<String>) -> Result<Self, Error> {
        let request = Request::parse(body)?;
        let request_model = request.model.clone().ok_or_else(|| missing("model"))?;
        let model_used = model_used(&request_model).unwrap_or_else(|| request_model.clone());
        let prompt = prompt(&request).ok_or_else(|| missing("messages"))?;
        let total_tokens = Tokenizer::of_model(&model_used).count_prompt(&prompt);
        Ok(Self { total_tokens, request_model, model_used, tokenizer_type: OPENAI_TOKENIZER })
    }

    /// As LiteLLM writes it.
    pub fn to_json(&self, compat: Compat) -> Value {
        let mut answer = json!(self);
        let rest = match compat {
            Compat::V1_80 => json!({"original_response": null}),
            Compat::V1_106 => json!({"count_source": "local_estimate", "original_response": null, "error": false,
                                     "error_message": null, "status_code": null}),
        };
        if let (Some(answer), Value::Object(rest)) = (answer.as_object_mut(), rest) {
            answer.extend(rest);
        }
        answer
    }
}

fn prompt(request: &Request) -> Option<Prompt> {
    let object = request.object();
    let has = |name: &str| object.get(name).is_some_and(|member| member.kind != ValueKind::Null);
    let of = |dialect: ClientDialect| Prompt::of_request(dialect, request, BYTES_A_TOKEN);
    if has("messages") {
        // Blocks that OpenAI's dialect has no word for are Anthropic's.
        let foreign = |message: &Message| message.parts.iter().any(|part| matches!(part, Part::Native { .. }));
        let openais = ClientDialect::ChatCompletions.decode_request(request).ok();
        let openais = openais.filter(|chat| !has("system") && !chat.messages.iter().any(foreign));
        let chat = openais.or_else(|| anthropic::request::decode_count_request(request).ok());
        return Some(chat.map_or_else(|| of(ClientDialect::ChatCompletions), |chat| Prompt::of_chat(&chat)));
    }
    if has("contents") {
        return Some(of(ClientDialect::GenerateContent { array: false }));
    }
    has("prompt").then(|| Prompt::of_input(request, "prompt"))
}

fn missing(name: &'static str) -> Error {
    let text = match name {
        "messages" => "prompt or messages or contents must be provided".to_owned(),
        name => format!("Missing required parameter: '{name}'."),
    };
    Error::new(Kind::MissingParameter, text).param(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &Value) -> Result<TokenCount, Error> {
        TokenCount::of(body.to_string().into(), |_| None)
    }

    #[test]
    fn the_answer_has_litellms_shape() {
        let messages = json!([{"role": "user", "content": "hello world"}]);
        let counted = count(&json!({"model": "gpt-4o", "messages": messages})).unwrap();
        // Recorded from LiteLLM 1.106 and 1.80.
        assert_eq!(
            counted.to_json(Compat::V1_106).to_string(),
            r#"{"total_tokens":9,"request_model":"gpt-4o","model_used":"gpt-4o","tokenizer_type":"openai_tokenizer","count_source":"local_estimate","original_response":null,"error":false,"error_message":null,"status_code":null}"#
        );
        assert_eq!(
            counted.to_json(Compat::V1_80).to_string(),
            r#"{"total_tokens":9,"request_model":"gpt-4o","model_used":"gpt-4o","tokenizer_type":"openai_tokenizer","original_response":null}"#
        );
    }

    #[test]
    fn each_kind_of_prompt_is_counted() {
        for (body, tokens) in [
            (json!({"model": "gpt-4o", "prompt": "hello world"}), 2),
            (json!({"model": "gpt-4o", "contents": [{"role": "user", "parts": [{"text": "hello world"}]}]}), 9),
            (
                json!({"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello world"}]}]}),
                9,
            ),
            (
                json!({"model": "gpt-4o", "messages": [{"role": "user", "content":
                    [{"type": "tool_result", "tool_use_id": "t", "content": "hello world"}]}]}),
                9,
            ),
        ] {
            assert_eq!(count(&body).unwrap().total_tokens, tokens, "{body}");
        }
        let group = json!({"model": "group", "prompt": "hello world"});
        let counted = TokenCount::of(group.to_string().into(), |_| Some("claude-x".to_owned())).unwrap();
        assert_eq!((counted.total_tokens, counted.model_used.as_str()), (3, "claude-x"));
    }

    #[test]
    fn nothing_to_count_is_refused() {
        for (body, param) in [(json!({"prompt": "x"}), "model"), (json!({"model": "m", "prompt": null}), "messages")] {
            let error = count(&body).unwrap_err();
            assert_eq!((error.kind, error.param), (Kind::MissingParameter, Some(param)), "{body}");
        }
    }
}

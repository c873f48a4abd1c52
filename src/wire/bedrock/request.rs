//! A request in Converse's words.
//!
//! Where LiteLLM's way and the API leave a choice: instructions go to the front in order; a schema that Bedrock does not
//! hold the model to itself becomes a forced tool ([`super::tools::JSON_TOOL`]); what an OpenAI client says that no field
//! has is the model's own and goes into `additionalModelRequestFields`.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use serde_json::{Value, json};

use super::content::Conversation;
use super::fields::Fields;
use super::model_id::{ModelId, Vendor};
use super::types::{ConverseRequest, InferenceConfig};
use super::{thinking, tools};
use crate::error::{Error, Kind};
use crate::wire::codec::Profile;
use crate::wire::model::{ChatRequest, Family, Json, Param, ResponseFormat, Sampling, ToolChoice, refuse_or_drop};

/// What no model behind Converse has.
const NEVER: [Param; 8] = [
    Param::N,
    Param::Seed,
    Param::PresencePenalty,
    Param::FrequencyPenalty,
    Param::LogitBias,
    Param::Logprobs,
    Param::TopLogprobs,
    Param::Modalities,
];

/// OpenAI's own parameters that mean nothing to a model behind Converse.
const OPENAIS: [&str; 13] = [
    "audio",
    "function_call",
    "functions",
    "include",
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "truncation",
    "verbosity",
];

/// Writes a request; the same for whole and streamed answers.
///
/// # Errors
/// [`Kind::UnsupportedParams`] for what the model lacks and may not be dropped; [`Kind::InvalidParameter`] for what
/// cannot be said to Bedrock, as a file behind a URL.
pub fn encode_request(mut request: ChatRequest, profile: &Profile<'_>) -> Result<Vec<u8>, Error> {
    let model = ModelId::parse(profile.base_model);
    let unsupported = unsupported(&request, &model);
    refuse_or_drop(&mut request, &unsupported, profile.drop_params, profile.provider)?;
    if profile.modify_params && model.vendor == Vendor::Anthropic {
        thinking::drop_if_thoughts_are_lost(&mut request);
    }
    let mut body = ConverseRequest::default();
    let mut fields = Fields::default();
    let thinks = thinking::ask(&mut request, &model, &mut fields);
    if let Some(format) = &request.response_format {
        body.output_config = output_config(format, &model);
    }
    body.tool_config = tools::config(&mut request, &model, profile, thinks, &mut fields)?;
    body.service_tier = request.service_tier.take().and_then(|tier| service_tier(&tier));
    body.inference_config = inference_config(std::mem::take(&mut request.sampling), &model, &mut fields);
    let is_the_models = |name: &str| match request.family {
        Some(Family::OpenAi) => !OPENAIS.contains(&name),
        Some(Family::Anthropic) => model.vendor == Vendor::Anthropic,
        _ => false,
    };
    for (name, value) in request.extra {
        let is_the_models = is_the_models(&name);
        extra(&mut body, &mut fields, &name, value, is_the_models);
    }
    body.additional_model_request_fields = fields;
    let conversation = Conversation::write(request.messages, &model, profile.modify_params)?;
    (body.system, body.messages) = (conversation.system, conversation.messages);
    serde_json::to_vec(&body).map_err(|error| Error::new(Kind::Internal, "Internal error").detail(error.to_string()))
}

/// Whether the answer to this request comes as the input of a tool, which the decoders then take for the answer itself.
pub fn forces_json(request: &ChatRequest, profile: &Profile<'_>) -> bool {
    let model = ModelId::parse(profile.base_model);
    model.takes_tools() && request.response_format.as_ref().is_some_and(|format| tools::is_by_tool(format, &model))
}

fn unsupported(request: &ChatRequest, model: &ModelId) -> Vec<Param> {
    let mut unsupported = NEVER.to_vec();
    if !model.takes_tools() {
        unsupported.extend([Param::Tools, Param::ToolChoice, Param::ResponseFormat]);
    }
    if !model.takes_tool_choice() && request.tool_choice != Some(ToolChoice::None) {
        unsupported.push(Param::ToolChoice);
    }
    if !request.tools.is_empty() && model.claude_version() < Some((4, 5)) {
        unsupported.push(Param::ParallelToolCalls);
    }
    if model.vendor != Vendor::Amazon {
        unsupported.push(Param::WebSearchOptions);
    }
    if !model.can_think() && request.reasoning.as_ref().is_some_and(thinking::is_asked) {
        unsupported.push(Param::ReasoningEffort);
    }
    unsupported
}

fn inference_config(sampling: Sampling, model: &ModelId, fields: &mut Fields) -> InferenceConfig {
    match (sampling.top_k, model.vendor) {
        (Some(top_k), Vendor::Amazon) => fields.set("inferenceConfig", &json!({"topK": top_k})),
        (Some(top_k), Vendor::Cohere) => fields.set("k", &top_k),
        (Some(top_k), Vendor::Anthropic | Vendor::Mistral | Vendor::Unknown) => fields.set("top_k", &top_k),
        _ => {}
    }
    if let Some(min_p) = sampling.min_p {
        fields.set("min_p", &min_p);
    }
    InferenceConfig {
        max_tokens: sampling.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        // An empty one is refused.
        stop_sequences: sampling.stop.into_iter().filter(|stop| !stop.is_empty()).collect(),
    }
}

/// OpenAI's `auto` is Bedrock's `default`; what Bedrock has no word for is left to it.
fn service_tier(tier: &str) -> Option<Json> {
    let tier = if tier == "auto" { "default" } else { tier };
    matches!(tier, "default" | "flex" | "priority" | "reserved").then(|| Json::of(&json!({"type": tier})))?
}

/// The schema, for models whose answers Bedrock holds to it.
fn output_config(format: &ResponseFormat, model: &ModelId) -> Option<Json> {
    let ResponseFormat::JsonSchema { name, schema, description, .. } = format else { return None };
    if tools::is_by_tool(format, model) {
        return None;
    }
    let mut closed = schema.value();
    close(&mut closed);
    let mut definition = serde_json::Map::from_iter([("schema".to_owned(), Value::String(closed.to_string()))]);
    definition.extend(name.iter().map(|name| ("name".to_owned(), name.clone().into())));
    definition.extend(description.iter().map(|text| ("description".to_owned(), text.clone().into())));
    Json::of(&json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}))
}

/// Bedrock demands that every object says that it has no other members.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("object") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// A member that no field of the request has.
fn extra(body: &mut ConverseRequest, fields: &mut Fields, name: &str, value: Json, is_the_models: bool) {
    match name {
        "additionalModelResponseFieldPaths" => body.additional_model_response_field_paths = Some(value),
        "guardrailConfig" => body.guardrail_config = Some(value),
        "outputConfig" => body.output_config = Some(value),
        "performanceConfig" => body.performance_config = Some(value),
        "promptVariables" => body.prompt_variables = Some(value),
        "requestMetadata" => body.request_metadata = Some(value),
        "serviceTier" => body.service_tier = Some(value),
        "additionalModelRequestFields" => fields.set_all(&value),
        "anthropic_beta" if is_the_models => fields.add_to_list(name, &value),
        name if is_the_models && value.text() != "null" => fields.set(name, &value),
        _ => {}
    }
}

#[cfg(test)]
mod tests;

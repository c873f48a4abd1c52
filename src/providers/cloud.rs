//! Addresses that follow from a region instead of standing in the table.

use super::table::Dialect;
use crate::wire::bedrock::model_id::ModelId;

/// Vertex's region when none is said: LiteLLM's default.
pub const VERTEX_LOCATION: &str = "us-central1";
/// AWS's region when none is said: LiteLLM's default.
pub const AWS_REGION: &str = "us-west-2";

/// The base URL of a provider that has one per region. `param` looks a key up in `litellm_params`, `env` in the environment.
/// `None`: the dialect has no regions.
pub fn base_url(
    dialect: Dialect,
    model: &str,
    param: &dyn Fn(&str) -> Option<String>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    match dialect {
        Dialect::Bedrock => {
            let said = param("aws_bedrock_runtime_endpoint").or_else(|| env("AWS_BEDROCK_RUNTIME_ENDPOINT"));
            Some(
                said.unwrap_or_else(|| {
                    format!("https://bedrock-runtime.{}.amazonaws.com", aws_region(model, param, env))
                }),
            )
        }
        Dialect::Vertex => Some(match vertex_location(param, env).as_str() {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            location => format!("https://{location}-aiplatform.googleapis.com"),
        }),
        _ => None,
    }
}

/// `aws_region_name`, else what the model's name says (an ARN, a region before the slash), else the environment's.
pub fn aws_region(model: &str, param: &dyn Fn(&str) -> Option<String>, env: &dyn Fn(&str) -> Option<String>) -> String {
    param("aws_region_name")
        .or_else(|| param("region_name"))
        .or_else(|| ModelId::parse(model).region)
        .or_else(|| env("AWS_REGION_NAME"))
        .or_else(|| env("AWS_REGION"))
        .or_else(|| env("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| AWS_REGION.to_owned())
}

/// `vertex_location` or its kin.
pub fn vertex_location(param: &dyn Fn(&str) -> Option<String>, env: &dyn Fn(&str) -> Option<String>) -> String {
    param("vertex_location")
        .or_else(|| param("vertex_ai_location"))
        .or_else(|| param("region_name"))
        .or_else(|| env("VERTEXAI_LOCATION"))
        .or_else(|| env("VERTEX_LOCATION"))
        .unwrap_or_else(|| VERTEX_LOCATION.to_owned())
}

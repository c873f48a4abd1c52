//! Paths of the clouds that host other people's models: they hold more than the call.

use std::borrow::Cow;

use super::{OPENAI_ENDINGS, Place, path, segment, without_ending};
use crate::providers::call::Call;
use crate::providers::cloud::VERTEX_LOCATION;
use crate::providers::publisher::Publisher;

/// Azure's version when none is said: LiteLLM's default.
const AZURE_VERSION: &str = "2025-02-01-preview";
/// The same for Responses, which that version does not have.
const AZURE_RESPONSES_VERSION: &str = "preview";
/// Versions that mean the API without versions.
const V1: [&str; 3] = ["v1", "latest", "preview"];

/// Azure has deployments in the path and versions in the query, or neither under `/openai/v1`.
/// <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
pub(super) fn azure<'p>(call: Call, place: &Place<'p>) -> (String, Option<Cow<'p, str>>) {
    let said = place.query.and_then(version_in).or(place.api_version);
    let version = said.unwrap_or(if call == Call::Responses { AZURE_RESPONSES_VERSION } else { AZURE_VERSION });
    let behind = path(call, place);
    let base = without_ending(place.base_path, OPENAI_ENDINGS);
    let query = |wanted: bool| match place.query {
        Some(query) if !wanted || version_in(query).is_some() => Some(Cow::Borrowed(query)),
        Some(query) => Some(format!("{query}&api-version={version}").into()),
        None => wanted.then(|| format!("api-version={version}").into()),
    };
    if V1.contains(&version) || base.ends_with("/openai/v1") {
        let root = without_ending(base, &["/openai/v1", "/openai"]);
        return (format!("{root}/openai/v1{behind}"), query(said != Some("v1") && version == "preview"));
    }
    // Cloudflare's AI Gateway: the resource and the deployment follow the gateway's name.
    if base.contains("/azure-openai/") {
        return (format!("{base}/{}{behind}", segment(place.model)), query(true));
    }
    let (root, deployment) = match base.split_once("/openai/deployments") {
        Some((root, deployment)) => (root, deployment.trim_start_matches('/').to_owned()),
        None => (without_ending(base, &["/openai"]), String::new()),
    };
    let path = match call {
        Call::Responses => format!("{root}/openai{behind}"),
        _ if deployment.is_empty() => format!("{root}/openai/deployments/{}{behind}", segment(place.model)),
        _ => format!("{root}/openai/deployments/{deployment}{behind}"),
    };
    (path, query(true))
}

fn version_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("api-version="))
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest>
pub(super) fn vertex(call: Call, place: &Place<'_>) -> String {
    let publisher = Publisher::of(place.model);
    let streamed = |whole: &'static str, stream: &'static str| if place.stream { stream } else { whole };
    let raw = streamed("rawPredict", "streamRawPredict");
    let method = match call {
        Call::Messages | Call::CountMessageTokens => raw,
        Call::ChatCompletions => match publisher {
            Publisher::Partner { .. } => raw,
            _ => "",
        },
        Call::GenerateContent => streamed("generateContent", "streamGenerateContent"),
        Call::CountContentTokens => "countTokens",
        _ => "predict",
    };
    // As LiteLLM does: an address that already names the model only lacks the method.
    if place.base_path.contains("/publishers/") || place.base_path.contains("/endpoints/") {
        return match method {
            "" => format!("{}/chat/completions", without_ending(place.base_path, OPENAI_ENDINGS)),
            method => format!("{}:{method}", place.base_path),
        };
    }
    let version = match publisher {
        Publisher::Partner { version, .. } => version,
        Publisher::Endpoint => "v1beta1",
        _ => "v1",
    };
    let base = without_ending(place.base_path, &["/v1", "/v1beta1"]);
    let (project, location) = (place.project.unwrap_or("-"), place.location.unwrap_or(VERTEX_LOCATION));
    let root = format!("{base}/{version}/projects/{project}/locations/{location}");
    let name = segment(place.model.rsplit('/').next().unwrap_or(place.model));
    match (call, publisher) {
        (Call::CountMessageTokens, _) => format!("{root}/publishers/anthropic/models/count-tokens:rawPredict"),
        (Call::Messages, _) => format!("{root}/publishers/anthropic/models/{name}:{method}"),
        (_, Publisher::Partner { name: partner, .. }) => format!("{root}/publishers/{partner}/models/{name}:{method}"),
        (_, Publisher::Tuned) => format!("{root}/endpoints/{name}:{method}"),
        (_, Publisher::Endpoint) => format!("{root}/endpoints/{name}/chat/completions"),
        (_, Publisher::OpenApi) => format!("{root}/endpoints/openapi/chat/completions"),
        _ => format!("{root}/publishers/google/models/{name}:{method}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn azure_by_deployment_and_version() {
        let dated = Some("2024-10-21");
        for (base_path, query, version, expected) in [
            ("", None, dated, "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
            ("", None, None, "/openai/deployments/d/chat/completions?api-version=2025-02-01-preview"),
            ("/openai", None, dated, "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
            ("/openai/deployments", None, dated, "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
            ("/openai/deployments/x", None, dated, "/openai/deployments/x/chat/completions?api-version=2024-10-21"),
            (
                "/openai/deployments/x/chat/completions",
                Some("api-version=2023-05-15"),
                dated,
                "/openai/deployments/x/chat/completions?api-version=2023-05-15",
            ),
            ("/gw", Some("a=b"), dated, "/gw/openai/deployments/d/chat/completions?a=b&api-version=2024-10-21"),
            ("/openai/v1", None, None, "/openai/v1/chat/completions"),
            ("/openai/v1", None, dated, "/openai/v1/chat/completions"),
            ("", None, Some("v1"), "/openai/v1/chat/completions"),
            ("/openai", None, Some("latest"), "/openai/v1/chat/completions"),
            ("", None, Some("preview"), "/openai/v1/chat/completions?api-version=preview"),
            ("", Some("api-version=preview"), None, "/openai/v1/chat/completions?api-version=preview"),
            (
                "/v1/acc/gw/azure-openai/res",
                None,
                dated,
                "/v1/acc/gw/azure-openai/res/d/chat/completions?api-version=2024-10-21",
            ),
        ] {
            let place = Place { base_path, query, model: "d", api_version: version, ..Place::default() };
            check("azure", Call::ChatCompletions, &place, expected);
        }
    }

    #[test]
    fn azure_has_responses_beside_the_deployments() {
        let dated = Some("2025-03-01-preview");
        for (base_path, version, expected) in [
            ("", dated, "/openai/responses?api-version=2025-03-01-preview"),
            ("/openai", dated, "/openai/responses?api-version=2025-03-01-preview"),
            ("/openai/responses", dated, "/openai/responses?api-version=2025-03-01-preview"),
            ("/openai/deployments/x", dated, "/openai/responses?api-version=2025-03-01-preview"),
            ("", None, "/openai/v1/responses?api-version=preview"),
            ("", Some("v1"), "/openai/v1/responses"),
            ("/openai/v1", None, "/openai/v1/responses?api-version=preview"),
        ] {
            let place = Place { base_path, model: "d", api_version: version, ..Place::default() };
            check("azure", Call::Responses, &place, expected);
        }
        let place = Place { model: "a b", api_version: Some("2024-10-21"), ..Place::default() };
        check("azure", Call::Embeddings, &place, "/openai/deployments/a%20b/embeddings?api-version=2024-10-21");
        let pictures = "/openai/deployments/a%20b/images/generations?api-version=2024-10-21";
        check("azure", Call::ImageGenerations, &place, pictures);
    }

    #[test]
    fn vertex_by_publisher() {
        let chat = Call::ChatCompletions;
        for (call, model, stream, expected) in [
            (Call::GenerateContent, "g-2.5", false, "v1/{at}/publishers/google/models/g-2.5:generateContent"),
            (
                Call::GenerateContent,
                "g-2.5",
                true,
                "v1/{at}/publishers/google/models/g-2.5:streamGenerateContent?alt=sse",
            ),
            (Call::GenerateContent, "gemini/123", false, "v1/{at}/endpoints/123:generateContent"),
            (Call::CountContentTokens, "g", true, "v1/{at}/publishers/google/models/g:countTokens"),
            (Call::Predict, "e@001", false, "v1/{at}/publishers/google/models/e@001:predict"),
            (Call::Messages, "claude-x@2025", false, "v1/{at}/publishers/anthropic/models/claude-x@2025:rawPredict"),
            (Call::Messages, "claude-x", true, "v1/{at}/publishers/anthropic/models/claude-x:streamRawPredict"),
            (
                Call::CountMessageTokens,
                "claude-x",
                false,
                "v1/{at}/publishers/anthropic/models/count-tokens:rawPredict",
            ),
            (chat, "mistral-l@2407", false, "v1/{at}/publishers/mistralai/models/mistral-l@2407:rawPredict"),
            (chat, "mistralai/mistral-l", true, "v1/{at}/publishers/mistralai/models/mistral-l:streamRawPredict"),
            (chat, "jamba-1.5", false, "v1beta1/{at}/publishers/ai21/models/jamba-1.5:rawPredict"),
            (chat, "meta/llama-4:free", true, "v1/{at}/endpoints/openapi/chat/completions"),
            (chat, "openai/123", false, "v1beta1/{at}/endpoints/123/chat/completions"),
        ] {
            for location in ["europe-west4", "global"] {
                let expected = format!("/{}", expected.replace("{at}", &format!("projects/p/locations/{location}")));
                let (project, location) = (Some("p"), Some(location));
                for base_path in ["", "/v1"] {
                    let place = Place { base_path, model, project, location, stream, ..Place::default() };
                    check("vertex_ai", call, &place, &expected);
                }
            }
        }
    }

    #[test]
    fn a_vertex_address_that_names_the_model_lacks_the_method_only() {
        let base_path = "/v1/projects/p/locations/l/publishers/google/models/g";
        let place = Place { base_path, model: "g", ..Place::default() };
        check("vertex_ai", Call::GenerateContent, &place, &format!("{base_path}:generateContent"));
        let base_path = "/v1/projects/p/locations/l/endpoints/openapi";
        let place = Place { base_path, model: "meta/llama", ..Place::default() };
        check("vertex_ai", Call::ChatCompletions, &place, &format!("{base_path}/chat/completions"));
    }
}

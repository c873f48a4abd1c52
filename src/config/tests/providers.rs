//! Which provider an entry calls, where and as whom: the table's, and those that the file declares itself.

use std::collections::HashMap;
use std::sync::Arc;

use super::{environment, lines, read};
use crate::config::{Config, Deployment, Severity, load};
use crate::providers::{Auth, Call, Dialect, LegacyCompletions, ResponsesApi};

const ACME: &str = "tollgate: {providers: [{name: acme, base_url: 'https://acme.test/api/', key_env: KEY, \
                    auth_header: X-Acme-Key, auth_prefix: 'Key ', paths: {chat_completions: /v2/talk}, \
                    renames: {max_tokens: limit}, responses_api: true, completions_api: true}]}\n";

fn deployments(text: &str) -> Vec<Deployment> {
    read(text).usable().unwrap_or_else(|problems| panic!("{text}\n{problems:#?}")).deployments
}

/// The only entry of a `model_list`, with these `litellm_params`.
fn entry(params: &str, rest: &str) -> Deployment {
    deployments(&format!("{rest}model_list: [{{model_name: a, litellm_params: {{{params}}}}}]")).remove(0)
}

fn warnings(params: &str, rest: &str) -> Vec<String> {
    let text = format!("{rest}model_list: [{{model_name: a, litellm_params: {{{params}}}}}]");
    let all = lines(&text, Severity::Warning);
    all.into_iter().filter_map(|line| Some(line.strip_prefix("model_list[0].litellm_params.")?.to_owned())).collect()
}

#[test]
fn a_declared_provider_is_called_as_it_says() {
    for params in [
        "model: acme/talker-1",
        "model: talker-1, custom_llm_provider: acme",
        "model: acme/talker-1, custom_llm_provider: acme",
    ] {
        let entry = entry(params, ACME);
        let row = entry.provider;
        assert_eq!((row.name, entry.upstream_model.as_str()), ("acme", "talker-1"), "{params}");
        assert_eq!(entry.endpoint.unwrap().url(), "https://acme.test/api");
        assert_eq!(entry.api_key.unwrap().expose(), "sk-canary-of-the-environment");
        assert_eq!(row.auth, Auth::Prefixed { header: "x-acme-key", prefix: "Key " });
        assert_eq!(row.paths, [(Call::ChatCompletions, "/v2/talk")]);
        assert_eq!(row.quirks.renames, [("max_tokens", "limit")]);
        assert_eq!((row.dialect, row.responses), (Dialect::OpenAi, ResponsesApi::Native));
        assert_eq!(row.completions, LegacyCompletions::Native);
    }
    let own = entry("model: acme/x, api_key: sk-own, api_base: 'http://here:1'", ACME);
    assert_eq!((own.api_key.unwrap().expose(), own.endpoint.unwrap().url().as_str()), ("sk-own", "http://here:1"));
}

#[test]
fn a_declared_provider_shows_its_key_as_bearer_unless_said() {
    for (said, expected) in [
        ("", Auth::Bearer),
        ("auth_header: Authorization", Auth::Bearer),
        ("auth_prefix: 'Token '", Auth::Prefixed { header: "authorization", prefix: "Token " }),
        ("auth_header: authorization, auth_prefix: ''", Auth::Prefixed { header: "authorization", prefix: "" }),
        ("auth_header: api-key", Auth::Prefixed { header: "api-key", prefix: "" }),
    ] {
        let rest = format!("tollgate: {{providers: [{{name: b, base_url: 'http://b', {said}}}]}}\n");
        assert_eq!(entry("model: b/x", &rest).provider.auth, expected, "{said}");
    }
    for (said, expected) in [
        ("openai", Dialect::OpenAi),
        ("anthropic", Dialect::Anthropic),
        ("gemini", Dialect::Gemini),
        ("cohere", Dialect::Cohere),
        ("ollama", Dialect::Ollama),
    ] {
        let rest = format!("tollgate: {{providers: [{{name: b, base_url: 'http://b', dialect: {said}}}]}}\n");
        assert_eq!(entry("model: b/x", &rest).provider.dialect, expected, "{said}");
    }
}

#[test]
fn what_is_wrong_with_a_declared_provider_is_said() {
    for (said, expected) in [
        ("{base_url: 'http://b'}", "tollgate.providers[0].name: is missing, or holds a slash"),
        ("{name: a/b}", "tollgate.providers[0].name: is missing, or holds a slash"),
        ("{name: b, base_url: b.test}", "tollgate.providers[0].base_url: must begin with http:// or https://"),
        ("{name: b, auth_header: 'a b'}", "tollgate.providers[0].auth_header: cannot be a header's name"),
        ("{name: b, auth_prefix: \"a\\nb\"}", "tollgate.providers[0].auth_prefix: cannot stand in a header"),
        ("{name: b, dialect: openia}", "tollgate.providers[0].dialect: unknown dialect; did you mean \"openai\"?"),
        (
            "{name: b, paths: {chat_completion: /x}}",
            "tollgate.providers[0].paths.chat_completion: unknown call; did you mean \"chat_completions\"?",
        ),
        (
            "{name: b, paths: {embeddings: x}}",
            "tollgate.providers[0].paths.embeddings: must be a path that begins with /",
        ),
        (
            "{name: b, paths: {embeddings: '/a b'}}",
            "tollgate.providers[0].paths.embeddings: must be a path that begins with /",
        ),
        ("{name: b, renames: {seed: 5}}", "tollgate.providers[0].renames.seed: expected the provider's name of it"),
        ("{name: b, responses_api: maybe}", "tollgate.providers[0].responses_api: expected true or false, found text"),
        ("{name: b, base_ulr: x}", "tollgate.providers[0].base_ulr: unknown key; did you mean \"base_url\"?"),
        ("text", "tollgate.providers[0]: expected a mapping, found text"),
    ] {
        let text = format!("{}tollgate: {{providers: [{said}]}}", super::MODEL);
        assert_eq!(lines(&text, Severity::Error), [expected], "{said}");
    }
    let text = format!("{}tollgate: {{providers: [{{name: groq}}]}}", super::MODEL);
    let shadowed = "tollgate.providers[0].name: is a provider of the table too; the declared one is taken";
    assert!(lines(&text, Severity::Warning).iter().any(|line| line == shadowed));
    let text = format!("{}tollgate: {{providers: [{{name: b}}, {{name: b}}]}}", super::MODEL);
    assert_eq!(lines(&text, Severity::Error), ["tollgate.providers[1].name: is declared twice"]);
}

#[test]
fn a_base_url_gets_what_its_provider_wants_behind_it() {
    for (params, expected) in [
        ("model: mistral/m, api_base: 'http://h'", "http://h/v1"),
        ("model: mistral/m, api_base: 'http://h/v1/'", "http://h/v1"),
        ("model: azure_ai/m, api_base: 'https://r.services.ai.azure.com'", "https://r.services.ai.azure.com/models"),
        ("model: azure_ai/m, api_base: 'https://m.models.ai.azure.com'", "https://m.models.ai.azure.com/v1"),
        ("model: azure_ai/m, api_base: 'https://m.test/openai/v1'", "https://m.test/openai/v1"),
        ("model: openai/m, api_base: 'http://h'", "http://h"),
        ("model: bedrock/amazon.nova, aws_region_name: eu-west-1", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("model: bedrock/us-east-1/amazon.nova", "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("model: bedrock/us-east-1/x.y, region_name: eu-west-1", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("model: 'bedrock/arn:aws:bedrock:ap-south-1:1:x/y'", "https://bedrock-runtime.ap-south-1.amazonaws.com"),
        ("model: bedrock/amazon.nova", "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ("model: bedrock/x.y, aws_bedrock_runtime_endpoint: 'http://h:1'", "http://h:1"),
        ("model: vertex_ai/g, vertex_location: global", "https://aiplatform.googleapis.com"),
        ("model: vertex_ai/g, vertex_ai_location: europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("model: vertex_ai/g", "https://us-central1-aiplatform.googleapis.com"),
    ] {
        assert_eq!(entry(params, "").endpoint.map(|endpoint| endpoint.url()).as_deref(), Some(expected), "{params}");
    }
    let versioned = entry("model: azure_ai/m, api_base: 'https://m.test', api_version: '2024-05-01'", "");
    assert_eq!(versioned.endpoint.unwrap().query.as_deref(), Some("api-version=2024-05-01"));
}

#[test]
fn a_name_on_azure_may_say_what_the_model_can_do() {
    for (params, model, base_model) in [
        ("model: azure/d", "d", None),
        ("model: azure/o_series/d", "d", Some("o3")),
        ("model: azure/gpt5_series/d", "d", Some("gpt-5")),
        ("model: azure/o_series/d, base_model: o1", "d", Some("o1")),
        ("model: azure/d, base_model: azure/gpt-4o", "d", Some("azure/gpt-4o")),
        ("model: openai/o_series/d", "o_series/d", None),
    ] {
        let entry = entry(&format!("{params}, api_base: 'http://h', api_key: k"), "");
        assert_eq!(entry.upstream_model, model, "{params}");
        assert_eq!(entry.model_info.get("base_model").and_then(|name| name.as_str()), base_model, "{params}");
    }
    let both =
        "model_list: [{model_name: a, litellm_params: {model: azure/d, base_model: x}, model_info: {base_model: y}}]";
    assert_eq!(deployments(both)[0].model_info["base_model"], "y");
}

/// A file with these variables.
fn with(text: &str, variables: &[(&str, &str)]) -> Config {
    let variables: HashMap<String, String> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let env: HashMap<String, String> = environment().into_iter().chain(variables).collect();
    load(text, &env).config.unwrap()
}

#[test]
fn the_environment_may_hold_the_version_of_azure() {
    let text = "model_list: [{model_name: a, litellm_params: {model: azure/d}}, {model_name: b, litellm_params: {model: \
                azure/d, api_version: v1}}, {model_name: c, litellm_params: {model: gpt-4o}}]";
    let config = with(text, &[("AZURE_API_VERSION", "2024-10-21")]);
    let versions: Vec<_> = config.deployments.iter().map(|entry| entry.api_version.as_deref()).collect();
    assert_eq!(versions, [Some("2024-10-21"), Some("v1"), None]);
}

#[test]
fn equal_credentials_are_made_once() {
    let check = |first: &str, second: &str, shared: bool| {
        let text = format!(
            "model_list: [{{model_name: a, litellm_params: {{{first}}}}}, {{model_name: b, litellm_params: {{{second}}}}}]"
        );
        let made: Vec<_> = deployments(&text).into_iter().filter_map(|entry| entry.cloud).collect();
        assert_eq!(made.len(), 2, "{text}");
        assert_eq!(Arc::ptr_eq(&made[0], &made[1]), shared, "{text}");
    };
    let keys = "aws_access_key_id: A, aws_secret_access_key: b";
    let (x, y) = ("model: bedrock/amazon.nova", "model: bedrock/amazon.titan");
    check(&format!("{x}, {keys}"), &format!("{y}, {keys}"), true);
    check(&format!("{x}, {keys}"), &format!("{x}, {keys}, aws_region_name: us-west-2"), true);
    check(&format!("{x}, {keys}"), &format!("{x}, {keys}, aws_region_name: eu-west-1"), false);
    check(&format!("{x}, {keys}"), &format!("{x}, aws_access_key_id: B, aws_secret_access_key: b"), false);
    check(&format!("{x}, api_key: k"), &format!("{x}, api_key: l"), false);
    let vertex = |rest: &str| format!("model: vertex_ai/g, {rest}");
    check(&vertex("vertex_project: p"), &vertex("vertex_project: q, vertex_location: global"), true);
    let azure = "model: azure/d, api_base: 'http://h'";
    let entra = "tenant_id: t, client_id: c, client_secret";
    check(&format!("{azure}, {entra}: s"), &format!("{azure}, {entra}: s"), true);
    check(&format!("{azure}, {entra}: s"), &format!("{azure}, {entra}: r"), false);
}

#[test]
fn azure_uses_the_machines_identity_when_told_to() {
    let azure = "model: azure/d, api_base: 'http://h'";
    let refresh = "litellm_settings: {enable_azure_ad_token_refresh: true}\n";
    assert!(entry(azure, "").cloud.is_none());
    assert!(entry(azure, refresh).cloud.is_some());
    assert!(entry(&format!("{azure}, api_key: k"), refresh).cloud.is_none());
    let missing = "api_key: is missing; AZURE_API_KEY or AZURE_OPENAI_API_KEY would say it too";
    assert_eq!(warnings(azure, ""), [missing]);
    assert!(warnings(azure, refresh).is_empty());
    assert!(warnings(&format!("{azure}, azure_ad_token: t"), "").is_empty());
}

#[test]
fn what_is_wrong_with_credentials_is_a_warning() {
    for (params, expected) in [
        (
            "model: azure/d, api_base: 'http://h', api_key: '', client_secret: s",
            "model: calls will fail: client_secret needs tenant_id and client_id",
        ),
        (
            "model: bedrock/amazon.nova, aws_region_name: 'a/b'",
            "model: calls will fail: an AWS region holds only letters, digits and hyphens",
        ),
        ("model: vertex_ai/g, vertex_credentials: '{}'", "model: calls will fail: Google's credentials: "),
        ("model: watsonx/m", "model: the dialect of watsonx is not spoken here; calls will fail"),
        ("model: openai_like/m, api_key: k", "api_base: is missing; calls will fail"),
    ] {
        let found = warnings(params, "");
        assert!(found.iter().any(|line| line.starts_with(expected)), "{params}: {found:#?}");
    }
}

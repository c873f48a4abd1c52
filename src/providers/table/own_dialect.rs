//! Providers with a dialect of their own. A row with [`Dialect::Other`] is a name that is known so that a file loads; no
//! codec speaks to it, and a call says so.

use super::quirks::AZURE;
use super::{Auth, Dialect, Provider, ResponsesApi};

pub(super) const OWN_DIALECT: &[Provider] = &[
    Provider::named("anthropic", Dialect::Anthropic)
        .base("https://api.anthropic.com")
        .env(&["ANTHROPIC_API_KEY"], &["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"])
        .alias(&["anthropic_text"])
        .auth(Auth::Header("x-api-key")),
    Provider::named("azure", Dialect::Azure)
        .env(&["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"], &["AZURE_API_BASE"])
        .alias(&["azure_text"])
        .responses(ResponsesApi::Native)
        .quirks(AZURE)
        .auth(Auth::Header("api-key")),
    Provider::named("gemini", Dialect::Gemini)
        .base("https://generativelanguage.googleapis.com/v1beta")
        .env(&["GEMINI_API_KEY", "GOOGLE_API_KEY"], &["GEMINI_API_BASE"])
        .auth(Auth::Header("x-goog-api-key")),
    Provider::named("vertex_ai", Dialect::Vertex).alias(&["vertex_ai_beta"]).auth(Auth::None),
    Provider::named("bedrock", Dialect::Bedrock).alias(&["bedrock_converse"]).auth(Auth::None),
    Provider::named("cohere", Dialect::Cohere)
        .base("https://api.cohere.com")
        .env(&["COHERE_API_KEY", "CO_API_KEY"], &["COHERE_API_BASE"])
        .alias(&["cohere_chat"]),
    Provider::named("ollama", Dialect::OllamaGenerate)
        .base("http://localhost:11434")
        .env(&["OLLAMA_API_KEY"], &["OLLAMA_API_BASE"]),
    Provider::named("ollama_chat", Dialect::Ollama)
        .base("http://localhost:11434")
        .env(&["OLLAMA_API_KEY"], &["OLLAMA_API_BASE"]),
    Provider::named("replicate", Dialect::Replicate)
        .base("https://api.replicate.com/v1")
        .env(&["REPLICATE_API_KEY", "REPLICATE_API_TOKEN"], &["REPLICATE_API_BASE"]),
    Provider::named("sagemaker", Dialect::Other),
    Provider::named("sagemaker_chat", Dialect::Other),
    Provider::named("sagemaker_nova", Dialect::Other),
    Provider::named("watsonx", Dialect::Other),
    Provider::named("watsonx_text", Dialect::Other),
    Provider::named("oci", Dialect::Other),
    Provider::named("nlp_cloud", Dialect::Other),
    Provider::named("petals", Dialect::Other),
    Provider::named("predibase", Dialect::Other),
    Provider::named("triton", Dialect::Other),
    Provider::named("github_copilot", Dialect::Other),
    Provider::named("chatgpt", Dialect::Other),
    Provider::named("gigachat", Dialect::Other),
    Provider::named("sap", Dialect::Other),
    Provider::named("a2a", Dialect::Other),
    Provider::named("a2a_agent", Dialect::Other),
    Provider::named("langgraph", Dialect::Other),
    Provider::named("langflow", Dialect::Other),
    Provider::named("manus", Dialect::Other),
    Provider::named("aleph_alpha", Dialect::Other),
    Provider::named("palm", Dialect::Other),
    Provider::named("text-completion-codestral", Dialect::Other),
    Provider::named("custom", Dialect::Other),
    Provider::named("auto_router", Dialect::Other),
    Provider::named("deepgram", Dialect::Other),
    Provider::named("elevenlabs", Dialect::Other),
    Provider::named("azure_speech", Dialect::Other),
    Provider::named("aws_polly", Dialect::Other),
    Provider::named("transcribe", Dialect::Other),
    Provider::named("soniox", Dialect::Other),
    Provider::named("nvidia_riva", Dialect::Other),
    Provider::named("fal_ai", Dialect::Other),
    Provider::named("stability", Dialect::Other),
    Provider::named("recraft", Dialect::Other),
    Provider::named("black_forest_labs", Dialect::Other),
    Provider::named("runwayml", Dialect::Other),
    Provider::named("topaz", Dialect::Other),
    Provider::named("milvus", Dialect::Other),
    Provider::named("pg_vector", Dialect::Other),
];

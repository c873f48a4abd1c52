//! Providers that take OpenAI's bodies under OpenAI's paths: the client's bytes go through.

use super::quirks::{
    ALL_ROLES, AZURE_AI, CODESTRAL, DEEPSEEK, FIREWORKS, FLAT_CONTENT, GROQ, KEYLESS, LITELLM_PROXY, MISTRAL,
    OLD_CAP_ONLY, OOBABOOGA, OPENAI, OPENROUTER, PERPLEXITY, VLLM, XAI,
};
use super::{Auth, Dialect, Provider, ResponsesApi};

const fn compatible(name: &'static str) -> Provider {
    Provider::named(name, Dialect::OpenAi)
}

pub(super) const OPENAI_COMPATIBLE: &[Provider] = &[
    compatible("openai")
        .base("https://api.openai.com/v1")
        .env(&["OPENAI_API_KEY"], &["OPENAI_BASE_URL", "OPENAI_API_BASE"])
        .responses(ResponsesApi::ForMessagesToo)
        .quirks(OPENAI),
    // The models that only know the legacy endpoint.
    compatible("text-completion-openai")
        .base("https://api.openai.com/v1")
        .env(&["OPENAI_API_KEY"], &["OPENAI_BASE_URL", "OPENAI_API_BASE"])
        .native_completions()
        .quirks(ALL_ROLES),
    // Servers of one's own: `api_base` says where.
    compatible("hosted_vllm")
        .env(&["HOSTED_VLLM_API_KEY"], &["HOSTED_VLLM_API_BASE"])
        .alias(&["vllm"])
        .native_completions()
        .responses(ResponsesApi::Native)
        .quirks(VLLM),
    compatible("llamafile")
        .base("http://127.0.0.1:8080/v1")
        .env(&["LLAMAFILE_API_KEY"], &["LLAMAFILE_API_BASE"])
        .native_completions()
        .quirks(KEYLESS),
    compatible("lm_studio").env(&["LM_STUDIO_API_KEY"], &["LM_STUDIO_API_BASE"]).quirks(KEYLESS),
    compatible("docker_model_runner")
        .base("http://localhost:22088/engines/llama.cpp")
        .env(&["DOCKER_MODEL_RUNNER_API_KEY"], &["DOCKER_MODEL_RUNNER_API_BASE"])
        .quirks(KEYLESS),
    compatible("lemonade")
        .base("http://localhost:8000/api/v1")
        .env(&["LEMONADE_API_KEY"], &["LEMONADE_API_BASE"])
        .quirks(KEYLESS),
    compatible("xinference")
        .base("http://127.0.0.1:9997/v1")
        .env(&["XINFERENCE_API_KEY"], &["XINFERENCE_API_BASE"])
        .quirks(KEYLESS),
    compatible("openai_like").env(&["OPENAI_LIKE_API_KEY"], &["OPENAI_LIKE_API_BASE"]).quirks(OLD_CAP_ONLY),
    compatible("custom_openai").env(&["OPENAI_API_KEY"], &[]).alias(&["aiohttp_openai"]).quirks(ALL_ROLES),
    compatible("litellm_proxy")
        .env(&["LITELLM_PROXY_API_KEY"], &["LITELLM_PROXY_API_BASE"])
        .native_completions()
        .responses(ResponsesApi::ForMessagesToo)
        .quirks(LITELLM_PROXY),
    compatible("databricks").env(&["DATABRICKS_API_KEY"], &["DATABRICKS_API_BASE"]),
    // Hosted.
    compatible("groq").base("https://api.groq.com/openai/v1").env(&["GROQ_API_KEY"], &["GROQ_API_BASE"]).quirks(GROQ),
    compatible("together_ai")
        .base("https://api.together.ai/v1")
        .env(
            &["TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"],
            &["TOGETHER_AI_API_BASE"],
        )
        .native_completions(),
    compatible("mistral")
        .base("https://api.mistral.ai/v1")
        .env(&["MISTRAL_API_KEY"], &["MISTRAL_API_BASE"])
        .quirks(MISTRAL),
    compatible("codestral")
        .base("https://codestral.mistral.ai/v1")
        .env(&["CODESTRAL_API_KEY"], &["CODESTRAL_API_BASE"])
        .quirks(CODESTRAL),
    compatible("deepseek")
        .base("https://api.deepseek.com/beta")
        .env(&["DEEPSEEK_API_KEY"], &["DEEPSEEK_API_BASE"])
        .quirks(DEEPSEEK),
    compatible("xai")
        .base("https://api.x.ai/v1")
        .env(&["XAI_API_KEY"], &["XAI_API_BASE"])
        .responses(ResponsesApi::Native)
        .quirks(XAI),
    compatible("perplexity")
        .base("https://api.perplexity.ai")
        .env(&["PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"], &["PERPLEXITY_API_BASE"])
        .quirks(PERPLEXITY),
    compatible("fireworks_ai")
        .base("https://api.fireworks.ai/inference/v1")
        .env(
            &["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"],
            &["FIREWORKS_API_BASE"],
        )
        .native_completions()
        .quirks(FIREWORKS),
    compatible("openrouter")
        .base("https://openrouter.ai/api/v1")
        .env(&["OPENROUTER_API_KEY", "OR_API_KEY"], &["OPENROUTER_API_BASE"])
        .quirks(OPENROUTER)
        .responses(ResponsesApi::Native),
    compatible("cerebras")
        .base("https://api.cerebras.ai/v1")
        .env(&["CEREBRAS_API_KEY"], &["CEREBRAS_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("sambanova")
        .base("https://api.sambanova.ai/v1")
        .env(&["SAMBANOVA_API_KEY"], &["SAMBANOVA_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("nvidia_nim")
        .base("https://integrate.api.nvidia.com/v1")
        .env(&["NVIDIA_NIM_API_KEY"], &["NVIDIA_NIM_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("deepinfra")
        .base("https://api.deepinfra.com/v1/openai")
        .env(&["DEEPINFRA_API_KEY"], &["DEEPINFRA_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("moonshot")
        .base("https://api.moonshot.ai/v1")
        .env(&["MOONSHOT_API_KEY"], &["MOONSHOT_API_BASE"])
        .native_completions()
        .quirks(FLAT_CONTENT),
    compatible("dashscope")
        .base("https://dashscope.aliyuncs.com/compatible-mode/v1")
        .env(&["DASHSCOPE_API_KEY"], &["DASHSCOPE_API_BASE"])
        .native_completions(),
    compatible("modelscope")
        .base("https://api-inference.modelscope.cn/v1")
        .env(&["MODELSCOPE_API_KEY"], &["MODELSCOPE_API_BASE"])
        .native_completions(),
    compatible("zai").base("https://api.z.ai/api/paas/v4").env(&["ZAI_API_KEY"], &["ZAI_API_BASE"]),
    compatible("volcengine")
        .base("https://ark.cn-beijing.volces.com/api/v3")
        .env(&["VOLCENGINE_API_KEY"], &["VOLCENGINE_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("novita").base("https://api.novita.ai/v3/openai").env(&["NOVITA_API_KEY"], &["NOVITA_API_BASE"]),
    compatible("hyperbolic")
        .base("https://api.hyperbolic.xyz/v1")
        .env(&["HYPERBOLIC_API_KEY"], &["HYPERBOLIC_API_BASE"])
        .native_completions(),
    compatible("meta_llama")
        .base("https://api.llama.com/compat/v1")
        .env(&["LLAMA_API_KEY"], &["LLAMA_API_BASE"])
        .native_completions(),
    compatible("github")
        .base("https://models.inference.ai.azure.com")
        .env(&["GITHUB_API_KEY"], &["GITHUB_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("cloudflare")
        .base("https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1")
        .env(&["CLOUDFLARE_API_KEY"], &["CLOUDFLARE_API_BASE"]),
    compatible("huggingface")
        .base("https://router.huggingface.co/v1")
        .env(&["HUGGINGFACE_API_KEY", "HF_TOKEN"], &["HF_API_BASE", "HUGGINGFACE_API_BASE"]),
    compatible("anyscale")
        .base("https://api.endpoints.anyscale.com/v1")
        .env(&["ANYSCALE_API_KEY"], &["ANYSCALE_API_BASE"]),
    compatible("ai21_chat")
        .base("https://api.ai21.com/studio/v1")
        .env(&["AI21_API_KEY"], &["AI21_API_BASE"])
        .alias(&["ai21"])
        .quirks(OLD_CAP_ONLY),
    compatible("aihubmix").base("https://aihubmix.com/v1").env(&["AIHUBMIX_API_KEY"], &["AIHUBMIX_API_BASE"]),
    compatible("aiml").base("https://api.aimlapi.com/v1").env(&["AIML_API_KEY", "AIMLAPI_KEY"], &["AIML_API_BASE"]),
    compatible("amazon_nova")
        .base("https://api.nova.amazon.com/v1")
        .env(&["AMAZON_NOVA_API_KEY"], &["AMAZON_NOVA_API_BASE"]),
    compatible("apertis")
        .base("https://api.stima.tech/v1")
        .env(&["STIMA_API_KEY"], &[])
        .native_completions()
        .quirks(OLD_CAP_ONLY),
    compatible("baseten").base("https://inference.baseten.co/v1").env(&["BASETEN_API_KEY"], &["BASETEN_API_BASE"]),
    compatible("chutes")
        .base("https://llm.chutes.ai/v1")
        .env(&["CHUTES_API_KEY"], &[])
        .native_completions()
        .quirks(OLD_CAP_ONLY),
    compatible("clarifai").base("https://api.clarifai.com/v2/ext/openai/v1").env(&["CLARIFAI_API_KEY"], &[]),
    compatible("cometapi")
        .base("https://api.cometapi.com/v1")
        .env(&["COMETAPI_KEY", "COMETAPI_API_KEY"], &["COMETAPI_BASE_URL", "COMETAPI_API_BASE"]),
    compatible("compactifai").base("https://api.compactif.ai/v1").env(&["COMPACTIFAI_API_KEY"], &[]),
    compatible("cortecs").base("https://api.cortecs.ai/v1").env(&["CORTECS_API_KEY"], &["CORTECS_API_BASE"]),
    compatible("crusoe")
        .base("https://api.inference.crusoecloud.com/v1")
        .env(&["CRUSOE_API_KEY"], &["CRUSOE_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("edenai").base("https://api.edenai.run/v3").env(&["EDENAI_API_KEY"], &["EDENAI_API_BASE"]),
    compatible("empower")
        .base("https://app.empower.dev/api/v1")
        .env(&["EMPOWER_API_KEY"], &["EMPOWER_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("featherless_ai")
        .base("https://api.featherless.ai/v1")
        .env(&["FEATHERLESS_AI_API_KEY", "FEATHERLESS_API_KEY"], &["FEATHERLESS_AI_API_BASE", "FEATHERLESS_API_BASE"])
        .native_completions(),
    compatible("friendliai")
        .base("https://api.friendli.ai/serverless/v1")
        .env(&["FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN"], &["FRIENDLI_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("galadriel")
        .base("https://api.galadriel.com/v1")
        .env(&["GALADRIEL_API_KEY"], &["GALADRIEL_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("gmi").base("https://api.gmi-serving.com/v1").env(&["GMI_API_KEY"], &[]),
    compatible("helicone").base("https://ai-gateway.helicone.ai").env(&["HELICONE_API_KEY"], &[]),
    compatible("inception")
        .base("https://api.inceptionlabs.ai/v1")
        .env(&["INCEPTION_API_KEY"], &["INCEPTION_API_BASE"]),
    compatible("jina_ai").base("https://api.jina.ai/v1").env(&["JINA_AI_API_KEY"], &["JINA_AI_API_BASE"]),
    compatible("lambda_ai")
        .base("https://api.lambda.ai/v1")
        .env(&["LAMBDA_API_KEY"], &["LAMBDA_API_BASE"])
        .native_completions(),
    compatible("libertai").base("https://api.libertai.io/v1").env(&["LIBERTAI_API_KEY"], &["LIBERTAI_API_BASE"]),
    compatible("llamagate").base("https://api.llamagate.dev/v1").env(&["LLAMAGATE_API_KEY"], &[]).quirks(OLD_CAP_ONLY),
    compatible("minimax").base("https://api.minimax.io/v1").env(&["MINIMAX_API_KEY"], &["MINIMAX_API_BASE"]),
    compatible("morph").base("https://api.morphllm.com/v1").env(&["MORPH_API_KEY"], &["MORPH_API_BASE"]),
    compatible("nano-gpt")
        .base("https://nano-gpt.com/api/v1")
        .env(&["NANOGPT_API_KEY"], &[])
        .native_completions()
        .quirks(OLD_CAP_ONLY),
    compatible("nebius")
        .base("https://api.studio.nebius.ai/v1")
        .env(&["NEBIUS_API_KEY"], &["NEBIUS_API_BASE"])
        .native_completions(),
    compatible("nscale").base("https://inference.api.nscale.com/v1").env(&["NSCALE_API_KEY"], &["NSCALE_API_BASE"]),
    compatible("ovhcloud").base("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1").env(&["OVHCLOUD_API_KEY"], &[]),
    compatible("parasail").base("https://api.parasail.io/v1").env(&["PARASAIL_API_KEY"], &["PARASAIL_API_BASE"]),
    compatible("poe")
        .base("https://api.poe.com/v1")
        .env(&["POE_API_KEY"], &[])
        .native_completions()
        .quirks(OLD_CAP_ONLY),
    compatible("publicai")
        .base("https://api.publicai.co/v1")
        .env(&["PUBLICAI_API_KEY"], &["PUBLICAI_API_BASE"])
        .native_completions()
        .quirks(FLAT_CONTENT),
    compatible("reka").base("https://api.reka.ai/v1").env(&["REKA_API_KEY"], &["REKA_API_BASE"]),
    compatible("sarvam")
        .base("https://api.sarvam.ai/v1")
        .env(&["SARVAM_API_KEY"], &[])
        .auth(Auth::Header("api-subscription-key"))
        .quirks(OLD_CAP_ONLY),
    compatible("scaleway").base("https://api.scaleway.ai/v1").env(&["SCW_SECRET_KEY"], &[]),
    compatible("synthetic")
        .base("https://api.synthetic.new/openai/v1")
        .env(&["SYNTHETIC_API_KEY"], &[])
        .native_completions()
        .quirks(OLD_CAP_ONLY),
    compatible("tencent")
        .base("https://tokenhub-intl.tencentcloudmaas.com/v1")
        .env(&["TENCENT_API_KEY"], &["TENCENT_API_BASE"]),
    compatible("v0").base("https://api.v0.dev/v1").env(&["V0_API_KEY"], &["V0_API_BASE"]).native_completions(),
    compatible("veniceai").base("https://api.venice.ai/api/v1").env(&["VENICE_AI_API_KEY"], &[]),
    compatible("vercel_ai_gateway")
        .base("https://ai-gateway.vercel.sh/v1")
        .env(&["VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"], &["VERCEL_AI_GATEWAY_API_BASE"]),
    compatible("voyage").base("https://api.voyageai.com/v1").env(&["VOYAGE_API_KEY"], &["VOYAGE_API_BASE"]),
    compatible("wandb")
        .base("https://api.inference.wandb.ai/v1")
        .env(&["WANDB_API_KEY"], &["WANDB_API_BASE"])
        .native_completions(),
    compatible("xiaomi_mimo")
        .base("https://api.xiaomimimo.com/v1")
        .env(&["XIAOMI_MIMO_API_KEY"], &[])
        .quirks(OLD_CAP_ONLY),
    compatible("abliteration").base("https://api.abliteration.ai/v1").env(&["ABLITERATION_API_KEY"], &[]),
    compatible("assemblyai").base("https://llm-gateway.assemblyai.com/v1").env(&["ASSEMBLYAI_API_KEY"], &[]),
    compatible("charity_engine")
        .base("https://api.charityengine.services/remotejobs/v2/inference")
        .env(&["CHARITY_ENGINE_API_KEY"], &[])
        .quirks(OLD_CAP_ONLY),
    compatible("salad_cloud")
        .base("https://ai.salad.cloud/v1")
        .env(&["SALAD_CLOUD_API_KEY"], &["SALAD_CLOUD_API_BASE"])
        .quirks(OLD_CAP_ONLY),
    compatible("bedrock_mantle")
        .base("https://bedrock-mantle.{AWS_REGION}.api.aws/v1")
        .env(&["BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"], &["BEDROCK_MANTLE_API_BASE"]),
    compatible("oobabooga").env(&["OOBABOOGA_API_KEY"], &["OOBABOOGA_API_BASE"]).native_completions().quirks(OOBABOOGA),
    // Under a base URL of one's own.
    compatible("azure_ai")
        .env(&["AZURE_AI_API_KEY"], &["AZURE_AI_API_BASE"])
        .auth(Auth::Header("api-key"))
        .quirks(AZURE_AI),
    compatible("snowflake")
        .base("https://{SNOWFLAKE_ACCOUNT_ID}.snowflakecomputing.com/api/v2/cortex/v1")
        .env(&["SNOWFLAKE_JWT"], &["SNOWFLAKE_API_BASE"]),
    compatible("datarobot").env(&["DATAROBOT_API_TOKEN"], &["DATAROBOT_ENDPOINT"]).quirks(OLD_CAP_ONLY),
    compatible("heroku").env(&["HEROKU_API_KEY"], &["HEROKU_API_BASE"]),
    compatible("infinity").env(&["INFINITY_API_KEY"], &["INFINITY_API_BASE"]).quirks(KEYLESS),
    compatible("gradient_ai")
        .base("https://inference.do-ai.run/v1")
        .env(&["GRADIENT_AI_API_KEY"], &["GRADIENT_AI_AGENT_ENDPOINT"]),
    compatible("maritalk").base("https://chat.maritaca.ai/api").env(&["MARITALK_API_KEY"], &["MARITALK_API_BASE"]),
    compatible("bigmodel")
        .base("https://open.bigmodel.cn/api/paas/v4")
        .env(&["BIGMODEL_API_KEY", "ZHIPUAI_API_KEY"], &["BIGMODEL_API_BASE"]),
    compatible("bytez").base("https://api.bytez.com/models/v2/openai/v1").env(&["BYTEZ_API_KEY"], &["BYTEZ_API_BASE"]),
];

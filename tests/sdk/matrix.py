"""What the four SDK matrices share: who is asked, with what, and what must come back.

`direct` is the SDK's own provider without a gateway between: it shows that the test and the provider's mock agree, so
that a failure elsewhere is the gateway's.
"""

from providers.scenario import CACHE_READ, CACHE_WRITE, HELLO, INPUT, OUTPUT

PROVIDERS = ["openai", "azure", "anthropic", "gemini", "bedrock", "cohere", "ollama", "vllm"]
ALL = ["direct", *PROVIDERS]
TEXT = "".join(HELLO)
ASK_TOOLS = "weather of Bern and Basel"
THINK_TOOLS = "think: weather of Bern and Basel"
WEATHER = {"Bern": "sunny, 21 degrees", "Basel": "rain\nand wind"}
ARGUMENTS = [{"city": "Bern", "days": 2}, {"city": "Basel", "days": 2}]
TOOL_TEXT = "sunny, 21 degrees; rain\nand wind"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where"}, "days": {"type": "integer"}},
    "required": ["city"],
}
ANSWER_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
# Who counts tokens that were read from or written to a prompt cache.
READS_CACHE = {"openai", "azure", "vllm", "anthropic", "bedrock", "gemini"}
WRITES_CACHE = {"anthropic", "bedrock"}
# Whose thoughts, or calls, are sealed.
SEALS = ["anthropic", "bedrock", "gemini"]


def prompt_tokens(provider):
    """All input, as OpenAI counts: Anthropic's figure leaves out what concerns the cache."""
    return INPUT + CACHE_READ + CACHE_WRITE if provider in WRITES_CACHE else INPUT


def completion_tokens():
    return OUTPUT

"""Google's SDK at every provider."""

import base64
import json

import httpx
import httpx2
import pytest
from google import genai
from google.genai import errors, types

from conftest import KEY
from matrix import ALL, ANSWER_SCHEMA, ARGUMENTS, ASK_TOOLS, PIXEL, SCHEMA, TEXT, THINK_TOOLS, TOOL_TEXT, WEATHER
from matrix import completion_tokens, prompt_tokens
from providers.scenario import MESSAGES

TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", description="d", parameters=SCHEMA)])]


class Gemini:
    """One model, asked over a client without retries."""

    def __init__(self, client, model, provider):
        self.client, self.model, self.provider = client, model, provider

    def ask(self, contents, stream=False, **config):
        """Parts, finish reason and usage, streamed or not."""
        config = types.GenerateContentConfig(automatic_function_calling={"disable": True}, **config)
        call = {"model": self.model, "contents": contents, "config": config}
        chunks = [self.client.models.generate_content(**call)]
        if stream:
            chunks = list(self.client.models.generate_content_stream(**call))
        candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
        parts = [part for candidate in candidates for part in (candidate.content and candidate.content.parts) or []]
        return parts, candidates[-1].finish_reason, chunks[-1].usage_metadata


@pytest.fixture
def gemini(request, providers, matrix):
    is_direct = request.param == "direct"
    options = types.HttpOptions(base_url=providers.url if is_direct else matrix, api_version="v1beta")
    client = genai.Client(api_key="gm-up" if is_direct else KEY, http_options=options)
    return Gemini(client, "gemini-2.5-flash" if is_direct else request.param, "gemini" if is_direct else request.param)


everywhere = pytest.mark.parametrize("gemini", ALL, indirect=True)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def said(parts):
    return "".join(part.text for part in parts if part.text and not part.thought)


@everywhere
@both_ways
def test_text(gemini, stream):
    parts, finish, usage = gemini.ask("hi", stream, system_instruction="Be brief.", max_output_tokens=50, temperature=0.5)
    assert said(parts) == TEXT
    assert finish == types.FinishReason.STOP
    assert usage.prompt_token_count == prompt_tokens(gemini.provider)
    assert usage.candidates_token_count + (usage.thoughts_token_count or 0) == completion_tokens()
    assert usage.total_token_count == prompt_tokens(gemini.provider) + completion_tokens()


def loop(gemini, prompt, stream, **config):
    """An agent's loop until the model stops asking for tools; its last parts, and the first turn's calls."""
    contents = [types.Content(role="user", parts=[types.Part(text=prompt)])]
    first = None
    for _ in range(3):
        parts, _, _ = gemini.ask(contents, stream, tools=TOOLS, **config)
        calls = [part.function_call for part in parts if part.function_call]
        first = first or calls
        if not calls:
            return parts, first
        contents.append(types.Content(role="model", parts=parts))
        answer = lambda call: types.FunctionResponse(id=call.id, name=call.name, response={"result": WEATHER[call.args["city"]]})
        contents.append(types.Content(role="user", parts=[types.Part(function_response=answer(call)) for call in calls]))
    raise AssertionError("the model never stopped")


@everywhere
@both_ways
def test_parallel_tools(gemini, stream):
    parts, calls = loop(gemini, ASK_TOOLS, stream)
    assert [dict(call.args) for call in calls] == ARGUMENTS
    assert "sunny, 21 degrees" in said(parts) and "rain" in said(parts)
    if gemini.provider == "gemini":
        assert said(parts) == TOOL_TEXT


@pytest.mark.parametrize("gemini", ["direct", "gemini", "anthropic", "bedrock"], indirect=True)
@both_ways
def test_sealed_thoughts_are_handed_back(gemini, stream):
    thinking = types.ThinkingConfig(thinking_budget=1024, include_thoughts=True)
    parts, _ = loop(gemini, THINK_TOOLS, stream, thinking_config=thinking)
    assert "sunny, 21 degrees" in said(parts)


@everywhere
def test_json(gemini):
    schema = {name: value for name, value in ANSWER_SCHEMA.items() if name != "additionalProperties"}
    parts, _, _ = gemini.ask("json", response_mime_type="application/json", response_schema=schema)
    assert json.loads(said(parts)) == {"a": "b"}


@everywhere
def test_image(gemini):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    parts, _, _ = gemini.ask([types.Content(role="user", parts=[types.Part(text="look"), image])])
    assert said(parts) == "1 image"


@everywhere
def test_count_tokens(gemini):
    assert gemini.client.models.count_tokens(model=gemini.model, contents="hi").total_tokens > 0


@everywhere
@both_ways
@pytest.mark.parametrize(
    ("kind", "cls", "statuses"),
    [
        ("rate_limit", errors.ClientError, {429}),
        ("overloaded", errors.ServerError, {500, 503, 529}),
        ("context", errors.ClientError, {400}),
        ("auth", errors.ClientError, {400, 401, 403}),
        ("missing", errors.ClientError, {404}),
        ("server", errors.ServerError, {500}),
    ],
)
def test_failures(gemini, stream, kind, cls, statuses):
    with pytest.raises(cls) as caught:
        gemini.ask(f"fail {kind}", stream)
    assert caught.value.code in statuses
    if kind in MESSAGES:
        assert MESSAGES[kind] in str(caught.value)


@everywhere
@pytest.mark.parametrize("kind", ["cut", "midstream"])
def test_broken_streams(gemini, kind):
    seen = []
    with pytest.raises((errors.APIError, httpx.HTTPError, httpx2.HTTPError)):
        for chunk in gemini.client.models.generate_content_stream(model=gemini.model, contents=f"fail {kind}"):
            seen.append(chunk.text)
    assert seen == ["Hello"]

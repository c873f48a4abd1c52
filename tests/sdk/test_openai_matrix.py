"""OpenAI's SDK, chat completions and embeddings, at every provider."""

import json

import httpx
import openai
import pytest

from conftest import KEY
from matrix import ALL, ANSWER_SCHEMA, ARGUMENTS, ASK_TOOLS, PIXEL, PROVIDERS, READS_CACHE, SCHEMA, SEALS, TEXT, THINK_TOOLS
from matrix import TOOL_TEXT, WEATHER, completion_tokens, prompt_tokens
from providers.scenario import CACHE_READ, MESSAGES, THOUGHT, VECTOR

TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}]


class Chat:
    """One model, asked over a client without retries."""

    def __init__(self, client, model):
        self.client, self.model = client, model

    def ask(self, messages, stream=False, **more):
        """The message, streamed or not."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        call = {"model": self.model, "messages": messages, **more}
        if not stream:
            return self.client.chat.completions.create(**call)
        with self.client.chat.completions.stream(stream_options={"include_usage": True}, **call) as events:
            for _ in events:
                pass
            return events.get_final_completion()


@pytest.fixture
def chat(request, providers, matrix):
    url = f"{providers.url}/v1" if request.param == "direct" else f"{matrix}/v1"
    model = "openai" if request.param == "direct" else request.param
    return Chat(openai.OpenAI(base_url=url, api_key=KEY, max_retries=0), model)


everywhere = pytest.mark.parametrize("chat", ALL, indirect=True)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@everywhere
@both_ways
def test_text(chat, stream):
    answer = chat.ask("hi", stream)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt_tokens(chat.model), completion_tokens())
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    if chat.model in READS_CACHE:
        assert usage.prompt_tokens_details.cached_tokens == CACHE_READ


@everywhere
def test_events_come_one_by_one(chat):
    chunks = list(chat.client.chat.completions.create(model=chat.model, messages=[{"role": "user", "content": "hi"}], stream=True))
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert words == ["Hello", " from", " the", " provider"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert not any(chunk.usage for chunk in chunks)


def loop(chat, prompt, stream, **more):
    """An agent's loop until the model stops asking for tools; its last answer, and all messages."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
    for _ in range(3):
        answer = chat.ask(messages, stream, tools=TOOLS, **more)
        message = answer.choices[0].message
        if not message.tool_calls:
            return answer, messages
        assert answer.choices[0].finish_reason == "tool_calls"
        messages.append(clean(message.model_dump(exclude_none=True, exclude={"parsed"})))
        for call in message.tool_calls:
            city = json.loads(call.function.arguments)["city"]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": WEATHER[city]})
    raise AssertionError("the model never stopped")


def clean(message):
    """What the stream helper adds to calls and the API does not know."""
    for call in message.get("tool_calls", []):
        call["function"].pop("parsed_arguments", None)
        call.pop("index", None)
    return message


@everywhere
@both_ways
def test_parallel_tools(chat, stream):
    answer, messages = loop(chat, ASK_TOOLS, stream)
    assert answer.choices[0].message.content == TOOL_TEXT
    calls = messages[2]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == ARGUMENTS
    assert len({call["id"] for call in calls}) == 2


@pytest.mark.parametrize("chat", SEALS, indirect=True)
@both_ways
def test_sealed_thoughts_are_handed_back(chat, stream):
    answer, messages = loop(chat, THINK_TOOLS, stream, reasoning_effort="low")
    assert answer.choices[0].message.content == TOOL_TEXT
    assert messages[2]["reasoning_content"] == THOUGHT


@pytest.mark.parametrize("chat", ["anthropic", "bedrock", "gemini", "cohere", "ollama"], indirect=True)
@both_ways
def test_thoughts_are_shown(chat, stream):
    message = chat.ask("think", stream).choices[0].message
    assert message.reasoning_content == THOUGHT
    assert message.content == TEXT


@everywhere
@both_ways
def test_json(chat, stream):
    form = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": ANSWER_SCHEMA}}
    answer = chat.ask("json", stream, response_format=form)
    assert json.loads(answer.choices[0].message.content) == {"a": "b"}
    assert answer.choices[0].finish_reason == "stop"
    assert not answer.choices[0].message.tool_calls


@everywhere
def test_image(chat):
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]
    assert chat.ask([{"role": "user", "content": parts}]).choices[0].message.content == "1 image"


@everywhere
def test_parameters(chat):
    more = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "stop": ["END"], "user": "u-1", "tool_choice": "auto",
            "parallel_tool_calls": True, "tools": TOOLS}
    assert chat.ask("hi", **more).choices[0].message.content == TEXT


@everywhere
@both_ways
@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("rate_limit", openai.RateLimitError),
        ("overloaded", openai.InternalServerError),
        ("context", openai.BadRequestError),
        ("auth", (openai.AuthenticationError, openai.PermissionDeniedError)),
        ("missing", openai.NotFoundError),
        ("server", openai.InternalServerError),
    ],
)
def test_failures(chat, stream, kind, classes):
    with pytest.raises(classes) as caught:
        chat.ask(f"fail {kind}", stream)
    if kind in MESSAGES:
        assert MESSAGES[kind] in caught.value.message


@everywhere
@pytest.mark.parametrize("kind", ["cut", "midstream"])
def test_broken_streams(chat, kind, request):
    seen = []
    is_direct = "direct" in request.node.name
    with pytest.raises((openai.APIError, httpx.HTTPError) if is_direct else openai.APIError) as caught:
        for chunk in chat.client.chat.completions.create(
            model=chat.model, messages=[{"role": "user", "content": f"fail {kind}"}], stream=True
        ):
            seen.append(chunk)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in seen) == "Hello"
    if kind == "midstream":
        assert MESSAGES["midstream"] in str(caught.value)


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "anthropic"])
def test_embeddings(matrix, provider):
    client = openai.OpenAI(base_url=f"{matrix}/v1", api_key=KEY, max_retries=0)
    for texts in ["one", ["one", "two"]]:
        answer = client.embeddings.create(model=f"{provider}-embed", input=texts, encoding_format="float")
        assert [item.embedding for item in answer.data] == [VECTOR] * (1 if texts == "one" else 2)
    # Without a format the SDK asks for base64 and decodes what it gets.
    assert client.embeddings.create(model=f"{provider}-embed", input="one").data[0].embedding == VECTOR

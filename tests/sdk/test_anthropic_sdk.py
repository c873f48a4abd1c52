"""Anthropic's SDK at every provider."""

import anthropic
import httpx2
import pytest

from conftest import KEY
from matrix import ALL, ARGUMENTS, ASK_TOOLS, PIXEL, PROVIDERS, READS_CACHE, SCHEMA, TEXT, THINK_TOOLS, TOOL_TEXT, WEATHER
from matrix import WRITES_CACHE
from providers.scenario import CACHE_READ, CACHE_WRITE, INPUT, MESSAGES, OUTPUT, THOUGHT

TOOLS = [{"name": "weather", "description": "d", "input_schema": SCHEMA}]
MODEL = "claude-sonnet-4-20250514"


class Claude:
    """One model, asked over a client without retries."""

    def __init__(self, client, model, provider):
        self.client, self.model, self.provider = client, model, provider

    def ask(self, messages, stream=False, **more):
        """The message, streamed or not."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        call = {"model": self.model, "max_tokens": 4096, "messages": messages, **more}
        if not stream:
            return self.client.messages.create(**call)
        with self.client.messages.stream(**call) as events:
            return events.get_final_message()


@pytest.fixture
def claude(request, providers, matrix):
    if request.param == "direct":
        client = anthropic.Anthropic(base_url=providers.url, api_key="sk-ant-up", max_retries=0)
        return Claude(client, MODEL, "anthropic")
    client = anthropic.Anthropic(base_url=matrix, api_key=KEY, max_retries=0)
    return Claude(client, request.param, request.param)


everywhere = pytest.mark.parametrize("claude", ALL, indirect=True)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@everywhere
@both_ways
def test_text(claude, stream):
    answer = claude.ask("hi", stream, system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}])
    assert [(block.type, block.text) for block in answer.content] == [("text", TEXT)]
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    usage = answer.usage
    reads = CACHE_READ if claude.provider in READS_CACHE else 0
    writes = CACHE_WRITE if claude.provider in WRITES_CACHE else 0
    # Anthropic counts what was read from the cache apart; OpenAI and Google count it as input.
    assert usage.input_tokens == INPUT - (0 if claude.provider in WRITES_CACHE else reads)
    assert usage.output_tokens == OUTPUT
    assert (usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0) == (reads, writes)


@everywhere
def test_events_come_one_by_one(claude):
    with claude.client.messages.stream(
        model=claude.model, max_tokens=100, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        kinds = [event.type for event in stream if event.type not in ("ping", "text")]
    deltas = ["content_block_delta"] * 4
    assert kinds == ["message_start", "content_block_start", *deltas, "content_block_stop", "message_delta", "message_stop"]


def loop(claude, prompt, stream, **more):
    """An agent's loop until the model stops asking for tools; its last answer, and all messages."""
    messages = [{"role": "user", "content": prompt}]
    for _ in range(3):
        answer = claude.ask(messages, stream, tools=TOOLS, system="Be brief.", **more)
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return answer, messages
        assert answer.stop_reason == "tool_use"
        messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": WEATHER[call.input["city"]]} for call in calls]
        messages.append({"role": "user", "content": results})
    raise AssertionError("the model never stopped")


@everywhere
@both_ways
def test_parallel_tools(claude, stream):
    answer, messages = loop(claude, ASK_TOOLS, stream)
    assert answer.content[-1].text == TOOL_TEXT
    calls = [block for block in messages[1]["content"] if block["type"] == "tool_use"]
    assert [call["input"] for call in calls] == ARGUMENTS
    assert len({call["id"] for call in calls}) == 2


@pytest.mark.parametrize("claude", ["direct", "anthropic", "bedrock", "gemini", "openai"], indirect=True)
@both_ways
def test_sealed_thoughts_are_handed_back(claude, stream):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    answer, messages = loop(claude, THINK_TOOLS, stream, thinking=thinking)
    assert answer.content[-1].text == TOOL_TEXT
    first = messages[1]["content"][0]
    assert (first["type"], first["thinking"]) == ("thinking", THOUGHT)


@everywhere
def test_image(claude):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "text", "text": "look"}, {"type": "image", "source": source}]
    assert claude.ask([{"role": "user", "content": parts}]).content[0].text == "1 image"


@everywhere
def test_tool_results_of_blocks(claude):
    turns = [
        {"role": "user", "content": [{"type": "text", "text": ASK_TOOLS, "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": False,
             "content": [{"type": "text", "text": "sunny, "}, {"type": "text", "text": "21"}]},
        ]},
    ]
    assert claude.ask(turns, tools=TOOLS).content[0].text.replace("\n", "") == "sunny, 21"


@everywhere
def test_count_tokens(claude):
    counted = claude.client.messages.count_tokens(model=claude.model, messages=[{"role": "user", "content": "hi"}])
    assert counted.input_tokens > 0


@everywhere
@both_ways
@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("rate_limit", anthropic.RateLimitError),
        ("overloaded", anthropic.InternalServerError),
        ("context", anthropic.BadRequestError),
        ("auth", (anthropic.AuthenticationError, anthropic.PermissionDeniedError)),
        ("missing", anthropic.NotFoundError),
        ("server", anthropic.InternalServerError),
    ],
)
def test_failures(claude, stream, kind, classes):
    with pytest.raises(classes) as caught:
        claude.ask(f"fail {kind}", stream)
    assert caught.value.body["type"] == "error"
    if kind in MESSAGES:
        assert MESSAGES[kind] in caught.value.message


@everywhere
@pytest.mark.parametrize("kind", ["cut", "midstream"])
def test_broken_streams(claude, kind, request):
    seen = []
    is_direct = "direct" in request.node.name
    with pytest.raises((anthropic.APIError, httpx2.HTTPError) if is_direct else anthropic.APIError) as caught:
        with claude.client.messages.stream(
            model=claude.model, max_tokens=100, messages=[{"role": "user", "content": f"fail {kind}"}]
        ) as stream:
            for text in stream.text_stream:
                seen.append(text)
    assert seen == ["Hello"]
    if kind == "midstream":
        assert MESSAGES["midstream"] in str(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_wrong_key(matrix, provider):
    client = anthropic.Anthropic(base_url=matrix, api_key="sk-wrong", max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model=provider, max_tokens=5, messages=[{"role": "user", "content": "hi"}])
    assert caught.value.status_code in (400, 401)

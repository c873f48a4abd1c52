"""OpenAI's SDK, Responses API, at every provider."""

import json

import httpx
import openai
import pytest

from conftest import KEY
from matrix import ALL, ANSWER_SCHEMA, ARGUMENTS, ASK_TOOLS, PIXEL, READS_CACHE, SCHEMA, TEXT, THINK_TOOLS, TOOL_TEXT, WEATHER
from matrix import completion_tokens, prompt_tokens
from providers.scenario import CACHE_READ, MESSAGES, THOUGHT

TOOLS = [{"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": False}]


class Responses:
    """One model, asked over a client without retries."""

    def __init__(self, client, model):
        self.client, self.model = client, model

    def ask(self, items, stream=False, **more):
        """The response, streamed or not."""
        call = {"model": self.model, "input": items, **more}
        if not stream:
            return self.client.responses.create(**call)
        with self.client.responses.stream(**call) as events:
            for _ in events:
                pass
            return events.get_final_response()


@pytest.fixture
def responses(request, providers, matrix):
    url = f"{providers.url}/v1" if request.param == "direct" else f"{matrix}/v1"
    model = "openai" if request.param == "direct" else request.param
    return Responses(openai.OpenAI(base_url=url, api_key=KEY, max_retries=0), model)


everywhere = pytest.mark.parametrize("responses", ALL, indirect=True)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@everywhere
@both_ways
def test_text(responses, stream):
    answer = responses.ask("hi", stream, instructions="Be brief.", max_output_tokens=50)
    assert answer.output_text == TEXT
    assert (answer.object, answer.status) == ("response", "completed")
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens) == (prompt_tokens(responses.model), completion_tokens())
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    if responses.model in READS_CACHE:
        assert usage.input_tokens_details.cached_tokens == CACHE_READ


@everywhere
def test_events_in_order(responses):
    events = list(responses.client.responses.create(model=responses.model, input="hi", stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[2:4] == ["response.output_item.added", "response.content_part.added"]
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["Hello", " from", " the", " provider"]
    assert kinds[-4:] == ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    ids = {event.response.id for event in events if hasattr(event, "response")}
    assert len(ids) == 1


def loop(responses, prompt, stream, **more):
    """An agent's loop until the model stops asking for tools; its last answer, and all items."""
    items = [{"role": "user", "content": prompt}]
    for _ in range(3):
        answer = responses.ask(items, stream, tools=TOOLS, instructions="Be brief.", **more)
        items += [clean(item.model_dump(exclude_none=True)) for item in answer.output]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer, items
        for call in calls:
            city = json.loads(call.arguments)["city"]
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": WEATHER[city]})
    raise AssertionError("the model never stopped")


def clean(item):
    """What the stream helper adds and the API does not know."""
    item.pop("parsed_arguments", None)
    for part in item.get("content", []):
        part.pop("parsed", None)
    return item


@everywhere
@both_ways
def test_parallel_tools(responses, stream):
    answer, items = loop(responses, ASK_TOOLS, stream)
    assert answer.output_text == TOOL_TEXT
    calls = [item for item in items if item.get("type") == "function_call"]
    assert [json.loads(call["arguments"]) for call in calls] == ARGUMENTS
    assert len({call["call_id"] for call in calls}) == 2


@pytest.mark.parametrize("responses", ["direct", "openai", "anthropic", "bedrock", "gemini"], indirect=True)
@both_ways
def test_sealed_thoughts_are_handed_back(responses, stream):
    more = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"], "store": False}
    answer, items = loop(responses, THINK_TOOLS, stream, **more)
    assert answer.output_text == TOOL_TEXT
    thought = next(item for item in items if item.get("type") == "reasoning")
    assert thought["summary"][0]["text"] == THOUGHT


@everywhere
def test_json(responses):
    form = {"format": {"type": "json_schema", "name": "s", "strict": True, "schema": ANSWER_SCHEMA}}
    assert json.loads(responses.ask("json", text=form).output_text) == {"a": "b"}


@everywhere
def test_image(responses):
    parts = [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}]
    assert responses.ask([{"role": "user", "content": parts}]).output_text == "1 image"


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
def test_failures(responses, stream, kind, classes):
    with pytest.raises(classes) as caught:
        responses.ask(f"fail {kind}", stream)
    if kind in MESSAGES:
        assert MESSAGES[kind] in caught.value.message


@everywhere
@pytest.mark.parametrize("kind", ["cut", "midstream"])
def test_broken_streams(responses, kind):
    """A broken stream ends with an error, as an exception or as an event, and never with `response.completed`."""
    seen, failed = [], False
    try:
        for event in responses.client.responses.create(model=responses.model, input=f"fail {kind}", stream=True):
            seen.append(event)
    except (openai.APIError, httpx.HTTPError):
        failed = True
    kinds = [event.type for event in seen]
    assert failed or kinds[-1] in ("error", "response.failed")
    assert "response.completed" not in kinds
    assert [event.delta for event in seen if event.type == "response.output_text.delta"] == ["Hello"]

"""What the official SDK can ask for, and that it understands the answers."""

import asyncio

import openai
import pytest

from conftest import KEY
from upstream import PICTURE, TOOL_CALL, USAGE, WORDS

HI = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def test_chat(client, upstream):
    answer = client.chat.completions.create(model="ok", messages=HI, temperature=0.5)
    assert answer.choices[0].message.content == "".join(WORDS)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "ok"
    assert answer.usage.total_tokens == USAGE["total_tokens"]
    assert upstream.last()["headers"]["authorization"] == "Bearer sk-up"
    assert upstream.last()["body"]["temperature"] == 0.5


def test_stream(client):
    chunks = list(client.chat.completions.create(model="ok", messages=HI, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "".join(WORDS)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {"ok"}
    assert not any(chunk.usage for chunk in chunks)


def test_stream_with_usage(client):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="ok", messages=HI, stream=True, stream_options=options))
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [USAGE["total_tokens"]]
    assert chunks[-1].usage


def test_stream_helper(client):
    with client.chat.completions.stream(model="ok", messages=HI) as stream:
        kinds = {event.type for event in stream}
        assert stream.get_final_completion().choices[0].message.content == "".join(WORDS)
    assert "content.delta" in kinds


def test_tools(client, upstream):
    answer = client.chat.completions.create(model="ok", messages=HI, tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.arguments == TOOL_CALL["function"]["arguments"]
    assert upstream.last()["body"]["tools"] == TOOLS
    turns = [*HI, answer.choices[0].message, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    client.chat.completions.create(model="ok", messages=turns)
    assert upstream.last()["body"]["messages"][1]["tool_calls"] == [TOOL_CALL]


def test_streamed_tools(client):
    with client.chat.completions.stream(model="ok", messages=HI, tools=TOOLS) as stream:
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert (call.id, call.function.name) == (TOOL_CALL["id"], "weather")
    assert call.function.arguments == TOOL_CALL["function"]["arguments"]


def test_embeddings(client, upstream):
    for texts in ["one", ["one", "two"], [1, 2, 3]]:
        answer = client.embeddings.create(model="ok", input=texts, encoding_format="float")
        assert answer.data[0].embedding == [0.25, -0.5]
        assert upstream.last()["body"]["input"] == texts
    # Without a format the SDK asks for base64 and decodes what it gets.
    client.embeddings.create(model="ok", input="one")
    assert upstream.last()["body"]["encoding_format"] == "base64"


def test_moderations(client):
    assert client.moderations.create(model="ok", input="text").results[0].flagged is False


def test_images(client, upstream):
    answer = client.images.generate(model="ok", prompt="an otter", n=2, size="1024x1024", quality="low")
    assert [picture.b64_json for picture in answer.data] == [PICTURE, PICTURE]
    assert answer.usage.output_tokens == 272
    assert upstream.last()["path"] == "/v1/images/generations"
    assert upstream.last()["body"]["size"] == "1024x1024"
    with pytest.raises(openai.BadRequestError, match="'n'"):
        client.images.generate(model="ok", prompt="an otter", n=0)


def test_streamed_images(client):
    events = list(client.images.generate(model="ok", prompt="an otter", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert (events[1].b64_json, events[1].usage.total_tokens) == (PICTURE, 374)


@pytest.mark.parametrize("model", ["ok", "legacy"])
def test_legacy_completions(client, model):
    answer = client.completions.create(model=model, prompt="hi", max_tokens=5)
    assert (answer.object, answer.choices[0].text) == ("text_completion", "".join(WORDS))


def test_models(client):
    names = {model.id for model in client.models.list()}
    assert {"ok", "cut", "hang", "legacy"} <= names
    assert client.models.retrieve("ok").id == "ok"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_raw_response_shows_headers(client):
    raw = client.chat.completions.with_raw_response.create(model="ok", messages=HI)
    assert raw.headers["x-litellm-model-group"] == "ok"
    assert raw.headers["x-litellm-call-id"]
    assert raw.headers["llm_provider-x-request-id"] == "req_upstream"
    assert raw.parse().choices[0].message.content == "".join(WORDS)


def test_extra_fields_reach_the_upstream(client, upstream):
    client.chat.completions.create(model="ok", messages=HI, extra_body={"top_k": 5, "metadata": {"a": "b"}})
    assert upstream.last()["body"]["top_k"] == 5
    assert "metadata" not in upstream.last()["body"]


def test_async(gateway):
    async def ask_at_once(count):
        async with openai.AsyncOpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0) as client:
            answers = [client.chat.completions.create(model="ok", messages=HI) for _ in range(count)]
            texts = [answer.choices[0].message.content for answer in await asyncio.gather(*answers)]
            stream = await client.chat.completions.create(model="ok", messages=HI, stream=True)
            texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))
            return texts

    assert asyncio.run(ask_at_once(20)) == ["".join(WORDS)] * 21


def test_azure_client(gateway, upstream):
    client = openai.AzureOpenAI(azure_endpoint=gateway, api_key=KEY, api_version="2024-10-21", max_retries=0)
    answer = client.chat.completions.create(model="ok", messages=HI)
    assert answer.choices[0].message.content == "".join(WORDS)
    assert upstream.last()["path"] == "/v1/chat/completions"
    assert "api-key" not in upstream.last()["headers"]
    streamed = client.chat.completions.create(model="ok", messages=HI, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "".join(WORDS)
    assert client.embeddings.create(model="ok", input="one", encoding_format="float").data[0].embedding == [0.25, -0.5]

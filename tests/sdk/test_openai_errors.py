"""Which exception class of the official SDK a failure becomes."""

import openai
import pytest

from conftest import KEY
from upstream import WORDS

HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("status-400", openai.BadRequestError),
        ("status-401", openai.AuthenticationError),
        ("status-403", openai.PermissionDeniedError),
        ("status-404", openai.NotFoundError),
        ("status-422", openai.UnprocessableEntityError),
        ("status-429", openai.RateLimitError),
        ("status-500", openai.InternalServerError),
        ("status-503", openai.InternalServerError),
        ("nobody", openai.InternalServerError),
        ("no-such-model", openai.BadRequestError),
    ],
)
def test_failures_of_the_upstream(client, model, expected, stream):
    with pytest.raises(expected) as caught:
        client.chat.completions.create(model=model, messages=HI, stream=stream)
    assert caught.value.body["message"]
    assert caught.value.body["code"] == str(caught.value.status_code)
    if model.startswith("status-"):
        assert f"told by upstream, as {model}" in caught.value.body["message"]
        assert caught.value.status_code == int(model.removeprefix("status-"))


@pytest.mark.parametrize("stream", [False, True])
def test_timeout(client, stream):
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="hang", messages=HI, stream=stream)
    assert caught.value.status_code == 408
    assert "Timeout" in caught.value.body["message"]


@pytest.mark.parametrize("header", [openai.Omit(), "Bearer not-a-key"])
def test_keys(client, header):
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="ok", messages=HI, extra_headers={"Authorization": header})


def test_cut_stream(client):
    seen = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model="cut", messages=HI, stream=True):
            seen.append(chunk)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in seen) == WORDS[0]
    assert caught.value.code == "500"


def test_missing_parameters(client):
    for body in [{"messages": HI}, {"model": "ok"}, {}]:
        with pytest.raises(openai.BadRequestError):
            client.post("/chat/completions", body=body, cast_to=object)


def test_unknown_path(client):
    with pytest.raises(openai.NotFoundError):
        client.post("/no/such/path", body={}, cast_to=object)


def test_the_sdks_retries_work_with_ours(gateway, upstream):
    client = openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=1)
    before = len(upstream.requests)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="status-500", messages=HI)
    assert len(upstream.requests) - before == 2

"""What a provider makes of a prompt: the same in every dialect.

- `weather of Bern and Basel`, with tools: one call of the first tool for each city, in parallel;
- tool results: their texts, in order;
- `think`: a signed thought before everything else;
- `json`, or a schema: a JSON object;
- `fail rate_limit|overloaded|context|auth|missing|server`: that failure; `fail cut` breaks a stream off after its first
  words, `fail midstream` reports an error there.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

HELLO = ["Hello", " from", " the", " provider"]
THOUGHT = "The user wants something."
INPUT, CACHE_WRITE, CACHE_READ, OUTPUT = 11, 3, 4, 7
VECTOR = [0.25, -0.5]
MESSAGES = {
    "rate_limit": "told by the provider: slow down",
    "overloaded": "told by the provider: Overloaded",
    "auth": "told by the provider: invalid key",
    "missing": "told by the provider: no such model",
    "server": "told by the provider: internal error",
    "midstream": "told by the provider: overloaded while it spoke",
}


class Refused(Exception):
    """The request is one that the provider would answer with 400."""


class Failure(Exception):
    """The prompt wants this failure."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


@dataclass
class Seen:
    """What a request says, in any dialect."""

    prompt: str = ""
    tools: list = field(default_factory=list)
    results: list = field(default_factory=list)
    forced: str | None = None
    wants_json: bool = False
    images: int = 0


@dataclass
class Plan:
    """What is answered."""

    words: list
    calls: list
    thought: str | None
    breaks: str | None

    @property
    def text(self):
        return "".join(self.words)


def plan(seen):
    """Reads the prompt."""
    failure = re.search(r"fail (\w+)", seen.prompt)
    kind = failure and failure[1]
    if kind and kind not in ("cut", "midstream"):
        raise Failure(kind)
    calls, words = [], HELLO
    cities = re.findall(r"Bern|Basel|Zug", seen.prompt)
    if seen.results:
        words = pieces("; ".join(seen.results))
    elif seen.forced and seen.forced.startswith("json_tool"):
        calls, words = [(seen.forced, {"a": "b"})], []
    elif seen.tools and cities and seen.prompt.startswith(("weather", "think")):
        calls, words = [(seen.tools[0], {"city": city, "days": 2}) for city in cities], []
    elif seen.wants_json:
        words = pieces('{"a": "b"}')
    elif seen.images:
        words = [f"{seen.images}", " image"]
    return Plan(words, calls, THOUGHT if "think" in seen.prompt else None, kind)


def pieces(text):
    """A text as a model would stream it."""
    return re.findall(r"\s*\S+", text)


def halves(arguments):
    """A call's arguments as they are streamed: an object cut somewhere."""
    text = json.dumps(arguments)
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def sign(text):
    """The seal of a thought: 64 characters that look like none of ours."""
    return base64.b64encode(hashlib.sha256(b"provider's secret" + text.encode()).digest() * 2).decode()


def require(condition, message):
    """Refuses unless the condition holds."""
    if not condition:
        raise Refused(message)


def known(members, names, where=""):
    """Refuses members that the dialect does not have."""
    for name in members:
        require(name in names, f"{where}{name}: Extra inputs are not permitted")


def is_base64(text):
    """Whether it is base64 without line breaks."""
    try:
        return base64.b64decode(text, validate=True) != b""
    except ValueError:
        return False

"""Bedrock's Converse and InvokeModel, signed, with binary streams.

<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>,
<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
"""

import base64
import hashlib
import hmac
import json
import struct
import urllib.parse
import zlib

from providers import anthropic
from providers.scenario import CACHE_READ, CACHE_WRITE, INPUT, MESSAGES, OUTPUT, VECTOR, Seen, halves, is_base64, known
from providers.scenario import require, sign

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1"
MEMBERS = {
    "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields",
    "promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier", "outputConfig",
}
INVOKE = (anthropic.MEMBERS - {"model", "stream", "service_tier", "container", "mcp_servers"}) | {"anthropic_version", "anthropic_beta"}
ERRORS = {
    "rate_limit": (429, "ThrottlingException"), "overloaded": (503, "ServiceUnavailableException"),
    "auth": (403, "UnrecognizedClientException"), "missing": (404, "ResourceNotFoundException"),
    "server": (500, "InternalServerException"),
}
USAGE = {"inputTokens": INPUT, "outputTokens": OUTPUT, "totalTokens": INPUT + OUTPUT + CACHE_READ + CACHE_WRITE,
         "cacheReadInputTokens": CACHE_READ, "cacheWriteInputTokens": CACHE_WRITE}


def serves(path):
    return path.startswith("/model/")


class Call:
    content_type = "application/vnd.amazon.eventstream"

    def __init__(self, path, query, headers, body, raw):
        self.path, self.query, self.headers, self.body, self.raw = path, query, headers, body, raw
        self.method = path.rsplit("/", 1)[-1]
        self.streams = self.method in ("converse-stream", "invoke-with-response-stream")
        self.is_invoke = self.method.startswith("invoke")

    def special(self):
        if "inputText" in self.body:
            check_signature(self)
            return {"embedding": VECTOR, "inputTextTokenCount": 3}
        return None

    def check(self):
        check_signature(self)
        if self.is_invoke:
            require(self.body.get("anthropic_version") == "bedrock-2023-05-31", "anthropic_version: Field required")
            return anthropic.check_body(self.body, INVOKE)
        return check_converse(self.body)

    def answer(self, plan):
        stop = "tool_use" if plan.calls else "end_turn"
        if self.is_invoke:
            return anthropic.message(anthropic.content(plan, "toolu_bdrk"), stop, anthropic.usage(OUTPUT))
        message = {"role": "assistant", "content": content(plan)}
        return {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 5}}

    def events(self, plan):
        if not self.is_invoke:
            for event in stream(plan):
                yield event and frame(*event)
            return
        for event in anthropic.stream(plan, "toolu_bdrk"):
            if event and event["type"] == "error":
                yield frame("modelStreamErrorException", {"message": MESSAGES["midstream"]}, "exception")
                return
            yield event and frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abc"})

    def refusal(self, text):
        return 400, {"__type": "ValidationException", "message": text}

    def failure(self, kind):
        if kind == "context":
            return 400, {"__type": "ValidationException", "message": "Input is too long for requested model."}
        status, name = ERRORS[kind]
        return status, {"__type": name, "message": MESSAGES[kind]}


def frame(kind, payload, message_type="event"):
    """One message of AWS's event stream, with both checksums."""
    headers = b""
    pairs = {":exception-type" if message_type == "exception" else ":event-type": kind,
             ":content-type": "application/json", ":message-type": message_type}
    for name, value in pairs.items():
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def content(plan):
    blocks = []
    if plan.thought:
        blocks.append({"reasoningContent": {"reasoningText": {"text": plan.thought, "signature": sign(plan.thought)}}})
    if plan.words:
        blocks.append({"text": plan.text})
    for number, (name, arguments) in enumerate(plan.calls):
        blocks.append({"toolUse": {"toolUseId": f"tooluse_{number}", "name": name, "input": arguments}})
    return blocks


def stream(plan):
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(content(plan)):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            start = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            yield "contentBlockStart", {"start": {"toolUse": start}} | at
            deltas = [{"toolUse": {"input": part}} for part in halves(block["toolUse"]["input"])]
        elif "text" in block:
            deltas = [{"text": word} for word in plan.words]
        else:
            reasoning = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {name: reasoning[name]}} for name in ("text", "signature")]
        for delta in deltas:
            yield "contentBlockDelta", {"delta": delta} | at
            if "text" in delta:
                yield None
                if plan.breaks == "midstream":
                    yield "modelStreamErrorException", {"message": MESSAGES["midstream"]}, "exception"
                    return
        yield "contentBlockStop", at
    yield "messageStop", {"stopReason": "tool_use" if plan.calls else "end_turn"}
    yield "metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}


def check_signature(call):
    """Signs the request as it came and compares."""
    given = call.headers.get("authorization", "")
    require(given.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/"), "no signature")
    parts = dict(part.strip().split("=", 1) for part in given.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    _, day, region, service, end = parts["Credential"].split("/")
    require((region, service, end) == (REGION, "bedrock", "aws4_request"), "Credential should be scoped to a valid region")
    names = parts["SignedHeaders"].split(";")
    require({"host", "x-amz-date"} <= set(names), "host and x-amz-date must be signed")
    headers = "".join(f"{name}:{' '.join(call.headers[name].split())}\n" for name in names)
    digest = hashlib.sha256(call.raw).hexdigest()
    path = urllib.parse.quote(call.path, safe="/~-._")
    canonical = "\n".join(["POST", path, call.query, headers, ";".join(names), digest])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", call.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    wanted = hmac.digest(key, text.encode(), "sha256").hex()
    require(parts["Signature"] == wanted, "The request signature we calculated does not match the signature you provided.")


def check_converse(body):
    known(body, MEMBERS)
    known(body.get("inferenceConfig", {}), {"maxTokens", "temperature", "topP", "stopSequences"}, "inferenceConfig.")
    thinks = (body.get("additionalModelRequestFields") or {}).get("thinking", {}).get("type") == "enabled"
    tools = body.get("toolConfig", {}).get("tools", [])
    seen, open_calls, used = Seen(), [], False
    require(body.get("messages"), "A conversation must start with a user message.")
    for at, turn in enumerate(body["messages"]):
        require(turn["role"] == ("assistant" if at % 2 else "user"), "A conversation must alternate between user and assistant roles.")
        require(turn["content"], "The content field in the Message object is empty.")
        answered = [block["toolResult"]["toolUseId"] for block in turn["content"] if "toolResult" in block]
        require(sorted(answered) == sorted(open_calls), "Expected toolResult blocks for the toolUse blocks of the previous turn.")
        open_calls = [block["toolUse"]["toolUseId"] for block in turn["content"] if "toolUse" in block]
        used = used or bool(open_calls)
        require(not (thinks and open_calls) or "reasoningContent" in turn["content"][0], "Expected `thinking` or `redacted_thinking`, but found `tool_use`.")
        seen.results = []
        for block in turn["content"]:
            check_block(block, seen, turn["role"])
    require(not used or tools, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    for tool in tools:
        if "toolSpec" in tool:
            require(tool["toolSpec"]["inputSchema"]["json"].get("type") == "object", "inputSchema.json.type must be object")
            require(tool["toolSpec"].get("description", "x"), "description: minimum length 1")
            seen.tools.append(tool["toolSpec"]["name"])
    seen.forced = body.get("toolConfig", {}).get("toolChoice", {}).get("tool", {}).get("name")
    return seen


def check_block(block, seen, role):
    require(len(block) == 1, "a content block has exactly one member")
    kind, value = next(iter(block.items()))
    if kind == "text":
        require(value.strip(), "The text field in the ContentBlock object is blank.")
        if role == "user":
            seen.prompt = value
    elif kind == "image":
        require(value["format"] in ("png", "jpeg", "gif", "webp") and is_base64(value["source"]["bytes"]), "bad image")
        seen.images += 1
    elif kind == "toolUse":
        require(isinstance(value["input"], dict), "toolUse.input must be an object")
    elif kind == "toolResult":
        seen.results.append("".join(part.get("text") or json.dumps(part.get("json")) for part in value["content"]))
    elif kind == "reasoningContent":
        text = value["reasoningText"]
        require(text.get("signature") == sign(text["text"]), "Invalid `signature` in `thinking` block")
    else:
        require(kind in ("cachePoint", "document"), f"unknown content block {kind}")

"""Anthropic's Messages API. <https://docs.anthropic.com/en/api/messages>"""

import json

from providers.scenario import CACHE_READ, CACHE_WRITE, INPUT, MESSAGES, OUTPUT, Seen, halves, is_base64, known, require
from providers.scenario import sign

MEMBERS = {
    "model", "messages", "max_tokens", "system", "stream", "metadata", "stop_sequences", "temperature", "top_k", "top_p",
    "tools", "tool_choice", "thinking", "service_tier", "output_config", "container", "context_management", "mcp_servers",
    "output_format", "cache_control", "inference_geo",
}
ERRORS = {
    "rate_limit": (429, "rate_limit_error"), "overloaded": (529, "overloaded_error"), "auth": (401, "authentication_error"),
    "missing": (404, "not_found_error"), "server": (500, "api_error"),
}


def serves(path):
    return path in ("/v1/messages", "/v1/messages/count_tokens")


def error(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_provider"}


class Call:
    content_type = "text/event-stream"

    def __init__(self, path, _query, headers, body, _raw):
        self.path, self.headers, self.body = path, headers, body
        self.streams = body.get("stream") is True
        self.prefix = "toolu"

    def special(self):
        if self.path.endswith("/count_tokens"):
            self.check_head()
            check_messages(self.body)
            return {"input_tokens": 42}
        return None

    def check_head(self):
        is_key = self.headers.get("x-api-key") == "sk-ant-up" or self.headers.get("authorization") == "Bearer sk-ant-up"
        require(is_key, "x-api-key header is required")
        require(self.headers.get("anthropic-version"), "anthropic-version: header is required")
        require(self.body.get("model") == "claude-sonnet-4-20250514", "model: Field required")

    def check(self):
        self.check_head()
        return check_body(self.body)

    def answer(self, plan):
        return message(content(plan, self.prefix), "tool_use" if plan.calls else "end_turn", usage(OUTPUT))

    def events(self, plan):
        for event in stream(plan, self.prefix):
            yield event and f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    def refusal(self, text):
        return 400, error("invalid_request_error", text)

    def failure(self, kind):
        if kind == "context":
            return 400, error("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
        status, name = ERRORS[kind]
        return status, error(name, MESSAGES[kind])


def usage(output):
    return {"input_tokens": INPUT, "cache_creation_input_tokens": CACHE_WRITE, "cache_read_input_tokens": CACHE_READ,
            "output_tokens": output, "service_tier": "standard"}


def message(blocks, stop, used):
    return {"id": "msg_provider", "type": "message", "role": "assistant", "model": "claude-sonnet-4-20250514",
            "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": used}


def content(plan, prefix):
    blocks = []
    if plan.thought:
        blocks.append({"type": "thinking", "thinking": plan.thought, "signature": sign(plan.thought)})
    if plan.words:
        blocks.append({"type": "text", "text": plan.text})
    for number, (name, arguments) in enumerate(plan.calls):
        blocks.append({"type": "tool_use", "id": f"{prefix}_{number}", "name": name, "input": arguments})
    return blocks


def stream(plan, prefix):
    """The events of an answer; `None` behind the first words."""
    yield {"type": "message_start", "message": message([], None, usage(1))}
    for index, block in enumerate(content(plan, prefix)):
        kind = block["type"]
        empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}[kind]
        yield {"type": "content_block_start", "index": index, "content_block": block | empty}
        yield {"type": "ping"}
        if kind == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": plan.thought},
                      {"type": "signature_delta", "signature": block["signature"]}]
        elif kind == "text":
            deltas = [{"type": "text_delta", "text": word} for word in plan.words]
        else:
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in ["", *halves(block["input"])]]
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
            if kind == "text":
                yield None
                if plan.breaks == "midstream":
                    yield error("overloaded_error", MESSAGES["midstream"])
                    return
        yield {"type": "content_block_stop", "index": index}
    stop = "tool_use" if plan.calls else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": OUTPUT}}
    yield {"type": "message_stop"}


def check_body(body, members=MEMBERS):
    """All that the API refuses."""
    known(body, members)
    require(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    require(0 <= body.get("temperature", 1) <= 1, "temperature: Input should be less than or equal to 1")
    thinks = body.get("thinking", {}).get("type") == "enabled"
    choice = body.get("tool_choice") or {}
    if thinks:
        budget = body["thinking"].get("budget_tokens", 0)
        require(1024 <= budget < body["max_tokens"], "`max_tokens` must be greater than `thinking.budget_tokens`")
        require(body.get("temperature", 1) == 1, "`temperature` may only be set to 1 when thinking is enabled")
        require(choice.get("type") not in ("any", "tool"), "Thinking may not be enabled when tool_choice forces tool use.")
    for tool in body.get("tools", []):
        if tool.get("type", "custom") == "custom":
            known(tool, {"type", "name", "description", "input_schema", "cache_control", "strict", "input_examples",
                         "defer_loading", "eager_input_streaming", "allowed_callers"}, "tools: ")
            require(tool.get("input_schema", {}).get("type") == "object", "tools.0.custom.input_schema.type: Field required")
    require(not choice or body.get("tools"), "tool_choice may only be specified while providing tools")
    seen = check_messages(body, thinks)
    seen.tools = [tool["name"] for tool in body.get("tools", [])]
    seen.forced = choice.get("name")
    seen.wants_json = "output_format" in body or "format" in (body.get("output_config") or {})
    return seen


def check_messages(body, thinks=False):
    seen = Seen()
    for block in body["system"] if isinstance(body.get("system"), list) else []:
        require(block.get("type") == "text" and block.get("text"), "system: text content blocks must be non-empty")
    messages = body.get("messages")
    require(messages, "messages: at least one message is required")
    open_calls = []
    for at, turn in enumerate(messages):
        known(turn, {"role", "content"}, f"messages.{at}.")
        require(turn.get("role") == ("assistant" if at % 2 else "user"), 'messages: roles must alternate between "user" and "assistant"')
        blocks = turn["content"] if isinstance(turn["content"], list) else [{"type": "text", "text": turn["content"]}]
        require(blocks, f"messages.{at}: content must be non-empty")
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        require(sorted(answered) == sorted(open_calls), f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {open_calls}")
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        require(len(set(open_calls)) == len(open_calls), "messages: `tool_use` ids must be unique")
        if thinks and open_calls:
            require(blocks[0]["type"] in ("thinking", "redacted_thinking"), f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block")
        seen.results = []
        for block in blocks:
            check_block(block, seen, turn["role"])
    require(not open_calls, "messages: `tool_use` ids were found without `tool_result` blocks")
    return seen


def check_block(block, seen, role):
    kind = block.get("type")
    if kind == "text":
        require(block.get("text", "").strip(), "messages: text content blocks must contain non-whitespace text")
        if role == "user":
            seen.prompt = block["text"]
    elif kind == "image":
        source = block["source"]
        require(source["type"] == "url" or source["media_type"].startswith("image/") and is_base64(source["data"]), "image: bad source")
        seen.images += 1
    elif kind == "tool_use":
        known(block, {"type", "id", "name", "input", "cache_control", "caller"}, "tool_use.")
        require(isinstance(block.get("input"), dict), "tool_use.input: Input should be a valid dictionary")
    elif kind == "tool_result":
        known(block, {"type", "tool_use_id", "content", "is_error", "cache_control"}, "tool_result.")
        inner = block.get("content", "")
        texts = [inner] if isinstance(inner, str) else [part["text"] for part in inner if part["type"] == "text"]
        seen.results.append("".join(texts))
    elif kind == "thinking":
        require(block.get("signature") == sign(block["thinking"]), "messages: Invalid `signature` in `thinking` block")
    else:
        require(kind in ("redacted_thinking", "document"), f"messages: Input tag '{kind}' found using 'type' does not match any of the expected tags")

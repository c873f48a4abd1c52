"""OpenAI's chat completions, at OpenAI, Azure and vLLM. <https://platform.openai.com/docs/api-reference/chat>"""

import json

from providers.scenario import CACHE_READ, INPUT, MESSAGES, OUTPUT, VECTOR, Seen, halves, known, require

MEMBERS = {
    "model", "messages", "stream", "stream_options", "temperature", "top_p", "n", "stop", "max_tokens",
    "max_completion_tokens", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "user", "seed",
    "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "service_tier", "store",
    "verbosity", "modalities", "prediction", "web_search_options", "prompt_cache_key", "safety_identifier", "audio",
}
ERRORS = {
    "rate_limit": (429, "rate_limit_exceeded"), "overloaded": (503, "overloaded"), "auth": (401, "invalid_api_key"),
    "missing": (404, "model_not_found"), "server": (500, "server_error"),
}
USAGE = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT,
         "prompt_tokens_details": {"cached_tokens": CACHE_READ}, "completion_tokens_details": {"reasoning_tokens": 2}}


def serves(path):
    return path.endswith(("/chat/completions", "/v1/embeddings", "/embeddings"))


def error(code, message, kind="invalid_request_error"):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class Call:
    content_type = "text/event-stream"

    def __init__(self, path, query, headers, body, _raw):
        self.path, self.query, self.headers, self.body = path, query, headers, body
        self.is_azure = path.startswith("/openai/")
        self.streams = body.get("stream") is True

    def special(self):
        if not self.path.endswith("/embeddings"):
            return None
        inputs = self.body["input"] if isinstance(self.body["input"], list) else [self.body["input"]]
        data = [{"object": "embedding", "index": at, "embedding": VECTOR} for at in range(len(inputs))]
        return {"object": "list", "model": "embed", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}

    def check(self):
        if self.is_azure:
            require(self.headers.get("api-key") == "sk-azure-up", "api-key missing")
            require("api-version=2024-10-21" in self.query, "api-version missing")
        else:
            require(self.headers.get("authorization", "").startswith("Bearer "), "no bearer key")
        known(self.body, MEMBERS)
        seen = check_messages(self.body["messages"])
        for tool in self.body.get("tools", []):
            known(tool, {"type", "function"}, "tools.")
            known(tool["function"], {"name", "description", "parameters", "strict"}, "tools.function.")
        seen.tools = [tool["function"]["name"] for tool in self.body.get("tools", [])]
        require("tools" not in self.body or seen.tools, "tools: [] is too short")
        seen.wants_json = self.body.get("response_format", {}).get("type") in ("json_object", "json_schema")
        return seen

    def calls(self, plan):
        return [{"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for number, (name, arguments) in enumerate(plan.calls)]

    def answer(self, plan):
        message = {"role": "assistant", "content": plan.text or None, "refusal": None}
        if plan.calls:
            message["tool_calls"] = self.calls(plan)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if plan.calls else "stop"}
        return {"id": "chatcmpl-up", "object": "chat.completion", "created": 1, "model": "gpt-up", "choices": [choice], "usage": USAGE}

    def events(self, plan):
        base = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "gpt-up"}
        data = lambda value: f"data: {json.dumps(value)}\n\n".encode()
        chunk = lambda delta, finish=None: data(base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        yield chunk({"role": "assistant", "content": ""})
        for word in plan.words:
            yield chunk({"content": word})
            yield None
            if plan.breaks == "midstream":
                yield data(error("overloaded", MESSAGES["midstream"], "server_error"))
                return
        for index, call in enumerate(self.calls(plan)):
            start = call | {"index": index, "function": call["function"] | {"arguments": ""}}
            yield chunk({"tool_calls": [start]})
            for part in halves(plan.calls[index][1]):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        yield chunk({}, "tool_calls" if plan.calls else "stop")
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield data(base | {"choices": [], "usage": USAGE})
        yield b"data: [DONE]\n\n"

    def refusal(self, text):
        return 400, error(None, text)

    def failure(self, kind):
        if kind == "context":
            return 400, error("context_length_exceeded", "This model's maximum context length is 128000 tokens.")
        status, code = ERRORS[kind]
        return status, error(code, MESSAGES[kind])


ASSISTANT = {"role", "content", "tool_calls", "name", "refusal", "audio", "annotations", "function_call", "reasoning_content"}


def check_messages(messages, assistant=ASSISTANT):
    """Roles, parts, and every call answered at once."""
    seen, open_calls = Seen(), []
    require(messages, "messages: [] is too short")
    for message in messages:
        role, content = message["role"], message.get("content")
        require(role in ("system", "developer", "user", "assistant", "tool"), f"Invalid role {role}")
        if role == "tool":
            require(message.get("tool_call_id") in open_calls, "messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
            open_calls.remove(message["tool_call_id"])
            seen.results.append(content if isinstance(content, str) else "".join(part["text"] for part in content))
            continue
        require(not open_calls, f"An assistant message with 'tool_calls' must be followed by tool messages: {open_calls}")
        seen.results = []
        if role == "assistant":
            known(message, assistant, "messages.")
            open_calls = [call["id"] for call in message.get("tool_calls") or []]
            for call in message.get("tool_calls") or []:
                require(isinstance(json.loads(call["function"]["arguments"]), dict), "arguments are no object")
            require(content or open_calls, "assistant content is required")
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
            require(part["type"] in ("text", "image_url", "file", "input_audio", "refusal", "thinking"), f"Invalid part {part['type']}")
            if part["type"] == "image_url":
                seen.images += 1
                require(part["image_url"]["url"].startswith(("data:image/", "https://")), "bad image url")
            elif role == "user" and part["type"] == "text":
                seen.prompt = part["text"]
    require(not open_calls, "tool calls without results")
    return seen

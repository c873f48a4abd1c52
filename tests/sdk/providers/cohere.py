"""Cohere's API v2. <https://docs.cohere.com/reference/chat>"""

import json

from providers.openai_chat import check_messages
from providers.scenario import INPUT, MESSAGES, OUTPUT, VECTOR, halves, known, require

MEMBERS = {
    "model", "messages", "stream", "tools", "documents", "citation_options", "response_format", "safety_mode", "max_tokens",
    "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "tool_choice",
    "strict_tools", "thinking", "priority",
}
MESSAGE = {"role", "content", "tool_calls", "tool_plan", "tool_call_id", "citations"}
STATUSES = {"rate_limit": 429, "overloaded": 503, "auth": 401, "missing": 404, "server": 500}
USAGE = {"billed_units": {"input_tokens": INPUT, "output_tokens": OUTPUT}, "tokens": {"input_tokens": INPUT, "output_tokens": OUTPUT}}


def serves(path):
    return path in ("/v2/chat", "/v2/embed")


class Call:
    content_type = "text/event-stream"

    def __init__(self, path, _query, headers, body, _raw):
        self.path, self.headers, self.body = path, headers, body
        self.streams = body.get("stream") is True

    def special(self):
        if self.path != "/v2/embed":
            return None
        known(self.body, {"model", "texts", "images", "inputs", "input_type", "embedding_types", "truncate", "output_dimension", "max_tokens", "priority"})
        require(self.body.get("input_type"), "input_type is required")
        return {"id": "e", "texts": self.body["texts"], "embeddings": {"float": [VECTOR for _ in self.body["texts"]]},
                "meta": {"billed_units": {"input_tokens": 3}}}

    def check(self):
        require(self.headers.get("authorization") == "Bearer co-up", "invalid api token")
        known(self.body, MEMBERS, "unknown field: ")
        require(self.body.get("tool_choice") in (None, "REQUIRED", "NONE"), "invalid tool_choice")
        for message in self.body["messages"]:
            known(message, MESSAGE, "unknown field in message: ")
        seen = check_messages(self.body["messages"], MESSAGE)
        seen.tools = [tool["function"]["name"] for tool in self.body.get("tools", [])]
        seen.wants_json = (self.body.get("response_format") or {}).get("type") == "json_object"
        return seen

    def calls(self, plan):
        return [{"id": f"{name}_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for number, (name, arguments) in enumerate(plan.calls)]

    def answer(self, plan):
        message = {"role": "assistant"}
        parts = [{"type": "thinking", "thinking": plan.thought}] if plan.thought else []
        if plan.words:
            parts.append({"type": "text", "text": plan.text})
        if parts:
            message["content"] = parts
        if plan.calls:
            message |= {"tool_plan": "I will look.", "tool_calls": self.calls(plan)}
        return {"id": "co-up", "finish_reason": "TOOL_CALL" if plan.calls else "COMPLETE", "message": message, "usage": USAGE}

    def events(self, plan):
        for event in self.plain_events(plan):
            yield event and f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    def plain_events(self, plan):
        wrap = lambda kind, index, message: {"type": kind, "index": index, "delta": {"message": message}}
        yield {"type": "message-start", "id": "co-up", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}
        index = 0
        for kind, texts in (("thinking", [plan.thought] if plan.thought else []), ("text", plan.words)):
            if texts:
                yield wrap("content-start", index, {"content": {"type": kind, kind: ""}})
                for text in texts:
                    yield wrap("content-delta", index, {"content": {kind: text}})
                    if kind == "text":
                        yield None
                        if plan.breaks == "midstream":
                            yield {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": MESSAGES["midstream"], "usage": USAGE}}
                            return
                yield {"type": "content-end", "index": index}
                index += 1
        if plan.calls:
            yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look."}}}
        for number, call in enumerate(self.calls(plan)):
            start = call | {"function": call["function"] | {"arguments": ""}}
            yield wrap("tool-call-start", number, {"tool_calls": start})
            for part in halves(plan.calls[number][1]):
                yield wrap("tool-call-delta", number, {"tool_calls": {"function": {"arguments": part}}})
            yield {"type": "tool-call-end", "index": number}
        yield {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL" if plan.calls else "COMPLETE", "usage": USAGE}}

    def refusal(self, text):
        return 400, {"id": "x", "message": text}

    def failure(self, kind):
        if kind == "context":
            return 400, {"message": "too many tokens: size limit exceeded by 1000 tokens"}
        return STATUSES[kind], {"message": MESSAGES[kind]}

"""OpenAI's Responses API. <https://platform.openai.com/docs/api-reference/responses>"""

import json

from providers.openai_chat import ERRORS, error
from providers.scenario import CACHE_READ, INPUT, MESSAGES, OUTPUT, Seen, halves, known, require, sign

MEMBERS = {
    "model", "input", "instructions", "stream", "store", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p",
    "max_output_tokens", "max_tool_calls", "previous_response_id", "reasoning", "include", "text", "truncation", "user",
    "metadata", "service_tier", "prompt_cache_key", "safety_identifier", "background", "conversation", "prompt",
    "stream_options", "top_logprobs",
}
USAGE = {"input_tokens": INPUT, "input_tokens_details": {"cached_tokens": CACHE_READ}, "output_tokens": OUTPUT,
         "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": INPUT + OUTPUT}


def serves(path):
    return path.endswith("/responses")


class Call:
    content_type = "text/event-stream"

    def __init__(self, path, _query, headers, body, _raw):
        self.path, self.headers, self.body = path, headers, body
        self.streams = body.get("stream") is True

    def special(self):
        return None

    def check(self):
        known(self.body, MEMBERS)
        seen = check_input(self.body["input"])
        for tool in self.body.get("tools", []):
            if tool["type"] == "function":
                known(tool, {"type", "name", "description", "parameters", "strict", "defer_loading"}, "tools.")
        seen.tools = [tool["name"] for tool in self.body.get("tools", []) if tool["type"] == "function"]
        seen.wants_json = (self.body.get("text") or {}).get("format", {}).get("type", "text") != "text"
        return seen

    def items(self, plan):
        items = []
        if plan.thought:
            items.append({"type": "reasoning", "id": "rs_up", "summary": [{"type": "summary_text", "text": plan.thought}],
                          "encrypted_content": sign(plan.thought)})
        if plan.words:
            part = {"type": "output_text", "text": plan.text, "annotations": []}
            items.append({"type": "message", "id": "msg_up", "status": "completed", "role": "assistant", "content": [part]})
        for number, (name, arguments) in enumerate(plan.calls):
            items.append({"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name,
                          "arguments": json.dumps(arguments), "status": "completed"})
        return items

    def response(self, status, items, used):
        return {"id": "resp_up", "object": "response", "created_at": 1, "status": status, "error": None,
                "incomplete_details": None, "instructions": self.body.get("instructions"), "max_output_tokens": None,
                "model": "gpt-up", "output": items, "parallel_tool_calls": True, "previous_response_id": None,
                "reasoning": {"effort": None, "summary": None}, "store": True, "temperature": 1.0,
                "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
                "truncation": "disabled", "usage": used, "user": None, "metadata": {}}

    def answer(self, plan):
        return self.response("completed", self.items(plan), USAGE)

    def events(self, plan):
        number = 0
        for event in self.plain_events(plan):
            if event is not None:
                event["sequence_number"], number = number, number + 1
                event = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            yield event

    def plain_events(self, plan):
        yield {"type": "response.created", "response": self.response("in_progress", [], None)}
        yield {"type": "response.in_progress", "response": self.response("in_progress", [], None)}
        for index, item in enumerate(self.items(plan)):
            at = {"item_id": item["id"], "output_index": index}
            empty = {"reasoning": {"summary": []}, "message": {"content": [], "status": "in_progress"},
                     "function_call": {"arguments": "", "status": "in_progress"}}[item["type"]]
            yield {"type": "response.output_item.added", "output_index": index, "item": item | empty}
            yield from self.inner_events(plan, item, at)
            if plan.breaks == "midstream":
                return
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": "response.completed", "response": self.response("completed", self.items(plan), USAGE)}

    def inner_events(self, plan, item, at):
        if item["type"] == "reasoning":
            at |= {"summary_index": 0}
            yield {"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}} | at
            yield {"type": "response.reasoning_summary_text.delta", "delta": plan.thought} | at
            yield {"type": "response.reasoning_summary_text.done", "text": plan.thought} | at
            yield {"type": "response.reasoning_summary_part.done", "part": item["summary"][0]} | at
        elif item["type"] == "message":
            at |= {"content_index": 0}
            yield {"type": "response.content_part.added", "part": {"type": "output_text", "text": "", "annotations": []}} | at
            for word in plan.words:
                yield {"type": "response.output_text.delta", "delta": word, "logprobs": []} | at
                yield None
                if plan.breaks == "midstream":
                    yield {"type": "error", "code": "server_error", "message": MESSAGES["midstream"], "param": None}
                    return
            yield {"type": "response.output_text.done", "text": plan.text, "logprobs": []} | at
            yield {"type": "response.content_part.done", "part": item["content"][0]} | at
        else:
            for part in halves(json.loads(item["arguments"])):
                yield {"type": "response.function_call_arguments.delta", "delta": part} | at
            yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]} | at

    def refusal(self, text):
        return 400, error(None, text)

    def failure(self, kind):
        if kind == "context":
            return 400, error("context_length_exceeded", "Your input exceeds the context window of this model.")
        status, code = ERRORS[kind]
        return status, error(code, MESSAGES[kind])


def check_input(items):
    """Items, and every call answered."""
    seen, open_calls = Seen(), []
    for item in [{"type": "message", "role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "message":
            seen.results = []
            content = item["content"]
            wanted = "output_text" if item["role"] == "assistant" else "input_text"
            for part in [{"type": wanted, "text": content}] if isinstance(content, str) else content:
                require(part["type"] in (wanted, "input_image", "input_file", "refusal"), f"Invalid value: '{part['type']}'")
                seen.images += part["type"] == "input_image"
                if part["type"] == "input_text" and item["role"] == "user":
                    seen.prompt = part["text"]
        elif kind == "function_call":
            require(isinstance(json.loads(item["arguments"]), dict), "arguments are no object")
            open_calls.append(item["call_id"])
        elif kind == "function_call_output":
            require(item["call_id"] in open_calls, f"No tool call found for function call output with call_id {item['call_id']}.")
            open_calls.remove(item["call_id"])
            output = item["output"]
            seen.results.append(output if isinstance(output, str) else "".join(part["text"] for part in output))
        elif kind == "reasoning":
            texts = "".join(part["text"] for part in item["summary"])
            require(item.get("encrypted_content") in (None, sign(texts)), "The encrypted content could not be verified.")
        else:
            require(False, f"Invalid value: '{kind}'")
    require(not open_calls, f"No tool output found for function call {open_calls}.")
    return seen

"""Ollama's API. <https://docs.ollama.com/api>"""

import json

from providers.scenario import INPUT, MESSAGES, OUTPUT, VECTOR, Seen, is_base64, known, require

OPTIONS = {
    "num_ctx", "num_predict", "temperature", "top_k", "top_p", "min_p", "seed", "stop", "repeat_penalty", "repeat_last_n",
    "presence_penalty", "frequency_penalty", "tfs_z", "typical_p", "mirostat", "mirostat_eta", "mirostat_tau", "num_gpu",
    "num_thread", "num_keep", "num_batch", "main_gpu", "use_mmap", "use_mlock", "numa", "penalize_newline",
}
END = {"done": True, "done_reason": "stop", "total_duration": 5, "load_duration": 1, "prompt_eval_count": INPUT,
       "prompt_eval_duration": 1, "eval_count": OUTPUT, "eval_duration": 2}
STATUSES = {"rate_limit": 429, "overloaded": 503, "auth": 401, "missing": 404, "server": 500}


def serves(path):
    return path in ("/api/chat", "/api/generate", "/api/embed")


class Call:
    content_type = "application/x-ndjson"

    def __init__(self, path, _query, headers, body, _raw):
        self.path, self.headers, self.body = path, headers, body
        # Ollama streams unless it is told not to.
        self.streams = body.get("stream", True)
        self.is_chat = path == "/api/chat"

    def special(self):
        if self.path != "/api/embed":
            return None
        inputs = self.body["input"] if isinstance(self.body["input"], list) else [self.body["input"]]
        return {"model": "llama3.2", "embeddings": [VECTOR for _ in inputs], "prompt_eval_count": 3}

    def check(self):
        known(self.body.get("options") or {}, OPTIONS, "invalid option provided: ")
        require(self.body.get("model") == "llama3.2", "model is required")
        seen = Seen(prompt=self.body.get("prompt", "")) if not self.is_chat else self.check_messages()
        seen.tools = [tool["function"]["name"] for tool in self.body.get("tools") or []]
        seen.wants_json = bool(self.body.get("format"))
        return seen

    def check_messages(self):
        seen = Seen()
        for message in self.body["messages"]:
            require(message["role"] in ("system", "user", "assistant", "tool"), f"invalid role {message['role']}")
            require(isinstance(message.get("content", ""), str), "json: cannot unmarshal array into Go struct field of type string")
            for image in message.get("images") or []:
                require(is_base64(image), "illegal base64 data")
                seen.images += 1
            for call in message.get("tool_calls") or []:
                require(isinstance(call["function"]["arguments"], dict), "json: cannot unmarshal string into Go struct field arguments")
            if message["role"] == "tool":
                seen.results.append(message["content"])
                continue
            seen.results = []
            if message["role"] == "user":
                seen.prompt = message["content"]
        return seen

    def line(self, text="", calls=(), thought=None, end=False):
        base = {"model": "llama3.2", "created_at": "2026-11-20T22:18:58.123456Z", "done": False} | (END if end else {})
        if not self.is_chat:
            return base | {"response": text}
        message = {"role": "assistant", "content": text}
        if thought:
            message["thinking"] = thought
        if calls:
            message["tool_calls"] = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
        return base | {"message": message}

    def answer(self, plan):
        return self.line(plan.text, plan.calls, plan.thought, True)

    def events(self, plan):
        line = lambda value: json.dumps(value).encode() + b"\n"
        if plan.thought:
            yield line(self.line(thought=plan.thought))
        for word in plan.words:
            yield line(self.line(word))
            yield None
            if plan.breaks == "midstream":
                yield line({"error": MESSAGES["midstream"]})
                return
        if plan.calls:
            yield line(self.line(calls=plan.calls))
        yield line(self.line(end=True))

    def refusal(self, text):
        return 400, {"error": text}

    def failure(self, kind):
        if kind == "context":
            return 400, {"error": "the prompt exceeds the available context size"}
        return STATUSES[kind], {"error": MESSAGES[kind]}

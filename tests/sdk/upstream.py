"""A provider for the SDK tests: speaks OpenAI's dialect, fails on demand, keeps what it was asked.

The model's name says what happens: `ok` answers, `status-429` fails so, `cut` breaks its stream off, `hang` waits until
the server is stopped.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
PICTURE = "iVBORw0KGgo="
WORDS = ["Hello", " from", " the", " upstream"]
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}


class Upstream:
    """Runs on a free port of the loopback until it is stopped."""

    def __init__(self):
        self.requests = []
        self.stopping = threading.Event()
        upstream = self

        class Bound(Handler):
            owner = upstream

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self):
        """The last request: path, headers with names in lower case, body."""
        return self.requests[-1]

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers by the model's name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Upstream

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.requests.append({"path": self.path, "headers": headers, "body": body})
        model = body["model"]
        if model.startswith("status-"):
            error = {"message": f"told by upstream, as {model}", "type": "scripted", "param": None, "code": None}
            self.send_json(int(model.removeprefix("status-")), {"error": error})
        elif model == "hang":
            self.owner.stopping.wait()
        elif body.get("stream"):
            self.send_stream(body, is_cut=model == "cut")
        else:
            self.send_json(200, self.answer(body))

    def answer(self, body):
        if self.path.endswith("/embeddings"):
            count = len(body["input"]) if isinstance(body["input"], list) else 1
            data = [{"object": "embedding", "index": at, "embedding": [0.25, -0.5]} for at in range(count)]
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            return {"object": "list", "model": body["model"], "data": data, "usage": usage}
        if self.path.endswith("/moderations"):
            result = {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
            return {"id": "modr-1", "model": body["model"], "results": [result]}
        if self.path.endswith("/images/generations"):
            usage = {"input_tokens": 2, "input_tokens_details": {"text_tokens": 2, "image_tokens": 0},
                     "output_tokens": 272, "total_tokens": 274}
            return {"created": 1, "data": [{"b64_json": PICTURE}] * body.get("n", 1), "usage": usage}
        if self.path.endswith("/chat/completions"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            if "tools" in body:
                message = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
            finish = "tool_calls" if "tools" in body else "stop"
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
                    "choices": [choice], "usage": USAGE}
        choice = {"index": 0, "text": "".join(WORDS), "finish_reason": "stop", "logprobs": None}
        return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"],
                "choices": [choice], "usage": USAGE}

    def send_json(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("x-request-id", "req_upstream")
        self.end_headers()
        self.wfile.write(text)

    def send_stream(self, body, is_cut):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if self.path.endswith("/images/generations"):
            for kind in ["partial_image", "completed"]:
                self.send_event(json.dumps(picture_event(kind)), f"image_generation.{kind}")
            self.wfile.write(b"0\r\n\r\n")
            return
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        for delta in deltas(body):
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            self.send_event(json.dumps(base | {"choices": [choice]}))
            if is_cut and delta.get("content"):
                self.close_connection = True
                return
        finish = "tool_calls" if "tools" in body else "stop"
        self.send_event(json.dumps(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
        if body.get("stream_options", {}).get("include_usage"):
            self.send_event(json.dumps(base | {"choices": [], "usage": USAGE}))
        self.send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def send_event(self, data, name=None):
        event = (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()

    def log_message(self, *_arguments):
        """The tests look at `requests` instead."""


def picture_event(kind):
    """An event of a streamed picture."""
    event = {"type": f"image_generation.{kind}", "b64_json": PICTURE, "created_at": 1, "size": "1024x1024",
             "quality": "low", "background": "opaque", "output_format": "png"}
    if kind == "partial_image":
        return event | {"partial_image_index": 0}
    details = {"text_tokens": 2, "image_tokens": 0}
    usage = {"input_tokens": 2, "input_tokens_details": details, "output_tokens": 372, "total_tokens": 374}
    return event | {"usage": usage}


def deltas(body):
    """What a streamed answer consists of."""
    if "tools" not in body:
        return [{"role": "assistant", "content": ""}] + [{"content": word} for word in WORDS]
    function = TOOL_CALL["function"]
    start = {"index": 0, "id": TOOL_CALL["id"], "type": "function", "function": {"name": function["name"], "arguments": ""}}
    half = len(function["arguments"]) // 2
    pieces = [function["arguments"][:half], function["arguments"][half:]]
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    return [{"role": "assistant", "tool_calls": [start]}] + more

"""The HTTP side of the providers: finds the dialect by the path, checks, plans, answers."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from providers import anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses
from providers.scenario import Failure, Refused, plan

DIALECTS = [openai_responses, openai_chat, anthropic, bedrock, gemini, cohere, ollama]


class Server:
    """Runs on a free port of the loopback until it is stopped."""

    def __init__(self):
        self.requests = []
        server = self

        class Bound(Handler):
            owner = server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def last(self):
        """The last request: path, headers with names in lower case, body."""
        return self.requests[-1]

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers in the dialect of the path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Server

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        dialect = next((dialect for dialect in DIALECTS if dialect.serves(path)), None)
        body = json.loads(raw)
        self.owner.requests.append({"path": self.path, "headers": headers, "body": body})
        if dialect is None:
            self.send(404, {"error": f"no dialect at {path}"})
            return
        call = dialect.Call(path, query, headers, body, raw)
        try:
            if special := call.special():
                self.send(200, special)
                return
            planned = plan(call.check())
            if call.streams:
                self.stream(call.content_type, call.events(planned), planned.breaks)
            else:
                self.send(200, call.answer(planned))
        except Refused as refused:
            status, body = call.refusal(str(refused))
            self.send(status, body)
        except Failure as failure:
            status, body = call.failure(failure.kind)
            self.send(status, body)

    def send(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("request-id", "req_provider")
        if status == 429:
            self.send_header("retry-after", "7")
        if isinstance(value, dict) and "__type" in value:
            self.send_header("x-amzn-errortype", value["__type"])
        self.end_headers()
        self.wfile.write(text)

    def stream(self, content_type, events, breaks):
        """Sends each event in a chunk of its own. `None` stands behind the first words, where a cut stream ends."""
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            if event is None:
                if breaks == "cut":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                continue
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_arguments):
        """The tests look at `requests` instead."""


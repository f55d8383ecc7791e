"""A real HTTP server on loopback that speaks the OpenAI chat protocol and misbehaves as a test wants."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server does with one call: a chat answer, or `status` with `body` as it stands."""

    text: str | None = ""
    finish_reason: str = "stop"
    refusal: str | None = None
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
    )
    status: int = 200
    body: str | None = None
    headers: Headers = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False

    def rendered(self) -> bytes:
        if self.body is not None:
            return self.body.encode()
        message = {"role": "assistant", "content": self.text, "refusal": self.refusal}
        return json.dumps(
            {
                "id": "chat-1",
                "object": "chat.completion",
                "created": 1,
                "model": "loopback",
                "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason}],
                "usage": self.usage,
            }
        ).encode()


def refusal(status: int, message: str, **error: str) -> Reply:
    """Return an error in the protocol's own form."""
    return Reply(status=status, body=json.dumps({"error": {"message": message, **error}}))


@dataclass
class Call:
    """One request as it arrived."""

    body: dict[str, Any]
    headers: Headers
    at_s: float
    path: str = ""

    @property
    def text(self) -> str:
        """The content of the last message."""
        return str(self.body["messages"][-1]["content"])


class ChatServer:
    """The server's address and its memory of what was asked."""

    def __init__(self, script: Callable[[Call], Reply], models: list[str] | None) -> None:
        self.script = script
        self.models = models
        self.calls: list[Call] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_GET(self) -> None:
        models = self.chat.models
        if models is None:
            self._send(404, b"{}", {})
        else:
            listed = [{"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in models]
            self._send(200, json.dumps({"object": "list", "data": listed}).encode(), {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(body, headers, time.perf_counter(), self.path)
        chat = self.chat
        with chat.lock:
            chat.calls.append(call)
            chat.in_flight += 1
            chat.most_in_flight = max(chat.most_in_flight, chat.in_flight)
        try:
            reply = chat.script(call)
            time.sleep(reply.delay_s)
        finally:
            with chat.lock:
                chat.in_flight -= 1
        if reply.drop:  # a reset instead of an answer
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        else:
            self._send(reply.status, reply.rendered(), reply.headers)

    def _send(self, status: int, body: bytes, headers: Headers) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up is part of the tests


@contextmanager
def chat_server(script: Callable[[Call], Reply], models: list[str] | None = None) -> Iterator[ChatServer]:
    """Serve `script` on a free port; `models` is what GET /v1/models lists, None for HTTP 404."""
    chat = ChatServer(script, models)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"chat": chat}))
    chat.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

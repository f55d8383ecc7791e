"""The files and batches of the OpenAI protocol, on loopback, over the answers of a `chat_server` script."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.chat_server import Call, Reply


@dataclass
class BatchServer:
    """What was uploaded and submitted, and how it is to be answered.

    Attributes:
        script: answers one request, as for `chat_server`; None leaves it out of the output, as an expired
            batch does.
        ready: whether the batches have ended.
        status: what a batch that has ended says.
    """

    script: Callable[[Call], Reply | None]
    ready: bool = True
    status: str = "completed"
    files: dict[str, bytes] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    live: list[Call] = field(default_factory=list)
    looked: int = 0
    lose_answer_of_create: bool = False
    refuse_create: list[Reply] = field(default_factory=list)
    refuse_files: list[Reply] = field(default_factory=list)
    lists_fail: bool = False
    cut_downloads: int = 0
    fail_whole: bool = False
    url: str = ""

    def submitted(self) -> list[str]:
        """Return the texts of all requests that were submitted, one for each time."""
        lines = [line for batch in self.batches for line in self.files[batch["input_file_id"]].splitlines()]
        return [Call(json.loads(line)["body"], {}, 0.0).text for line in lines]

    def finish(self, batch: dict[str, Any]) -> None:
        if batch["status"] != "in_progress" or not self.ready:
            return
        if self.fail_whole:
            errors_said = [
                {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}
            ]
            batch |= {"status": "failed", "errors": {"object": "list", "data": errors_said}}
            return
        out, errors = [], []
        for line in reversed(self.files[batch["input_file_id"]].splitlines()):  # the order is not promised
            row = json.loads(line)
            reply = self.script(Call(row["body"], {}, time.perf_counter()))
            if reply is None:
                continue
            response = {"status_code": reply.status, "body": json.loads(reply.rendered())}
            done = {"id": "x", "custom_id": row["custom_id"], "response": response, "error": None}
            (out if reply.status == 200 else errors).append(json.dumps(done))
        batch["status"] = self.status
        for name, lines in (("output_file_id", out), ("error_file_id", errors)):
            if lines:
                batch[name] = f"{name}-{batch['id']}"
                self.files[batch[name]] = "\n".join(lines).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: BatchServer

    def do_GET(self) -> None:
        state, path = self.server_state, self.path.removeprefix("/v1").partition("?")[0]
        if path.startswith("/files/"):
            content = state.files[path.split("/")[2]]
            state.cut_downloads -= 1
            self._send(200, content if state.cut_downloads < 0 else content[:-9])
        elif path == "/batches" and state.lists_fail:
            self._send(500, b"{}")
        elif path == "/batches":
            self._json({"object": "list", "data": state.batches, "has_more": False})
        else:
            state.looked += 1
            batch = next(b for b in state.batches if b["id"] == path.split("/")[2])
            state.finish(batch)
            self._json(batch)

    def do_POST(self) -> None:
        state, path = self.server_state, self.path.removeprefix("/v1")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if path == "/chat/completions":
            call = Call(
                json.loads(body), {k.lower(): v for k, v in self.headers.items()}, time.perf_counter()
            )
            state.live.append(call)
            reply = state.script(call)
            assert reply is not None
            self._send(reply.status, reply.rendered())
        elif path == "/files" and state.refuse_files:
            reply = state.refuse_files.pop()
            self._send(reply.status, reply.rendered(), reply.headers)
        elif path == "/files":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = BytesParser().parsebytes(head + body).get_payload()
            content = next(p.get_payload(decode=True) for p in parts if p.get_filename())  # type: ignore[union-attr]
            name = f"file-{len(state.files)}"
            state.files[name] = content  # type: ignore[assignment]
            self._json(
                {
                    "id": name,
                    "object": "file",
                    "bytes": len(content),
                    "created_at": 1,
                    "filename": "r",
                    "purpose": "batch",
                    "status": "processed",
                }
            )  # type: ignore[arg-type]
        elif state.refuse_create:
            reply = state.refuse_create.pop()
            self._send(reply.status, reply.rendered(), reply.headers)
        else:
            batch = json.loads(body) | {
                "id": f"batch-{len(state.batches)}",
                "object": "batch",
                "created_at": 1,
                "status": "in_progress",
            }
            state.batches.insert(0, batch)
            if state.lose_answer_of_create:
                self.close_connection = True
                self.connection.close()
            else:
                self._json(batch)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up is part of the tests


@contextmanager
def batch_server(script: Callable[[Call], Reply | None]) -> Iterator[BatchServer]:
    """Serve batches on a free port."""
    state = BatchServer(script)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_state": state}))
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

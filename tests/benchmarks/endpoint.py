"""A scripted OpenAI-compatible chat endpoint in a process of its own, one event loop, any number of calls at once.

In: a `Behaviour` as JSON on the command line. Out: its address on the first line of stdout, what it counted under
GET /stats. It ends when its stdin is closed, so also when the process that started it goes away.

A text is known by the `ITEM` in the last user message. A call without one, such as the first tiny call of a run,
has the latency and the rate limit of all calls but never a fault, and is counted apart.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.behaviour import ANSWER, HANG_S, Behaviour

MODEL = "scripted"
ITEM = re.compile(r"app-\d+")


@dataclass
class Stats:
    """What the endpoint counted.

    Attributes:
        requests: calls about a text, those over the rate limit included.
        other_requests: calls about none.
        most_in_flight: calls waiting for their reply at one moment.
        asked: item -> its calls.
        answers: item -> the answers sent to a client that was still there.
        got: item -> what its calls got, in the order of sending: "answer", "http_429" or a fault.
    """

    requests: int = 0
    other_requests: int = 0
    most_in_flight: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    got: dict[str, list[str]] = field(default_factory=dict)

    @property
    def by_outcome(self) -> Counter[str]:
        return Counter(outcome for outcomes in self.got.values() for outcome in outcomes)


class _Endpoint:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.stats = Stats()
        self.in_flight = 0
        self._attempts: Counter[str] = Counter()
        self._tokens = float(behaviour.burst)
        self._filled_at_s = time.monotonic()

    def wait_for_token_s(self) -> float:
        """Take a token and return 0, or return how long until there is one."""
        rate = self.behaviour.calls_per_s
        if rate is None:
            return 0.0
        now = time.monotonic()
        self._tokens = min(self.behaviour.burst, self._tokens + (now - self._filled_at_s) * rate)
        self._filled_at_s = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / rate

    def outcome(self, item: str | None) -> str:
        if item is None:
            return ANSWER
        self._attempts[item] += 1
        return self.behaviour.outcome(item, self._attempts[item])

    def count(self, item: str | None) -> None:
        if item is None:
            self.stats.other_requests += 1
        else:
            self.stats.requests += 1
            self.stats.asked[item] = self.stats.asked.get(item, 0) + 1

    def sent(self, item: str | None, outcome: str) -> None:
        if item is not None:
            self.stats.got.setdefault(item, []).append(outcome)
            if outcome == ANSWER:
                self.stats.answers[item] = self.stats.answers.get(item, 0) + 1


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as the clients of a chat endpoint use."""

    def __init__(self, endpoint: _Endpoint) -> None:
        self.endpoint = endpoint
        self._received = b""
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        if self._waiting is not None:  # the client hung up before its reply
            self._waiting.cancel()
            self._done()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        needed = int(length[1]) if length else 0
        if found and len(rest) >= needed:
            self._received = rest[needed:]
            method, path, _ = head.split(b" ", 2)
            if method == b"POST":
                self._chat(json.loads(rest[:needed]))
            elif path == b"/stats":
                self._send(200, json.dumps(asdict(self.endpoint.stats)).encode())
            else:
                listed = {"id": MODEL, "object": "model", "created": 1, "owned_by": "benchmark"}
                self._send(200, json.dumps({"object": "list", "data": [listed]}).encode())

    def _chat(self, request: dict[str, Any]) -> None:
        endpoint = self.endpoint
        text = next(
            message["content"] for message in reversed(request["messages"]) if message["role"] == "user"
        )
        found = ITEM.search(text)
        item = found[0] if found else None
        endpoint.count(item)
        if wait_s := endpoint.wait_for_token_s():
            endpoint.sent(item, "http_429")
            self._send(429, _error("rate_limit_exceeded"), f"Retry-After: {math.ceil(wait_s)}\r\n")
            return
        outcome = endpoint.outcome(item)
        endpoint.in_flight += 1
        endpoint.stats.most_in_flight = max(endpoint.stats.most_in_flight, endpoint.in_flight)
        delay_s = HANG_S if outcome == "hang" else endpoint.behaviour.latency_s
        if outcome == "hang":
            endpoint.sent(item, outcome)
        self._waiting = asyncio.get_running_loop().call_later(delay_s, self._reply, item, outcome, request)

    def _done(self) -> None:
        self._waiting = None
        self.endpoint.in_flight -= 1

    def _reply(self, item: str | None, outcome: str, request: dict[str, Any]) -> None:
        self._done()
        if outcome == "hang":
            outcome = ANSWER  # to a client that waited for it
        self.endpoint.sent(item, outcome)
        if outcome == "reset":
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()
        elif outcome == "http_500":
            self._send(500, _error("scripted_fault"))
        else:
            body = _completion("" if outcome == "empty" else _label(request, self.endpoint.behaviour.label))
            self._send(200, body[: len(body) // 2] if outcome == "truncated" else body)

    def _send(self, status: int, body: bytes, headers: str = "") -> None:
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


def _label(request: dict[str, Any], otherwise: str) -> str:
    form = request.get("response_format") or {}
    if form.get("type") == "json_schema":
        allowed = form["json_schema"]["schema"]["properties"]["label"]["enum"]
        return json.dumps({"label": allowed[0]})
    return json.dumps({"label": otherwise}) if form.get("type") == "json_object" else otherwise


def _completion(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 120, "completion_tokens": 6, "total_tokens": 126}
    body = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return json.dumps(body | {"choices": [choice], "usage": usage}).encode()


def _error(code: str) -> bytes:
    return json.dumps(
        {"error": {"message": code.replace("_", " "), "type": "scripted", "code": code}}
    ).encode()


async def _serve(behaviour: Behaviour) -> None:
    loop = asyncio.get_running_loop()
    endpoint = _Endpoint(behaviour)
    server = await loop.create_server(lambda: _Connection(endpoint), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)  # nothing is ever written there: readable means closed
    await ended.wait()
    server.close()


@contextmanager
def scripted_endpoint(behaviour: Behaviour) -> Iterator[str]:
    """Run an endpoint of this behaviour; yields its address, to which a base URL adds "/v1"."""
    command = [sys.executable, "-m", "tests.benchmarks.endpoint", json.dumps(asdict(behaviour))]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=10)


def stats_of(address: str) -> Stats:
    """Ask an endpoint what it counted so far."""
    from http.client import (
        HTTPConnection,
    )  # not urllib: a proxy of the environment does not know our loopback

    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", "/stats")
        return Stats(**json.loads(connection.getresponse().read()))
    finally:
        connection.close()


if __name__ == "__main__":
    asyncio.run(_serve(Behaviour(**json.loads(sys.argv[1]))))

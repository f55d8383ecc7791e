"""How fast an endpoint is asked: as many calls at once as it takes, and never faster than it allows.

Every call passes one door. Open, it lets calls in as places get free. An endpoint that says "too many"
(HTTP 429) shuts it for as long as it asks for, and from then on calls enter one by one, at the rate it was
seen to take; the rate and the number of places grow again while all is well.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

SHRINK = 0.8  # of the places and of the rate, at each limit that is met
GROWTH = 0.03  # of the rate, per second without one
PAUSE_S = 1.0  # where the endpoint does not say how long
LONGEST_PAUSE_S = 60.0  # on the word of a header alone; the next call then finds out
START_GAP_S = 0.002  # answers that all come at once wait for each other; calls begun one by one stay apart
LAG_S = 0.1  # calls that are late by so little are made up for, so that the rate holds on a busy machine


@dataclass(kw_only=True)
class Turn:
    """One call that was let in."""

    started_s: float
    tokens: int


class Pace:
    """Lets calls in, and learns from what the endpoint answers. It belongs to one running loop.

    Args:
        concurrency: the most calls at once.
        requests_per_minute: a fixed limit, or None.
        tokens_per_minute: a fixed limit on input and output together, or None.
        clock: seconds, rising.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.places = float(concurrency)
        self.rate: float | None = None
        self.limits_met = 0
        self._most = concurrency
        self._request_gap_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token_gap_s = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._clock = clock
        self._door = asyncio.Lock()
        self._free = asyncio.Event()
        self._in_flight = 0
        self._next_s = self._shut_until_s = self._shrunk_s = self._grown_s = -math.inf
        self._began_s: float | None = None
        self._let_in_so_far = 0
        self._last_answer_s = -math.inf
        self._entered: deque[float] = deque(maxlen=max(concurrency, 16))

    @asynccontextmanager
    async def turn(self, tokens: int = 0) -> AsyncIterator[Turn]:
        """Wait until a call may start, and hold its place until it has ended.

        Args:
            tokens: what the call will take, as far as it can be known.
        """
        async with self._door:  # one waits, the others queue behind it
            await self._let_in(tokens)
        try:
            yield Turn(started_s=self._clock(), tokens=tokens)
        finally:
            self._in_flight -= 1
            self._free.set()

    def answered(self, turn: Turn, tokens: int | None) -> None:
        """Note a call that was not limited, and the tokens it took where these are known."""
        now = self._clock()
        self._last_answer_s = now
        if tokens is not None:  # settle what was guessed when it was let in
            self._next_s += (tokens - turn.tokens) * self._token_gap_s
        self.places = min(self._most, self.places + 1 / self.places)
        if self.rate is not None:
            self.rate *= math.exp(GROWTH * max(now - max(self._grown_s, self._shut_until_s), 0.0))
            self._grown_s = now

    def limited(self, turn: Turn, retry_after_s: float | None) -> None:
        """Note a call that the endpoint refused as one too many."""
        now = self._clock()
        self.limits_met += 1
        pause_s = PAUSE_S if retry_after_s is None else retry_after_s
        self.shut(pause_s)
        if turn.started_s < self._shrunk_s:
            return  # it was under way when the limit was met; that is known already
        self.places = max(1.0, self.places * SHRINK)
        if self.rate is None:
            begun_s = now if self._began_s is None else self._began_s
            self.rate = self._let_in_so_far / max(now + pause_s - begun_s, 1e-3)
        else:
            self.rate = SHRINK * min(self.rate, self._seen_rate(now))
        self._shrunk_s = self._grown_s = now

    def heed(self, headers: Mapping[str, str]) -> None:
        """Shut the door where the headers of an answer say that nothing is left until a reset."""
        for kind in ("requests", "tokens"):
            left, reset = (
                headers.get(f"x-ratelimit-remaining-{kind}"),
                headers.get(f"x-ratelimit-reset-{kind}"),
            )
            if left == "0" and reset and (seconds := duration_s(reset)) is not None:
                self.shut(min(seconds, LONGEST_PAUSE_S))

    def shut(self, seconds: float) -> None:
        """Let nobody in for so long."""
        self._shut_until_s = max(self._shut_until_s, self._clock() + seconds)

    @property
    def silent_s(self) -> float:
        """Seconds since the last answer that was not a limit, or since the first call."""
        since = max(self._last_answer_s, self._began_s if self._began_s is not None else self._clock())
        return self._clock() - since

    async def _let_in(self, tokens: int) -> None:
        while self._in_flight >= max(1, int(self.places)):
            self._free.clear()
            await self._free.wait()
        while (wait_s := max(self._next_s, self._shut_until_s) - self._clock()) > 0:
            await asyncio.sleep(wait_s)
        now = self._clock()
        if self._began_s is None:
            self._began_s = now
        gap_s = max(1 / self.rate if self.rate else 0.0, self._request_gap_s, tokens * self._token_gap_s)
        self._next_s = max(self._next_s, now - LAG_S) + gap_s if gap_s else now
        if self._let_in_so_far < self._most:
            self._next_s = max(self._next_s, now + START_GAP_S)
        self._entered.append(now)
        self._let_in_so_far += 1
        self._in_flight += 1

    def _seen_rate(self, now: float) -> float:
        span_s = now - self._entered[0]
        return len(self._entered) / span_s if span_s > 0 else math.inf


def duration_s(said: str) -> float | None:
    """Return the seconds of a reset header ("20ms", "1s", "6m0s", "1h2m3.5s", a bare number), else None."""
    if re.fullmatch(r"\d+(\.\d+)?", said.strip()):
        return float(said)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", said)
    if not parts or "".join(n + u for n, u in parts) != said.strip():
        return None
    return float(sum(float(n) * {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}[u] for n, u in parts))

"""How often one question is asked, after how long it is asked again, and what all of that took."""

from __future__ import annotations

import time
from dataclasses import replace

import tenacity

from classifiers.chat_errors import TryAgain
from classifiers.chat_protocol import Answer
from classifiers.contract import Usage
from classifiers.usage import add_usages

EMPTY_RETRIES = 2
"""An empty answer is paid for and may well come again, so it is asked again less often than a fault."""

MOST_LIMITS = 50
"""A text that is refused so often as one call too many, while others are answered, will not be answered."""


class Spent:
    """What one question has taken so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.usages: list[Usage | None] = []
        self._sent_s: float | None = None

    def begin(self) -> None:
        self.calls += 1
        if self._sent_s is None:  # waiting for one's turn is no latency of the endpoint
            self._sent_s = time.perf_counter()

    def on(self, answer: Answer) -> Answer:
        latency_s = 0.0 if self._sent_s is None else time.perf_counter() - self._sent_s
        calls = Usage(calls=self.calls, input_tokens=0, cached_input_tokens=0, output_tokens=0)
        total = add_usages([calls, *self.usages])
        return replace(answer, usage=total, latency_s=latency_s)


class Attempts(tenacity.stop.stop_base):
    """Says when the attempts of one question are used up.

    Args:
        retries: further attempts after the first; none at all where it is 0.
        limits_count: whether a limit that was met takes one of them.
    """

    def __init__(self, retries: int, *, limits_count: bool) -> None:
        self._left = retries
        self._left_empty = min(retries, EMPTY_RETRIES)
        self._limits_left = MOST_LIMITS
        self._limits_count = limits_count or retries == 0

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        error = _error(retry_state)
        if error.limited and not self._limits_count:
            self._limits_left -= 1
            return self._limits_left < 0
        self._left -= 1
        self._left_empty -= error.answer is not None
        return self._left < 0 or self._left_empty < 0


def wait_s(state: tenacity.RetryCallState) -> float:
    """Back off at random, and never before the endpoint wants to be asked again."""
    error = _error(state)
    if error.limited:
        return 0.0  # the pace lets it in when there is room
    jitter_s = float(tenacity.wait_random_exponential(multiplier=0.5, max=20)(state))
    asked_s = error.retry_after_s
    return jitter_s if asked_s is None else min(asked_s, 120.0) + min(jitter_s, 1.0)


def _error(state: tenacity.RetryCallState) -> TryAgain:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TryAgain)
    return error

"""How fast an endpoint is asked, against simulated endpoints in simulated time."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from classifiers.pace import LONGEST_PAUSE_S, Pace, duration_s


class SimulatedTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now_s = max(self.now_s, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


@dataclass
class Endpoint:
    """A token bucket of `per_s` and `burst`, or an endpoint that takes `at_once` calls at a time."""

    per_s: float = math.inf
    burst: float = math.inf
    at_once: float = math.inf
    latency_s: float = 0.2
    whole_seconds: bool = True
    calls: int = 0
    refused_at_s: list[float] = field(default_factory=list)
    most_in_flight: int = 0


def run(endpoint: Endpoint, items: int, **settings: Any) -> float:
    """Ask until every item is answered; return the simulated seconds that took."""
    loop = SimulatedTime()

    async def everything() -> None:
        concurrency = settings.pop("concurrency", 64)
        pace = Pace(concurrency, clock=loop.time, **settings)
        left, filled_s, in_flight = endpoint.burst, 0.0, 0
        todo = iter(range(items))

        async def work() -> None:
            nonlocal left, filled_s, in_flight
            for _ in todo:
                while True:
                    async with pace.turn(tokens=100) as turn:
                        endpoint.calls += 1
                        if endpoint.per_s < math.inf:
                            left = min(endpoint.burst, left + (loop.time() - filled_s) * endpoint.per_s)
                            filled_s = loop.time()
                        if left < 1 or in_flight >= endpoint.at_once:
                            endpoint.refused_at_s.append(loop.time())
                            wait_s = (1 - left) / endpoint.per_s if left < 1 else 0.1
                            await asyncio.sleep(0.01)
                            pace.limited(turn, math.ceil(wait_s) if endpoint.whole_seconds else None)
                            continue
                        left -= 1
                        in_flight += 1
                        endpoint.most_in_flight = max(endpoint.most_in_flight, in_flight)
                        await asyncio.sleep(endpoint.latency_s)
                        in_flight -= 1
                        pace.answered(turn, 100)
                        break

        await asyncio.gather(*(work() for _ in range(concurrency)))

    try:
        loop.run_until_complete(everything())
        return loop.now_s
    finally:
        loop.close()


@pytest.mark.parametrize("latency_s", [0.01, 0.2, 1.0])
@pytest.mark.parametrize("whole_seconds", [True, False])
def test_a_rate_limit_is_found_and_used_to_the_full_with_few_refusals(
    latency_s: float, whole_seconds: bool
) -> None:
    endpoint = Endpoint(per_s=50, burst=50, latency_s=latency_s, whole_seconds=whole_seconds)
    took_s = run(endpoint, 800)
    ideal_s = (800 - 50) / 50 + latency_s
    assert took_s < 1.1 * ideal_s + 1
    assert endpoint.calls < 1.05 * 800


def test_after_a_limit_the_calls_come_back_spread_out() -> None:
    endpoint = Endpoint(per_s=50, burst=50, latency_s=0.01)
    run(endpoint, 800)
    later = [at for at in endpoint.refused_at_s if at > 0.5]  # before that nobody could know
    assert later
    assert max(sum(start <= at < start + 0.5 for at in later) for start in later) <= 3


def test_an_endpoint_that_takes_few_calls_at_once_is_asked_by_few() -> None:
    endpoint = Endpoint(at_once=8, latency_s=1.0)
    took_s = run(endpoint, 400)
    assert took_s < 2.5 * 400 / 8
    assert len(endpoint.refused_at_s) < 120


def test_without_a_limit_all_places_are_used_from_the_first_moment() -> None:
    endpoint = Endpoint(latency_s=1.0)
    assert run(endpoint, 800) == pytest.approx(12.5 + 0.5, abs=0.6)
    assert endpoint.most_in_flight == 64


def test_a_fixed_number_of_requests_a_minute_is_kept() -> None:
    endpoint = Endpoint(latency_s=0.01)
    assert run(endpoint, 100, requests_per_minute=600) == pytest.approx(10, abs=0.3)


def test_a_fixed_number_of_tokens_a_minute_is_kept() -> None:
    endpoint = Endpoint(latency_s=0.01)
    assert run(endpoint, 100, tokens_per_minute=60_000) == pytest.approx(10, abs=0.3)


def test_an_empty_allowance_in_the_headers_shuts_the_door_until_its_reset() -> None:
    loop = SimulatedTime()

    async def two_calls() -> float:
        pace = Pace(4, clock=loop.time)
        async with pace.turn():
            pace.heed({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"})
            pace.heed({"x-ratelimit-remaining-tokens": "7", "x-ratelimit-reset-tokens": "1h"})
        async with pace.turn():
            return loop.time()

    assert loop.run_until_complete(two_calls()) == pytest.approx(LONGEST_PAUSE_S)
    loop.close()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("20ms", 0.02), ("1s", 1), ("6m0s", 360), ("1h2m3.5s", 3723.5), ("17", 17), ("", None), ("soon", None)],
)
def test_reset_headers_are_read_in_every_form(said: str, seconds: float | None) -> None:
    assert duration_s(said) == seconds

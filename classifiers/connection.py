"""An open endpoint: the client with its connections, how fast it may be asked, and the batch, if any."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI

from classifiers.batch import BatchQueue
from classifiers.pace import Pace
from classifiers.prices import is_this_machine


@dataclass(frozen=True, kw_only=True)
class Connection:
    """It belongs to the running loop.

    Attributes:
        at_once: calls in flight at most.
        client: sends each call once; whoever uses it tries again.
        pace: lets the calls in; it has seen the headers of every answer.
        batch: what to put questions into, or None to ask at once.
    """

    at_once: int
    client: AsyncOpenAI
    pace: Pace
    batch: BatchQueue | None


@asynccontextmanager
async def connect(
    base_url: str,
    *,
    api_key: str | None,
    timeout_s: float,
    at_once: int,
    pace: Pace,
    batch: BatchQueue | None,
) -> AsyncIterator[Connection]:
    """Open as many connections as calls may be in flight.

    Args:
        base_url: of the endpoint.
        api_key: or None for an endpoint without keys.
        timeout_s: of silence.
        at_once: calls in flight at most.
        pace: for the connection.
        batch: for the connection.
    """
    import httpx2

    async def heed(response: httpx2.Response) -> None:
        pace.heed(response.headers)

    connections = at_once + 1
    # By aiohttp, as a call takes two thirds of the processor time that it takes with the default client.
    http = openai.DefaultAioHttpClient(
        trust_env=not is_this_machine(base_url),  # a proxy does not know our loopback
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        event_hooks={"response": [heed]},
    )
    async with AsyncOpenAI(
        api_key=api_key or "none", base_url=base_url, max_retries=0, timeout=timeout_s, http_client=http
    ) as client:
        yield Connection(at_once=at_once, client=client, pace=pace, batch=batch)

"""One chat endpoint: what is sent, what is tried again, and what an answer means.

In: messages and the answers allowed. Out: an `Answer`, or an `EndpointError` when no call can ever succeed.
Everything that the `openai` client raises is translated here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import tenacity
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from classifiers.attempts import Attempts, Spent, wait_s
from classifiers.batch import BatchQueue
from classifiers.chat_errors import (
    Adapt,
    ItemFails,
    TryAgain,
    broken_body,
    classify_status,
    no_answer,
    out_of_service,
    retry_after_s,
    unknown_model,
)
from classifiers.chat_protocol import Answer, Wanted, read_answer
from classifiers.connection import Connection, connect
from classifiers.pace import Pace
from classifiers.request_form import RequestForm
from classifiers.usage import read_usage
from prompts.errors import ClassifierError
from prompts.render import Message

PATIENCE_S = 300.0
"""How long an endpoint may take no call at all because of its limits before the run stops."""


class ChatEndpoint:
    """Asks one model behind one OpenAI-compatible endpoint.

    Args:
        base_url: with "/v1" where the endpoint has it.
        api_key: or None for an endpoint without keys. It appears in no message.
        api_key_env: the variable the key came from, for messages.
        form: of the requests; what is found out here is kept in it.
        batches: where to write down what was submitted to the Batch API; None asks at once.
        batch_poll_s: seconds between two looks at a batch.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None,
        api_key_env: str | None,
        form: RequestForm,
        timeout_s: float,
        max_retries: int,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        batches: Path | None = None,
        batch_poll_s: float = 60.0,
    ) -> None:
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.form = form
        self.calls = 0
        self.retries = 0
        self.limits_met = 0
        self._in_vain = 0
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._concurrency = concurrency
        self._requests_per_minute = requests_per_minute
        self._tokens_per_minute = tokens_per_minute
        self._batches = batches
        self._batch_poll_s = batch_poll_s

    @property
    def address(self) -> str:
        """Host and path of the endpoint: a gateway may serve another model under each path."""
        parts = urlsplit(self.base_url)
        return (parts.netloc + parts.path).rstrip("/")

    def connect(self, questions: int) -> AbstractAsyncContextManager[Connection]:
        """Open the connections for so many questions at once; they belong to the running loop."""
        at_once = min(self._concurrency, questions)
        pace = Pace(
            at_once,
            requests_per_minute=self._requests_per_minute,
            tokens_per_minute=self._tokens_per_minute,
        )
        return connect(
            self.base_url,
            api_key=self._api_key,
            timeout_s=self._timeout_s,
            at_once=at_once,
            pace=pace,
            batch=BatchQueue(self._batches, self._batch_poll_s) if self._batches else None,
        )

    async def ask(
        self,
        connection: Connection,
        messages: Mapping[bool, Sequence[Message]],
        allowed: Sequence[str],
        *,
        vote: int = 0,
        live: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask until there is an answer, or until the attempts are used up.

        Args:
            connection: from `connect`.
            messages: the prompt for an answer in plain words (False) and as JSON (True).
            allowed: the answers an endpoint with structured output is held to.
            vote: which of several answers to the same question; each is sampled with a seed of its own.
            live: whether to ask at once even where questions go into a batch.
            timeout_s: for one attempt, instead of the endpoint's own.

        Raises:
            EndpointError: no call can succeed: wrong key, unknown model, a request that is refused as such,
                or no answer to any of the first calls.
        """
        spent = Spent()
        batch = None if live else connection.batch
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(TryAgain),
            stop=Attempts(self._max_retries, limits_count=batch is not None),
            wait=wait_s,
            reraise=True,
        )
        wanted = Wanted(messages=messages, allowed=allowed, vote=vote)
        try:
            async for attempt in retrying:
                with attempt:
                    self.retries += attempt.retry_state.attempt_number > 1
                    completion = await self._completion(
                        connection, wanted, batch, timeout_s or self._timeout_s, spent
                    )
                    spent.usages.append(read_usage(completion.usage, calls=0))
                    answer = read_answer(completion)
                    if answer.failure == "empty":
                        raise TryAgain("an empty answer", answer=answer)
                    return spent.on(answer)
        except TryAgain as exc:
            if exc.answer is not None:
                return spent.on(exc.answer)
        except ItemFails as exc:
            return spent.on(Answer(text="", failure=exc.failure))
        return spent.on(Answer(text="", failure="request_failed"))

    async def _completion(
        self,
        connection: Connection,
        wanted: Wanted,
        batch: BatchQueue | None,
        timeout_s: float,
        spent: Spent,
    ) -> ChatCompletion:
        try:
            while True:
                completion = await self._call(connection, wanted, batch, timeout_s, spent)
                if completion is not None:
                    return completion
        except TryAgain as exc:
            if not (batch or exc.limited or self.form.ever_answered):
                self._in_vain += 1
                # Two attempts of every question under way, and no answer to any yet: there will be none.
                if self._in_vain >= connection.at_once * min(2, 1 + self._max_retries):
                    raise out_of_service(self.base_url, exc) from exc
            raise

    async def _call(
        self,
        connection: Connection,
        wanted: Wanted,
        batch: BatchQueue | None,
        timeout_s: float,
        spent: Spent,
    ) -> ChatCompletion | None:
        """Return the completion, or None where a part of the request was refused that is now left out."""
        request: dict[str, Any] = {}

        def build() -> dict[str, Any]:  # as late as possible: other calls find out what the endpoint takes
            request.update(self.form.request(wanted))
            spent.begin()
            self.calls += 1
            return request

        try:
            if batch is not None:
                completion = await batch.complete(connection.client, build())
            else:
                completion = await self._at_once(connection, build, wanted.guessed_tokens, timeout_s)
        except openai.NotFoundError as exc:
            raise unknown_model(self, await _models(connection.client)) from exc
        except openai.APIStatusError as exc:
            meaning = classify_status(exc, self, sent=request, answered=self.form.was_answered(request))
            if isinstance(meaning, Adapt):
                self.form.adapt(meaning, request)
                return None
            # Not "from exc": what the endpoint says may repeat the key.
            raise meaning from None
        except (openai.APIConnectionError, TimeoutError) as exc:
            raise TryAgain(no_answer(exc), unreachable=True) from exc
        except (openai.OpenAIError, ValueError) as exc:  # a body that is no JSON, or not of a chat
            raise TryAgain("its body cannot be read") from exc
        if broken_body(completion):
            raise TryAgain("its body is not that of a chat")
        self.form.note_answer(request)
        return completion

    async def _at_once(
        self, connection: Connection, build: Callable[[], dict[str, Any]], tokens: int, timeout_s: float
    ) -> ChatCompletion:
        pace = connection.pace
        async with pace.turn(tokens) as turn:
            try:
                # The client's own limit is one of silence, not of time.
                async with asyncio.timeout(timeout_s):
                    # What chat.completions.create does, less a walk through the request's types that takes
                    # a fifth of a call's processor time.
                    completion = await connection.client.post(
                        "/chat/completions",
                        body=build(),
                        cast_to=ChatCompletion,
                        options={"timeout": timeout_s},
                    )
            except openai.RateLimitError as exc:
                asked_s = retry_after_s(exc.response.headers)
                self.limits_met += 1
                pace.limited(turn, asked_s)
                self._lose_patience(pace, asked_s)
                raise
            used = getattr(getattr(completion, "usage", None), "total_tokens", None)
            pace.answered(turn, used if isinstance(used, int) else None)
        return completion

    def _lose_patience(self, pace: Pace, retry_after_s: float | None) -> None:
        """Stop where an endpoint will take no call for long: a quota of the day, not of the minute."""
        longest_s = max(retry_after_s or 0.0, pace.silent_s)
        if longest_s > PATIENCE_S:
            said = "asks to come back in" if longest_s == retry_after_s else "has taken no call for"
            raise ClassifierError(
                f"{urlsplit(self.base_url).netloc} limits the calls (HTTP 429) and {said} {longest_s:.0f} s; "
                "wait or raise the account's limits, then go on with --resume"
            )

    def redacted(self, said: str) -> str:
        """Return what the endpoint said in one short line, without the key should it be repeated there."""
        whole = said.replace(self._api_key, "***") if self._api_key else said
        return " ".join(whole.split())[:300]


async def _models(client: AsyncOpenAI) -> list[str] | None:
    try:
        return [model.id async for model in client.models.list()]
    except (openai.OpenAIError, ValueError, TypeError, AttributeError):  # not every endpoint lists its models
        return None

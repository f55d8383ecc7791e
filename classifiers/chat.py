"""One chat endpoint: what is sent, what is tried again, and what an answer means.

In: messages and the answers allowed. Out: an `Answer`, or a `ClassifierError` when no call can ever succeed.
Everything that the `openai` client raises is translated here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import openai
import tenacity
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from classifiers.chat_errors import (
    Adapt,
    ItemFails,
    TryAgain,
    broken_body,
    classify_status,
    out_of_service,
    unknown_model,
)
from classifiers.contract import Failure, Usage
from classifiers.prices import is_this_machine
from prompts.render import Message

# How the endpoint is held to the labels, the strictest first; one that is refused gives way to the next.
Structured = Literal["grammar", "json_schema", "json_object", "plain"]
LADDER: tuple[Structured, ...] = ("json_schema", "json_object", "plain")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one question.

    Attributes:
        text: what the model said, without its reasoning; "" where it said nothing.
        failure: why there is no whole text, or None.
        usage: calls, retries included, and tokens; or None where the endpoint does not count these.
    """

    text: str
    failure: Failure | None
    usage: Usage | None


class ChatEndpoint:
    """Asks one model behind one OpenAI-compatible endpoint.

    Args:
        base_url: with "/v1" where the endpoint has it.
        api_key: or None for an endpoint without keys. It appears in no message.
        api_key_env: the variable the key came from, for messages.
        structured: "grammar" for llama.cpp's own, or None to find out what the endpoint takes.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None,
        api_key_env: str | None,
        temperature: float,
        max_tokens: int,
        timeout_s: float,
        max_retries: int,
        concurrency: int,
        seed: int | None = None,
        structured: Structured | None = None,
    ) -> None:
        self.base_url = base_url
        self.model = model
        self.api_key_env = api_key_env
        self.structured: Structured = structured or LADDER[0]
        self.calls = 0
        self.retries = 0
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._concurrency = concurrency
        self._max_tokens = max_tokens
        self._decoding: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
        if seed is not None:
            self._decoding["seed"] = seed
        self._answered = False

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncOpenAI]:
        """Open the connections; they belong to the running loop."""
        import httpx2

        connections = self._concurrency + 1
        http = openai.DefaultAsyncHttpx2Client(
            trust_env=not is_this_machine(self.base_url),  # a proxy does not know our loopback
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        async with AsyncOpenAI(
            api_key=self._api_key or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=self._timeout_s,
            http_client=http,
        ) as client:
            yield client

    async def ask(
        self,
        client: AsyncOpenAI,
        messages: Mapping[bool, Sequence[Message]],
        allowed: Sequence[str],
        *,
        trying: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask until there is an answer, or until the attempts are used up.

        Args:
            client: from `connect`.
            messages: the prompt for an answer in plain words (False) and as JSON (True).
            allowed: the answers an endpoint with structured output is held to.
            trying: whether this only finds out if the endpoint works: one retry, and no answer is an error.
            timeout_s: for one attempt, instead of the endpoint's own.

        Raises:
            ClassifierError: no call can succeed: wrong key, unknown model, a request that is refused as such.
        """
        calls = 0
        retries = min(1, self._max_retries) if trying else self._max_retries
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(TryAgain),
            stop=tenacity.stop_after_attempt(1 + retries),
            wait=_wait,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    self.retries += attempt.retry_state.attempt_number > 1
                    completion = None
                    while completion is None:
                        calls += 1
                        completion = await self._call(client, messages, allowed, timeout_s or self._timeout_s)
                    return _answer(completion, calls)
        except TryAgain as exc:
            if trying:
                raise out_of_service(self.base_url, exc) from exc
        except ItemFails as exc:
            return _unanswered(exc.failure, calls)
        return _unanswered("request_failed", calls)

    async def _call(
        self,
        client: AsyncOpenAI,
        messages: Mapping[bool, Sequence[Message]],
        allowed: Sequence[str],
        timeout_s: float,
    ) -> ChatCompletion | None:
        """Return the completion, or None where a part of the request was refused that is now left out."""
        self.calls += 1
        mode = self.structured
        request: dict[str, Any] = {"model": self.model, "messages": messages[mode.startswith("json")]}
        request |= self._decoding | _constraint(mode, allowed)
        try:
            # The client's own limit is one of silence, not of time.
            async with asyncio.timeout(timeout_s):
                completion: ChatCompletion = await client.chat.completions.create(**request)
        except openai.NotFoundError as exc:
            raise unknown_model(self, await _models(client)) from exc
        except openai.APIStatusError as exc:
            meaning = classify_status(exc, self, sent=request, answered=self._answered)
            if isinstance(meaning, Adapt):
                self._adapt(meaning, mode)
                return None
            # Not "from exc": what the endpoint says may repeat the key.
            raise meaning from None
        except (openai.APIConnectionError, TimeoutError) as exc:
            raise TryAgain(_why(exc), unreachable=True) from exc
        except (openai.OpenAIError, ValueError) as exc:  # a body that is no JSON, or not of a chat
            raise TryAgain("its body cannot be read") from exc
        if broken_body(completion):
            raise TryAgain("its body is not that of a chat")
        self._answered = True
        return completion

    def redacted(self, said: str) -> str:
        """Return what the endpoint said in one short line, without the key should it be repeated there."""
        line = " ".join(said.split())[:300]
        return line.replace(self._api_key, "***") if self._api_key else line

    def _adapt(self, refusal: Adapt, mode: Structured) -> None:
        """Do without what the endpoint refused, for good; calls in flight may be refused it several times."""
        if refusal.parameter == "max_tokens" and "max_tokens" in self._decoding:
            self._decoding["max_completion_tokens"] = self._decoding.pop("max_tokens")
        elif refusal.parameter in self._decoding:
            del self._decoding[refusal.parameter]
        elif refusal.parameter == "response_format" and self.structured == mode:
            self.structured = LADDER[LADDER.index(mode) + 1] if mode in LADDER else LADDER[0]


def _constraint(mode: Structured, allowed: Sequence[str]) -> dict[str, Any]:
    match mode:
        case "grammar":
            words = " | ".join(json.dumps(answer, ensure_ascii=False) for answer in allowed)
            return {"extra_body": {"grammar": f"root ::= {words}"}}
        case "json_schema":
            schema = {
                "type": "object",
                "properties": {"label": {"type": "string", "enum": list(allowed)}},
                "required": ["label"],
                "additionalProperties": False,
            }
            form = {"name": "answer", "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": form}}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "plain":
            return {}


def _wait(state: tenacity.RetryCallState) -> float:
    """Back off at random, and never before the endpoint wants to be asked again."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, TryAgain) else None
    jitter_s = tenacity.wait_random_exponential(multiplier=0.5, max=20)(state)
    return jitter_s if asked_s is None else asked_s + min(jitter_s, 1.0)


def _unanswered(failure: Failure, calls: int) -> Answer:
    none = Usage(calls=calls, input_tokens=0, cached_input_tokens=0, output_tokens=0)
    return Answer(text="", failure=failure, usage=none)


def _why(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError | openai.APITimeoutError):
        return "no answer in time"
    return str(exc.__cause__ or exc)


async def _models(client: AsyncOpenAI) -> list[str] | None:
    try:
        return [model.id async for model in client.models.list()]
    except (openai.OpenAIError, ValueError, TypeError, AttributeError):  # not every endpoint lists its models
        return None


def _answer(completion: ChatCompletion, calls: int) -> Answer:
    choice = completion.choices[0]
    text = choice.message.content or ""
    failure: Failure | None = None
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        failure, text = "refused", text or choice.message.refusal or ""
    elif choice.finish_reason == "length":
        failure = "truncated"
    elif not text.strip():
        failure = "empty"
    return Answer(text=text, failure=failure, usage=_usage(completion, calls))


def _usage(completion: ChatCompletion, calls: int) -> Usage | None:
    usage = completion.usage
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or (usage.model_extra or {}).get(
        "prompt_cache_hit_tokens"  # DeepSeek's name for it
    )
    return Usage(
        calls=calls,
        input_tokens=usage.prompt_tokens,
        cached_input_tokens=min(int(cached or 0), usage.prompt_tokens),
        output_tokens=usage.completion_tokens,
    )

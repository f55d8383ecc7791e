"""What an endpoint's refusal means: ask again, ask differently, give up this item, or stop the run.

The border to the `openai` client's exceptions. No message holds the key, even where the endpoint repeats it.
"""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai

from classifiers.contract import Failure
from prompts.errors import EndpointError

if TYPE_CHECKING:
    from classifiers.chat import ChatEndpoint
    from classifiers.chat_protocol import Answer


# By code or in the message: of OpenAI, llama.cpp and vLLM, and of a limit that one prompt is too long for.
_TOO_LONG = (
    *("context_length", "exceed_context_size", "maximum context length", "context size"),
    *("too many tokens", "request too large"),
)
_REFUSED = ("content_filter", "content_policy", "data_inspection_failed")
_OPTIONAL = ("temperature", "max_tokens", "seed", "logprobs", "top_logprobs")


class TryAgain(Exception):  # noqa: N818  # a signal, not an error the user sees
    """The call failed in a way that passes.

    Args:
        why: in a few words.
        retry_after_s: how long the endpoint wants to be left alone, or None.
        unreachable: whether there was no answer at all.
        limited: whether it was one call too many, which says nothing about the text.
        answer: the empty answer that it gave.
    """

    def __init__(
        self,
        why: str,
        *,
        retry_after_s: float | None = None,
        unreachable: bool = False,
        limited: bool = False,
        answer: Answer | None = None,
    ) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable
        self.limited = limited
        self.answer = answer


class Adapt(Exception):  # noqa: N818
    """The endpoint does not take a part of the request: `parameter` names it."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class ItemFails(Exception):  # noqa: N818
    """This text cannot be answered; others can."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure: Failure = failure


def classify_status(
    exc: openai.APIStatusError, endpoint: ChatEndpoint, *, sent: Mapping[str, Any], answered: bool
) -> Exception:
    """Return what a status code other than 404 means.

    Args:
        exc: the refusal.
        endpoint: who refused.
        sent: the request.
        answered: whether the endpoint has ever answered a request of this form.
    """
    host = urlsplit(endpoint.base_url).netloc
    status, code = exc.status_code, str(exc.code or exc.type or "")
    if status in (401, 403):
        key = f"the key in {endpoint.api_key_env}" if endpoint.api_key_env else "a call without a key"
        allowed = "" if status == 401 else f" the use of {endpoint.model!r}"
        return EndpointError(f"{host} refuses {key}{allowed} (HTTP {status}): check the key and its rights")
    if status == 402 or code == "insufficient_quota":
        return EndpointError(
            f"{host} refuses to answer because the account has no credit left (HTTP {status}): top it up"
        )
    said = exc.message.lower()
    if any(mark in code or mark in said for mark in _TOO_LONG):
        return ItemFails("request_failed")
    if status in (408, 409, 429) or status >= 500:
        wait_s = retry_after_s(exc.response.headers)
        return TryAgain(f"HTTP {status}", retry_after_s=wait_s, limited=status == 429)
    if any(mark in code for mark in _REFUSED):
        return ItemFails("refused")
    if not answered and status in (400, 422):
        for name in _OPTIONAL:
            if name in sent and (exc.param == name or (exc.param is None and name in exc.message)):
                return Adapt(name)
        if "response_format" in sent or "grammar" in sent:
            return Adapt("response_format")
    if answered:
        return ItemFails("request_failed")
    return EndpointError(f"{host} refuses the request (HTTP {status}): {endpoint.redacted(exc.message)}")


def unknown_model(endpoint: ChatEndpoint, models: Sequence[str] | None) -> EndpointError:
    """Return what HTTP 404 means: the model is not there, or the address is not one of chats.

    Args:
        endpoint: who refused.
        models: the models it lists, or None where it lists none.
    """
    if models is None:
        return EndpointError(
            f"no chat endpoint at {endpoint.base_url} (HTTP 404), or it does not know the model "
            f"{endpoint.model!r}; most base URLs end in /v1"
        )
    near = difflib.get_close_matches(endpoint.model, models, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    some = ", ".join(map(repr, sorted(models)[:8])) + (", ..." if len(models) > 8 else "")
    return EndpointError(
        f"{urlsplit(endpoint.base_url).netloc} has no model {endpoint.model!r}: {hint}"
        f"it lists {some or 'none'}"
    )


def out_of_service(base_url: str, exc: TryAgain) -> EndpointError:
    """Return the error for an endpoint that gave no answer to a first call."""
    if exc.unreachable:
        cure = "check base_url, the network, and that the server runs"
        return EndpointError(f"cannot reach {base_url} ({exc}): {cure}")
    return EndpointError(f"{base_url} does not answer ({exc}): try again later")


def no_answer(exc: BaseException) -> str:
    """Return in a few words why there was no answer at all."""
    if isinstance(exc, TimeoutError | openai.APITimeoutError):
        return "no answer in time"
    return str(exc.__cause__ or exc)


def broken_body(completion: object) -> bool:
    """Tell whether a body under HTTP 200 is not that of a chat; the client checks nothing of it."""
    choices = getattr(completion, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    return not isinstance(getattr(message, "content", 0), str | list | None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given as seconds or as a date (RFC 9110, 10.2.3)."""
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None

"""The form of the requests to one endpoint: what it was found to refuse is left out for good."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from classifiers.chat_errors import Adapt
from classifiers.chat_protocol import LADDER, Structured, Wanted, constraint, mode_of
from classifiers.settings import LlmSettings


class RequestForm:
    """One endpoint has one, shared by all who ask it.

    Args:
        model: as the endpoint calls it.
        temperature: of the sampling.
        max_tokens: of a reply.
        seed: of the sampling, or None.
        logprobs: whether to ask for the log-probabilities of the reply's tokens.
        structured: "grammar" for llama.cpp's own, or None to find out what the endpoint takes.

    Attributes:
        structured: how the endpoint is held to the labels now.
        refused: the parameters that it would not take.
    """

    def __init__(
        self,
        *,
        model: str,
        temperature: float,
        max_tokens: int,
        seed: int | None = None,
        logprobs: bool = False,
        structured: Structured | None = None,
    ) -> None:
        self.structured: Structured = structured or LADDER[0]
        self.refused: list[str] = []
        self._model = model
        self._decoding: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
        if seed is not None:
            self._decoding["seed"] = seed
        if logprobs:
            self._decoding |= {"logprobs": True, "top_logprobs": 20}
        self._answered: set[Hashable] = set()

    @classmethod
    def of(cls, settings: LlmSettings, model: str, seed: int | None, *, local: bool) -> RequestForm:
        """Return the form to begin with; a local llama.cpp server takes a grammar."""
        return cls(
            model=model,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=seed,
            logprobs=settings.logprobs,
            structured="grammar" if local else None,
        )

    def request(self, wanted: Wanted) -> dict[str, Any]:
        """Return the body of a request."""
        mode = self.structured
        request = {"model": self._model, "messages": wanted.messages[mode.startswith("json")]}
        request |= self._decoding | constraint(mode, wanted.allowed)
        if "seed" in self._decoding:
            request["seed"] = self._decoding["seed"] + wanted.vote
        return request

    def note_answer(self, request: Mapping[str, Any]) -> None:
        """Note that a request of this form was answered, so that a refusal of it is about its text."""
        self._answered.add(_key(request))

    @property
    def ever_answered(self) -> bool:
        """Whether any request was."""
        return bool(self._answered)

    def was_answered(self, request: Mapping[str, Any]) -> bool:
        """Tell whether a request of this form was ever answered."""
        return _key(request) in self._answered

    def is_of_today(self, request: Mapping[str, Any]) -> bool:
        """Tell whether a request would be made in the same form now, which other calls may have changed."""
        return mode_of(request) == self.structured and _parameters(request) == set(self._decoding)

    def adapt(self, refusal: Adapt, request: Mapping[str, Any]) -> None:
        """Do without what the endpoint refused, for good; calls in flight may be refused it several times."""
        if not self.is_of_today(request):
            return
        name = refusal.parameter
        if name == "max_tokens" and name in self._decoding:
            self._decoding["max_completion_tokens"] = self._decoding.pop(name)
        elif name in ("logprobs", "top_logprobs"):
            self.refused.append("logprobs")
            self._decoding.pop("logprobs", None)
            self._decoding.pop("top_logprobs", None)
        elif name in self._decoding:
            self.refused.append(name)
            del self._decoding[name]
        elif name == "response_format":
            mode = self.structured
            self.structured = LADDER[LADDER.index(mode) + 1] if mode in LADDER else LADDER[0]


def _parameters(request: Mapping[str, Any]) -> set[str]:
    return set(request) - {"model", "messages", "grammar", "response_format"}


def _key(request: Mapping[str, Any]) -> Hashable:
    return mode_of(request), frozenset(_parameters(request))

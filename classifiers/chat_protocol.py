"""What an OpenAI-compatible chat endpoint understands, and what its completions mean.

In: the answers allowed; a completion. Out: the part of a request that holds the model to them; an `Answer`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from classifiers.contract import Failure, Usage
from classifiers.token_scores import Token
from prompts.render import Message

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionTokenLogprob
    from openai.types.chat.chat_completion import Choice
    from openai.types.chat.chat_completion_token_logprob import TopLogprob

# How the endpoint is held to the labels, the strictest first; one that is refused gives way to the next.
Structured = Literal["grammar", "json_schema", "json_object", "plain"]
LADDER: tuple[Structured, ...] = ("json_schema", "json_object", "plain")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One question, before it is known what the endpoint takes."""

    messages: Mapping[bool, Sequence[Message]]
    allowed: Sequence[str]
    vote: int

    @property
    def guessed_tokens(self) -> int:
        """About as many as the prompt has."""
        return sum(len(message["content"]) for message in self.messages[False]) // 3


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one question.

    Attributes:
        text: what the model said, without its reasoning; "" where it said nothing.
        failure: why there is no whole text, or None.
        tokens: of `text`, with their log-probabilities; () where the endpoint gave none.
        usage: calls, retries included, and the tokens of all of them; or None where the endpoint does not
            count these.
        latency_s: seconds from the first sending to the end, retries included.
    """

    text: str
    failure: Failure | None
    tokens: tuple[Token, ...] = ()
    usage: Usage | None = None
    latency_s: float = 0.0


def constraint(mode: Structured, allowed: Sequence[str]) -> dict[str, Any]:
    match mode:
        case "grammar":
            words = " | ".join(json.dumps(answer, ensure_ascii=False) for answer in allowed)
            return {"grammar": f"root ::= {words}"}
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


def mode_of(request: Mapping[str, Any]) -> Structured:
    """Return how a request holds the endpoint to the answers; the counterpart of `constraint`."""
    if "grammar" in request:
        return "grammar"
    form: Structured = request["response_format"]["type"] if "response_format" in request else "plain"
    return form


def read_answer(completion: ChatCompletion) -> Answer:
    choice = completion.choices[0]
    text = _text(choice.message.content)
    failure: Failure | None = None
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        failure, text = "refused", text or choice.message.refusal or ""
    elif choice.finish_reason == "length":
        failure = "truncated"
    elif not text.strip():
        failure = "empty"
    return Answer(text=text, failure=failure, tokens=_tokens(choice))


def _text(content: object) -> str:
    if isinstance(content, list):  # some reasoning models answer in parts
        parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
        return "".join(str(part.get("text") or "") for part in parts)
    return str(content or "")


def _tokens(choice: Choice) -> tuple[Token, ...]:
    said = choice.logprobs.content if choice.logprobs else None
    if any(token.logprob is None for token in said or ()):  # not every endpoint keeps to the protocol
        return ()
    return tuple(
        Token(
            said=_bytes(token),
            alternatives={_bytes(token): token.logprob}
            | {_bytes(other): other.logprob for other in token.top_logprobs or ()},
        )
        for token in said or ()
    )


def _bytes(token: ChatCompletionTokenLogprob | TopLogprob) -> bytes:
    return bytes(token.bytes) if token.bytes else token.token.encode()

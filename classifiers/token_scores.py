"""From the log-probabilities of a reply's tokens to probabilities of the labels.

In: the tokens of one reply with their likeliest alternatives, and the answers allowed. Out: answer ->
probability. What the alternatives give to no answer is left out, and the rest is brought to a sum of 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prompts.errors import ClassifierError
from prompts.taxonomy import Path, Taxonomy

Scores = tuple[Mapping[str, float], ...]
T = TypeVar("T")

CONTENT_FREE = ("N/A", "[MASK]", "-")
"""Texts that say nothing: what is answered to them is bias (Zhao et al. 2021, Calibrate Before Use)."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token of a reply.

    Attributes:
        said: its bytes.
        alternatives: bytes -> log-probability of the likeliest tokens at this place, this one among them.
    """

    said: bytes
    alternatives: Mapping[bytes, float]


def answer_scores(tokens: Sequence[Token], said: str, answers: Sequence[str]) -> dict[str, float] | None:
    """Return the probability of every answer, or None where the tokens do not tell.

    The reply is followed token by token through the answer it gave. At each token, an alternative that leads
    to other answers gives them its probability, in equal parts where it leads to several: further than one
    token the endpoint tells nothing about a way that was not taken.

    Args:
        tokens: of the whole reply.
        said: the answer that was read from it, one of `answers`.
        answers: all that were allowed.
    """
    # Case by bytes, as tokens may cut a character: of ASCII alone, the same on both sides.
    wanted = {answer: answer.encode().lower() for answer in answers}
    whole = b"".join(token.said for token in tokens).lower()
    at = whole.rfind(wanted[said])
    if at < 0:
        return None
    mass, scores = 1.0, dict.fromkeys(answers, 0.0)
    possible, begun, start = list(answers), b"", 0
    for token in tokens:
        start, here = start + len(token.said), start
        if start <= at:
            continue
        before = token.said[: max(at - here, 0)].lower()
        for other, logprob in token.alternatives.items():
            if other == token.said or not other.lower().startswith(before):
                continue
            meant = [a for a in possible if _leads_to(begun + other.lower()[len(before) :], wanted[a])]
            for answer in meant:
                scores[answer] += mass * math.exp(logprob) / len(meant)
        begun += token.said.lower()[len(before) :]
        mass *= math.exp(token.alternatives.get(token.said, 0.0))
        possible = [answer for answer in possible if _leads_to(begun, wanted[answer])]
        if len(possible) <= 1:
            break
    # Still several: the reply ended inside a name that others go on from, so it is this one.
    scores[said] += mass
    total = sum(scores.values())
    return {answer: score / total for answer, score in scores.items()} if total > 0 else None


def calibrated(scores: Mapping[T, float], bias: Sequence[Mapping[T, float]]) -> dict[T, float]:
    """Divide out what the model answers to texts that say nothing, averaged over these (Zhao et al. 2021).

    Args:
        scores: answer -> probability.
        bias: the same for each content-free text.

    Raises:
        ClassifierError: there is none, so that nothing can be divided out.
    """
    if not bias:
        raise ClassifierError(
            "calibrate = true, but no text that says nothing was answered with log-probabilities; "
            "--resume asks again, or leave calibrate out"
        )
    floor = 1e-4  # an answer the content-free texts never get must not win by a division by nearly 0
    weighed = {a: p / max(sum(one[a] for one in bias) / len(bias), floor) for a, p in scores.items()}
    total = sum(weighed.values())
    return {answer: score / total for answer, score in weighed.items()}


def spread(
    scores: Scores | None, taxonomy: Taxonomy, above: Path, chances: Mapping[Path, float] | None
) -> Scores | None:
    """Add what a question says to the scores of the levels it settles; None as soon as one says nothing.

    Args:
        scores: per level, display name -> probability, as far as the questions went.
        taxonomy: the labels.
        above: the path the question is below of; its own probability is shared out.
        chances: path -> probability among the answers of the question.
    """
    if scores is None or chances is None:
        return None
    names = taxonomy.display_names
    mass = scores[len(above) - 1][names[above]] if above else 1.0
    levels = [dict(level) for level in scores]
    for path, chance in chances.items():
        for depth in range(len(above) + 1, len(path) + 1):
            name = names[path[:depth]]
            levels[depth - 1][name] = levels[depth - 1].get(name, 0.0) + mass * chance
    return tuple(levels)


def _leads_to(begun: bytes, answer: bytes) -> bool:
    """Whether a reply that has begun so can still be, or is, this answer and not a longer word."""
    if len(begun) <= len(answer):
        return bool(begun) and answer.startswith(begun)
    after = begun[len(answer) : len(answer) + 1]
    return begun.startswith(answer) and not (after.isalnum() or after >= b"\x80")

"""`harness compare --explain-reuse`: what a run would take over from earlier runs and why, on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from harness import reuse
from harness.build import identity_before_start
from harness.explain_reuse import Change, Explanation, Fit, Source, explain
from harness.progress import say
from harness.session import Session

_LONG = 60


def show(session: Session, root: Path, console: Console) -> None:
    """Print the explanation of every classifier; nothing is asked, trained or written.

    Raises:
        HarnessError: a prompt or the file of a local model has to be mended.
    """
    wanted = {example.id: reuse.digest(example.text) for example in session.dataset.test}
    for prepared in session.prepared:
        explanation = explain(
            root,
            name=prepared.name,
            kind=prepared.settings.kind,
            identity=identity_before_start(prepared),
            training=prepared.training_identity,
            wanted=wanted,
        )
        for number, line in enumerate(lines(explanation, root)):
            say(console, line, None if number else "bold")
    say(console, "Nothing was asked, trained or written; leave --explain-reuse out to do it.")


def lines(explanation: Explanation, root: Path) -> Iterator[str]:
    """Yield what there is to say of one classifier, the sum first."""
    yield f"{explanation.name}: {_sum(explanation)}"
    if not explanation.sources:
        yield f"  no run in {root} holds a classifier of kind {explanation.kind}, or one of this name"
    for source in explanation.sources:
        yield f"  run {source.earlier.run.name}, classifier {source.earlier.classifier}:"
        if explanation.trained:
            yield from _training(source, explanation)
        yield from _identity(source, explanation)
        yield f"    its answers: {_fit(source.fit)}"
    if explanation.more:
        yield f"  and {explanation.more} more {_plural(explanation.more, 'run')}"


def _sum(explanation: Explanation) -> str:
    if explanation.trained and explanation.weights is None:
        return f"would be trained, as no earlier weights fit; then {_texts(explanation.texts)} to answer"
    count = sum(explanation.taken.values())
    rest = explanation.texts - count
    by_run = ", ".join(f"{taken} from run {run}" for run, taken in explanation.taken.items())
    weights = explanation.weights
    parts = [
        f"would take the trained weights of run {weights.run.name}" if weights else "",
        f"would take {count} of {explanation.texts} answers" + (f" ({by_run})" if by_run else ""),
        f"{_texts(rest)} to answer" if rest else "nothing to answer",
    ]
    return "; ".join(part for part in parts if part)


def _training(source: Source, explanation: Explanation) -> Iterator[str]:
    if source.training is None:
        yield "    weights: not taken, it has none that were trained to the end"
    elif source.training:
        yield "    weights: not taken, their training differs:"
        yield from _changes(source.training)
    elif explanation.weights == source.earlier:
        yield "    weights: taken, trained in exactly this way"
    else:
        yield "    weights: trained in exactly this way too, but a newer run's are taken"


def _identity(source: Source, explanation: Explanation) -> Iterator[str]:
    if source.identity is None:
        if explanation.trained and explanation.weights is None:
            yield "    identity: known after the training; answers fit only if the new weights are the same"
        else:
            yield "    identity: not known, as no answer was given with it"
    elif source.identity:
        yield "    identity: differs, so none of its answers is taken:"
        yield from _changes(source.identity)
    else:
        yield "    identity: the same"


def _fit(fit: Fit) -> str:
    failures = [f"{count} {kind}" for kind, count in fit.failures.items()]
    parts = [
        f"{fit.answers} fit by id and text",
        f"never taken over: {', '.join(failures)}" if failures else "",
        f"{_texts(fit.unanswered)} without an answer" if fit.unanswered else "",
        f"{_texts(fit.changed)} changed" if fit.changed else "",
        f"{_texts(fit.absent)} not in that run" if fit.absent else "",
    ]
    return "; ".join(part for part in parts if part)


def _changes(changes: tuple[Change, ...]) -> Iterator[str]:
    for change in changes:
        old, new = _short(change.old, change.new), _short(change.new, change.old)
        yield f"      {change.key}: {old} -> {new}"


def _short(value: str | None, other: str | None) -> str:
    """Return a value short enough for a line, and still another one than the value beside it."""
    if value is None:
        return "(not there)"
    if re.fullmatch(r'"[0-9a-f]{32,}"', value):
        return value[1:13] + "..."
    if len(value) <= _LONG:
        return value
    pairs = enumerate(zip(value, other or "", strict=False))
    start = next((index for index, (mine, theirs) in pairs if mine != theirs), 0)
    start = max(0, start - _LONG // 2)
    end = start + _LONG
    return ("..." if start else "") + value[start:end] + ("..." if end < len(value) else "")


def _texts(count: int) -> str:
    return f"{count} {_plural(count, 'text')}"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"

"""Station 6 for a pipeline: a decision of the gate in words, on a terminal and as Markdown.

In: `Outcome`. Out: lines of text, or a Markdown text for a pull request. Texts, ids and labels are whatever
the data holds: nothing of them is taken for markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.gate import ALPHA, Decision, Finding, Limit, Obstacle
from reports.markdown import escape, fitted, table
from reports.sentences import about
from reports.wording import DASH, Words, count, p_value, points, rate, usd

FLIPS_ON_TERMINAL, FLIPS_IN_MARKDOWN, LABELS_NAMED = 10, 30, 10
EXCERPT = 80
Condition = tuple[str | None, int | None]  # device and concurrency
_LIMIT_WORD = {"worse": "exceeded", "not_worse": "kept"}


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A text that was right at a level in one of two runs and wrong in the other.

    Attributes:
        classifier: as it is called in `Counted`.
        level: the first on which they differ, from 1.
        lost: whether it was right before.
        gold, before, now: paths of labels; () for no answer.
    """

    classifier: str
    level: int
    lost: bool
    id: str
    text: str
    gold: tuple[str, ...]
    before: tuple[str, ...]
    now: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that is to be told.

    Attributes:
        run, baseline: their names.
        depth: number of levels.
        unchecked: names that stand only in this run (`now`) or only in the baseline (`before`).
        conditions: by classifier the device and the concurrency, now and before, where they differ.
    """

    run: str
    baseline: str
    margin: float
    depth: int
    decision: Decision
    flips: Sequence[Flip]
    unchecked: Mapping[str, Sequence[str]]
    conditions: Mapping[str, tuple[Condition, Condition]]


def plain(text: str, most: int | None = None) -> str:
    """Return a text on one line, without signs that steer a terminal or may not stand in XML."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def headline(outcome: Outcome, words: Words) -> str:
    """Say what was decided, and on which ground."""
    decision = outcome.decision
    verdict = decision.verdict
    if verdict == "not_worse":
        return words("gate.not_worse", margin=points(outcome.margin, sign=False))
    findings = [*decision.levels, *(decision.labels if decision.by_label and verdict == "worse" else ())]
    what = [place(found, outcome, words) for found in findings if found.verdict == verdict]
    what += [limit_place(limit, words) for limit in decision.limits if limit.verdict == verdict]
    if verdict == "undecided":
        what += [obstacle_text(obstacle, words) for obstacle in decision.obstacles]
    return words(f"gate.{verdict}", what=words.listed(what, "clauses"))


def lines(outcome: Outcome, words: Words) -> Iterator[str]:
    """Yield what follows the headline on a terminal."""
    decision = outcome.decision
    for found in decision.levels:
        yield sentence(found, outcome, words)
    for limit in decision.limits:
        yield limit_sentence(limit, outcome, words)
    if decision.verdict != "undecided":
        yield from (obstacle_text(obstacle, words) for obstacle in decision.obstacles)
    yield from notes(outcome, words)
    if named := labels_named(decision):
        yield words("gate.labels_checked" if decision.by_label else "gate.labels")
        yield from ("  " + sentence(found, outcome, words) for found in named)
    for title, flips in by_kind(outcome, words):
        yield title
        for flip in flips[:FLIPS_ON_TERMINAL]:
            yield "  " + flip_line(flip, outcome, words)
        if len(flips) > FLIPS_ON_TERMINAL:
            yield "  " + words("gate.more", count=count(len(flips) - FLIPS_ON_TERMINAL))


def markdown(outcome: Outcome, words: Words) -> str:
    """Return the same as Markdown, short enough for a comment on a pull request."""
    decision = outcome.decision
    title = words("gate.title", run=plain(outcome.run), baseline=plain(outcome.baseline))
    parts = [f"### {escape(title)}", f"**{escape(headline(outcome, words))}**"]
    named = labels_named(decision)
    if decision.levels:
        parts.append(_findings([*decision.levels, *named], outcome, words))
    remarks = [
        words("gate.remark", place=place(found, outcome, words), said=why)
        for found in decision.levels
        if (why := why_undecided(found, outcome, words))
    ]
    remarks += [limit_sentence(limit, outcome, words) for limit in decision.limits]
    remarks += [obstacle_text(obstacle, words) for obstacle in decision.obstacles]
    remarks += notes(outcome, words)
    if remarks:
        parts.append("\n".join(f"- {escape(remark)}" for remark in remarks))
    for heading, flips in by_kind(outcome, words):
        parts += [f"**{escape(heading)}**", _flips(flips[:FLIPS_IN_MARKDOWN], outcome, words)]
        if len(flips) > FLIPS_IN_MARKDOWN:
            parts.append(words("gate.more", count=count(len(flips) - FLIPS_IN_MARKDOWN)))
    return fitted(parts, words("gate.cut"))


def sentence(found: Finding, outcome: Outcome, words: Words) -> str:
    """Say what one test found, with its figures."""
    counted = found.counted
    said = words(
        "gate.finding",
        place=place(found, outcome, words),
        verdict=words(f"gate.word.{verdict_word(found)}"),
        difference=points(counted.difference),
        low=points(found.interval_90.low),
        high=points(found.interval_90.high),
        n=count(counted.n),
        lost=count(counted.lost),
        won=count(counted.won),
        p=p if (p := p_value(found.p)).startswith("<") else f"= {p}",
        p_holm=p_value(found.p_holm),
    )
    why = why_undecided(found, outcome, words)
    return f"{said}{'' if words.language == 'zh' else ' '}{why}" if why else said


def why_undecided(found: Finding, outcome: Outcome, words: Words) -> str:
    """Say why a level is undecided and how many texts would decide it; "" where it is decided."""
    counted, decisive = found.counted, found.decisive(outcome.margin)
    if found.verdict != "undecided" or counted.label is not None:
        return ""
    enough = words(f"gate.enough.{decisive.shows}", rows=about(decisive.rows)) if decisive else ""
    margin = points(outcome.margin, sign=False)
    return words("gate.why_undecided", margin=margin, n=count(counted.n), enough=enough)


def verdict_word(found: Finding) -> str:
    """Return the verdict, where labels have no verdict "undecided": they can only raise the alarm."""
    alarm = found.counted.label is None or found.verdict == "worse"
    return found.verdict if alarm else "no_alarm"


def place(found: Finding, outcome: Outcome, words: Words) -> str:
    """name what was tested."""
    counted = found.counted
    level = words.level(counted.level, outcome.depth)
    classifier = plain(counted.classifier)
    if counted.label is None:
        return words("gate.place", classifier=classifier, level=level)
    return words(
        "gate.place_label", classifier=classifier, level=level, label=path_text(counted.label, words)
    )


def limit_place(limit: Limit, words: Words) -> str:
    """Name what a limit was asked for."""
    return words(f"gate.limit.{limit.kind}", classifier=plain(limit.classifier))


def limit_sentence(limit: Limit, outcome: Outcome, words: Words) -> str:
    """Say whether a limit is kept, with the figures, or what is lacking to tell."""
    if limit.verdict == "undecided":
        lacking = "speed" if limit.kind == "slowdown" else "cost" if limit.now is None else "cost_before"
        return words(f"gate.limit_unknown.{lacking}", place=limit_place(limit, words))
    form = rate if limit.kind == "slowdown" else usd
    conditions = ""
    if limit.classifier in outcome.conditions:
        told = [
            words(
                "gate.condition",
                device=words("word.unknown") if device is None else plain(device),
                concurrency=words("word.unknown") if concurrency is None else concurrency,
            )
            for device, concurrency in outcome.conditions[limit.classifier]
        ]
        conditions = words("gate.conditions", now=told[0], before=told[1])
    return words(
        f"gate.limit_sentence.{limit.kind}",
        place=limit_place(limit, words),
        verdict=words(f"gate.word.{_LIMIT_WORD[limit.verdict]}"),
        now=form(limit.now),
        before=form(limit.before),
        most=usd(limit.most) if limit.kind == "cost_per_1000" else f"{limit.most:g}",
        conditions=conditions,
    )


def obstacle_text(obstacle: Obstacle, words: Words) -> str:
    """Say what stands in the way of "not worse"."""
    name = plain(obstacle.classifier or "")
    return words(f"gate.{obstacle.kind}.{obstacle.side}", classifier=name, rows=count(obstacle.rows))


def notes(outcome: Outcome, words: Words) -> list[str]:
    """Say what was not checked."""
    return [
        words(f"gate.unchecked.{side}", names=words.listed([plain(name) for name in names]))
        for side, names in outcome.unchecked.items()
        if names
    ]


def labels_named(decision: Decision) -> list[Finding]:
    """Return the labels whose loss is worth a look, the surest first."""
    found = [one for one in decision.labels if one.p <= ALPHA or one.verdict == "worse"]
    return sorted(found, key=lambda one: one.p)[:LABELS_NAMED]


def by_kind(outcome: Outcome, words: Words) -> Iterator[tuple[str, list[Flip]]]:
    """Yield title and texts: for every classifier what was lost, then what was won."""
    for classifier in dict.fromkeys(flip.classifier for flip in outcome.flips):
        for kind, lost in (("lost", True), ("won", False)):
            flips = [one for one in outcome.flips if one.classifier == classifier and one.lost is lost]
            if flips:
                yield words(f"gate.{kind}", classifier=plain(classifier), count=count(len(flips))), flips


def flip_line(flip: Flip, outcome: Outcome, words: Words) -> str:
    """Return one text on one line."""
    return words(
        "gate.flip",
        id=plain(flip.id),
        level=words.level(flip.level, outcome.depth),
        before=path_text(flip.before, words),
        now=path_text(flip.now, words),
        gold=path_text(flip.gold, words),
        text=plain(flip.text, EXCERPT),
    )


def path_text(path: tuple[str, ...], words: Words) -> str:
    """Write a path of labels; () is no answer."""
    return plain(" > ".join(path)) if path else words("word.no_answer")


def _findings(findings: Sequence[Finding], outcome: Outcome, words: Words) -> str:
    head = ("what", "verdict", "difference", "interval", "lost", "won", "n", "p")
    rows = [
        (
            place(found, outcome, words),
            words(f"gate.word.{verdict_word(found)}"),
            points(found.counted.difference),
            f"{points(found.interval_90.low)} {DASH} {points(found.interval_90.high)}",
            count(found.counted.lost),
            count(found.counted.won),
            count(found.counted.n),
            p_value(found.p_holm),
        )
        for found in findings
    ]
    return table([words(f"gate.column.{key}") for key in head], rows, texts=2)


def _flips(flips: Sequence[Flip], outcome: Outcome, words: Words) -> str:
    head = ("id", "level", "gold", "before", "now", "text")
    rows = [
        (
            plain(flip.id),
            words.level(flip.level, outcome.depth),
            *(path_text(path, words) for path in (flip.gold, flip.before, flip.now)),
            plain(flip.text, EXCERPT),
        )
        for flip in flips
    ]
    return table([words(f"gate.column.{key}") for key in head], rows, texts=len(head))

"""`harness check`: hold a run against a baseline, tell what was found, and how a pipeline should go on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from harness import baseline, reporting
from harness.answer_file import StoredExamples
from harness.disk import write_text
from harness.matching import Changes, Pair, align, changes_of, find, pair_up
from harness.progress import say
from harness.record import Answered, Record, of_run
from harness.run_folder import open_run
from prompts.errors import ConfigError
from reports.gate import Limit, LimitKind, Obstacle, decide
from reports.gate_junit import junit
from reports.gate_view import Condition, Flip, Outcome, headline, lines, markdown
from reports.wording import Words

EXIT_CODES = {"not_worse": 0, "worse": 1, "undecided": 3}
_STYLES = {"not_worse": "bold green", "worse": "bold red", "undecided": "bold yellow"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asked for; None where it did not.

    Attributes:
        margin: a loss below this does not matter, 0..1; None takes the run's.
        classifier, baseline_classifier: the one pair to check.
        labels: whether labels can fail the gate.
        max_slowdown: times as slow as the baseline.
        max_cost_ratio: times as dear as the baseline.
    """

    margin: float | None = None
    classifier: str | None = None
    baseline_classifier: str | None = None
    labels: bool = False
    max_slowdown: float | None = None
    max_cost_ratio: float | None = None
    max_cost_per_1000_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where to write what was found; None for nowhere."""

    junit: Path | None = None
    markdown: Path | None = None


def write_baseline(path: Path, file: Path, names: Sequence[str], console: Console) -> None:
    """Write a baseline file from a run.

    Args:
        path: the folder of the run.
        file: the file to write.
        names: the classifiers to keep; none for all.

    Raises:
        ConfigError: a classifier is not there or not finished, or the place cannot be written to.
    """
    record = of_run(open_run(path))
    for name in names:
        find(record, name, str(path))
    kept = {name: one for name, one in record.classifiers.items() if not names or name in names}
    baseline.write(replace(record, classifiers=kept), file)
    say(console, f"Wrote {file}: {len(record.ids):,} texts, {', '.join(kept)}")


def run(path: Path, against: Path, asked: Asked, files: Files, console: Console) -> int:
    """Check a run, print and write what was found, and return the exit code.

    Raises:
        ConfigError: a run, a file or an option has to be mended.
        DatasetError: the two have not answered the same apps.
    """
    _check_options(asked)
    _check_files(against, files)
    folder = open_run(path)
    now = of_run(folder)
    before = baseline.read(against)
    settings = reporting.experiment_of(folder).compare
    margin = settings.margin if asked.margin is None else asked.margin
    places = str(path), str(against)
    before = align(now, before, places=places)
    pairs = pair_up(now, before, asked.classifier, asked.baseline_classifier, places=places)
    outcome = _outcome(now, before, pairs, asked, margin, StoredExamples(folder.test))
    words = Words.of(settings.language)
    if files.junit:
        write_text(files.junit, junit(outcome, words), option="--junit")
    if files.markdown:
        write_text(files.markdown, markdown(outcome, words), option="--markdown")
    say(console, headline(outcome, words), _STYLES[outcome.decision.verdict])
    for line in lines(outcome, words):
        say(console, line)
    return EXIT_CODES[outcome.decision.verdict]


def _check_options(asked: Asked) -> None:
    if asked.margin is not None and not 0 < asked.margin < 1:
        raise ConfigError(f"--margin {asked.margin}: expected a share between 0 and 1; 0.02 is 2 points")
    limits = {
        "--max-slowdown": asked.max_slowdown,
        "--max-cost-ratio": asked.max_cost_ratio,
        "--max-cost-per-1000": asked.max_cost_per_1000_usd,
    }
    for option, value in limits.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{option} {value}: expected a number above 0")


def _check_files(against: Path, files: Files) -> None:
    """Make sure that nothing is written over the baseline, and nothing twice to one file."""
    taken = {against.resolve(): "--against"}
    for option, file in (("--junit", files.junit), ("--markdown", files.markdown)):
        if file is not None:
            other = taken.setdefault(file.resolve(), option)
            if other != option:
                raise ConfigError(f"{option} {file}: is the file of {other}, too; name another")


def _outcome(
    now: Record, before: Record, pairs: Sequence[Pair], asked: Asked, margin: float, examples: StoredExamples
) -> Outcome:
    tests = {pair: changes_of(now, before, pair) for pair in pairs if _whole(now, before, pair)}
    decision = decide(
        [test for found in tests.values() for test in found.levels],
        [test for found in tests.values() for test in found.labels],
        margin=margin,
        by_label=asked.labels,
        limits=[limit for pair in pairs for limit in _limits(now, before, pair, asked)],
        obstacles=_obstacles(now, before, pairs),
    )
    checked_now, checked_before = {pair.now for pair in pairs}, {pair.before for pair in pairs}
    named = asked.classifier is not None or asked.baseline_classifier is not None
    return Outcome(
        run=now.run,
        baseline=before.run,
        margin=margin,
        depth=now.depth,
        decision=decision,
        flips=_flips(now, before, tests, examples),
        unchecked={
            "now": [] if named else [name for name in now.judged if name not in checked_now],
            "before": [] if named else [name for name in before.judged if name not in checked_before],
        },
        conditions=_conditions(now, before, pairs),
    )


def _whole(now: Record, before: Record, pair: Pair) -> bool:
    return not (now.classifiers[pair.now].missing or before.classifiers[pair.before].missing)


def _obstacles(now: Record, before: Record, pairs: Sequence[Pair]) -> list[Obstacle]:
    found = []
    if now.leakage:
        found.append(Obstacle(kind="leakage", side="now"))
    if before.leakage:
        found.append(Obstacle(kind="leakage", side="before"))
    for pair in pairs:
        found += _obstacles_of(now.classifiers[pair.now], pair.title, "now")
        found += _obstacles_of(before.classifiers[pair.before], pair.title, "before")
    return found


def _obstacles_of(one: Answered, title: str, side: Literal["now", "before"]) -> Iterator[Obstacle]:
    if one.missing:
        yield Obstacle(kind="missing", classifier=title, side=side, rows=one.missing)
    if one.crippled:
        yield Obstacle(kind="requests_failed", classifier=title, side=side, rows=one.request_failed)


def _limits(now: Record, before: Record, pair: Pair, asked: Asked) -> list[Limit]:
    new, old = now.classifiers[pair.now], before.classifiers[pair.before]
    wanted: list[tuple[LimitKind, float | None, float | None, float | None]] = [
        ("slowdown", asked.max_slowdown, new.items_per_s, old.items_per_s),
        ("cost_ratio", asked.max_cost_ratio, new.per_1000_usd, old.per_1000_usd),
        ("cost_per_1000", asked.max_cost_per_1000_usd, new.per_1000_usd, None),
    ]
    return [
        Limit(classifier=pair.title, kind=kind, most=most, now=value, before=earlier)
        for kind, most, value, earlier in wanted
        if most is not None
    ]


def _conditions(now: Record, before: Record, pairs: Sequence[Pair]) -> dict[str, tuple[Condition, Condition]]:
    found = {}
    for pair in pairs:
        new, old = now.classifiers[pair.now], before.classifiers[pair.before]
        if (new.device, new.concurrency) != (old.device, old.concurrency):
            found[pair.title] = ((new.device, new.concurrency), (old.device, old.concurrency))
    return found


def _flips(
    now: Record, before: Record, tests: Mapping[Pair, Changes], examples: StoredExamples
) -> list[Flip]:
    """Name what flipped, the losses nearest to the root first."""
    wanted = {int(row) for found in tests.values() for row in found.flipped}
    texts = {row: example.text for row, example in enumerate(examples) if row in wanted}
    paths = (*now.nodes, ())  # -1 is no answer
    flips = []
    for pair, found in tests.items():
        answers = now.classifiers[pair.now].answers, before.classifiers[pair.before].answers
        rows = zip(
            *(column.tolist() for column in (found.flipped, found.depth_now, found.depth_before)), strict=True
        )
        flips += [
            Flip(
                classifier=pair.title,
                level=min(depth_now, depth_before) + 1,
                lost=depth_now < depth_before,
                id=now.ids[row],
                text=texts[row],
                gold=paths[now.gold[row]],
                now=paths[answers[0][row]],
                before=paths[answers[1][row]],
            )
            for row, depth_now, depth_before in rows
        ]
    return sorted(flips, key=lambda flip: flip.level)

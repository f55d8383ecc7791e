"""Station 6: the table of all texts, as numbers and strings for the script of the page.

In: the run, its scores and the texts to show. Out: one JSON that fits into a `<script>` element. A large
test set is sampled, first of all from the texts on which the classifiers differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

import numpy as np
from markupsafe import Markup

from classifiers.contract import Scalar
from prompts.characters import in_json
from prompts.taxonomy import Path
from reports.answer_rows import read_answer
from reports.answers import RunData
from reports.arrays import FAILURES, Flags
from reports.samples import LONGEST_TEXT, Sample, ShownAnswer, cut
from reports.wording import Words

MOST_ROWS = 2_000
MOST_BYTES = 2_500_000
SHARE_TELLING = 0.75  # the rest is there to see what the classifiers agree on
LENGTHS = (LONGEST_TEXT, 400, 240, 120)
NO_ANSWER = -1

_UNSAFE = re.compile("[<>&\u2028\u2029]")  # what could end a script element or a line of one


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which texts the table holds.

    Attributes:
        ids: in the order of the test set.
        telling: those that stand there because the classifiers differ (a single one: because it is wrong).
        rows: of the whole test set.
    """

    ids: tuple[str, ...]
    telling: frozenset[str]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Apps:
    """The table of texts.

    Attributes:
        shown: how many texts it holds, `telling` of them because the classifiers differ.
        rows: of the whole test set.
        longest: the characters kept of a text.
        cut: how many texts were cut.
        slices: the values of each categorical column.
        sure: the classifiers that said how sure they were.
        roots: the number and name of each label of level 1 among the true labels.
        json: the content of the script element.
    """

    shown: int
    telling: int
    rows: int
    longest: int
    cut: int
    slices: Mapping[str, tuple[str, ...]]
    sure: tuple[str, ...]
    roots: tuple[tuple[int, str], ...]
    json: Markup


def choose(run: RunData, names: Sequence[str], *, most: int = MOST_ROWS) -> Choice:
    """Choose at most `most` texts, the same ones for the same answers; `names` are the classifiers shown."""
    row_of = {example.id: row for row, example in enumerate(run.test)}
    rows = len(row_of)
    if rows <= most:
        return Choice(ids=tuple(row_of), telling=frozenset(), rows=rows)
    differ = _differ(run, names, row_of)
    telling, others = np.flatnonzero(differ).tolist(), np.flatnonzero(~differ).tolist()
    random = Random(f"apps:{rows}")
    wanted = min(len(telling), max(round(most * SHARE_TELLING), most - len(others)))
    first = set(random.sample(telling, wanted))
    kept = first | set(random.sample(others, most - wanted))
    ids = tuple(id_ for id_, row in row_of.items() if row in kept)
    return Choice(ids=ids, telling=frozenset(id_ for id_ in ids if row_of[id_] in first), rows=rows)


def _differ(run: RunData, names: Sequence[str], row_of: Mapping[str, int]) -> Flags:
    """Return (rows,) whether two classifiers differ; of a single classifier, whether it is wrong."""
    numbers: dict[Path, int] = {}
    answers = []
    for one in run.classifiers:
        if one.name not in names:
            continue
        said = np.full(len(row_of), NO_ANSWER, dtype=np.int32)
        for row in one.predictions:
            if (place := row_of.get(row["id"])) is not None:
                answer = read_answer(row, run.taxonomy)
                said[place] = (
                    numbers.setdefault(answer.path, len(numbers)) if answer.failure is None else NO_ANSWER
                )
        answers.append(said)
    if len(answers) == 1:
        gold = [numbers.setdefault(tuple(example.gold), len(numbers)) for example in run.test]
        answers.append(np.array(gold, dtype=np.int32))
    differ: Flags = np.zeros(len(row_of), dtype=np.bool_)
    for said in answers[1:]:
        differ |= said != answers[0]
    return differ


def describe(
    choice: Choice,
    samples: Mapping[str, Sample],
    scores: Mapping[str, Any],
    names: Sequence[str],
    words: Words,
) -> Apps:
    """Return the table of the chosen texts, each cut as far as it takes for all to fit into `MOST_BYTES`.

    Where they do not fit even so, the table ends early.
    """
    slices = _slices(scores, names)
    chosen = [samples[id_] for id_ in choice.ids]
    for longest in LENGTHS:
        paths: dict[Path, int] = {}
        rows = [_row(sample, names, slices, paths, longest) for sample in chosen]
        ends = list(accumulate(len(_safe(row).encode()) + 1 for row in rows))
        if not ends or ends[-1] <= MOST_BYTES:
            break
    shown = sum(end <= MOST_BYTES for end in ends)
    chosen = chosen[:shown]
    strings: dict[str, int] = {}
    table = {
        "levels": scores["levels"],
        "slices": list(slices),
        "failures": [words.known("failure", kind) for kind in FAILURES],
        "paths": [[strings.setdefault(label, len(strings)) for label in path] for path in paths],
        "labels": list(strings),
        "words": {
            key.removeprefix("apps.js."): text
            for key, text in words.texts.items()
            if key.startswith("apps.js.")
        },
        "rows": rows[:shown],
    }
    roots = dict.fromkeys(sample.gold[0] for sample in chosen)
    return Apps(
        shown=shown,
        telling=sum(sample.id in choice.telling for sample in chosen),
        rows=choice.rows,
        longest=longest,
        cut=sum(sample.characters > longest for sample in chosen),
        slices=slices,
        sure=tuple(
            name
            for name in names
            if any(name in sample.answers and any(sample.answers[name].confidence) for sample in chosen)
        ),
        roots=tuple((strings[label], label) for label in roots),
        json=Markup(_safe(table)),
    )


def _slices(scores: Mapping[str, Any], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = scores["classifiers"][names[0]]["levels"][0]["slices"] if names else []
    return {part["column"]: tuple(part["values"]) for part in found}


def _row(
    sample: Sample,
    names: Sequence[str],
    slices: Mapping[str, tuple[str, ...]],
    paths: dict[Path, int],
    longest: int,
) -> list[Any]:
    """Return id, text, number of the gold path, number of the value of each slice, and the answers."""
    return [
        sample.id,
        cut(sample.text, longest),
        paths.setdefault(sample.gold, len(paths)),
        [_place(sample.meta.get(column), values) for column, values in slices.items()],
        [_answer(sample.answers.get(name), paths, longest) for name in names],
    ]


def _place(value: Scalar, values: tuple[str, ...]) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return values.index(text) if text in values else -1


def _answer(answer: ShownAnswer | None, paths: dict[Path, int], longest: int) -> list[Any] | None:
    """Return path, failure (-1: none), thousandths of confidence per level (-1: none) and raw reply, or None.

    What is absent at the end is left out.
    """
    if answer is None:
        return None
    found: list[Any] = [
        paths.setdefault(answer.path, len(paths)),
        NO_ANSWER if answer.failure is None else FAILURES.index(answer.failure),
        [-1 if share is None else round(1000 * share) for share in answer.confidence],
        answer.raw if answer.raw is None else cut(answer.raw, longest),
    ]
    while found[-1] in (None, [], NO_ANSWER):
        found.pop()
    return found


def _safe(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return in_json(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))

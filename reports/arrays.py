"""Station 5: the answers of a run as arrays of integers.

In: `RunData`. Out: `TestSet` and `ClassifierAnswers`, in which a label is a number and no text is kept, so
that 1,000,000 rows fit.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from classifiers.contract import Failure, Scalar, Usage
from prompts.errors import DatasetError
from prompts.taxonomy import Path, Taxonomy
from reports.answer_rows import read_answer
from reports.answers import ClassifierRun, RunData
from reports.score_arrays import LabelScores, ScoreArrays

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FAILURES: tuple[str, ...] = get_args(Failure)
MISSING, ANSWERED, FIRST_FAILURE = -1, 0, 1  # values of `ClassifierAnswers.status`
NO_LABEL = -1
MOST_VALUES = 10  # a column with more values than this is no category


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A categorical meta column.

    Attributes:
        values: its distinct values as text, sorted.
        codes: (rows,) the index of each row's value, -1 where it has none.
    """

    column: str
    values: tuple[str, ...]
    codes: NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """The test set without its texts.

    Attributes:
        row_of: the row of each id, in the order of the file.
        gold: (rows, levels) the index of each row's label prefix in `Taxonomy.nodes[level]`.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    row_of: dict[str, int]
    gold: Integers
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        return len(self.row_of)


@dataclass(frozen=True, kw_only=True)
class ClassifierAnswers:
    """One classifier's answers, a row for each row of the test set.

    Attributes:
        labels: (rows, levels) the index in `Taxonomy.nodes[level]`, or -1 for no answer at that level.
        status: (rows,) -1 no row at all, 0 answered, else 1 + the index of the failure in `FAILURES`.
        reused: (rows,) whether the answer was taken over from an earlier run.
        latency_s: (rows,) NaN where there is no row.
        cost_usd: (rows,) NaN where the price is unknown.
        superseded_usd: paid for failures that were asked again; what had no price is not in it.
        tokens: calls and tokens, those of superseded failures included, or None where nothing was counted.
        confidence: (rows, levels) the probability given to the label that was answered at this level, NaN
            without an answer, without scores and where they lack that label.
        gold_score: (rows, levels) the probability given to the gold label, 0 where the scores lack it, NaN
            without scores.
        squares: (rows, levels) the sum of the squares of all probabilities of the level, NaN without scores
            and where these do not sum to 1: a Brier score needs all of them.
        label_scores: all probabilities of the deepest level; None where no row has them.
    """

    labels: Integers
    status: NDArray[np.int8]
    reused: Flags
    latency_s: Floats
    cost_usd: Floats
    superseded_usd: float
    tokens: Mapping[str, int] | None
    confidence: NDArray[np.float32]
    gold_score: NDArray[np.float32]
    squares: NDArray[np.float32]
    label_scores: LabelScores | None

    @property
    def asked(self) -> Flags:
        """(rows,) whether the classifier was asked at all."""
        asked: Flags = self.status != MISSING
        return asked


class Nodes:
    """The number of every label path of a taxonomy, level by level."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.depth = taxonomy.depth
        self._codes: dict[Path, tuple[int, ...]] = {(): (NO_LABEL,) * self.depth}
        for level, paths in enumerate(taxonomy.nodes):
            for code, path in enumerate(paths):
                above = self._codes[path[:-1]][:level]
                self._codes[path] = (*above, code, *(NO_LABEL,) * (self.depth - level - 1))

    def code(self, path: Path) -> tuple[int, ...] | None:
        """Return one number per level, -1 below the end of the path; None for a path not in the tree."""
        return self._codes.get(path)


def read_test_set(run: RunData) -> TestSet:
    """Number the gold labels of the test set.

    Raises:
        DatasetError: an id stands twice, or a gold path is not a full path of the taxonomy.
    """
    nodes = Nodes(run.taxonomy)
    row_of: dict[str, int] = {}
    gold: list[tuple[int, ...]] = []
    columns = _Columns()
    for row, example in enumerate(run.test):
        codes = nodes.code(tuple(example.gold))
        if codes is None or len(example.gold) != nodes.depth:
            raise DatasetError(
                f"test set, id {example.id!r}: gold {' > '.join(example.gold)!r} is not a full path of the "
                "labels; score the run with the label file it was made with"
            )
        if example.id in row_of:
            raise DatasetError(f"test set: id {example.id!r} stands twice; give every text an id of its own")
        row_of[example.id] = row
        gold.append(codes)
        columns.add(row, example.meta)
    if not row_of:
        raise DatasetError("the test set is empty: there is nothing to score")
    return TestSet(row_of=row_of, gold=np.array(gold, dtype=np.int32), slices=columns.slices(len(row_of)))


def read_answers(run: RunData, classifier: ClassifierRun, test: TestSet) -> ClassifierAnswers:
    """Number the answers of one classifier; rows of ids that are not in the test set are passed over."""
    nodes = Nodes(run.taxonomy)
    rows = test.rows
    labels = np.full((rows, nodes.depth), NO_LABEL, dtype=np.int32)
    status = np.full(rows, MISSING, dtype=np.int8)
    reused = np.zeros(rows, dtype=np.bool_)
    latency_s = np.full(rows, np.nan)
    cost_usd = np.full(rows, np.nan)
    superseded_usd = 0.0
    scores = ScoreArrays(run.taxonomy, test.gold)
    tokens = dict.fromkeys(_USAGE, 0)
    counted = False
    for prediction in classifier.predictions:
        row = test.row_of.get(prediction["id"])
        if row is None:
            continue
        if not np.isnan(cost_usd[row]):
            superseded_usd += float(cost_usd[row])
        answer = read_answer(prediction, run.taxonomy)
        codes = nodes.code(answer.path) or ()
        status[row] = ANSWERED if answer.failure is None else FIRST_FAILURE + FAILURES.index(answer.failure)
        labels[row] = codes
        scores.put(row, codes, prediction["scores"])
        reused[row] = bool(prediction.get("reused"))
        latency_s[row] = prediction["latency_s"]
        cost = prediction["cost_usd"]
        cost_usd[row] = np.nan if cost is None else cost
        if usage := prediction["usage"]:
            counted = True
            for key in _USAGE:
                tokens[key] += usage.get(key, 0)  # rows of earlier versions lack the later keys
    return ClassifierAnswers(
        labels=labels,
        status=status,
        reused=reused,
        latency_s=latency_s,
        cost_usd=cost_usd,
        superseded_usd=superseded_usd,
        tokens=tokens if counted else None,
        confidence=scores.confidence,
        gold_score=scores.gold_score,
        squares=scores.squares,
        label_scores=scores.labels,
    )


_USAGE = tuple(field.name for field in fields(Usage))


class _Columns:
    """The meta columns that may turn out to be categorical; a column is dropped at its eleventh value."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, int]] = {}
        self._rows: dict[str, array[int]] = {}
        self._dropped: set[str] = set()

    def add(self, row: int, meta: Mapping[str, Scalar]) -> None:
        for column, value in meta.items():
            if column in self._dropped or value is None:
                continue
            values = self._values.setdefault(column, {})
            code = values.setdefault(value if isinstance(value, str) else json.dumps(value), len(values))
            rows = self._rows.setdefault(column, array("b"))
            if code >= MOST_VALUES or isinstance(value, float):
                self._dropped.add(column)
                del self._values[column], self._rows[column]
                continue
            rows.extend([NO_LABEL] * (row - len(rows)))
            rows.append(code)

    def slices(self, rows: int) -> tuple[Slice, ...]:
        """Return the columns with 2 to 10 values, fewer than half as many as there are rows."""
        found = []
        for column in sorted(self._values):
            values = sorted(self._values[column])
            if not 1 < len(values) <= rows / 2:
                continue
            place = np.array(
                [values.index(text) for text in self._values[column]] + [NO_LABEL], dtype=np.int8
            )
            codes = np.full(rows, NO_LABEL, dtype=np.int8)
            codes[: len(self._rows[column])] = self._rows[column]
            found.append(Slice(column=column, values=tuple(values), codes=place[codes]))
        return tuple(found)

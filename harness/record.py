"""The answers of a run as numbers, with what has to be the same before two runs may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from harness import reporting
from harness.run_folder import RunFolder
from prompts.taxonomy import Path
from reports.answers import ClassifierRun, RunData
from reports.arrays import FAILURES, FIRST_FAILURE, NO_LABEL, Integers, TestSet, read_answers, read_test_set
from reports.costs import describe_cost, describe_time
from reports.verdict import MOST_REQUESTS_FAILED

LEAKS = ("leakage", "dev_is_test")  # kinds of findings
REQUEST_FAILED = FIRST_FAILURE + FAILURES.index("request_failed")  # in `ClassifierAnswers.status`
HASH_DIGITS = 16  # 64 bits: a text that was changed keeps its hash once in 10^19


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One classifier's answers and what they took.

    Attributes:
        answers: (rows,) the index in `Record.nodes` of the deepest label answered, -1 for none.
        missing: rows with neither an answer nor a failure.
        request_failed: rows whose requests failed on every attempt.
        items_per_s: of live answers, or None where nothing was measured.
        device, concurrency: under which conditions.
        per_1000_usd: None where the price is unknown.
        further_seed: whether it is one of several trainings of another classifier.
    """

    answers: Integers
    missing: int
    request_failed: int
    items_per_s: float | None
    device: str | None
    concurrency: int | None
    per_1000_usd: float | None
    further_seed: bool = False

    @property
    def crippled(self) -> bool:
        """Whether more requests failed than a report accepts: their answers say little of the classifier."""
        return self.request_failed > MOST_REQUESTS_FAILED * (len(self.answers) - self.missing)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The answers of a run without its texts.

    Attributes:
        run: its name.
        nodes: every label path, level by level, in the order of the tree.
        ids, texts: of each row; a hash stands for the text.
        gold: (rows,) the index in `nodes` of the gold label.
        leakage: whether test texts could be seen before the test.
    """

    run: str
    nodes: tuple[Path, ...]
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    gold: Integers
    classifiers: Mapping[str, Answered]
    leakage: bool

    @property
    def depth(self) -> int:
        """The number of levels."""
        return len(self.nodes[-1])

    @property
    def judged(self) -> list[str]:
        """The classifiers that take part in a comparison: of several trainings the first."""
        return [name for name, one in self.classifiers.items() if not one.further_seed]

    def by_level(self, numbers: Integers) -> Integers:
        """Return (rows, levels): the number of the label at each level, -1 below the end of a path."""
        number = {path: place for place, path in enumerate(self.nodes)}
        prefixes = [[number[path[: n + 1]] for n in range(len(path))] for path in self.nodes]
        table = [row + [NO_LABEL] * (self.depth - len(row)) for row in [*prefixes, []]]
        return np.array(table, dtype=np.int32)[numbers]  # -1 finds the last row

    def reordered(self, rows: Sequence[int], nodes: tuple[Path, ...], renumbered: Integers) -> Record:
        """Return the same answers for `rows` in their order, with the label numbers of `nodes`.

        Args:
            rows: indices into the rows of this record.
            nodes: the same label paths in another order.
            renumbered: (nodes + 1,) the new number of each old one, and last that of no answer.
        """
        return replace(
            self,
            nodes=nodes,
            ids=tuple(self.ids[row] for row in rows),
            texts=tuple(self.texts[row] for row in rows),
            gold=renumbered[self.gold[rows]],
            classifiers={
                name: replace(one, answers=renumbered[one.answers[rows]])
                for name, one in self.classifiers.items()
            },
        )


def of_run(run: RunFolder) -> Record:
    """Take the answers out of a run folder.

    Raises:
        ConfigError: a file of the run is missing or damaged.
        DatasetError: its test set does not fit its labels.
    """
    return _of_data(reporting.load(run))


def _of_data(data: RunData) -> Record:
    test = read_test_set(data)
    ends = np.cumsum([0, *(len(paths) for paths in data.taxonomy.nodes)])[:-1].astype(np.int32)
    return Record(
        run=data.name,
        nodes=tuple(path for paths in data.taxonomy.nodes for path in paths),
        ids=tuple(test.row_of),
        texts=tuple(text_hash(example.text) for example in data.test),
        gold=test.gold[:, -1] + ends[-1],
        classifiers={one.name: _answered(data, one, test, ends) for one in data.classifiers},
        leakage=any(finding["kind"] in LEAKS for finding in data.data.get("findings", ())),
    )


def text_hash(text: str) -> str:
    """Return what stands for a text in a baseline file."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_DIGITS]


def _answered(data: RunData, one: ClassifierRun, test: TestSet, ends: Integers) -> Answered:
    found = read_answers(data, one, test)
    depth = (found.labels != NO_LABEL).sum(axis=1)
    deepest = np.maximum(depth - 1, 0)
    place = found.labels[np.arange(test.rows), deepest] + ends[deepest]
    time = describe_time(one, found)
    cost = describe_cost(
        one,
        found,
        machine_usd_per_hour=data.machine_usd_per_hour,
        machine_price_source=data.machine_price_source,
    )
    return Answered(
        answers=np.where(depth == 0, NO_LABEL, place).astype(np.int32),
        missing=int((~found.asked).sum()),
        request_failed=int((found.status == REQUEST_FAILED).sum()),
        items_per_s=time["items_per_s"],
        device=time["device"],
        concurrency=time["concurrency"],
        per_1000_usd=cost["per_1000_usd"],
        further_seed=one.further_seed_of is not None,
    )

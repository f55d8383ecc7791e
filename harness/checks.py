"""Station 2: what is wrong with the data.

In: the rows of each split, one pass. Out: `Finding`s, or one `DatasetError` that names every bad row.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers.contract import Example
from harness.rows import BadRow, Table
from harness.sameness import fingerprint
from prompts.errors import DatasetError
from prompts.taxonomy import Path as LabelPath
from prompts.taxonomy import Taxonomy

BAD_ROWS_SHOWN = 20
PLACES_SHOWN = 5

Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "leakage",
    "overlap",
    "dev_is_test",
    "train_in_dev",
    "duplicate",
    "conflicting_labels",
    "no_training_example",
    "no_test_example",
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about the data that a reader of the report has to know.

    Attributes:
        severity: an "error" stops a compare unless leakage is allowed.
        kind: what it is, for scripts; "leakage" and "dev_is_test" are the errors.
        message: one line.
        where: the first place, "file:line", or "".
        count: how many rows, or labels, it concerns.
        places: the first few: "file:line", pairs "file:line ~ file:line", or names of labels.
    """

    severity: Severity
    kind: Kind
    message: str
    where: str = ""
    count: int
    places: tuple[str, ...] = ()


class BadRows:
    """Collects bad rows over all files; keeps only the first ones, however many there are."""

    def __init__(self) -> None:
        self.total = 0
        self._shown: list[str] = []

    def add(self, table: Table, bad: BadRow) -> None:
        """Note one bad row of a table."""
        self.total += 1
        if len(self._shown) < BAD_ROWS_SHOWN:
            self._shown.append(f"{table.place(bad.line)}: {bad.why}")

    def raise_if_any(self) -> None:
        """Raise a `DatasetError`: one line for one bad row; a summary and a line each for several."""
        if self.total == 1:
            raise DatasetError(self._shown[0])
        if self.total:
            first = f", the first {BAD_ROWS_SHOWN} of them" if self.total > BAD_ROWS_SHOWN else ""
            raise DatasetError("\n  ".join([f"{self.total:,} bad rows in the data{first}:", *self._shown]))


@dataclass(kw_only=True)
class Scan:
    """What one pass over a split leaves behind: some 30 bytes a row, however long the texts.

    Attributes:
        table: where the rows came from.
        lines: the line of each row.
        texts: the fingerprint of each text.
        ids: a hash of each id, or nothing where ids were generated.
        leaves: the index of each label path in `Taxonomy.leaves`.
    """

    table: Table
    lines: array[int] = field(default_factory=lambda: array("Q"))
    texts: array[int] = field(default_factory=lambda: array("Q"))
    ids: array[int] = field(default_factory=lambda: array("Q"))
    leaves: array[int] = field(default_factory=lambda: array("I"))

    def add(self, line: int, example: Example, *, text_words: list[str], leaf: int, own_id: bool) -> None:
        """Note one row."""
        self.lines.append(line)
        self.texts.append(fingerprint(text_words))
        self.leaves.append(leaf)
        if own_id:
            digest = hashlib.blake2b(example.id.encode(), digest_size=8).digest()
            self.ids.append(int.from_bytes(digest, "little"))

    def place(self, row: int) -> str:
        """Return where the row with this index stands."""
        return self.table.place(self.lines[row])


def repeated_ids(scan: Scan) -> Iterator[BadRow]:
    """Yield a bad row for every id that an earlier row has already."""
    for later, earlier in _repeats(scan.ids).tolist():
        why = f"its id already stands at {scan.place(earlier)}: every id must be unique"
        yield BadRow(scan.lines[later], "repeated_id", why)


def duplicates(scan: Scan) -> list[Finding]:
    """Return what repeats inside a split: the same text, and the same text under different labels."""
    pairs = _repeats(scan.texts)
    leaves = np.frombuffer(scan.leaves, dtype=np.uint32)
    torn = pairs[leaves[pairs[:, 0]] != leaves[pairs[:, 1]]]
    texts = len(np.unique(_values(scan.texts)[torn[:, 0]]))
    name = scan.table.name
    again = f"{len(pairs):,} text(s) of {name} repeat an earlier one (case, width, punctuation aside)"
    unlike = f"{texts:,} text(s) of {name} stand there under different labels: at most one can be right"
    return [
        *_pairs_finding(scan, pairs, kind="duplicate", words=again, count=len(pairs)),
        *_pairs_finding(scan, torn, kind="conflicting_labels", words=unlike, count=texts),
    ]


def _pairs_finding(
    scan: Scan, pairs: npt.NDArray[np.int64], *, kind: Kind, words: str, count: int
) -> Iterator[Finding]:
    first = pairs[:PLACES_SHOWN].tolist()
    if first:
        places = tuple(f"{scan.place(earlier)} ~ {scan.place(later)}" for later, earlier in first)
        yield Finding(
            severity="warning",
            kind=kind,
            message=f"{words}, e.g. {places[0]}",
            where=scan.place(first[0][0]),
            count=count,
            places=places,
        )


def _repeats(keys: array[int]) -> npt.NDArray[np.int64]:
    """Return (row, the last earlier row with the same key), shape (repeats, 2), by row."""
    values = _values(keys)
    order = np.argsort(values, kind="stable")
    later = np.flatnonzero(values[order[1:]] == values[order[:-1]]) + 1
    pairs = np.stack([order[later], order[later - 1]], axis=1)
    return pairs[np.argsort(pairs[:, 0])]


def _values(keys: array[int]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(keys, dtype=np.uint64) if keys else np.empty(0, np.uint64)


def train_in_dev(train: Scan, dev: Scan) -> list[Finding]:
    """Return a finding where dev repeats texts of train: it then cannot tell which epoch learns best."""
    rows = np.flatnonzero(np.isin(_values(dev.texts), _values(train.texts))).tolist()
    if not rows:
        return []
    places = tuple(dev.place(row) for row in rows[:PLACES_SHOWN])
    message = (
        f"{len(rows):,} text(s) of {dev.table.name} also stand in {train.table.name}, e.g. {places[0]}: "
        "a choice made on dev favours what was learned by heart"
    )
    return [
        Finding(
            severity="warning",
            kind="train_in_dev",
            message=message,
            where=places[0],
            count=len(rows),
            places=places,
        )
    ]


def same_texts(left: Scan, right: Scan) -> bool:
    """Say whether two splits are one file, or hold the same texts in any order."""
    if left.table.name == right.table.name:
        return True
    return np.array_equal(np.sort(_values(left.texts)), np.sort(_values(right.texts)))


def unseen_labels(taxonomy: Taxonomy, scan: Scan, *, kind: Kind) -> list[Finding]:
    """Return a finding that names the labels without an example in a split."""
    seen = set(scan.leaves)
    missing: list[LabelPath] = [leaf for index, leaf in enumerate(taxonomy.leaves) if index not in seen]
    if not missing:
        return []
    names = tuple(" > ".join(leaf) for leaf in missing[:PLACES_SHOWN])
    more = f" and {len(missing) - len(names)} more" if len(missing) > len(names) else ""
    training = kind == "no_training_example"
    consequence = "nothing can be learned about them" if training else "nothing is measured about them"
    return [
        Finding(
            severity="warning" if training else "note",
            kind=kind,
            message=f"{len(missing)} of {len(taxonomy.leaves)} label(s) have no example in "
            f"{scan.table.name}, so {consequence}: {', '.join(map(repr, names))}{more}",
            count=len(missing),
            places=names,
        )
    ]

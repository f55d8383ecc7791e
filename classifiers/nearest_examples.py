"""Few-shot examples by likeness: the training examples nearest to each text, by the cosine of their vectors.

In: the training examples, and the texts that will be asked about. Out: for a question about a text its
examples, the nearest one last, so that it stands next to the text. Equal training sets, in any order, give
equal examples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.contract import Example, Scalar
from classifiers.text_vectors import TextVectors
from prompts.taxonomy import Path, Taxonomy

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 2_000_000
"""Cosines held at once: at most 100 MB with all that is made of them."""

STEPS = 1_000_000
"""Cosines are compared in steps of a millionth, so that the rounding of float32 seldom decides."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What was computed for many texts at once.

    Attributes:
        rows: text -> its row in the other two.
        vectors: (texts, dimensions).
        first: the places of the examples for the first question, (texts, count), the nearest last.
    """

    rows: Mapping[str, int]
    vectors: Any
    first: NDArray[np.intp]


class NearestExamples:
    """Finds the `count` examples most like a text; ties go by id.

    Args:
        train: what is shown; never anything else.
        taxonomy: the labels.
        count: how many a question shows, fewer where the label has no more.
        vectors: what likeness means.
    """

    def __init__(
        self, train: Iterable[Example], taxonomy: Taxonomy, *, count: int, vectors: TextVectors
    ) -> None:
        place = {leaf: n for n, leaf in enumerate(taxonomy.leaves)}
        # In the order of the tree, so that what lies below a label is one slice.
        self._train = sorted(train, key=lambda example: (place[example.gold], example.id))
        self._count = count
        self._vectors = vectors
        self._slices: dict[Path, tuple[int, Any]] = {}
        self._known: _Known | None = None

    @cached_property
    def identity(self) -> Mapping[str, Scalar]:
        """How the examples are found, and a hash of all that they are found among."""
        digest = hashlib.sha256()
        for example in sorted(self._train, key=lambda example: example.id):
            digest.update(json.dumps([example.id, example.text, example.gold]).encode() + b"\n")
        return {
            "examples_by": self._vectors.method,
            "examples": self._count,
            "examples_sha256": digest.hexdigest(),
            "examples_base_sha256": self._vectors.base_sha256,
        }

    def fixed(self, path: Path) -> Sequence[Example]:
        """Return (): no example is the same for every text."""
        del path
        return ()

    def look_up(self, texts: Iterable[str]) -> None:
        """Compute together what these texts need, in place of earlier ones.

        Raises:
            ClassifierError: the vectors cannot be made.
        """
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        if not rows:
            self._known = None
            return
        vectors = self._of(list(rows))
        # Only the first question is the same for all texts; the others depend on the answers.
        self._known = _Known(rows=rows, vectors=vectors, first=self._nearest(vectors, ()))

    def near(self, path: Path, text: str) -> Sequence[Example]:
        """Return the examples below `path` for a text, the nearest last.

        Raises:
            ClassifierError: the vectors cannot be made.
        """
        known = self._known
        row = known.rows.get(text) if known else None
        if known is None or row is None:  # a trial call, or a text that says nothing
            found = self._nearest(self._of([text]), path)[0]
        elif path:
            found = self._nearest(known.vectors[row : row + 1], path)[0]
        else:
            found = known.first[row]
        return [self._train[place] for place in found]

    def _of(self, texts: list[str]) -> Any:
        self._columns  # noqa: B018  # the vectors know nothing before the training texts were learned
        return self._vectors.of(texts)

    @cached_property
    def _columns(self) -> Any:
        """The vectors of the training texts, (dimensions, examples), indexed by dimension where sparse."""
        columns = self._vectors.learn([example.text for example in self._train]).T
        return columns if isinstance(columns, np.ndarray) else columns.tocsr()

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        by_id = sorted(range(len(self._train)), key=lambda place: self._train[place].id)
        ranks = np.empty(len(by_id), dtype=np.int64)
        ranks[by_id] = np.arange(len(by_id))
        return ranks

    def _nearest(self, texts: Any, path: Path) -> NDArray[np.intp]:
        """Return where the examples nearest below `path` are, (texts, at most count), the nearest last."""
        start, columns = self._below(path)
        examples, total = columns.shape[1], len(self._train)
        count = min(self._count, examples)
        nearest = np.empty((texts.shape[0], count), dtype=np.intp)
        if count == 0:
            return nearest
        ranks = self._ranks[start : start + examples]
        step = max(1, BLOCK // examples)
        for row in range(0, texts.shape[0], step):
            cosines = texts[row : row + step] @ columns  # (some texts, examples below)
            cosines = cosines if isinstance(cosines, np.ndarray) else cosines.toarray()
            # One whole number that orders by likeness and then by id, so that no two are equal.
            keys = np.rint(cosines * STEPS).astype(np.int64) * total + (total - 1 - ranks)
            top = np.argpartition(keys, examples - count, axis=1)[:, examples - count :]
            order = np.argsort(np.take_along_axis(keys, top, axis=1), axis=1)
            nearest[row : row + step] = start + np.take_along_axis(top, order, axis=1)
        return nearest

    def _below(self, path: Path) -> tuple[int, Any]:
        """Return where the examples below `path` start, and their columns."""
        if path not in self._slices:
            places = [n for n, example in enumerate(self._train) if example.gold[: len(path)] == path]
            start = places[0] if places else 0
            columns = self._columns[:, start : start + len(places)] if path else self._columns
            self._slices[path] = (start, columns)
        return self._slices[path]

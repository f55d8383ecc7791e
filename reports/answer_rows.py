"""What a line of predictions.jsonl means, for everybody who reads one: scores, page, gate and export.

In: the line as a dict. Out: `Answer`, whose path lies in the labels whatever the file holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompts.taxonomy import Path, Taxonomy


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one classifier said to one text.

    Attributes:
        path: labels of the taxonomy from the root; full without a failure, () where none was reached.
        failure: its kind, or None.
        scores: per level a dict display name -> probability, perhaps of fewer levels; None without scores.
    """

    path: Path
    failure: str | None
    scores: Sequence[Mapping[str, float]] | None

    def right(self, gold: Sequence[str]) -> tuple[bool, ...]:
        """Return per level of `path` whether it is the true label, with all levels above it."""
        return tuple(self.path[:k] == tuple(gold[:k]) for k in range(1, len(self.path) + 1))

    def confidence(self, taxonomy: Taxonomy) -> tuple[float | None, ...]:
        """Return per level of `path` the probability given to the answer, or None; () without scores."""
        if self.scores is None:
            return ()
        given = [self.scores[k] if k < len(self.scores) else {} for k in range(len(self.path))]
        return tuple(
            level.get(taxonomy.display_names[self.path[:k]]) for k, level in enumerate(given, start=1)
        )


def read_answer(row: Mapping[str, Any], taxonomy: Taxonomy) -> Answer:
    """Read a line; what is no full path of the labels and no failure is one, `outside_labels`."""
    path, failure = tuple(row["path"]), row["failure"]
    if failure is None and (len(path) != taxonomy.depth or path not in taxonomy.display_names):
        path, failure = (), "outside_labels"  # no classifier may do this, but a file can hold it
    path = path[: taxonomy.depth]
    return Answer(path=path if path in taxonomy.display_names else (), failure=failure, scores=row["scores"])

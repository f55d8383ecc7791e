"""From probabilities of the leaves to an answer: parents by summing, one consistent path.

In: an array of leaf probabilities. Out: per text the path and the scores of every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prompts.taxonomy import Path, Taxonomy

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one text is given.

    Attributes:
        path: a full path of the taxonomy.
        scores: display name -> probability, one dict per level; each sums to 1 and each parent is the sum of
            its children.
    """

    path: Path
    scores: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class LeafScores:
    """Reads leaf probabilities in the order of `taxonomy.leaves`."""

    taxonomy: Taxonomy

    def answers(self, leaf_probabilities: NDArray[np.floating]) -> list[Answer]:
        """Return one answer per row of an array of shape (texts, leaves) whose rows sum to 1."""
        levels = self._levels(leaf_probabilities)
        leaves = self._best(levels)
        rows = [level.tolist() for level in levels]
        return [
            Answer(
                path=self.taxonomy.leaves[leaf],
                scores=tuple(
                    dict(zip(names, level[i], strict=True))
                    for names, level in zip(self._names, rows, strict=True)
                ),
            )
            for i, leaf in enumerate(leaves)
        ]

    def best_leaves(self, leaf_probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the index of the leaf whose path has the most levels right in expectation, per row.

        That is the largest sum of the probabilities along a path. Measured with TF-IDF on the 800 test apps
        of the sample (English), accuracy per level: 0.464 / 0.361 / 0.314; with the best root and the best
        child below it, level by level, 0.478 / 0.354 / 0.300; with the best leaf 0.420 / 0.339 / 0.306.
        """
        return self._best(self._levels(leaf_probabilities))

    def _levels(self, leaf_probabilities: NDArray[np.floating]) -> list[NDArray[np.float64]]:
        # Per level (texts, nodes).
        return [leaf_probabilities.astype(np.float64) @ membership for membership in self._memberships]

    def _best(self, levels: list[NDArray[np.float64]]) -> NDArray[np.intp]:
        pairs = zip(levels, self._memberships, strict=True)
        expected = sum((level @ membership.T for level, membership in pairs), start=np.zeros(1))
        best: NDArray[np.intp] = np.asarray(expected).argmax(axis=1)  # of (texts, leaves)
        return best

    @cached_property
    def _memberships(self) -> list[NDArray[np.float64]]:
        # Per level (leaves, nodes): 1 where the leaf lies at or below the node.
        out = []
        for depth, nodes in enumerate(self.taxonomy.nodes, start=1):
            index = {node: k for k, node in enumerate(nodes)}
            membership = np.zeros((len(self.taxonomy.leaves), len(nodes)))
            for row, leaf in enumerate(self.taxonomy.leaves):
                membership[row, index[leaf[:depth]]] = 1.0
            out.append(membership)
        return out

    @cached_property
    def _names(self) -> list[list[str]]:
        return [[self.taxonomy.display_names[node] for node in nodes] for nodes in self.taxonomy.nodes]

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
        levels = [leaf_probabilities.astype(np.float64) @ membership for membership in self._memberships]
        leaves = self._descend(levels)
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
        """Return the index of each row's leaf: the best root by its sum, then the best child below it, ...

        Taking the best leaf instead answers the last level slightly better and the first slightly worse.
        """
        return self._descend(
            [leaf_probabilities.astype(np.float64) @ membership for membership in self._memberships]
        )

    def _descend(self, levels: list[NDArray[np.float64]]) -> NDArray[np.intp]:
        chosen = np.zeros(len(levels[0]), dtype=np.intp)
        for level, parents in zip(levels, self._parents, strict=True):
            chosen = np.where(parents[None, :] == chosen[:, None], level, -1.0).argmax(axis=1)
        return chosen

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
    def _parents(self) -> list[NDArray[np.intp]]:
        # Per level, the index of each node's parent one level up; the roots hang below a single 0.
        out = [np.zeros(len(self.taxonomy.nodes[0]), dtype=np.intp)]
        for above, nodes in zip(self.taxonomy.nodes, self.taxonomy.nodes[1:], strict=False):
            index = {node: k for k, node in enumerate(above)}
            out.append(np.array([index[node[:-1]] for node in nodes], dtype=np.intp))
        return out

    @cached_property
    def _names(self) -> list[list[str]]:
        return [[self.taxonomy.display_names[node] for node in nodes] for nodes in self.taxonomy.nodes]

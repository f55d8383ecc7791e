"""What the outputs of a trained encoder mean: one softmax over the leaves, or one for each level.

In: logits of shape (texts, outputs). Out: the loss that trains them, and paths with scores. Either way the
model has one classification layer, so its folder is one that transformers loads on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from classifiers.leaf_scores import Answer, LeafScores, Levels
from classifiers.softmaxes import Softmax, mean_cross_entropy, mean_nll
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Heads = Literal["leaves", "levels"]


class Head(Protocol):
    """Reads the outputs of a model; leaves are indices into `taxonomy.leaves`.

    Attributes:
        taxonomy: the labels.
        outputs: a name for each output of the model, for id2label, in their order.
        softmaxes: the probability distributions that the outputs make up.
    """

    @property
    def taxonomy(self) -> Taxonomy: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def softmaxes(self) -> tuple[Softmax, ...]: ...

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        weight: torch.Tensor | None = None,
        smoothing: float = 0.0,
    ) -> torch.Tensor:
        """Return the cross-entropy to minimise, a scalar in float32: the mean over softmaxes and texts.

        Args:
            logits: (texts, outputs), in any precision.
            labels: (texts,), the leaf of each text.
            weight: (leaves,), 1 on average over the training texts: how much a text of that leaf counts. It
                counts as much at every level, so that all levels learn from one distribution of texts. The
                mean is over the texts, not their weights, so that two batches in one step make a larger one.
            smoothing: the share of the target that is spread evenly over a softmax, in 0..1.
        """
        ...

    def nll(
        self, logits: NDArray[np.floating], gold_leaves: NDArray[np.intp], temperature: float = 1.0
    ) -> float:
        """Return the negative log-likelihood of the gold leaves, in nats: the mean over softmaxes and texts.

        Args:
            logits: (texts, outputs), at least one text.
            gold_leaves: (texts,).
            temperature: what the logits are divided by.
        """
        ...

    def best_leaves(self, logits: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the leaf of each text's answer, of shape (texts,); the first in the tree among equals.

        It takes no temperature: how sure an answer is said to be changes no answer.
        """
        ...

    def answers(self, logits: NDArray[np.floating], temperature: float = 1.0) -> list[Answer]:
        """Return one answer per row of `logits`, (texts, outputs); the temperature is in the scores."""
        ...


@dataclass(frozen=True)
class LeafHead:
    """heads = "leaves": one softmax over the leaves, parents by summing; see `Head`."""

    taxonomy: Taxonomy

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The display names of the leaves."""
        return Levels(self.taxonomy).names[-1]

    @cached_property
    def softmaxes(self) -> tuple[Softmax, ...]:
        """One over all outputs."""
        leaves = len(self.taxonomy.leaves)
        return (Softmax(outputs=slice(0, leaves), target_of_leaf=np.arange(leaves)),)

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        weight: torch.Tensor | None = None,
        smoothing: float = 0.0,
    ) -> torch.Tensor:
        """Return the cross-entropy of the leaf; see `Head.loss`."""
        return mean_cross_entropy(self.softmaxes, logits, labels, weight, smoothing)

    def nll(
        self, logits: NDArray[np.floating], gold_leaves: NDArray[np.intp], temperature: float = 1.0
    ) -> float:
        """Return that of the leaf; see `Head.nll`."""
        return mean_nll(self.softmaxes, logits, gold_leaves, temperature)

    def best_leaves(self, logits: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the leaves whose paths have the most levels right in expectation, at temperature 1.

        In a tree the temperature would change which these are, and not for the better. Measured with TF-IDF
        on train and dev of the sample (1,600 apps, 5 folds), accuracy per level: in English 0.439 / 0.334 /
        0.285, at the fitted temperature of 0.28 0.422 / 0.324 / 0.284 with 251 other paths; in Chinese 0.667
        / 0.578 / 0.525, at 0.31 0.641 / 0.554 / 0.514 with 153 others.
        """
        return self._leaf_scores.best_leaves(self.softmaxes[0].probabilities(logits))

    def answers(self, logits: NDArray[np.floating], temperature: float = 1.0) -> list[Answer]:
        """Return paths with scores in which each parent is the sum of its children."""
        probabilities = self.softmaxes[0].probabilities(logits, temperature)
        return self._leaf_scores.answers(probabilities, best=self.best_leaves(logits))

    @cached_property
    def _leaf_scores(self) -> LeafScores:
        return LeafScores(self.taxonomy)


@dataclass(frozen=True)
class LevelHeads:
    """heads = "levels": a linear head for each level on the shared encoder; see `Head`.

    The heads are one layer whose outputs stand level after level, root first. For one level it is the same
    as `LeafHead`.
    """

    taxonomy: Taxonomy

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The display names of all nodes, behind the number of their level: "2: Racing"."""
        if self.taxonomy.depth == 1:
            return self._levels.names[0]
        return tuple(
            f"{depth}: {name}" for depth, names in enumerate(self._levels.names, start=1) for name in names
        )

    @cached_property
    def softmaxes(self) -> tuple[Softmax, ...]:
        """One for each level."""
        out, start = [], 0
        for names, nodes in zip(self._levels.names, self._levels.node_of_leaf, strict=True):
            out.append(Softmax(outputs=slice(start, start + len(names)), target_of_leaf=nodes))
            start += len(names)
        return tuple(out)

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        weight: torch.Tensor | None = None,
        smoothing: float = 0.0,
    ) -> torch.Tensor:
        """Return the mean over the levels of the cross-entropy of the level's node; see `Head.loss`."""
        return mean_cross_entropy(self.softmaxes, logits, labels, weight, smoothing)

    def nll(
        self, logits: NDArray[np.floating], gold_leaves: NDArray[np.intp], temperature: float = 1.0
    ) -> float:
        """Return the mean over the levels of that of the level's node; see `Head.nll`."""
        return mean_nll(self.softmaxes, logits, gold_leaves, temperature)

    def best_leaves(self, logits: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the leaves with the largest sum of the levels' log-probabilities along their paths.

        Measured with TF-IDF and a linear head per level on the 240 dev apps of the sample, accuracy per
        level: in English 0.458 / 0.346 / 0.308, with the largest sum of probabilities 0.446 / 0.329 / 0.292;
        in Chinese 0.679 / 0.600 / 0.517 and 0.667 / 0.583 / 0.500. Over 5 folds of train and dev (1,600 apps)
        0.449 / 0.338 / 0.289 and 0.453 / 0.334 / 0.285; in Chinese 0.667 / 0.569 / 0.512 and 0.656 / 0.552 /
        0.491. A level's logits and log-probabilities differ by the same for all its nodes, so logits do.
        """
        total = np.zeros((len(logits), len(self.taxonomy.leaves)))
        for softmax in self.softmaxes:
            total += softmax.shifted(logits)[:, softmax.target_of_leaf]
        best: NDArray[np.intp] = total.argmax(axis=1)
        return best

    def answers(self, logits: NDArray[np.floating], temperature: float = 1.0) -> list[Answer]:
        """Return paths with scores, each level's softmax: a parent need not be its children's sum."""
        scores = [softmax.probabilities(logits, temperature) for softmax in self.softmaxes]
        return self._levels.answers(self.best_leaves(logits), scores)

    @cached_property
    def _levels(self) -> Levels:
        return Levels(self.taxonomy)


def make_head(heads: Heads, taxonomy: Taxonomy) -> Head:
    """Return the head that the setting `heads` asks for; on one level both are the same."""
    return LevelHeads(taxonomy) if heads == "levels" and taxonomy.depth > 1 else LeafHead(taxonomy)


@dataclass(frozen=True, kw_only=True)
class StoredHead:
    """The head of a stored model.

    Attributes:
        head: reads its outputs.
        order: for each output of the head, which column of the model's logits it is.
    """

    head: Head
    order: list[int]


def head_of(id2label: Mapping[int, str], taxonomy: Taxonomy) -> StoredHead:
    """Recognise the head of a trained model by the names of its outputs.

    Args:
        id2label: of the model's config.
        taxonomy: the labels it should answer with.

    Raises:
        ClassifierError: the outputs are neither the leaves nor the nodes of the taxonomy.
    """
    columns = {str(label): int(i) for i, label in id2label.items()}
    leaf_head, level_heads = LeafHead(taxonomy), LevelHeads(taxonomy)
    for head in (leaf_head, level_heads):
        if set(columns) == set(head.outputs):
            return StoredHead(head=head, order=[columns[name] for name in head.outputs])
    lacking = [name for name in leaf_head.outputs if name not in columns]
    extra = [name for name in columns if name not in set(leaf_head.outputs)]
    raise ClassifierError(
        f"the model was trained on other labels: it lacks {lacking[:3]!r} and has {extra[:3]!r} "
        f"({len(columns)} outputs, expected {len(leaf_head.outputs)} leaves, or {len(level_heads.outputs)} "
        "nodes with heads = 'levels'); train it on this label set"
    )

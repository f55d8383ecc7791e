"""What a training makes small: the head's cross-entropy, weighted and smoothed as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from classifiers.heads import Head
from classifiers.settings import BertSettings

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    """From logits (texts, outputs) and labels (texts,) to the mean over the texts."""


def weighted_loss(settings: BertSettings, head: Head, labels: Sequence[int]) -> Loss:
    """Return the head's loss with the settings' weights and smoothing.

    Args:
        settings: class_weights, label_smoothing.
        head: of the model.
        labels: the leaves of the training examples; balanced weights are counted over them.
    """
    leaves = len(head.taxonomy.leaves)
    weights = balanced_weights(labels, leaves) if settings.class_weights == "balanced" else None

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        import torch

        weight = None if weights is None else torch.as_tensor(weights, device=logits.device)
        return head.loss(logits, labels, weight=weight, smoothing=settings.label_smoothing)

    return loss


def balanced_weights(labels: Sequence[int], leaves: int) -> NDArray[np.float64]:
    """Return a weight per leaf, so that every label that occurs weighs the same in all, 1 on average.

    texts / (labels that occur * texts of this label), after King & Zeng 2001, as scikit-learn has it; 1 for a
    label that does not occur.
    """
    counts = np.bincount(np.asarray(labels), minlength=leaves)
    share = counts * np.count_nonzero(counts) / len(labels)
    return np.divide(1.0, share, out=np.ones(leaves), where=share > 0)

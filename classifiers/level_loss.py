"""What fine-tuning minimises: the gold label's cross-entropy at every level of the taxonomy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from classifiers.leaf_scores import LeafScores

if TYPE_CHECKING:
    import torch


def level_loss(leaf_scores: LeafScores) -> Callable[..., torch.Tensor]:
    """Return the loss for transformers' Trainer: cross-entropy averaged over the levels.

    A parent's probability is the sum of its leaves', so a wrong leaf below the right parent costs less than one
    elsewhere. With one level it is the plain cross-entropy.
    """
    import torch

    ancestors = [torch.from_numpy(level) for level in leaf_scores.ancestors]  # each (leaves,)

    def loss(
        outputs: Mapping[str, torch.Tensor],
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        log_probabilities = outputs["logits"].float().log_softmax(dim=-1)  # (texts, leaves)
        of_levels = [
            log_probabilities.masked_fill(nodes != nodes[labels][:, None], -torch.inf).logsumexp(dim=-1)
            for nodes in (level.to(labels.device) for level in ancestors)
        ]  # each (texts,)
        count = len(labels) if num_items_in_batch is None else num_items_in_batch
        return -torch.stack(of_levels).mean(dim=0).sum() / count

    return loss

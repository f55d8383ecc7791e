"""Softmaxes over the outputs of a model: probabilities, likelihood and loss, whatever the classes stand for.

In: logits of shape (texts, outputs). One softmax reads some of the outputs; a leaf of the taxonomy is one of
its classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax:
    """One probability distribution among the outputs.

    Attributes:
        outputs: the columns of the logits that it reads, its classes.
        target_of_leaf: (leaves,), which of these classes each leaf of the taxonomy belongs to.
    """

    outputs: slice
    target_of_leaf: NDArray[np.intp]

    def shifted(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return its logits less the largest of each row, of shape (texts, classes): no exp overflows."""
        own = logits[:, self.outputs].astype(np.float64)
        return np.asarray(own - own.max(axis=1, keepdims=True))

    def probabilities(self, logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
        """Return the probabilities of the classes, of shape (texts, classes)."""
        exponentials = np.exp(self.shifted(logits) / temperature)
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    def nll(
        self, logits: NDArray[np.floating], gold_leaves: NDArray[np.intp], temperature: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the negative log-likelihood of each text's gold class, of shape (texts,), in nats."""
        scaled = self.shifted(logits) / temperature
        return np.asarray(np.log(np.exp(scaled).sum(axis=1)) - self._of_gold(scaled, gold_leaves))

    def ranks_gold_first(
        self, logits: NDArray[np.floating], gold_leaves: NDArray[np.intp]
    ) -> NDArray[np.bool]:
        """Return whether no class has a larger logit than the gold one, of shape (texts,)."""
        return np.asarray(self._of_gold(self.shifted(logits), gold_leaves) == 0)

    def _of_gold(self, values: NDArray[np.float64], gold_leaves: NDArray[np.intp]) -> NDArray[np.float64]:
        # (texts, classes) -> (texts,)
        return np.take_along_axis(values, self.target_of_leaf[gold_leaves][:, None], axis=1)[:, 0]


def mean_nll(
    softmaxes: Sequence[Softmax],
    logits: NDArray[np.floating],
    gold_leaves: NDArray[np.intp],
    temperature: float,
) -> float:
    """Return the mean over softmaxes and texts of the negative log-likelihood, in nats."""
    return float(np.mean([softmax.nll(logits, gold_leaves, temperature) for softmax in softmaxes]))


def mean_cross_entropy(
    softmaxes: Sequence[Softmax],
    logits: torch.Tensor,
    labels: torch.Tensor,
    weight: torch.Tensor | None,
    smoothing: float,
) -> torch.Tensor:
    """Return the loss that `heads.Head.loss` describes."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = logits.float()  # under autocast they come in bfloat16, which has 3 digits
    losses = torch.zeros(len(labels), device=logits.device)
    for softmax in softmaxes:
        targets = torch.as_tensor(softmax.target_of_leaf, device=logits.device)[labels]
        losses = losses + cross_entropy(
            logits[:, softmax.outputs], targets, reduction="none", label_smoothing=smoothing
        )
    losses = losses / len(softmaxes)
    return losses.mean() if weight is None else (weight.to(losses)[labels] * losses).mean()

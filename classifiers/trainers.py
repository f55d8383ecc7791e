"""What this project wants otherwise of transformers' Trainer: the order of the rows, and a step in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from classifiers.batch_parts import split
from classifiers.row_order import RowOrder, balancing_weights
from classifiers.settings import BertSettings

if TYPE_CHECKING:
    import torch
    from transformers import Trainer, TrainingArguments

    from classifiers.losses import Loss

# oneDNN keeps code and buffers for every shape it meets, and malloc holes of every size: with batches of any
# length the process grew by 4 MB a step (6.6 GB after 8 epochs of 498 texts).
LENGTH_STEP = 16

Row = Mapping[str, Any]
"""One example for the Trainer: `labels`, the index of its leaf, and the lists that the tokenizer gave."""


def row_order(settings: BertSettings, train: list[Row], args: TrainingArguments) -> RowOrder | None:
    """Return the order of the rows, or None where the Trainer's own will do."""
    # The Trainer's own order takes torch's global generator, which runs apart in several processes.
    balanced = settings.sampling == "balanced"
    if not balanced and args.world_size == 1:
        return None
    return RowOrder(
        [len(row["input_ids"]) for row in train],
        weights=balancing_weights([row["labels"] for row in train]) if balanced else None,
        group=settings.batch_size * settings.gradient_accumulation,
        seed=args.seed,
    )


def weighted_by_share(loss: Loss) -> Callable[..., torch.Tensor]:
    """Return the loss as the Trainer wants it: a step may be made of several batches or parts.

    Each counts by its share of the step's texts, here or on several GPUs.
    """

    def weighted(
        outputs: Mapping[str, torch.Tensor], labels: torch.Tensor, num_items_in_batch: torch.Tensor | None
    ) -> torch.Tensor:
        mean = loss(outputs["logits"], labels)
        return mean if num_items_in_batch is None else mean * (len(labels) / num_items_in_batch)

    return weighted


def trainer_class(order: RowOrder | None, *, in_parts: bool) -> type[Trainer]:
    """Return a Trainer that meets its rows in `order`.

    Args:
        order: None for the Trainer's own.
        in_parts: take the gradient of a batch from parts of it, one after the other. The sum is the same but
            for the dropout that is drawn. Several processes would wait for each other at unlike parts.
    """
    import torch
    from transformers import Trainer

    class Ordered(Trainer):  # type: ignore[misc]  # transformers is untyped for mypy
        def _get_train_sampler(self, train_dataset: object = None) -> object:
            return order if order is not None else super()._get_train_sampler(train_dataset)

        def training_step(
            self,
            model: torch.nn.Module,
            inputs: dict[str, torch.Tensor],
            num_items_in_batch: torch.Tensor | int | None = None,
        ) -> torch.Tensor:
            # Without the number of items no part would know its share.
            cut = in_parts and num_items_in_batch is not None
            parts = split(inputs, length_step=LENGTH_STEP) if cut else [inputs]
            step = super().training_step
            return torch.stack([step(model, part, num_items_in_batch) for part in parts]).sum()

    return Ordered

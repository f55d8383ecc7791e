from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from classifiers.leaf_scores import LeafScores
from classifiers.level_loss import level_loss
from prompts.taxonomy import Taxonomy

LOGITS = torch.tensor([[2.0, 0.5, -1.0, 0.0], [-3.0, 1.0, 4.0, 0.25]])
GOLD = torch.tensor([1, 2])


def test_one_level_is_the_plain_cross_entropy() -> None:
    flat = level_loss(LeafScores(Taxonomy.flat("abcd")))
    assert flat({"logits": LOGITS}, GOLD).item() == pytest.approx(cross_entropy(LOGITS, GOLD).item())


def test_a_level_above_counts_the_sum_of_its_leaves() -> None:
    tree = LeafScores(Taxonomy.from_paths([("x", "a"), ("x", "b"), ("y", "c"), ("y", "d")]))
    leaves = LOGITS.softmax(-1).numpy()
    parents = np.stack([leaves[:, :2].sum(1), leaves[:, 2:].sum(1)], axis=1)
    expected = -np.mean(
        [np.log(leaves[0, 1]), np.log(parents[0, 0]), np.log(leaves[1, 2]), np.log(parents[1, 1])]
    )
    assert level_loss(tree)({"logits": LOGITS}, GOLD).item() == pytest.approx(expected, rel=1e-6)


def test_the_count_of_the_whole_step_divides_a_part_of_it() -> None:
    loss = level_loss(LeafScores(Taxonomy.flat("abcd")))
    whole = loss({"logits": LOGITS}, GOLD)
    halves = [loss({"logits": LOGITS[i : i + 1]}, GOLD[i : i + 1], num_items_in_batch=2) for i in range(2)]
    assert sum(halves).item() == pytest.approx(whole.item())


def test_gradients_are_finite_however_sure_the_model_is() -> None:
    tree = LeafScores(Taxonomy.from_paths([("x", "a"), ("x", "b"), ("y", "c"), ("y", "d")]))
    logits = torch.tensor([[100.0, -100.0, 0.0, -200.0]], requires_grad=True)
    level_loss(tree)({"logits": logits}, torch.tensor([3])).backward()
    assert torch.isfinite(logits.grad).all()

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax
from torch.nn.functional import cross_entropy

from classifiers.heads import Head, LeafHead, LevelHeads, head_of, make_head
from classifiers.leaf_scores import LeafScores
from classifiers.transformer_models import load_model, quiet
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import make_encoder

TREE = Taxonomy.from_paths(
    [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "3"), ("b", "x", "1"), ("b", "z", "4")]
)
NODES = 2 + 4 + 5
FLAT = Taxonomy.flat(["a", "b", "c"])
HEADS = [LeafHead(TREE), LevelHeads(TREE)]
ONE_CLASS = Taxonomy.flat(["only"])
ONE_ROOT = Taxonomy.from_paths([("all", "x"), ("all", "y")])
ONLY_CHILDREN = Taxonomy.from_paths([("a", "a", "a"), ("b", "b", "b")])


def logits_for(head: Head, texts: int, seed: int = 5) -> np.ndarray:
    return 3 * np.random.default_rng(seed).standard_normal((texts, len(head.outputs))).astype(np.float32)


def leaf_logits(columns: int) -> st.SearchStrategy[np.ndarray]:
    # In steps, since logits that differ by less than 1e-16 have equal probabilities.
    values = st.integers(-1920, 1920).map(lambda step: step / 64)
    return st.integers(1, 6).flatmap(lambda texts: arrays(np.float32, (texts, columns), elements=values))


def test_the_outputs_of_the_leaves_are_their_display_names() -> None:
    assert LeafHead(TREE).outputs == ("a > x > 1", "2", "3", "b > x > 1", "4")


def test_a_name_on_two_levels_names_two_outputs() -> None:
    tree = Taxonomy.from_paths([("Sports", "Sports", "Golf"), ("Sports", "Racing", "Sports")])
    outputs = LevelHeads(tree).outputs
    assert outputs == ("1: Sports", "2: Sports", "2: Racing", "3: Golf", "3: Sports")
    assert len(set(LevelHeads(TREE).outputs)) == NODES


@pytest.mark.parametrize("head", HEADS)
def test_the_mean_loss_is_the_negative_log_likelihood(head: Head) -> None:
    logits, labels = logits_for(head, 20), np.arange(20) % 5
    loss = head.loss(torch.from_numpy(logits), torch.from_numpy(labels))
    assert loss.item() == pytest.approx(head.nll(logits, labels), rel=1e-6)


def test_the_loss_of_the_levels_is_the_mean_of_their_cross_entropies() -> None:
    logits = torch.from_numpy(logits_for(LevelHeads(TREE), 5))
    levels = [
        (logits[:, :2], [0, 0, 0, 1, 1]),
        (logits[:, 2:6], [0, 0, 1, 2, 3]),
        (logits[:, 6:], [0, 1, 2, 3, 4]),
    ]
    expected = [cross_entropy(own, torch.tensor(nodes), label_smoothing=0.1) for own, nodes in levels]
    loss = LevelHeads(TREE).loss(logits, torch.arange(5), smoothing=0.1)
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_the_loss_of_the_leaves_is_torchs_with_and_without_weights() -> None:
    logits = torch.from_numpy(logits_for(LeafHead(TREE), 8))
    labels, weight = torch.tensor([0, 1, 2, 3, 4, 0, 0, 1]), torch.tensor([0.5, 1.0, 2.0, 4.0, 1.0])
    head = LeafHead(TREE)
    torch.testing.assert_close(
        head.loss(logits, labels, smoothing=0.2), cross_entropy(logits, labels, label_smoothing=0.2)
    )
    weighted = cross_entropy(logits, labels, weight=weight, reduction="none").mean()
    torch.testing.assert_close(head.loss(logits, labels, weight=weight), weighted)


@pytest.mark.parametrize("head", HEADS)
def test_a_leaf_of_weight_two_counts_as_if_its_texts_stood_there_twice(head: Head) -> None:
    logits, labels = torch.from_numpy(logits_for(head, 10)), torch.arange(10) % 5
    twice = torch.cat([torch.arange(10), torch.tensor([1, 6])])  # those of leaf 1
    weight = torch.tensor([1.0, 2.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(
        10 * head.loss(logits, labels, weight=weight, smoothing=0.1),
        12 * head.loss(logits[twice], labels[twice], smoothing=0.1),
    )


@pytest.mark.parametrize("head", HEADS)
def test_two_batches_of_one_step_add_up_to_the_large_one(head: Head) -> None:
    logits, labels = torch.from_numpy(logits_for(head, 10)), torch.arange(10) % 5
    weight = torch.tensor([0.5, 1.0, 2.0, 4.0, 1.0])
    parts = [head.loss(logits[part], labels[part], weight=weight) for part in (slice(0, 7), slice(7, 10))]
    torch.testing.assert_close(0.7 * parts[0] + 0.3 * parts[1], head.loss(logits, labels, weight=weight))


@pytest.mark.parametrize("head", HEADS)
def test_the_loss_of_half_precision_outputs_is_taken_in_float32(head: Head) -> None:
    logits = torch.from_numpy(logits_for(head, 10)).bfloat16().requires_grad_()
    loss = head.loss(logits, torch.arange(10) % 5)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, head.loss(logits.detach().float(), torch.arange(10) % 5))
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


@given(leaf_logits(5), st.floats(0.05, 20))
def test_the_leaf_head_sums_its_softmax_up_as_leaf_scores_do(logits: np.ndarray, temperature: float) -> None:
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    (answers, expected) = LeafHead(TREE).answers(logits, temperature), LeafScores(TREE).answers(probabilities)
    for answer, other in zip(answers, expected, strict=True):
        for level, theirs in zip(answer.scores, other.scores, strict=True):
            assert level == pytest.approx(theirs, abs=1e-12)


def test_the_path_of_the_leaf_head_is_that_of_leaf_scores() -> None:
    logits = logits_for(LeafHead(TREE), 200)
    expected = LeafScores(TREE).best_leaves(softmax(logits.astype(np.float64), axis=1))
    assert LeafHead(TREE).best_leaves(logits).tolist() == expected.tolist()


@given(leaf_logits(NODES), st.floats(0.05, 20))
def test_the_levels_are_decoded_to_the_most_likely_consistent_path(
    logits: np.ndarray, temperature: float
) -> None:
    levels = [
        log_softmax(logits[:, part].astype(np.float64) / temperature, axis=1)
        for part in (slice(0, 2), slice(2, 6), slice(6, 11))
    ]
    for row, answer in enumerate(LevelHeads(TREE).answers(logits, temperature)):

        def likelihood(path: tuple[str, ...], row: int = row) -> float:
            nodes = [TREE.nodes[k].index(path[: k + 1]) for k in range(3)]
            return float(sum(level[row, node] for level, node in zip(levels, nodes, strict=True)))

        assert answer.path in TREE
        assert likelihood(answer.path) >= max(likelihood(leaf) for leaf in TREE.leaves) - 1e-9


@given(st.sampled_from(HEADS), st.integers(0, 10_000), st.floats(0.05, 20))
def test_the_temperature_changes_no_path(head: Head, seed: int, temperature: float) -> None:
    logits = logits_for(head, 20, seed)
    assert [answer.path for answer in head.answers(logits, temperature)] == [
        answer.path for answer in head.answers(logits)
    ]


def test_the_path_of_the_leaves_stays_where_scaled_scores_would_choose_another() -> None:
    # Two fair leaves below one root against one better leaf below the other.
    logits = np.log([[0.3, 0.25, 0.05, 0.4, 1e-9]])
    plain, scaled = (LeafHead(TREE).answers(logits, temperature)[0] for temperature in (1.0, 0.1))
    assert plain.path == scaled.path == ("a", "x", "1")
    assert scaled.scores[0]["b"] > 0.9


def test_scores_of_the_levels_are_their_own_softmaxes() -> None:
    logits = logits_for(LevelHeads(TREE), 3)
    for row, answer in enumerate(LevelHeads(TREE).answers(logits, 2.0)):
        roots, middle, leaves = answer.scores
        assert list(roots.values()) == pytest.approx(softmax(logits[row, :2] / 2))
        assert list(middle.values()) == pytest.approx(softmax(logits[row, 2:6] / 2))
        assert leaves == pytest.approx(
            dict(zip(LeafHead(TREE).outputs, softmax(logits[row, 6:] / 2), strict=True))
        )


@given(leaf_logits(3), st.floats(0.05, 20))
def test_on_one_level_both_heads_are_the_same(logits: np.ndarray, temperature: float) -> None:
    leaves, levels = LeafHead(FLAT), LevelHeads(FLAT)
    gold = np.arange(len(logits)) % 3
    assert leaves.outputs == levels.outputs == ("a", "b", "c")
    assert leaves.answers(logits, temperature) == levels.answers(logits, temperature)
    assert leaves.nll(logits, gold, temperature) == levels.nll(logits, gold, temperature)
    arguments = torch.from_numpy(logits), torch.from_numpy(gold)
    assert leaves.loss(*arguments, smoothing=0.1).item() == levels.loss(*arguments, smoothing=0.1).item()


def test_the_setting_chooses_the_head_where_there_is_a_choice() -> None:
    assert make_head("leaves", TREE) == LeafHead(TREE)
    assert make_head("levels", TREE) == LevelHeads(TREE)
    assert make_head("levels", FLAT) == LeafHead(FLAT)


@pytest.mark.parametrize("head", [LeafHead(ONE_CLASS), LevelHeads(ONE_CLASS)])
def test_one_label_is_certain(head: Head) -> None:
    logits = np.array([[-4.0], [2.5]], dtype=np.float32)
    assert [answer.scores for answer in head.answers(logits)] == [({"only": 1.0},)] * 2
    assert head.nll(logits, np.array([0, 0])) == 0
    assert head.loss(torch.from_numpy(logits), torch.tensor([0, 0])).item() == 0


def test_a_level_of_one_node_is_certain_and_the_others_decide() -> None:
    head = LevelHeads(ONE_ROOT)
    (answer,) = head.answers(np.array([[9.0, 1.0, 2.0]]))
    assert answer.path == ("all", "y")
    assert answer.scores[0] == {"all": 1.0}


def test_levels_of_only_children_vote_together() -> None:
    (answer,) = LevelHeads(ONLY_CHILDREN).answers(np.array([[2.0, 0.0, 0.0, 1.5, 0.0, 1.5]]))
    assert answer.path == ("b", "b", "b")
    (summed,) = LeafHead(ONLY_CHILDREN).answers(np.array([[0.0, 1.0]]))
    assert summed.path == ("b", "b", "b")
    assert summed.scores[0] == summed.scores[1] == summed.scores[2]


@pytest.mark.parametrize(("head", "temperature"), [*product(HEADS, [0.05, 1.0, 20.0])])
def test_huge_logits_give_probabilities_without_overflow(head: Head, temperature: float) -> None:
    logits = np.full((2, len(head.outputs)), -3e38, dtype=np.float32)
    logits[:, -1] = 3e38
    for answer in head.answers(logits, temperature):
        assert answer.path == TREE.leaves[-1]
        assert all(sum(level.values()) == pytest.approx(1) for level in answer.scores)
    assert np.isfinite(head.nll(logits, np.array([0, 4]), temperature))


@pytest.mark.parametrize("head", HEADS)
def test_an_output_of_minus_infinity_has_probability_zero(head: Head) -> None:
    logits = np.zeros((1, len(head.outputs)), dtype=np.float32)
    logits[0, -1] = -np.inf
    (answer,) = head.answers(logits)
    assert answer.scores[-1]["4"] == 0
    assert answer.path != ("b", "z", "4")


def test_among_equals_the_first_in_the_tree_is_the_answer() -> None:
    (answer,) = LevelHeads(TREE).answers(np.zeros((1, NODES)))
    assert answer.path == ("a", "x", "1")
    (answer,) = LeafHead(FLAT).answers(np.zeros((1, 3)))
    assert answer.path == ("a",)


@pytest.mark.parametrize("head", HEADS)
def test_no_texts_get_no_answers(head: Head) -> None:
    assert head.answers(np.zeros((0, len(head.outputs)), dtype=np.float32)) == []


@pytest.mark.parametrize("heads", ["leaves", "levels"])
def test_a_stored_head_is_known_by_its_outputs_in_any_order(heads: str) -> None:
    head = make_head(heads, TREE)  # type: ignore[arg-type]  # a parameter is a plain string
    shuffled = np.random.default_rng(2).permutation(len(head.outputs)).tolist()
    stored = head_of({i: head.outputs[k] for i, k in enumerate(shuffled)}, TREE)
    assert stored.head == head
    assert [shuffled[column] for column in stored.order] == list(range(len(head.outputs)))


def test_a_head_of_other_labels_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(
        ClassifierError, match=r"lacks \['b'\] and has \['z'\] \(3 outputs, expected 3 leaves"
    ):
        head_of({0: "a", 1: "c", 2: "z"}, FLAT)


def test_transformers_loads_a_model_with_a_head_for_each_level_on_its_own(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    head = LevelHeads(TREE)
    model = load_model(make_encoder(tmp_path / "base", ["new", "fast"]), head.outputs)
    with quiet():
        model.save_pretrained(tmp_path / "model")
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.inference_mode():
        logits = loaded(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        torch.testing.assert_close(logits, model.eval()(input_ids=ids).logits)
    stored = head_of(loaded.config.id2label, TREE)
    assert stored.head == head
    (answer,) = stored.head.answers(logits.numpy()[:, stored.order])
    assert answer.path in TREE


def test_a_layer_trained_with_the_loss_of_the_levels_learns_every_level() -> None:
    head, rng = LevelHeads(TREE), np.random.default_rng(4)
    gold = np.arange(100) % 5
    features = torch.from_numpy((np.eye(5)[gold] + 0.1 * rng.standard_normal((100, 5))).astype(np.float32))
    layer = torch.zeros(5, NODES, requires_grad=True)
    optimizer = torch.optim.Adam([layer], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        head.loss(features @ layer, torch.from_numpy(gold)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    logits = (features @ layer).detach().numpy()
    assert (head.best_leaves(logits) == gold).all()
    for level, answers in enumerate(TREE.nodes):
        own = head.softmaxes[level].probabilities(logits).argmax(axis=1)
        assert [answers[k] for k in own] == [TREE.leaves[leaf][: level + 1] for leaf in gold]

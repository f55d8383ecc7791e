from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifiers.leaf_scores import LeafScores, Levels
from prompts.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(
    [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "3"), ("b", "x", "1"), ("b", "z", "4")]
)


@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5))
def test_the_path_has_the_most_levels_right_in_expectation(weights: list[float]) -> None:
    probabilities = np.array([weights]) / sum(weights)
    (answer,) = LeafScores(TREE).answers(probabilities)

    def expected(path: tuple[str, ...]) -> float:
        return sum(
            float(probabilities[0, i])
            for level in range(1, 4)
            for i, leaf in enumerate(TREE.leaves)
            if leaf[:level] == path[:level]
        )

    assert answer.path in TREE
    assert expected(answer.path) >= max(expected(leaf) for leaf in TREE.leaves) - 1e-12


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda weights: sum(weights) > 0.01))
def test_scores_add_up_from_the_leaves_to_the_roots(weights: list[float]) -> None:
    probabilities = np.array([weights]) / sum(weights)
    (answer,) = LeafScores(TREE).answers(probabilities)
    roots, middle, leaves = answer.scores
    assert np.isclose(roots["a"], middle["a > x"] + middle["y"])
    assert np.isclose(middle["a > x"], leaves["a > x > 1"] + leaves["2"])
    assert np.isclose(sum(leaves.values()), 1)


def test_one_level_takes_the_most_probable_label() -> None:
    flat = LeafScores(Taxonomy.flat(["a", "b", "c"]))
    answers = flat.answers(np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]]))
    assert [answer.path for answer in answers] == [("b",), ("a",)]


def test_best_leaves_and_answers_agree() -> None:
    rows = np.random.default_rng(3).dirichlet(np.ones(5), size=50)
    scorer = LeafScores(TREE)
    assert [TREE.leaves[i] for i in scorer.best_leaves(rows)] == [
        answer.path for answer in scorer.answers(rows)
    ]


def test_each_leaf_lies_below_its_nodes() -> None:
    levels = Levels(TREE)
    assert [nodes.tolist() for nodes in levels.node_of_leaf] == [
        [0, 0, 0, 1, 1],
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 4],
    ]
    assert levels.names[1] == ("a > x", "y", "b > x", "z")


def test_an_only_child_has_the_probability_of_its_parent() -> None:
    chain = Taxonomy.from_paths([("a", "a", "a"), ("b", "b", "c")])
    (answer,) = LeafScores(chain).answers(np.array([[0.3, 0.7]]))
    assert answer.path == ("b", "b", "c")
    assert answer.scores == ({"a": 0.3, "b": 0.7}, {"a": 0.3, "b": 0.7}, {"a": 0.3, "c": 0.7})


def test_among_equals_the_first_path_of_the_tree_is_the_answer() -> None:
    (answer,) = LeafScores(Taxonomy.flat(["a", "b"])).answers(np.array([[0.5, 0.5]]))
    assert answer.path == ("a",)


def test_no_texts_get_no_answers() -> None:
    assert LeafScores(TREE).answers(np.zeros((0, 5))) == []

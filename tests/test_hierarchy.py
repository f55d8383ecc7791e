from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from prompts.taxonomy import Taxonomy
from reports.arrays import FAILURES
from reports.scores import score
from tests.simulated_run import FLAT, PATHS, answered, classifier, examples, row, run, three_classifiers


def hierarchy(test, rows):
    return score(run(test, [classifier("llm", rows)]))["classifiers"]["llm"]["hierarchy"]


def with_ancestors(path):
    return [" > ".join(path[: k + 1]) for k in range(len(path))]


@st.composite
def some_answers(draw):
    test = examples(draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=30)))
    rows = []
    for one in test:
        path = draw(st.sampled_from(PATHS))
        reached = draw(st.sampled_from([2, 2, 2, 1, 0]))
        failure = None if reached == 2 else draw(st.sampled_from(FAILURES))
        rows.append(row(one.id, path[:reached], failure=failure))
    return test, rows


@settings(deadline=None, max_examples=200)
@given(some_answers())
def test_precision_recall_and_f1_are_those_of_the_sets_of_ancestors(made):
    test, rows = made
    sets = MultiLabelBinarizer().fit([with_ancestors(path) for path in PATHS])
    gold = sets.transform([with_ancestors(one.gold) for one in test])
    said = sets.transform([with_ancestors(one["path"]) for one in rows])
    expected = precision_recall_fscore_support(gold, said, average="micro", zero_division=np.nan)
    got = hierarchy(test, rows)
    assert got["recall"] == pytest.approx(expected[1], abs=1e-9)
    assert (got["precision"] is None) == bool(np.isnan(expected[0]))
    if got["precision"] is not None:
        assert got["precision"] == pytest.approx(expected[0], abs=1e-9)
        assert got["f1"] == pytest.approx(expected[2], abs=1e-9)
    answered_whole = sum(len(one["path"]) == 2 for one in rows)
    assert (got["consistent"]["n"], got["consistent"]["right"]) == (len(test), answered_whole)
    assert sum(at["wrong"] + at["no_answer"] for at in got["first_wrong"]) == sum(
        tuple(said["path"]) != one.gold for said, one in zip(rows, test, strict=True)
    )


def test_the_level_where_a_path_first_goes_wrong_is_counted_once():
    test = examples([PATHS[0]] * 5)
    rows = [
        row("app-0000", PATHS[0]),
        row("app-0001", PATHS[1]),  # right branch, wrong leaf
        row("app-0002", PATHS[2]),  # wrong from the root
        row("app-0003", PATHS[0][:1], failure="truncated"),  # reached level 1
    ]  # app-0004 was never asked
    got = hierarchy(test, rows)
    assert got["first_wrong"] == [
        {"level": 1, "wrong": 1, "no_answer": 1},
        {"level": 2, "wrong": 1, "no_answer": 1},
    ]
    assert (got["consistent"]["n"], got["consistent"]["right"]) == (5, 3)


def test_a_stored_path_that_is_none_of_the_tree_is_not_consistent():
    test = examples([PATHS[0]])
    got = hierarchy(test, [row("app-0000", ["Action", "Logic"])])
    assert got["consistent"]["right"] == 0
    assert got["first_wrong"][0] == {"level": 1, "wrong": 0, "no_answer": 1}


def test_a_wrong_label_in_the_right_branch_counts_for_more_than_one_in_another():
    test = examples([PATHS[0]] * 10)
    near, far = (hierarchy(test, answered(test, [path] * 10)) for path in (PATHS[1], PATHS[2]))
    assert (near["f1"], far["f1"]) == (0.5, 0.0)


def test_the_interval_holds_f1_and_is_missing_where_every_row_went_alike():
    got = score(three_classifiers())["classifiers"]["llm"]["hierarchy"]
    assert got["f1_interval"][0] < got["f1"] < got["f1_interval"][1]
    test = examples([PATHS[0]] * 10)
    assert hierarchy(test, answered(test, [PATHS[0]] * 10))["f1_interval"] is None


def test_one_level_has_no_hierarchy():
    test = examples(FLAT)
    data = run(test, [classifier("bert", answered(test, FLAT))], taxonomy=Taxonomy.from_paths(FLAT), data={})
    assert score(data)["classifiers"]["bert"]["hierarchy"] is None


def test_a_classifier_that_failed_everywhere_has_no_precision_and_no_f1_above_0():
    test = examples(PATHS)
    got = hierarchy(test, [row(one.id, [], failure="empty") for one in test])
    assert (got["precision"], got["recall"], got["f1"], got["f1_interval"]) == (None, 0.0, 0.0, None)


def test_the_keys_of_the_hierarchy_stand_in_the_readme():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    described = readme.split("**The hierarchy**", 1)[1].split("\n**", 1)[0]
    got = score(three_classifiers())["classifiers"]["llm"]["hierarchy"]
    for key in [*got, *got["first_wrong"][0]]:
        assert f"`{key}`" in described

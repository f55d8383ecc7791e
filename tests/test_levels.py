import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from prompts.taxonomy import Taxonomy
from reports.arrays import TestSet
from reports.levels import describe_level, f1_interval
from reports.scores import score
from tests.simulated_run import PATHS, answered, classifier, examples, row, run, three_classifiers


def described(gold, predicted, labels):
    taxonomy = Taxonomy.flat([f"label {i}" for i in range(labels)])
    gold = np.array(gold, dtype=np.int32)
    test = TestSet(row_of={str(i): i for i in range(len(gold))}, gold=gold[:, None], slices=())
    return describe_level(taxonomy, 0, test, np.array(predicted, dtype=np.int32))


def test_every_figure_lies_in_its_interval():
    for one in score(three_classifiers())["classifiers"].values():
        for level in one["levels"]:
            figures = [(level[key], level[f"{key}_interval"]) for key in ("macro_f1", "weighted_f1")]
            for label in level["labels"].values():
                figures += [(label[key], label[f"{key}_interval"]) for key in ("precision", "recall", "f1")]
            for value, (low, high) in figures:
                assert 0 <= low < value < high <= 1


def test_the_intervals_of_a_label_are_wilsons_with_their_own_n():
    label = described([0] * 9 + [1] * 7, [0] * 6 + [1] * 5 + [0] * 5, 2)["labels"]["label 0"]
    assert (label["support"], label["predicted"]) == (9, 11)
    assert label["recall_interval"] == pytest.approx(proportion_confint(6, 9, method="wilson"))
    assert label["precision_interval"] == pytest.approx(proportion_confint(6, 11, method="wilson"))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_interval_of_f1_is_wilsons_of_the_share_it_is_made_of(hits, missed, wrong):
    found = f1_interval(hits, hits + missed, hits + wrong)
    if hits + missed + wrong == 0:
        assert found is None
        return
    low, high = proportion_confint(hits, hits + missed + wrong, method="wilson")
    assert found is not None
    assert found.low == pytest.approx(2 * low / (1 + low), abs=1e-12)
    assert found.high == pytest.approx(2 * high / (1 + high), abs=1e-12)
    assert found.low <= 2 * hits / (2 * hits + missed + wrong) + 1e-12 <= found.high + 2e-12
    assert found.low < found.high


def test_a_label_that_occurs_nowhere_has_no_figure_and_no_interval():
    label = described([0, 1], [0, 1], 3)["labels"]["label 2"]
    assert (label["support"], label["predicted"]) == (0, 0)
    assert [label[key] for key in ("precision", "recall", "f1")] == [None] * 3
    assert [label[f"{key}_interval"] for key in ("precision", "recall", "f1")] == [None] * 3


@pytest.mark.parametrize("said", [[0, 1, 0, 1], [1, 0, 1, 0], [-1, -1, -1, -1]])
def test_where_every_row_went_alike_the_bootstrap_knows_no_interval_but_wilson_does(said):
    level = described([0, 1, 0, 1], said, 2)
    assert level["macro_f1_interval"] is None
    assert level["weighted_f1_interval"] is None
    low, high = level["labels"]["label 0"]["f1_interval"]
    assert 0 <= low < high <= 1


def test_a_single_row_is_scored():
    level = described([0], [0], 2)
    assert (level["macro_f1"], level["weighted_f1"], level["macro_f1_interval"]) == (1.0, 1.0, None)


def test_failures_that_are_all_there_is_give_0_and_not_nothing():
    test = examples(PATHS)
    failed = [row(one.id, [], failure="refused") for one in test]
    level = score(run(test, [classifier("llm", failed)]))["classifiers"]["llm"]["levels"][0]
    assert (level["macro_f1"], level["weighted_f1"]) == (0.0, 0.0)


def test_the_intervals_are_the_same_every_time_and_for_every_order_of_the_rows():
    rng = np.random.default_rng(1)
    gold, said = rng.integers(0, 4, 300), rng.integers(-1, 4, 300)
    order = rng.permutation(300)
    assert described(gold, said, 4) == described(gold, said, 4) == described(gold[order], said[order], 4)


def test_fewer_rows_give_wider_intervals():
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 4, 4_000)
    said = np.where(rng.random(4_000) < 0.8, gold, rng.integers(0, 4, 4_000))
    few, many = (described(gold[:n], said[:n], 4)["macro_f1_interval"] for n in (200, 4_000))
    assert few[1] - few[0] > 3 * (many[1] - many[0])


def test_a_large_level_is_described_in_well_under_a_second():
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 119, 50_000)
    said = np.where(rng.random(50_000) < 0.5, gold, rng.integers(-1, 119, 50_000))  # nearly all cells occur
    started = time.process_time()
    level = described(gold, said, 119)
    assert time.process_time() - started < 2  # 0.5 s measured; the machine may be busy
    assert level["resamples"] == 400


def test_one_wrong_row_of_many_is_enough_for_an_interval():
    test = examples([PATHS[i % 5] for i in range(100)])
    said = answered(test, [one.gold for one in test])
    said[3] = row("app-0003", PATHS[0])
    level = score(run(test, [classifier("bert", said)]))["classifiers"]["bert"]["levels"][1]
    low, high = level["macro_f1_interval"]
    assert low < level["macro_f1"] <= high <= 1

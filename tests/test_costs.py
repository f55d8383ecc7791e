import math

import numpy as np
import pytest

from reports.answers import Timing
from reports.arrays import read_answers, read_test_set
from reports.costs import describe_cost, describe_time
from tests.simulated_run import PATHS, answered, classifier, examples, row, run

TEST = examples([PATHS[0]] * 4)
LIVE = answered(TEST, [PATHS[0]] * 4)


def time_of(one):
    data = run(TEST, [one])
    return describe_time(one, read_answers(data, one, read_test_set(data)))


def cost_of(one, usd_per_hour=None):
    data = run(TEST, [one])
    answers = read_answers(data, one, read_test_set(data))
    return describe_cost(one, answers, machine_usd_per_hour=usd_per_hour, machine_price_source="a bill")


def timing(**more):
    return Timing(**({"load_s": 1.0, "train_s": None, "answer_s": 2.0, "answered": 4} | more))


def test_items_per_second_are_live_answers_over_live_seconds():
    assert time_of(classifier("bert", LIVE, timing=timing()))["items_per_s"] == 2.0


def test_answers_taken_over_are_not_in_the_latency():
    rows = [one | {"latency_s": 1.0} for one in LIVE[:2]]
    rows += [one | {"latency_s": 99.0, "reused": True} for one in LIVE[2:]]
    time = time_of(classifier("llm", rows, timing=timing(answered=2, reused=2, reused_from="yesterday")))
    assert time["latency_s"] == {"n": 2, "p50": 1.0, "p95": 1.0, "p99": 1.0}


def test_a_run_taken_over_whole_keeps_the_latency_that_was_measured_with_its_time():
    rows = [one | {"reused": True} for one in LIVE]
    whole = timing(reused=4, reused_from="yesterday", measured_in="yesterday")
    assert time_of(classifier("llm", rows, timing=whole))["latency_s"]["n"] == 4


def test_percentiles_are_those_of_numpy():
    rows = [one | {"latency_s": s} for one, s in zip(LIVE, (0.1, 0.4, 0.2, 7.0), strict=True)]
    got = time_of(classifier("llm", rows))["latency_s"]
    assert got["p95"] == pytest.approx(np.percentile([0.1, 0.4, 0.2, 7.0], 95))


def test_without_a_live_answer_speed_and_latency_are_unknown():
    time = time_of(classifier("bert", [], timing=timing(answer_s=0.0, answered=0)))
    assert time["items_per_s"] is None
    assert time["latency_s"] == {"n": 0, "p50": None, "p95": None, "p99": None}


def test_paid_answers_are_summed_up():
    rows = [one | {"cost_usd": 0.002} for one in LIVE]
    cost = cost_of(classifier("llm", rows, kind="llm", facts={"price_source": "price page, 2026-11-01"}), 1.2)
    assert (cost["known"], cost["basis"]) == (True, "tokens")
    assert cost["total_usd"] == pytest.approx(0.008)
    assert cost["per_1000_usd"] == pytest.approx(2.0)
    assert cost["price_source"] == "price page, 2026-11-01"


def test_one_unpriced_answer_makes_the_total_unknown_and_is_counted():
    rows = [one | {"cost_usd": 0.002} for one in LIVE[:3]] + LIVE[3:]
    cost = cost_of(classifier("llm", rows, kind="llm"), 1.2)
    assert (cost["known"], cost["total_usd"], cost["unpriced_answers"]) == (False, None, 1)
    assert cost["priced_usd"] == pytest.approx(0.006)


def test_an_endpoint_without_a_price_is_unknown_and_not_free():
    cost = cost_of(classifier("llm", LIVE, kind="llm"), 1.2)
    assert (cost["known"], cost["total_usd"], cost["unpriced_answers"]) == (False, None, 4)


def test_a_failure_that_was_asked_again_stays_in_the_cost():
    failed = [one | {"failure": "request_failed", "path": [], "cost_usd": 0.005} for one in LIVE[:2]]
    rows = failed + [one | {"cost_usd": 0.002} for one in LIVE]
    cost = cost_of(classifier("llm", rows, kind="llm"))
    assert (cost["known"], cost["unpriced_answers"]) == (True, 0)
    assert cost["total_usd"] == cost["priced_usd"] == cost["spent_usd"] == pytest.approx(0.018)
    assert cost["superseded_usd"] == pytest.approx(0.010)
    assert cost["per_1000_usd"] == pytest.approx(4.5)


def test_a_failure_without_a_price_that_was_asked_again_leaves_the_cost_known():
    failed = [one | {"failure": "request_failed", "path": []} for one in LIVE[:2]]
    cost = cost_of(classifier("llm", failed + [one | {"cost_usd": 0.002} for one in LIVE], kind="llm"))
    assert (cost["known"], cost["superseded_usd"]) == (True, 0.0)
    assert cost["total_usd"] == pytest.approx(0.008)


def test_what_was_taken_over_is_in_the_total_and_not_in_what_the_run_spent():
    rows = [one | {"cost_usd": 0.002, "reused": True} for one in LIVE[:3]] + [LIVE[3] | {"cost_usd": 0.004}]
    cost = cost_of(classifier("llm", rows, kind="llm"))
    assert (cost["total_usd"], cost["spent_usd"]) == (pytest.approx(0.010), pytest.approx(0.004))


def test_what_was_spent_is_unknown_where_a_price_is():
    rows = [one | {"cost_usd": 0.002} for one in LIVE[:3]] + LIVE[3:]
    assert cost_of(classifier("llm", rows, kind="llm"))["spent_usd"] is None
    nothing_priced = cost_of(classifier("llm", LIVE, kind="llm"))
    assert (nothing_priced["spent_usd"], nothing_priced["superseded_usd"]) == (None, None)


def test_tokens_are_those_of_every_row_and_rows_of_earlier_versions_lack_some():
    old = {"calls": 1, "input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 5}
    new = old | {"cache_write_tokens": 30, "reasoning_tokens": 3}
    failed = LIVE[0] | {"failure": "request_failed", "path": [], "usage": new}
    rows = [failed, LIVE[0] | {"usage": old}, LIVE[1] | {"usage": new}, *LIVE[2:]]
    assert cost_of(classifier("llm", rows, kind="llm"))["tokens"] == {
        "calls": 3,
        "input_tokens": 300,
        "cached_input_tokens": 120,
        "output_tokens": 15,
        "cache_write_tokens": 60,
        "reasoning_tokens": 6,
    }


def test_a_free_endpoint_costs_zero_and_that_is_known():
    cost = cost_of(classifier("llm", [one | {"cost_usd": 0.0} for one in LIVE], kind="llm"))
    assert (cost["known"], cost["total_usd"]) == (True, 0.0)


@pytest.mark.parametrize(
    ("kind", "identity"),
    [
        ("bert", {}),
        ("baseline", {}),
        ("llm", {"model": "local:smollm2-135m-instruct"}),
        ("llm", {"model": "local:/m.gguf"}),
    ],
)
def test_what_computes_here_costs_its_share_of_an_hour(kind, identity):
    cost = cost_of(classifier("one", LIVE, kind=kind, identity=identity, timing=timing(train_s=1800.0)), 1.2)
    assert (cost["known"], cost["basis"], cost["price_source"]) == (True, "machine", "a bill")
    assert cost["total_usd"] == pytest.approx(1.2 * 2 / 3600, abs=1e-9)
    assert cost["training_usd"] == pytest.approx(0.6)


def test_without_a_machine_price_local_cost_is_unknown():
    cost = cost_of(classifier("bert", LIVE, timing=timing(train_s=5.0)))
    assert (cost["known"], cost["total_usd"], cost["per_1000_usd"], cost["training_usd"]) == (
        False,
        None,
        None,
        None,
    )


def test_answers_taken_over_cost_what_the_live_ones_cost_each():
    rows = LIVE[:1] + [one | {"reused": True} for one in LIVE[1:]]
    cost = cost_of(classifier("bert", rows, timing=timing(answer_s=1.0, answered=1, reused=3)), 3600.0)
    assert cost["total_usd"] == pytest.approx(4.0)


def test_only_taken_over_answers_without_a_time_have_no_local_cost():
    rows = [one | {"reused": True} for one in LIVE]
    cost = cost_of(classifier("bert", rows, timing=timing(answer_s=0.0, answered=0, reused=4)), 1.0)
    assert cost["known"] is False


def test_a_classifier_that_was_never_asked_has_no_cost():
    for kind in ("bert", "llm"):
        cost = cost_of(classifier("one", [], kind=kind, timing=timing(answer_s=0.0, answered=0)), 1.0)
        assert (cost["known"], cost["per_1000_usd"]) == (False, None)


def test_no_figure_is_ever_nan():
    time = time_of(classifier("bert", [row("app-0000", PATHS[0])], timing=timing(answer_s=0.0)))
    assert not any(isinstance(value, float) and math.isnan(value) for value in time.values())

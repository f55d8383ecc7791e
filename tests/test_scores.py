import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from statsmodels.stats.proportion import proportion_confint

from prompts.taxonomy import Taxonomy
from reports.answers import Timing
from reports.arrays import FAILURES
from reports.scores import score
from tests.simulated_run import FLAT, PATHS, answered, classifier, examples, row, run, three_classifiers

NO_ANSWER = "(none)"


@st.composite
def answered_rows(draw):
    """Gold paths and answers, some of them failures that reached no level, one, or are not there at all."""
    gold = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=40))
    test = examples(gold)
    rows = []
    for one in test:
        path = draw(st.sampled_from(PATHS))
        kind = draw(st.sampled_from(["answer", "answer", "answer", "nothing", "part", "missing"]))
        if kind == "answer":
            rows.append(row(one.id, path))
        elif kind != "missing":
            failure = draw(st.sampled_from(FAILURES))
            rows.append(row(one.id, path[:1] if kind == "part" else [], failure=failure))
    return test, rows


def at_level(test, rows, level):
    """Gold and answers of a level as words, as the reference libraries want them."""
    paths = {one["id"]: tuple(one["path"]) for one in rows}
    gold = [" > ".join(one.gold[:level]) for one in test]
    said = [
        " > ".join(path[:level]) if len(path := paths.get(one.id, ())) >= level else NO_ANSWER for one in test
    ]
    return gold, said


@settings(deadline=None)  # the first example imports statsmodels
@given(answered_rows())
def test_every_figure_equals_the_reference_library(made):
    test, rows = made
    scores = score(run(test, [classifier("bert", rows)]))["classifiers"]["bert"]
    for level in (1, 2):
        got = scores["levels"][level - 1]
        gold, said = at_level(test, rows, level)
        names = [" > ".join(path) for path in Taxonomy.from_paths(PATHS).nodes[level - 1]]

        assert got["accuracy"]["value"] == pytest.approx(accuracy_score(gold, said), abs=1e-9)
        low, high = proportion_confint(got["accuracy"]["right"], len(test), method="wilson")
        assert (got["accuracy"]["low"], got["accuracy"]["high"]) == (
            pytest.approx(low, abs=1e-9),
            pytest.approx(high, abs=1e-9),
        )
        kept = [(g, s) for g, s in zip(gold, said, strict=True) if s != NO_ANSWER]
        assert got["accuracy_answered"]["n"] == len(kept)
        if kept:
            assert got["accuracy_answered"]["value"] == pytest.approx(
                accuracy_score(*zip(*kept, strict=True)), abs=1e-9
            )

        precision, recall, f1, support = precision_recall_fscore_support(
            gold, said, labels=names, zero_division=np.nan
        )
        for i, figures in enumerate(got["labels"].values()):
            assert figures["support"] == support[i]
            for value, expected in (
                (figures["precision"], precision[i]),
                (figures["recall"], recall[i]),
                (figures["f1"], f1[i]),
            ):
                assert (value is None) == bool(np.isnan(expected))
                assert value is None or value == pytest.approx(expected, abs=1e-9)
        occurring = [name for name in names if name in gold or name in said]
        macro = precision_recall_fscore_support(
            gold, said, labels=occurring, average="macro", zero_division=0
        )[2]
        assert got["macro_f1"] == pytest.approx(macro, abs=1e-9)

        shown = list(got["labels"])
        matrix = [
            [got["confusion"].get(g, {}).get(s, 0) for s in shown] + [got["no_answer"].get(g, 0)]
            for g in shown
        ]
        expected = confusion_matrix(gold, said, labels=[*names, NO_ANSWER])[:-1]
        assert matrix == expected.tolist()


@settings(deadline=None)
@given(answered_rows())
def test_every_row_is_answered_failed_or_missing(made):
    test, rows = made
    got = score(run(test, [classifier("bert", rows)]))["classifiers"]["bert"]
    assert got["answered"] + got["failures"]["total"] + got["missing"] == len(test)
    assert sum(got["failures"]["by_kind"].values()) == got["failures"]["total"]


@settings(deadline=None)
@given(answered_rows(), answered_rows())
def test_the_scores_are_plain_json_without_nan(first, second):
    test, rows = first
    data = run(test, [classifier("bert", rows), classifier("llm", second[1], kind="llm")])
    text = json.dumps(score(data), allow_nan=False)
    assert json.loads(text) == score(data)


def without_times(scores):
    if isinstance(scores, dict):
        return {key: without_times(value) for key, value in scores.items() if key not in ("time", "cost")}
    return [without_times(one) for one in scores] if isinstance(scores, list) else scores


def test_equal_input_gives_equal_bytes():
    first, second = (json.dumps(score(three_classifiers()), ensure_ascii=False) for _ in range(2))
    assert first == second


def test_apart_from_time_and_cost_two_runs_with_the_same_answers_are_the_same_bytes():
    def slower(data):
        timing = Timing(load_s=9.0, train_s=77.0, answer_s=55.0, answered=300)
        return replace(
            data,
            name="20270101-000000-games",
            created="2027-01-01T00:00:00+00:00",
            classifiers=[
                replace(
                    one,
                    timing=timing,
                    facts={"device": "a slow one", "concurrency": 3},
                    predictions=[p | {"latency_s": 4.0} for p in one.predictions],
                )
                for one in data.classifiers
            ],
        )

    data = three_classifiers()
    assert score(data) != score(slower(data))
    first, second = (json.dumps(without_times(score(d)), ensure_ascii=False) for d in (data, slower(data)))
    assert first == second


def test_a_failure_that_reached_level_1_counts_there_and_nowhere_deeper():
    test = examples([PATHS[0]])
    got = score(run(test, [classifier("llm", [row("app-0000", ["Action"], failure="unreadable")])]))
    levels = got["classifiers"]["llm"]["levels"]
    assert [level["accuracy"]["value"] for level in levels] == [1.0, 0.0]
    assert [level["accuracy_answered"]["n"] for level in levels] == [1, 0]


@pytest.mark.parametrize("rows", [1, 2, 40])
@pytest.mark.parametrize("right", [True, False])
def test_all_right_and_none_right_have_an_interval_with_a_width(rows, right):
    test = examples([PATHS[0]] * rows)
    said = answered(test, [PATHS[0] if right else PATHS[2]] * rows)
    accuracy = score(run(test, [classifier("bert", said)]))["classifiers"]["bert"]["levels"][0]["accuracy"]
    assert accuracy["value"] == float(right)
    assert 0 <= accuracy["low"] < accuracy["high"] <= 1


def test_a_single_label_can_be_scored():
    test = examples([("Only",)] * 5)
    data = run(
        test, [classifier("bert", answered(test, [("Only",)] * 5))], taxonomy=Taxonomy.flat(["Only"]), data={}
    )
    scores = score(data)
    assert scores["classifiers"]["bert"]["levels"][0]["macro_f1"] == 1.0
    assert scores["floor"] == [{"level": 1, "chance": 1.0, "majority_label": None, "majority_accuracy": None}]


@pytest.mark.parametrize("kind", FAILURES)
def test_a_classifier_that_failed_everywhere_scores_zero_over_all_and_nothing_over_the_answered(kind):
    test = examples(PATHS)
    got = score(run(test, [classifier("llm", [row(one.id, [], failure=kind) for one in test])]))[
        "classifiers"
    ]["llm"]
    assert got["failures"]["by_kind"][kind] == len(test)
    assert got["levels"][0]["accuracy"]["value"] == 0.0
    assert got["levels"][0]["accuracy_answered"] == {
        "n": 0,
        "right": 0,
        "value": None,
        "low": None,
        "high": None,
    }


def test_a_classifier_that_never_answered_is_in_the_scores_all_the_same():
    test = examples(PATHS)
    data = run(test, [classifier("llm", [], error="no endpoint"), classifier("bert", answered(test, PATHS))])
    scores = score(data)
    assert scores["classifiers"]["llm"]["missing"] == len(test)
    (pair,) = scores["pairs"]
    assert (pair["a"], pair["b"], pair["levels"]) == ("llm", "bert", [])
    assert (pair["only_a_asked"], pair["only_b_asked"]) == (0, 5)


def test_a_pair_is_compared_on_the_rows_both_were_asked_and_the_others_are_counted():
    test = examples(PATHS)
    all_right = answered(test, PATHS)
    (pair,) = score(run(test, [classifier("a", all_right[:4]), classifier("b", all_right[1:])]))["pairs"]
    assert (pair["only_a_asked"], pair["only_b_asked"]) == (1, 1)
    assert [level["n"] for level in pair["levels"]] == [3, 3]


def test_the_floor_is_the_majority_of_train_measured_on_test():
    test = examples([PATHS[0], PATHS[0], PATHS[1], PATHS[2]])
    floor = score(run(test, []))["floor"]
    assert [(one["majority_label"], one["majority_accuracy"]) for one in floor] == [
        ("Action", 0.75),
        ("Shooter", 0.5),
    ]
    assert [one["chance"] for one in floor] == [pytest.approx(1 / 3), 0.2]


def test_a_flat_label_set_has_one_level():
    test = examples(FLAT)
    data = run(test, [classifier("bert", answered(test, FLAT))], taxonomy=Taxonomy.from_paths(FLAT), data={})
    assert len(score(data)["classifiers"]["bert"]["levels"]) == 1


def test_slices_divide_the_rows_that_have_a_value():
    scores = score(three_classifiers(300))
    (part,) = scores["classifiers"]["bert"]["levels"][0]["slices"]
    assert part["column"] == "hard"
    assert {value: rate["n"] for value, rate in part["values"].items()} == {"false": 200, "true": 100}
    right = scores["classifiers"]["bert"]["levels"][0]["accuracy"]["right"]
    assert sum(rate["right"] for rate in part["values"].values()) == right


def test_the_sampled_examples_belong_to_their_group():
    data = three_classifiers()
    scores = score(data)
    gold = {one.id: one.gold for one in data.test}
    first = {
        one.name: {p["id"]: p["path"][:1] == list(gold[p["id"]][:1]) for p in one.predictions}
        for one in data.classifiers
    }
    assert {group["group"] for group in scores["examples"]} == {"only_right", "only_wrong", "all_wrong"}
    for group in scores["examples"]:
        assert len(group["ids"]) <= group["rows"]
        for id_ in group["ids"]:
            who = [name for name in first if first[name][id_]]
            if group["group"] == "only_right":
                assert who == [group["classifier"]]
            elif group["group"] == "only_wrong":
                assert group["classifier"] not in who
                assert len(who) == len(first) - 1
            else:
                assert who == []


def test_a_large_test_set_is_scored_without_keeping_its_texts():
    import tracemalloc

    class Endless:
        """So many long texts that keeping them would show."""

        def __iter__(self):
            for i in range(20_000):
                yield replace(template, id=f"app-{i}", text=f"{i} " + "x" * 20_000)

    class Rows:
        def __len__(self):
            return 20_000

        def __iter__(self):
            return (row(f"app-{i}", PATHS[i % 5]) for i in range(20_000))

    template = examples([PATHS[0]])[0]
    data = run([], [classifier("bert", Rows())])
    data = replace(data, test=Endless())
    tracemalloc.start()
    try:
        score(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6, f"{peak / 1e6:.0f} MB at most, the texts alone are 400 MB"

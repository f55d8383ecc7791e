import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from prompts.taxonomy import Taxonomy
from reports.calibration_charts import charts
from reports.levels import rate
from reports.page import render
from reports.reliability import aurc, auroc, calibration_error, equal_mass, equal_width, verdict
from reports.scores import score
from reports.wording import Words
from tests.scored_run import with_wrong_labels
from tests.simulated_run import FLAT, classifier, examples, row, run, three_classifiers

# Few different values give ties, and the ends of bins are among them.
shares = st.one_of(
    st.integers(0, 10).map(lambda n: n / 10),
    st.integers(0, 15).map(lambda n: round(n / 15, 6)),
    st.integers(0, 10**6).map(lambda n: n / 10**6),
)
sure_and_right = st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=120).map(
    lambda rows: (np.array([c for c, _ in rows]), np.array([r for _, r in rows]))
)
ROOTS = [path[0] for path in FLAT]


def flat_run(golds, scored):
    """A flat run whose answers are the likeliest label of the scores given; None gives none."""
    test = examples([(gold,) for gold in golds])
    rows = [
        row(one.id, [max(given, key=given.get)] if given else [ROOTS[0]], scores=[given] if given else None)
        for one, given in zip(test, scored, strict=True)
    ]
    return run(test, [classifier("bert", rows)], taxonomy=Taxonomy.flat(ROOTS), data={})


def level_of(data):
    (level,) = score(data)["classifiers"]["bert"]["calibration"]["levels"]
    return level


@settings(deadline=None, max_examples=200)
@given(sure_and_right)
def test_the_bins_and_the_calibration_error_are_those_of_scikit_learn(made):
    sure, right = made
    for bins, strategy in ((equal_width(sure), "uniform"), (equal_mass(sure), "quantile")):
        true, said = calibration_curve(right, sure, n_bins=15, strategy=strategy)
        found = np.unique(bins)
        assert [sure[bins == one].mean() for one in found] == pytest.approx(said)
        assert [right[bins == one].mean() for one in found] == pytest.approx(true)
        held = np.array([(bins == one).sum() for one in found])
        expected = (held * np.abs(true - said)).sum() / len(sure)
        assert calibration_error(bins, sure, right) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=200)
@given(sure_and_right)
def test_how_often_the_right_answer_is_surer_is_the_area_under_the_roc_curve(made):
    sure, right = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = roc_auc_score(right, sure)
    got = auroc(sure, right)
    assert (got is None) == bool(np.isnan(expected))
    assert got is None or got == pytest.approx(expected)


@settings(deadline=None, max_examples=200)
@given(sure_and_right, st.randoms(use_true_random=False))
def test_the_area_under_the_risk_coverage_curve_is_its_definition_and_no_matter_of_the_order(made, random):
    sure, right = made
    expected = 0.0
    for k in range(1, len(sure) + 1):
        last = np.sort(sure)[::-1][k - 1]  # of those as sure as the k-th, any may be among the k
        above, same = sure > last, sure == last
        wrong = (~right[above]).sum() + (~right[same]).mean() * (k - above.sum())
        expected += wrong / k / len(sure)
    assert aurc(sure, right) == pytest.approx(expected)
    order = list(range(len(sure)))
    random.shuffle(order)
    assert aurc(sure[order], right[order]) == pytest.approx(expected)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(ROOTS), st.tuples(*[st.integers(0, 9)] * 3).filter(any)),
        min_size=1,
        max_size=40,
    )
)
def test_the_brier_score_and_the_log_loss_are_those_of_scikit_learn(made):
    golds = [gold for gold, _ in made]
    given_ = [{name: n / sum(ns) for name, n in zip(ROOTS, ns, strict=True)} for _, ns in made]
    got = level_of(flat_run(golds, given_))
    table = np.array([list(one.values()) for one in given_])
    labels = np.array(ROOTS)
    brier = brier_score_loss(golds, table, labels=labels, scale_by_half=False)
    assert got["brier"] == {"n": len(golds), "value": pytest.approx(brier, abs=1e-6)}
    gold_scores = [max(one[gold], 1e-6) for one, gold in zip(given_, golds, strict=True)]
    assert got["log_loss"]["value"] == pytest.approx(-np.log(gold_scores).mean(), abs=1e-6)
    if table.min() > 1e-6:
        assert got["log_loss"]["value"] == pytest.approx(log_loss(golds, table, labels=labels), abs=1e-6)


@settings(deadline=None, max_examples=100)
@given(sure_and_right)
def test_the_risk_coverage_curve_keeps_what_is_at_least_as_sure(made):
    sure, right = made
    names = [str(n) for n in range(2)]
    test = examples([(names[0] if one else names[1],) for one in right])
    rows = [row(e.id, [names[0]], scores=[{names[0]: p}]) for e, p in zip(test, sure.tolist(), strict=True)]
    curve = level_of(run(test, [classifier("bert", rows)], taxonomy=Taxonomy.flat(names), data={}))[
        "risk_coverage"
    ]
    assert len(curve) <= 50
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["accuracy"] == pytest.approx(right.mean(), abs=1e-9)
    for point in curve:
        kept = sure >= point["at_least"]
        assert point["coverage"] == pytest.approx(kept.mean(), abs=1e-9)
        assert point["accuracy"] == pytest.approx(right[kept].mean(), abs=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 500])
@pytest.mark.parametrize("right", [True, False])
def test_all_right_and_none_right_have_a_calibration_but_nothing_to_tell_apart(rows, right):
    gold = ROOTS[0] if right else ROOTS[1]
    got = level_of(flat_run([gold] * rows, [dict(zip(ROOTS, (0.7, 0.2, 0.1), strict=True))] * rows))
    assert got["auroc"] is None
    assert got["aurc"] == float(not right)
    assert got["ece"] == got["ece_equal_mass"] == pytest.approx(0.3 if right else 0.7)
    assert [(one["accuracy"]["n"], one["confidence"]) for one in got["bins"]] == [(rows, pytest.approx(0.7))]
    assert got["risk_coverage"] == [{"coverage": 1.0, "at_least": 0.7, "accuracy": float(right)}]


def test_the_bins_hold_every_answer_with_a_probability():
    data = with_wrong_labels(rows=400, labels=8, wrong=0, skill={"bert": 2.0}).data
    for level in score(data)["classifiers"]["bert"]["calibration"]["levels"]:
        for bins in (level["bins"], level["bins_equal_mass"]):
            assert sum(one["accuracy"]["n"] for one in bins) == level["n"] == 400
            assert sum(one["accuracy"]["right"] for one in bins) == level["accuracy"]["right"]
            assert all(one["accuracy"]["n"] > 0 for one in bins)
        assert all(20 <= one["accuracy"]["n"] <= 33 for one in level["bins_equal_mass"])


def test_probabilities_that_hold_have_a_small_gap_and_those_that_are_too_sure_a_large_one():
    def last_level(sharpness):
        made = with_wrong_labels(rows=3000, labels=8, wrong=0, skill={"bert": 1.5}, sharpness=sharpness)
        return score(made.data)["classifiers"]["bert"]["calibration"]["levels"][-1]

    honest, boastful = last_level(1.0), last_level(3.0)
    assert honest["ece"] < 0.03 < 0.2 < boastful["ece"]
    assert honest["brier"]["value"] < boastful["brier"]["value"]
    assert honest["accuracy"]["low"] < honest["confidence"] < honest["accuracy"]["high"]


def test_a_classifier_without_probabilities_says_so():
    for one in score(three_classifiers())["classifiers"].values():
        assert one["calibration"] == {"available": False, "reason": "no_scores", "levels": []}


def test_a_classifier_that_never_answered_has_no_calibration_for_want_of_answers():
    test = examples(FLAT)
    data = run(test, [classifier("llm", [])], taxonomy=Taxonomy.flat(ROOTS), data={})
    calibration = score(data)["classifiers"]["llm"]["calibration"]
    assert calibration == {"available": False, "reason": "no_answers", "levels": []}


def test_scores_of_some_labels_alone_give_a_calibration_without_a_brier_score():
    got = level_of(flat_run([ROOTS[0]] * 3, [{ROOTS[0]: 0.6}, {ROOTS[0]: 0.5, ROOTS[1]: 0.1}, None]))
    assert (got["n"], got["unscored"]) == (2, 1)
    assert got["brier"] == got["log_loss"] == {"n": 0, "value": None}
    assert got["ece"] == pytest.approx(0.45)


def test_votes_that_leave_labels_out_have_a_brier_score_as_they_sum_to_one():
    got = level_of(flat_run([ROOTS[0], ROOTS[2]], [{ROOTS[0]: 0.8, ROOTS[1]: 0.2}] * 2))
    assert got["brier"]["value"] == pytest.approx((0.04 + 0.04 + 0.64 + 0.04 + 1) / 2)


def test_the_charts_tell_their_figures_in_words_in_both_languages():
    data = with_wrong_labels(rows=300, labels=8, wrong=0.05, skill={"bert": 2.0, "tfidf": 1.0}).data
    scores = score(data)
    for language in ("en", "zh"):
        drawn = charts(scores, Words.of(language), {"bert": 1, "tfidf": 2})
        assert [one.key for one in drawn] == [
            "reliability-1",
            "risk-coverage-1",
            "reliability-2",
            "risk-coverage-2",
        ]
        for chart in drawn:
            assert all(name in chart.alternative for name in ("bert", "tfidf"))
            for series in chart.series:
                assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in series.points)
    bins = scores["classifiers"]["bert"]["calibration"]["levels"][1]["bins_equal_mass"]
    assert (
        f"where it says {100 * bins[0]['confidence']:.0f}"
        in charts(scores, Words.of("en"), {"bert": 1, "tfidf": 2})[2].alternative
    )


def test_one_classifier_alone_is_drawn_with_its_interval():
    scores = score(with_wrong_labels(rows=300, labels=8, wrong=0, skill={"bert": 2.0}).data)
    line = charts(scores, Words.of("en"), {"bert": 1})[0].series[-1]
    assert len(line.band) == len(line.points)
    assert all(low <= up <= high for (_, up), (_, low, high) in zip(line.points, line.band, strict=True))


@pytest.mark.parametrize(
    ("sharpness", "sentence"),
    [(1.0, "within chance"), (4.0, "too sure of itself"), (0.3, "too cautious")],
)
def test_the_page_says_whether_a_classifier_is_too_sure(sharpness, sentence):
    made = with_wrong_labels(rows=500, labels=8, wrong=0, skill={"bert": 1.5}, sharpness=sharpness)
    assert sentence in render(made.data, score(made.data))


def test_the_page_says_that_nobody_gives_probabilities():
    data = three_classifiers(30)
    assert "No classifier gives probabilities" in render(data, score(data))


def test_the_page_says_nothing_on_a_classifier_that_stopped_half_way():
    made = with_wrong_labels(rows=100, labels=8, wrong=0, skill={"bert": 1.5})
    (one,) = made.data.classifiers
    data = replace(
        made.data, classifiers=[replace(one, predictions=one.predictions[:50], error="the disk is full")]
    )
    html = render(data, score(data))
    assert "have not answered the whole test set" in html
    assert "No classifier gives probabilities" not in html


def of_halves(answers):
    """A flat run; `answers` are how often so many are said with so much, and how many of them are right."""
    golds, scored = [], []
    for n, said, right in answers:
        golds += [ROOTS[0]] * right + [ROOTS[1]] * (n - right)
        scored += [
            {ROOTS[0]: said, ROOTS[1]: round((1 - said) / 2, 6), ROOTS[2]: round((1 - said) / 2, 6)}
        ] * n
    return flat_run(golds, scored)


def test_too_sure_here_and_too_unsure_there_are_right_on_average_only():
    data = of_halves([(200, 0.99, 150), (200, 0.51, 150)])
    level = level_of(data)
    assert (level["confidence"], level["accuracy"]["value"]) == (0.75, 0.75)
    assert level["verdict"] == "fits_on_average"
    html = render(data, score(data))
    assert "right on average, but not answer by answer" in html
    assert "within chance" not in html
    chinese = replace(data, language="zh")
    assert "单个回答的概率不可信" in render(chinese, score(chinese))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([(200, 0.99, 198), (200, 0.51, 102)], "fits"),
        ([(200, 0.99, 160), (200, 0.51, 102)], "too_sure"),
        ([(200, 0.9, 199), (200, 0.51, 130)], "too_unsure"),
        # Two bins leave 0.0125 to each side of each. P(X <= 7) = 0.0132 of 20 at 0.62, P(X <= 6) = 0.0037.
        ([(20, 0.62, 7), (20, 0.63, 16)], "fits"),
        ([(20, 0.62, 6), (20, 0.63, 16)], "fits_on_average"),
        # P(X >= 17) = 0.0300 of 20 at 0.63, P(X >= 18) = 0.0076.
        ([(20, 0.62, 9), (20, 0.63, 17)], "fits"),
        ([(20, 0.62, 9), (20, 0.63, 18)], "fits_on_average"),
        # One wrong of 20 that say 0.999 has a chance of 2 %; the score interval would not forgive it.
        ([(20, 0.999, 19), (60, 0.7, 42), (60, 0.8, 48)], "fits"),
    ],
)
def test_every_bin_has_to_agree_within_chance(answers, expected):
    assert level_of(of_halves(answers))["verdict"] == expected


@pytest.mark.parametrize("rows", [30, 300, 3000])
def test_probabilities_that_hold_are_doubted_by_chance_alone(rows, capsys):
    random = np.random.default_rng(rows)
    doubted = 0
    for _ in range(400):
        sure = random.beta(4, 1, rows).round(6)
        right = random.random(rows) < sure
        full = equal_mass(sure)
        bins = [
            {"confidence": float(sure[place].mean()), "accuracy": rate(right[place])}
            for place in (full == one for one in np.unique(full))
        ]
        doubted += verdict(float(sure.mean()), rate(right), bins) == "fits_on_average"
    with capsys.disabled():
        print(f"\n  {rows} rows that hold: {doubted / 400:.1%} doubted by a bin")
    assert doubted / 400 < 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5

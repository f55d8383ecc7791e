import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from reports import cascade_page
from reports.answers import Timing
from reports.arrays import FAILURES
from reports.page import render
from reports.scores import score
from reports.wording import Words
from reports.wording_cascade import TEXTS
from tests.simulated_run import PATHS, classifier, examples, row, run, three_classifiers
from tests.test_scores import without_times


def made(rows=400, *, second=0.8, informed=True, failures=0, **more):
    """A BERT that knows, or not, where it is wrong, and an LLM without scores that costs ten times as much."""
    random = Random(5)
    test = examples([random.choice(PATHS) for _ in range(rows)])
    sure, said = [], []
    for place, one in enumerate(test):
        confidence = random.betavariate(4, 1)
        wrong = random.choice([path for path in PATHS if path != one.gold])
        path = one.gold if random.random() < (confidence if informed else 0.8) else wrong
        scores = [{path[0]: confidence**0.5}, {path[1]: confidence}]
        sure.append(row(one.id, path, scores=scores))
        if place < failures:
            said.append(row(one.id, [], failure=FAILURES[0], cost_usd=0.001))
        else:
            path = one.gold if random.random() < second else random.choice(PATHS)
            said.append(row(one.id, path, cost_usd=0.001))
    timing = Timing(load_s=1.0, train_s=36.0, answer_s=rows / 100, answered=rows)
    slow = Timing(load_s=1.0, train_s=None, answer_s=rows / 10, answered=rows)
    return run(
        test,
        [
            classifier("llm", said, kind="llm", timing=slow),
            classifier("bert", sure, timing=timing),
        ],
        **({"machine_usd_per_hour": 36.0} | more),
    )


def test_a_cascade_that_is_better_is_recommended_with_its_price_and_time():
    scores = score(made(1000, second=0.85))
    cascade = scores["cascade"]
    choice = cascade["choice"]
    assert (choice["first"], choice["second"], choice["advice"]) == ("bert", "llm", "more_accurate")
    assert 0.1 < choice["share_sent"] < 0.9
    assert [one["name"] for one in choice["against"]] == ["bert", "llm"]
    assert all(one["levels"][-1]["verdict"] == "better" for one in choice["against"])
    # BERT: 0.01 s and $0.0001 a text; the LLM: 0.1 s and $0.001.
    assert choice["cost"]["per_1000_usd"] == pytest.approx(0.1 + choice["share_sent"])
    assert choice["time"]["per_1000_s"] == pytest.approx(10 + 100 * choice["share_sent"])
    assert cascade["sentences"][0].startswith("More accurate together: let bert answer everything")
    assert "of the price of llm alone" in cascade["cost"]["sentence"]
    assert "one classifier after the other" in cascade["time"]["sentence"]


def test_confidence_that_says_nothing_gives_no_recommendation():
    scores = score(made(400, second=0.75, informed=False))
    choice = scores["cascade"]["choice"]
    assert choice["advice"] in ("no_gain", "none_sent", "all_sent")
    assert scores["cascade"]["sentences"][0].startswith("Not worth it")
    assert scores["cascade"]["cost"]["sentence"] is None


def test_a_second_that_is_far_better_is_better_alone():
    choice = score(made(400, second=1.0))["cascade"]["choice"]
    assert choice["advice"] in ("all_sent", "trade_off", "as_accurate")
    assert choice["against"][1]["levels"][-1]["verdict"] != "better"


def test_a_second_that_knows_nothing_is_sent_next_to_nothing_and_not_recommended():
    cascade = score(made(400, second=0.0))["cascade"]
    assert cascade["choice"]["advice"] in ("none_sent", "no_gain")
    assert cascade["choice"]["share_sent"] < 0.1
    assert cascade["sentences"][0].startswith("Not worth it")


def test_without_probabilities_nothing_can_be_sent_on_and_the_page_says_so():
    data = three_classifiers()
    scores = score(data)
    assert {pair["skipped"] for pair in scores["cascade"]["pairs"]} == {"no_scores"}
    assert "it gives no probabilities" in render(data, scores)


def test_too_few_texts_are_not_divided():
    assert {pair["skipped"] for pair in score(made(19))["cascade"]["pairs"]} == {"few_rows"}
    assert {pair["skipped"] for pair in score(made(20))["cascade"]["pairs"]} == {None}


def test_where_the_second_gives_no_answer_the_first_ones_stays():
    scores = score(made(400, failures=100))
    (pair,) = scores["cascade"]["pairs"]
    assert pair["kept_first"] == 100
    everything = pair["curve"][-1]["levels"][-1]["accuracy"]["right"]
    alone = scores["classifiers"]["llm"]["levels"][-1]["accuracy"]["right"]
    of_bert = made(400, failures=100).classifiers[1].predictions[:100]
    gold = [one.gold for one in made(400, failures=100).test][:100]
    rescued = sum(tuple(one["path"]) == path for one, path in zip(of_bert, gold, strict=True))
    assert everything == alone + rescued
    assert any("In 100 texts llm gave no answer" in one for one in scores["cascade"]["sentences"])


def test_the_ends_of_the_curve_are_the_single_systems_at_every_level():
    scores = score(made())
    (pair,) = scores["cascade"]["pairs"]
    for point, name in ((pair["curve"][0], "bert"), (pair["curve"][-1], "llm")):
        alone = [level["accuracy"] for level in scores["classifiers"][name]["levels"]]
        assert [level["accuracy"] for level in point["levels"]] == alone
    assert (pair["curve"][0]["share_sent"], pair["curve"][-1]["share_sent"]) == (0, 1)
    assert (pair["curve"][0]["threshold"], pair["curve"][-1]["threshold"]) == (None, None)


def test_an_invalid_comparison_recommends_nothing():
    data = made()
    leak = {"severity": "error", "kind": "leakage", "message": "m", "where": "w", "count": 1}
    scores = score(replace(data, data={**data.data, "findings": [leak]}))
    assert scores["cascade"]["choice"]["advice"] == "invalid"
    assert scores["cascade"]["sentences"][0] == "No recommendation: this comparison is not valid."


def test_apart_from_time_and_cost_equal_answers_give_equal_bytes():
    data = made()
    slower = replace(
        data,
        machine_usd_per_hour=None,
        classifiers=[
            replace(
                one,
                timing=replace(one.timing, answer_s=99.0),
                predictions=[p | {"cost_usd": None, "latency_s": 5.0} for p in one.predictions],
            )
            for one in data.classifiers
        ],
    )
    first, second = (json.dumps(without_times(score(one)["cascade"])) for one in (data, slower))
    assert first == second


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("usd_per_hour", [None, 36.0])
@pytest.mark.parametrize(("second", "informed"), [(0.85, True), (0.8, False), (1.0, True), (0.3, True)])
def test_the_section_is_whole_in_both_languages(language, usd_per_hour, second, informed):
    data = made(300, second=second, informed=informed, language=language, machine_usd_per_hour=usd_per_hour)
    scores = score(data)
    json.dumps(scores, allow_nan=False)
    html = render(data, scores)
    assert 'id="cascade"' in html
    assert "{" not in "".join(scores["cascade"]["sentences"])
    for chart in cascade_page.charts(scores, Words.of(language), {"bert": 1, "llm": 2}):
        curve, *alone, chosen = chart.series
        assert [line.form for line in alone] == ["dashed", "dashed"]
        assert curve.points[0] == alone[0].points[0]
        assert curve.points[-1][1] == alone[1].points[1][1]
        assert chosen.points[0][0] == scores["cascade"]["choice"]["share_sent"]


def test_every_advice_has_its_words():
    keys = {key.removeprefix("cascade.advice.") for key in TEXTS if key.startswith("cascade.advice.")}
    assert keys == {
        *("more_accurate", "as_accurate", "undecided", "trade_off"),
        *("no_gain", "none_sent", "all_sent", "invalid"),
    }
    assert all(f"cascade.{key}" in TEXTS for key in keys)


@pytest.mark.parametrize(
    ("value", "written"), [(None, "–"), (0.5, "0.50"), (0.996, "0.996"), (0.99996, "0.99996")]
)
def test_a_threshold_just_below_1_is_not_written_as_1(value, written):
    assert cascade_page.threshold(value) == written


def test_every_key_is_documented():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+)`", readme.split("\n## scores.json\n")[1]))
    cascade = score(made())["cascade"]
    (pair,) = cascade["pairs"]
    (against, *_) = pair["against"]
    for part in (cascade, pair, cascade["choice"], pair["curve"][0], against, against["levels"][0]):
        assert set(part) - named == set()

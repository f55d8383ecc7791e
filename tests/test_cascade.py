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
        *("no_gain", "none_sent", "all_sent", "fallback", "invalid"),
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


def by_hand(rows=100, *, margin=0.02, better=6, worse=3):
    """Half are unsure, and there only the LLM is right, at three times the price of a sure text.

    Of the sure half, BERT alone is right on `better`, the LLM alone on `worse`, both on the rest.
    """
    test = examples([PATHS[place % len(PATHS)] for place in range(rows)])
    wrong = {path: PATHS[(place + 1) % len(PATHS)] for place, path in enumerate(PATHS)}
    sure, said = [], []
    for place, one in enumerate(test):
        unsure = place < rows // 2
        of_llm, of_bert = place - rows // 2 in range(better), place >= rows - worse
        path = wrong[one.gold] if unsure or of_bert else one.gold
        sure.append(row(one.id, path, scores=[{path[0]: 0.95}, {path[1]: 0.2 if unsure else 0.9}]))
        path = wrong[one.gold] if not unsure and of_llm else one.gold
        said.append(row(one.id, path, cost_usd=0.003 if unsure else 0.001))
    fast = Timing(load_s=1.0, train_s=None, answer_s=rows / 100, answered=rows)
    slow = Timing(load_s=1.0, train_s=None, answer_s=rows / 10, answered=rows)
    return run(
        test,
        [classifier("bert", sure, timing=fast), classifier("llm", said, kind="llm", timing=slow)],
        machine_usd_per_hour=36.0,
        margin=margin,
    )


def test_what_is_sent_costs_its_own_price_and_takes_its_share_of_the_time():
    choice = score(by_hand())["cascade"]["choice"]
    assert (choice["sent"], choice["share_sent"]) == (50, 0.5)
    # BERT: $0.10 and 10 s per 1,000. The 50 sent cost $0.15 of the LLM's $0.20, and half of its 100 s.
    assert choice["cost"]["per_1000_usd"] == pytest.approx(0.1 + 1.5)
    assert choice["time"]["per_1000_s"] == pytest.approx(10 + 50)


@pytest.mark.parametrize(
    ("margin", "not_worse", "advice"),
    [(0.01, False, "undecided"), (0.025, True, "as_accurate"), (0.04, True, "as_accurate")],
)
def test_as_accurate_takes_the_lower_end_of_the_90_percent_interval(margin, not_worse, advice):
    # 6 texts for the pair and 3 against it in 100: +3 points. Tango's statistic at a loss of 1, 2.5 and 4 points is
    # 1.31, 1.73 and 2.10, so the 90 % interval (1.645) ends between the first two, the 95 % one (1.96) beyond.
    choice = score(by_hand(margin=margin))["cascade"]["choice"]
    against = choice["against"][1]["levels"][-1]
    assert (against["difference"], against["not_worse"]) == (0.03, not_worse)
    assert choice["advice"] == advice


def three(*, big_usd, big=0.94):
    """A small LLM with probabilities, a middling one right where that is unsure, and one right nearly always."""
    random = Random(3)
    test = examples([random.choice(PATHS) for _ in range(800)])
    said = {"small": [], "mid": [], "big": []}
    for one in test:
        wrong = random.choice([path for path in PATHS if path != one.gold])
        hard = random.random() < 0.5
        sure = (0.6 if hard else 0.97) - random.random() * 0.05
        path = one.gold if random.random() < sure else wrong
        scores = [{path[0]: sure}, {path[1]: sure}]
        said["small"].append(row(one.id, path, scores=scores, cost_usd=0.0006))
        path = one.gold if random.random() < (0.97 if hard else 0.75) else wrong
        said["mid"].append(row(one.id, path, cost_usd=0.001))
        path = one.gold if random.random() < big else wrong
        said["big"].append(row(one.id, path, cost_usd=big_usd))
    return run(test, [classifier(name, rows, kind="llm") for name, rows in said.items()])


def test_the_price_is_judged_against_whoever_is_as_accurate_not_against_the_second():
    scores = score(three(big_usd=0.02))
    choice = scores["cascade"]["choice"]
    verdicts = {one["name"]: one["levels"][-1]["verdict"] for one in choice["against"]}
    assert (choice["first"], choice["second"]) == ("small", "mid")
    assert (choice["advice"], verdicts) == (
        "as_accurate",
        {"small": "better", "mid": "better", "big": "undecided"},
    )
    assert choice["cost"]["per_1000_usd"] > scores["classifiers"]["mid"]["cost"]["per_1000_usd"]
    sentence = scores["cascade"]["cost"]["sentence"]
    assert "against $0.60 with small alone, $1.00 with mid alone and $20.00 with big alone." in sentence
    assert sentence.endswith("That saves 95\N{NO-BREAK SPACE}% of the price of big alone.")
    assert "worth" not in sentence
    assert score(replace(three(big_usd=0.02), language="zh"))["cascade"]["cost"]["sentence"].endswith(
        "比单独使用 big 省 95\N{NO-BREAK SPACE}%。"
    )


def test_a_pair_is_not_worth_its_price_where_the_best_alone_costs_no_more():
    sentence = score(three(big_usd=0.001))["cascade"]["cost"]["sentence"]
    assert sentence.endswith("So it is not worth its price: big alone costs no more.")


def test_a_saving_that_the_prices_as_written_do_not_show_is_none():
    both = score(three(big_usd=0.02))["cascade"]["choice"]["cost"]["per_1000_usd"] / 1000
    sentence = score(three(big_usd=both * 1.0001))["cascade"]["cost"]["sentence"]
    assert sentence.endswith("So it is not worth its price: big alone costs no more.")


def test_an_unknown_price_of_a_third_claims_nothing_saved():
    sentence = score(three(big_usd=None))["cascade"]["cost"]["sentence"]
    assert sentence.endswith("$1.00 with mid alone and unknown with big alone.")


def test_a_pair_that_beats_all_at_a_price_is_paid_for():
    scores = score(three(big_usd=0.001, big=0.9))
    assert scores["cascade"]["choice"]["advice"] == "more_accurate"
    assert "paid for: big alone costs no more" in scores["cascade"]["cost"]["sentence"]


def failing(failures, rows=600):
    """A weak BERT, and an LLM that is nearly always right where it answers."""
    random = Random(4)
    test = examples([random.choice(PATHS) for _ in range(rows)])
    sure, said = [], []
    for place, one in enumerate(test):
        wrong = random.choice([path for path in PATHS if path != one.gold])
        path = one.gold if random.random() < 0.6 else wrong
        confidence = random.uniform(0.5, 0.9)
        sure.append(row(one.id, path, scores=[{path[0]: confidence}, {path[1]: confidence}]))
        path = one.gold if random.random() < 0.99 else wrong
        failed = place < failures
        more = {"failure": FAILURES[0]} if failed else {}
        said.append(row(one.id, [] if failed else path, cost_usd=0.001, **more))
    return run(test, [classifier("bert", sure), classifier("llm", said, kind="llm")])


def test_a_first_that_fills_in_where_the_second_gives_no_answer_is_a_fallback():
    scores = score(failing(60))
    choice = scores["cascade"]["choice"]
    assert (choice["share_sent"], choice["advice"]) == (1, "fallback")
    assert choice["against"][1]["levels"][-1]["verdict"] == "better"
    assert scores["cascade"]["sentences"][0].startswith(
        "As a fallback: let llm answer everything and use bert only in the 60 texts where llm gives no answer."
    )


def test_without_failures_to_fill_in_the_second_alone_is_enough():
    scores = score(failing(0))
    assert scores["cascade"]["choice"]["advice"] == "all_sent"
    assert scores["cascade"]["sentences"][0].startswith("Not worth it: most is right when every text goes to")


def test_the_threshold_sends_the_same_rows_of_predictions_jsonl():
    random = Random(5)
    test = examples([random.choice(PATHS) for _ in range(1000)])
    voted, said = [], []
    for one in test:
        share = random.choice(
            [0.4, 0.6, 0.8, 0.8, 0.8, 1.0]
        )  # of five votes; float32 holds 0.8 as 0.800000012
        wrong = random.choice([path for path in PATHS if path != one.gold])
        path = one.gold if random.random() < {0.4: 0.2, 0.6: 0.3, 0.8: 0.97, 1.0: 0.99}[share] else wrong
        voted.append(row(one.id, path, scores=[{path[0]: share}, {path[1]: share}]))
        said.append(row(one.id, one.gold if random.random() < 0.9 else wrong, cost_usd=0.001))
    cascade = score(run(test, [classifier("votes", voted), classifier("llm", said, kind="llm")]))["cascade"]
    (pair,) = cascade["pairs"]
    points = [cascade["choice"], *pair["curve"][1:-1]]
    assert len(points) > 3
    for point in points:
        below = sum(one["scores"][-1][one["path"][-1]] < point["threshold"] for one in voted)
        assert below == point["sent"]


def test_of_many_pairs_the_chosen_one_and_the_three_that_get_most_right_are_drawn():
    random = Random(8)
    test = examples([random.choice(PATHS) for _ in range(200)])
    made_up = []
    for number in range(5):
        rows = []
        for one in test:
            sure = random.betavariate(4 + number, 1)
            path = one.gold if random.random() < sure else random.choice(PATHS)
            rows.append(row(one.id, path, scores=[{path[0]: sure}, {path[1]: sure}]))
        made_up.append(classifier(f"c{number}", rows))
    data = run(test, made_up)
    scores = score(data)
    pairs, choice = scores["cascade"]["pairs"], scores["cascade"]["choice"]
    assert len(pairs) == 10
    drawn = cascade_page.charts(scores, Words.of("en"), {f"c{number}": number + 1 for number in range(5)})
    assert [chart.key for chart in drawn] == [f"cascade-{number}" for number in range(1, 5)]
    assert drawn[0].title == f"Accuracy over the share sent: {choice['first']}, then {choice['second']}"
    others = [
        pair for pair in pairs if (pair["first"], pair["second"]) != (choice["first"], choice["second"])
    ]
    right = sorted((pair["levels"][-1]["accuracy"]["right"] for pair in others), reverse=True)
    named = {f"Accuracy over the share sent: {pair['first']}, then {pair['second']}": pair for pair in others}
    assert [named[chart.title]["levels"][-1]["accuracy"]["right"] for chart in drawn[1:]] == right[:3]
    html = render(data, scores)
    assert "the 3 others that get most right; the table has all 10 pairs" in html
    assert "the table has all" not in render(made(), score(made()))

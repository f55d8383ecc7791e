import re
from dataclasses import replace

import pytest

from prompts.taxonomy import Taxonomy
from reports.scores import score
from reports.sentences import about
from reports.wording import SPACE
from tests.simulated_run import FLAT, PATHS, answered, classifier, examples, row, run, three_classifiers


def flat(*rights, rows=800, names=("bert", "llm", "tfidf"), kinds=("bert", "llm", "baseline"), **more):
    """A run on flat labels in which classifier i gets the rows in `rights[i]` right."""
    test = examples([FLAT[i % 3] for i in range(rows)])
    wrong = {FLAT[0]: FLAT[1], FLAT[1]: FLAT[2], FLAT[2]: FLAT[0]}
    classifiers = [
        classifier(
            name,
            answered(test, [one.gold if i in right else wrong[one.gold] for i, one in enumerate(test)]),
            kind=kind,
            identity={"method": "tfidf"} if kind == "baseline" else {},
        )
        for name, kind, right in zip(names, kinds, rights, strict=False)
    ]
    return run(test, classifiers, taxonomy=Taxonomy.from_paths(FLAT), **({"data": {}} | more))


def verdict(data):
    return score(data)["verdict"]


def said(data):
    sentences = verdict(data)["sentences"]
    text = " ".join(
        [*sentences["problems"], *sentences["accuracy"], *sentences["baseline"], sentences["choice"]]
    )
    return text.replace(SPACE, " ").replace("−", "-")


def test_a_sure_leader_is_chosen_and_the_sentence_holds_the_figures():
    data = flat(range(507), range(216), range(300))
    assert verdict(data)["choice"] == {"name": "bert", "reason": "accuracy", "candidates": ["bert"]}
    text = said(data)
    assert "On 800 test texts bert gets 63.4 % right overall, tfidf 37.5 % and llm 27.0 %." in text
    assert re.search(
        r"bert is better than llm by 36\.4 points \(95 % interval \+3[23]\.\d to \+39\.\d\)", text
    )


def test_what_the_rows_do_not_tell_apart_is_called_not_decided_with_the_number_of_rows():
    # The case of 249 apps: 0.614 against 0.586 is well inside the noise.
    data = flat(range(153), range(60, 206), rows=249, names=("bert", "tfidf"), kinds=("bert", "baseline"))
    text = said(data)
    assert verdict(data)["choice"]["reason"] == "undecided"
    assert verdict(data)["choice"]["name"] is None
    assert (
        "Not decided: the 249 texts do not tell bert and tfidf apart (difference +2.8 points, 95 % interval -"
        in text
    )
    assert "It is not shown that any trained or prompted model beats the cheap baseline tfidf" in text


def test_what_is_not_decided_is_said_with_the_number_of_texts_that_would_decide_it():
    # 22 and 16 of 800 disagree: 0.75 points apart with 4.75 % discordant.
    data = flat(range(500), [*range(478), *range(500, 516)], names=("bert", "llm"))
    (found,) = verdict(data)["levels"][0]["comparisons"]
    assert (found["verdict"], found["rows_would_show"]) == ("undecided", "equivalence")
    assert 1_900 < found["rows_to_decide"] <= 2_000
    assert "some 2,000 texts would show that the two are equivalent within 2.0 points." in said(data)
    assert "Some 2,000 texts would decide it, if the differences stay as they are." in said(data)
    assert "若差距不变，约需 2,000 条才能判定。" in said(replace(data, language="zh"))


def test_a_choice_between_several_takes_as_many_texts_as_the_pair_that_needs_most():
    data = flat(range(500), [*range(450), *range(500, 540)], [*range(448), *range(500, 536)])
    found = verdict(data)["levels"][0]["comparisons"]
    few, many = sorted(one["rows_to_decide"] for one in found)
    assert [one["verdict"] for one in found] == ["undecided", "undecided"]
    assert many > 2 * few
    assert f"Some {about(many)} texts would decide it, if the differences stay as they are." in said(data)
    assert about(few) != about(many)


def test_5_texts_of_which_4_tell_two_apart_decide_nothing_and_why_is_said():
    data = flat(range(5), range(4, 5), rows=5, names=("bert", "llm"))
    assert verdict(data)["choice"]["reason"] == "undecided"
    assert "fewer than 100 texts tell the two apart; then the exact test has to agree" in said(data)


def test_a_difference_that_more_texts_would_confirm_is_said_to_be_one():
    text = said(flat(range(500), range(20, 496), [], rows=800, names=("bert", "llm")))
    assert "bert is better" in text
    text = said(flat(range(500), [*range(470), *range(500, 511)], rows=800, names=("bert", "llm")))
    assert "bert is better than llm" in text
    text = said(flat(range(500), [*range(440), *range(500, 541)], rows=800, names=("bert", "llm")))
    assert re.search(r"If the difference stays as it is, some [\d,]+ texts would confirm it\.", text)


def test_a_pair_that_only_looks_decided_alone_is_said_to_be_one_of_several():
    data = flat(range(500), [*range(450), *range(500, 530)], [*range(460), *range(530, 566)])
    (_, second) = verdict(data)["levels"][0]["comparisons"]
    assert (second["verdict"], second["decided_alone"], second["pairs_judged"]) == ("undecided", True, 3)
    assert "this pair would count as decided, but not as one of 3 compared at once." in said(data)


def test_no_number_is_named_where_none_would_decide():
    data = replace(flat(range(500), [*range(460), *range(500, 540)], names=("bert", "llm")), margin=0.0)
    (found,) = verdict(data)["levels"][0]["comparisons"]
    assert (found["verdict"], found["rows_to_decide"], found["rows_would_show"]) == ("undecided", None, None)
    assert "would decide it" not in said(data)


@pytest.mark.parametrize(("rows", "written"), [(7, "7"), (801, "810"), (3_081, "3,100"), (99_001, "100,000")])
def test_the_number_of_texts_is_rounded_up_to_two_figures(rows, written):
    assert about(rows) == written


def test_a_baseline_that_is_ahead_is_said_plainly():
    text = said(flat(range(300), range(100), range(500)))
    assert "No trained or prompted model beats the cheap baseline tfidf overall" in text
    assert "the best of them, bert, is 25.0 points behind" in text


def test_a_baseline_that_is_equal_is_said_plainly():
    data = flat(range(500), range(100), range(500))
    assert verdict(data)["choice"]["reason"] == "equivalent"
    text = said(data)
    assert "the best of them, bert, is equivalent to it" in text
    assert "bert and tfidf are equivalent within 2.0 points" in text


def test_a_beaten_baseline_needs_no_sentence():
    assert verdict(flat(range(700), range(100), range(500)))["sentences"]["baseline"] == []


def test_always_the_majority_label_is_no_baseline_to_beat():
    data = flat(range(300), range(100), range(500))
    data.classifiers[2] = replace(data.classifiers[2], identity={"method": "majority"})
    assert verdict(data)["levels"][0]["baseline"] is None


def test_a_sure_lead_smaller_than_the_margin_decides_nothing():
    data = flat(range(49_900), range(49_600), rows=50_000)
    found = verdict(data)["levels"][0]["comparisons"][0]
    assert (found["verdict"], found["within_margin"]) == ("better", True)
    assert verdict(data)["choice"]["reason"] == "equivalent"
    assert "less than the 2.0 points that matter" in said(data)


def test_a_lead_that_may_be_smaller_than_the_margin_says_so():
    assert "it may be less than the 2.0 points that matter" in said(flat(range(500), range(484)))


def test_levels_with_different_leaders_give_no_single_answer():
    test = examples([PATHS[i % 2] for i in range(400)])
    other = {PATHS[0]: PATHS[1], PATHS[1]: PATHS[0]}
    coarse = answered(test, [other[one.gold] for one in test])  # always right at level 1, never below
    fine = answered(test, [one.gold if i % 2 < 1 or i % 3 else PATHS[2] for i, one in enumerate(test)])
    choice = verdict(run(test, [classifier("coarse", coarse), classifier("fine", fine)]))["choice"]
    assert choice == {"name": None, "reason": "levels_differ", "candidates": ["coarse", "fine"]}


@pytest.mark.parametrize("kind", ["leakage", "dev_is_test"])
def test_nothing_is_recommended_when_the_test_data_was_seen(kind):
    finding = {"severity": "error", "kind": kind, "message": "seen", "where": "dev.txt:1", "count": 3}
    data = flat(range(700), range(100), range(300), data={"findings": [finding]}, allow_leakage=True)
    scores = score(data)
    assert scores["problems"][0] == {"kind": kind, "invalid": True, "classifier": None}
    assert scores["verdict"]["valid"] is False
    assert scores["verdict"]["choice"]["name"] is None
    assert scores["verdict"]["sentences"]["choice"] == "No recommendation: this comparison is not valid."


def test_findings_that_do_no_harm_do_not_invalidate():
    finding = {"severity": "note", "kind": "overlap", "message": "seen", "where": "", "count": 3}
    assert verdict(flat(range(700), range(100), data={"findings": [finding]}))["valid"] is True


def with_failures(share, kind="request_failed"):
    data = flat(range(700), range(800), range(300))
    llm = data.classifiers[1]
    rows = [
        one if i >= share * 800 else one | {"path": [], "failure": kind}
        for i, one in enumerate(llm.predictions)
    ]
    data.classifiers[1] = replace(llm, predictions=rows)
    return data


def test_a_classifier_whose_requests_failed_is_left_out_and_that_is_said_first():
    data = with_failures(0.06)
    assert verdict(data)["left_out"] == ["llm"]
    assert verdict(data)["levels"][0]["ranking"] == ["bert", "tfidf"]
    assert said(data).startswith("48 of 800 requests to llm failed (6.0 %)")


def test_five_percent_of_failed_requests_are_still_tolerated():
    assert verdict(with_failures(0.05))["left_out"] == []


def test_refusals_are_the_models_own_and_stay_in():
    assert verdict(with_failures(0.5, "refused"))["left_out"] == []


def test_an_incomplete_classifier_is_left_out_with_the_number_missing():
    data = flat(range(700), range(800), range(300))
    data.classifiers[1] = replace(
        data.classifiers[1], predictions=list(data.classifiers[1].predictions)[:790]
    )
    assert verdict(data)["left_out"] == ["llm"]
    assert "llm has no answer yet for 10 of 800 texts" in said(data)


def test_a_stopped_classifier_is_left_out_with_its_message():
    data = flat(range(700), range(800), range(300))
    data.classifiers[1] = replace(data.classifiers[1], error="wrong API key {see} the %s", predictions=[])
    assert verdict(data)["left_out"] == ["llm"]
    assert "llm stopped before it was done: wrong API key {see} the %s" in said(data)


def test_with_one_sound_classifier_there_is_nothing_to_compare():
    data = flat(range(700), range(800), names=("bert", "llm"))
    data.classifiers[1] = replace(data.classifiers[1], error="gone", predictions=[])
    assert verdict(data)["choice"]["reason"] == "nothing_to_compare"
    assert "Nothing to compare: only bert has a complete set of answers." in said(data)


def test_with_no_sound_classifier_there_is_no_verdict_at_all():
    data = flat(range(700), names=("bert",))
    data.classifiers[0] = replace(data.classifiers[0], error="gone", predictions=[])
    assert verdict(data)["levels"] == []
    assert "no classifier has a complete set of answers" in said(data)


def test_a_limit_and_the_bundled_llm_are_remarks_that_forbid_nothing():
    data = flat(range(700), range(100), data={"limit": {"test": [80, 800], "train": [136, 1360]}})
    data.classifiers[1] = replace(data.classifiers[1], identity={"model": "local:smollm2-135m-instruct"})
    scores = score(data)
    assert [(problem["kind"], problem["invalid"]) for problem in scores["problems"]] == [
        ("small_llm", False),
        ("limit", False),
        ("limit_train", False),
    ]
    assert scores["verdict"]["valid"] is True
    assert "only 80 of the 800 test texts were asked" in said(data)


def test_a_limit_of_train_alone_is_not_told_as_one_of_test():
    assert score(flat(range(700), data={"limit": {"train": [136, 1360]}}))["problems"] == []


def test_times_and_prices_are_said_with_the_verdict_but_kept_apart_from_it():
    got = verdict(three_classifiers(machine_usd_per_hour=1.2))
    assert got["time"]["sentence"].startswith("Answers per second: ")
    assert "bert 100" in got["time"]["sentence"]
    assert "$0.10 with llm" in got["cost"]["sentence"]


def test_an_unknown_cost_is_said_to_be_unknown():
    assert "The cost of bert and tfidf is unknown." in verdict(three_classifiers())["cost"]["sentence"]


def test_ties_keep_the_order_of_the_experiment():
    data = flat(range(400), range(400), range(400))
    assert verdict(data)["levels"][0]["ranking"] == ["bert", "llm", "tfidf"]


def test_the_verdict_speaks_chinese_where_asked():
    got = verdict(replace(flat(range(507), range(216), range(300)), language="zh"))
    assert got["sentences"]["choice"] == "bert 准确率最高，优势在统计上显著。"
    assert "在 800 条测试文本上" in got["sentences"]["accuracy"][0]


def test_one_row_is_enough_to_be_told_that_it_is_not_enough():
    test = examples([FLAT[0]])
    data = run(
        test,
        [classifier("a", answered(test, [FLAT[0]])), classifier("b", [row("app-0000", FLAT[1])])],
        taxonomy=Taxonomy.from_paths(FLAT),
        data={},
    )
    assert verdict(data)["choice"]["reason"] == "undecided"

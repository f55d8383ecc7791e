"""What the first screen advises: never the surely worse one, no silly bargain, at most four steps."""

import copy
from dataclasses import replace

import pytest

from reports.answers import Timing
from reports.next_steps import next_steps
from reports.scores import score
from reports.wording import SPACE, Words
from tests.simulated_run import PATHS, answered, classifier, examples, run

SIBLING = {
    ("Action", "Shooter"): ("Action", "Fighting"),
    ("Action", "Fighting"): ("Action", "Shooter"),
    ("Puzzle", "Matching"): ("Puzzle", "Logic"),
    ("Puzzle", "Logic"): ("Puzzle", "Matching"),
}
TEST = examples([PATHS[i % 4] for i in range(3_000)])


def told(scores, language="en"):
    return [step.replace(SPACE, " ") for step in next_steps(scores, Words.of(language))]


def scores_of(made, prices, speeds=(100, 100, 100), **more):
    """LLMs named a, b, c with (wrong at level 1, wrong below it) as ranges, a price per 1,000 and a speed."""
    classifiers = []
    for name, (coarse, fine), usd, speed in zip("abc", made, prices, speeds, strict=False):
        paths = [
            ("Strategy", "Other") if i in coarse else SIBLING[one.gold] if i in fine else one.gold
            for i, one in enumerate(TEST)
        ]
        rows = [one | {"cost_usd": None if usd is None else usd / 1_000} for one in answered(TEST, paths)]
        timing = Timing(load_s=0.0, train_s=None, answer_s=len(TEST) / speed, answered=len(TEST))
        classifiers.append(classifier(name, rows, kind="llm", timing=timing))
    return score(run(TEST, classifiers, **more))


NONE = range(0)


def test_of_two_alike_at_level_1_the_one_that_is_worse_on_the_whole_path_is_not_recommended():
    scores = scores_of([(range(150), range(150, 300)), (range(150), range(150, 710))], (2.0, 1.0))
    assert scores["verdict"]["choice"] == {"name": "a", "reason": "accuracy", "candidates": ["a"]}
    assert scores["verdict"]["sentences"]["choice"] == (
        "a is the most accurate on the whole path, by more than chance explains; at level 1 none is shown to be "
        "better by anything that matters."
    )
    assert told(scores)[0] == (
        "Take a if its lead of 13.7 points over b on the whole path is worth $2.00 instead of $1.00 per 1,000 "
        "texts; if not, take b."
    )


def test_what_decides_at_level_1_alone_is_named_with_its_lead_there():
    # The whole path is the same for both: what b gets wrong at level 1, a gets wrong below it.
    scores = scores_of([(NONE, range(600)), (range(600), NONE)], (2.0, 1.0))
    assert scores["verdict"]["choice"]["name"] == "a"
    assert scores["verdict"]["sentences"]["choice"].startswith("a is the most accurate at level 1")
    assert "lead of 20.0 points over b at level 1" in told(scores)[0]


def test_until_it_is_decided_the_cheap_one_that_is_beaten_at_a_level_is_not_recommended():
    # b is surely worse at level 1 and not decided on the whole path.
    scores = scores_of([(NONE, range(600)), (range(300), range(1_000, 1_320))], (2.0, 1.0))
    assert scores["verdict"]["choice"]["reason"] == "undecided"
    (found,) = scores["verdict"]["levels"][1]["comparisons"]
    assert found["rows_to_decide"] > 3_000
    assert told(scores)[0].endswith("these were 3,000. Until then take a: none is surely better.")


def test_what_is_not_decided_comes_with_the_number_of_texts_and_the_cheapest_meanwhile():
    scores = scores_of([(range(600), NONE), (range(1_000, 1_630), NONE)], (2.0, 1.0))
    rows = {
        found["rows_to_decide"] for level in scores["verdict"]["levels"] for found in level["comparisons"]
    }
    assert len(rows) == 1
    assert told(scores)[0].startswith(
        f"To decide, compare again on some {-(-rows.pop() // 1000)},000 test texts"
    )
    assert told(scores)[0].endswith("Until then take b, the cheapest of them ($1.00 per 1,000 texts).")


def test_where_each_equals_the_other_at_one_level_and_a_third_leads_the_level_decides():
    scores = scores_of(
        [(NONE, range(600)), (NONE, range(600)), (range(300), NONE)],
        (2.0, 1.0, 0.5),
    )
    assert scores["verdict"]["choice"]["reason"] == "level_decides"
    assert scores["verdict"]["sentences"]["choice"] == (
        "Which level matters to you decides: a and b at level 1, c on the whole path."
    )
    assert told(scores)[0] == "Settle which level matters to you; that decides between a, b and c."
    zh = scores_of([(NONE, range(600)), (NONE, range(600)), (range(300), NONE)], (2, 1, 1), language="zh")
    assert zh["verdict"]["sentences"]["choice"] == "取决于您看重哪一级：第 1 级选 a 和 b，完整路径选 c。"


CLEAR = [(NONE, range(300)), (range(600), NONE)]


@pytest.mark.parametrize(
    "prices",
    [(0.00004, 0.00002), (0.0042, 0.0001), (1.001, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 0.0), (None, 1.0)],
)
def test_a_leader_whose_price_nobody_would_notice_is_recommended_plainly(prices):
    assert told(scores_of(CLEAR, prices))[0] == (
        "Of these 2, take a. It still gets 10.0 % of the whole paths wrong: read them before it goes live."
    )


def test_a_leader_that_costs_more_is_weighed_against_its_lead():
    assert "is worth $0.020 instead of $0.010" in told(scores_of(CLEAR, (0.02, 0.01)))[0]


def test_of_equals_with_the_same_written_price_the_fastest_is_taken_and_of_equals_in_all_any():
    same = [(NONE, range(300)), (NONE, range(300))]
    assert told(scores_of(same, (1.0, 1.001), (50, 100)))[0] == (
        "Take b: it is the fastest of them (100 texts/s)."
    )
    assert told(scores_of(same, (1.0, 1.0)))[0] == "Take whichever of a and b suits you better in other ways."
    assert "cheapest" in told(scores_of(same, (2.0, 1.0), (100, 50)))[0]


def local(test_rows=300, *, timing=None, **more):
    test = TEST[:test_rows]
    rows = answered(test, [one.gold for one in test])
    made = [classifier("a", rows), classifier("b", rows, kind="baseline", identity={"method": "tfidf"})]
    if timing is not None:
        made[0] = replace(made[0], timing=timing)
    return score(run(test, made, **more))


def test_a_price_of_the_machine_is_asked_for_only_where_there_is_none():
    trained = Timing(load_s=0.0, train_s=1.0, answer_s=1.0, answered=300)
    replayed = Timing(load_s=0.0, train_s=None, answer_s=0.0, answered=0, reused=300)
    assert any("machine_usd_per_hour" in step for step in told(local(timing=trained)))
    for timing in (trained, replayed):
        scores = local(timing=timing, machine_usd_per_hour=1.2)
        assert not any("machine_usd_per_hour" in step for step in told(scores))
    assert "answer_time" in scores["classifiers"]["a"]["cost"]["missing"]


def advised(advice, *, price=1.0, alone=(2.0, 3.0), agreed=0):
    """Scores whose cascade and doubtful labels are set by hand."""
    scores = scores_of(CLEAR, (3.0, 2.0))
    for name, usd in zip("ba", alone, strict=True):
        scores["classifiers"][name]["cost"]["per_1000_usd"] = usd
    scores["label_quality"]["agreed"] = agreed
    scores["cascade"]["choice"] = {
        "first": "b",
        "second": "a",
        "share_sent": 0.12,
        "cost": {"per_1000_usd": price},
        "levels": [{"accuracy": {"value": 0.95}}, {"accuracy": {"value": 0.93}}],
        "against": [
            {"name": "b", "levels": [{"verdict": "better"}]},
            {"name": "a", "levels": [{"verdict": "equivalent"}]},
        ],
        "advice": advice,
    }
    return scores


def test_a_cascade_that_is_more_accurate_or_cheaper_is_a_step_of_its_own():
    assert told(advised("more_accurate"))[1:] == [
        "More accurate still: let b answer everything and send the 12.0 % it is least sure about to a (93.0 % "
        "right on the whole path)."
    ]
    assert told(advised("as_accurate"))[1:] == [
        "Cheaper and as accurate within 2.0 points: let b answer everything and send the 12.0 % it is least "
        "sure about to a ($1.00 per 1,000 texts)."
    ]


@pytest.mark.parametrize(
    ("advice", "price", "alone"),
    [
        ("as_accurate", 3.0, (2.0, 3.0)),
        ("as_accurate", 2.999, (2.0, 3.0)),
        ("as_accurate", None, (2.0, 3.0)),
        ("as_accurate", 1.0, (2.0, None)),
        *(
            (advice, 1.0, (2.0, 3.0))
            for advice in ("no_gain", "none_sent", "trade_off", "undecided", "invalid")
        ),
    ],
)
def test_a_cascade_that_gains_nothing_is_no_step(advice, price, alone):
    assert len(told(advised(advice, price=price, alone=alone))) == 1


def test_who_is_surely_beaten_and_cheap_is_no_reason_against_a_cascade():
    scores = advised("as_accurate")
    scores["classifiers"]["poor"] = copy.deepcopy(scores["classifiers"]["b"])
    scores["classifiers"]["poor"]["cost"]["per_1000_usd"] = 0.0
    against = scores["cascade"]["choice"]["against"]
    against.append({"name": "poor", "levels": [{"verdict": "better"}]})
    assert told(scores)[1].startswith("Cheaper and as accurate")
    against[-1]["levels"] = [{"verdict": "undecided"}]
    assert len(told(scores)) == 1


def test_there_are_at_most_four_steps_and_the_choice_comes_first():
    scores = advised("more_accurate", agreed=3)
    assert told(scores)[2:] == [
        "Review the doubtful test labels, 3 of them doubted by at least two classifiers."
    ]
    scores["classifiers"]["b"]["identity"]["model"] = "local:smollm2-135m-instruct"
    scores["classifiers"]["b"]["cost"]["missing"] = ["machine_usd_per_hour"]
    steps = told(scores)
    assert len(steps) == 4
    assert steps[0].startswith("Take a")
    assert not any("machine_usd_per_hour" in step for step in steps)
    assert len(told(scores, "zh")) == 4


def cut_bert(share, truncation="head", made=((range(600), NONE), (range(1_000, 1_630), NONE)), **more):
    """A BERT that saw only the first 128 tokens of a share of the texts, beside another."""
    facts = {"cut_share": share, "max_length": 128, "truncation": truncation}
    wrong = [set(coarse) for coarse, _ in made]
    paths = [
        [("Strategy", "Other") if i in those else one.gold for i, one in enumerate(TEST)] for those in wrong
    ]
    bert = classifier("bert", answered(TEST, paths[0]), kind="bert", facts=facts)
    return score(run(TEST, [bert, classifier("b", answered(TEST, paths[1]))], **more))


def test_a_bert_that_did_not_read_the_texts_to_their_end_is_trained_again_before_more_are_labelled():
    scores = cut_bert(0.604)
    (problem,) = [one for one in scores["problems"] if one["kind"] == "cut"]
    assert problem == {
        "kind": "cut",
        "invalid": False,
        "classifier": "bert",
        "max_length": 128,
        "cut_share": 0.604,
    }
    assert scores["verdict"]["valid"]
    assert [one.replace(SPACE, " ") for one in scores["verdict"]["sentences"]["problems"]] == [
        "bert read only the first 128 tokens of 60.4 % of the texts; the rest was cut."
    ]
    first, second, *_ = told(scores)
    assert first == (
        "Train bert again with a larger max_length (now 128): it did not see the end of 60.4 % of the texts."
    )
    assert second.startswith("To decide, compare again")
    assert told(scores, "zh")[0] == "把 bert 的 max_length（现为 128）调大后重新训练：60.4 % 的文本没有读完。"


def test_where_the_choice_is_clear_it_comes_before_what_bert_did_not_read():
    steps = told(cut_bert(0.604, made=CLEAR))
    assert "max_length" not in steps[0]
    assert "max_length" in steps[1]


@pytest.mark.parametrize(("share", "truncation"), [(0.099, "head"), (None, "head"), (0.604, "windows")])
def test_a_bert_that_read_nearly_all_is_not_remarked_on(share, truncation):
    scores = cut_bert(share, truncation)
    assert [one["kind"] for one in scores["problems"]] == []
    assert not any("max_length" in step for step in told(scores))


def test_doubted_labels_are_a_step_only_where_those_who_doubt_are_mostly_right():
    scores = advised("no_gain", agreed=3)
    for suspects, wrong, offered in ((5, 0.69, False), (5, 0.30, True), (0, 0.69, True)):
        scores["label_quality"]["classifiers"] = {"b": {"n": 3_000, "suspects": suspects}}
        scores["classifiers"]["b"]["levels"][-1]["accuracy"]["value"] = 1 - wrong
        assert any("doubtful test labels" in step for step in told(scores)) is offered

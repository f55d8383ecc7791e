"""The gate as pure maths: a decision follows from counts, the margin and the limits, and from nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from scipy.stats import binomtest

from reports.gate import ALPHA, Counted, Decision, Limit, Obstacle, decide, loss_p, right_depth
from reports.gate_junit import junit
from reports.gate_view import Flip, Outcome, escaped, headline, labels_named, lines, markdown, plain
from reports.wording import Words

EN, ZH = Words.of("en"), Words.of("zh")


def counted(lost: int, won: int, n: int = 800, **more: Any) -> Counted:
    plain: dict[str, Any] = {"classifier": "bert", "level": 1, "right_before": lost}
    return Counted(n=n, lost=lost, won=won, **(plain | more))


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 900))
    lost = draw(st.integers(0, n))
    return lost, draw(st.integers(0, n - lost)), n


@pytest.mark.parametrize(
    ("lost", "won", "verdict"),
    [
        (0, 0, "not_worse"),
        (40, 40, "not_worse"),
        (50, 40, "undecided"),
        (60, 30, "worse"),
        (30, 60, "not_worse"),
        (800, 0, "worse"),
        (0, 800, "not_worse"),
        (6, 0, "not_worse"),  # a sure loss of 0.75 points lies within the margin of 2
    ],
)
def test_a_level_is_not_worse_worse_or_undecided(lost: int, won: int, verdict: str) -> None:
    assert decide([counted(lost, won)], margin=0.02).verdict == verdict


@settings(deadline=None, max_examples=200)
@given(counts(), st.sampled_from([0.005, 0.02, 0.1]))
def test_swapping_the_sides_turns_the_interval_and_both_sides_are_never_worse(
    one: tuple[int, int, int], margin: float
) -> None:
    lost, won, n = one
    there = decide([counted(lost, won, n)], margin=margin).levels[0]
    back = decide([counted(won, lost, n)], margin=margin).levels[0]
    assert there.interval_90.low == pytest.approx(-back.interval_90.high, abs=1e-9)
    assert there.interval_90.high == pytest.approx(-back.interval_90.low, abs=1e-9)
    assert there.counted.difference == -back.counted.difference
    assert {there.verdict, back.verdict} != {"worse"}
    if there.verdict == "worse":
        assert back.verdict == "not_worse"


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 5000), st.integers(1, 3), st.sampled_from([0.001, 0.02, 0.1]))
def test_equal_runs_are_never_worse(n: int, levels: int, margin: float) -> None:
    same = [counted(0, 0, n, level=level) for level in range(1, levels + 1)]
    assert decide(same, same, margin=margin, by_label=True).verdict != "worse"


@settings(deadline=None, max_examples=100)
@given(st.lists(counts(), min_size=1, max_size=5), st.booleans(), st.randoms(use_true_random=False))
def test_the_decision_is_a_function_of_the_counts_in_whatever_order(
    all_counts: list[tuple[int, int, int]], by_label: bool, random: Any
) -> None:
    tests = [counted(*one, level=number) for number, one in enumerate(all_counts, start=1)]
    shuffled = random.sample(tests, len(tests))
    first = decide(tests, tests, margin=0.02, by_label=by_label)
    second = decide(shuffled, shuffled, margin=0.02, by_label=by_label)
    assert first == decide(tests, tests, margin=0.02, by_label=by_label)
    assert first.verdict == second.verdict
    by_level = {found.counted.level: found for found in second.levels}
    assert all(by_level[found.counted.level] == found for found in first.levels)


@settings(deadline=None, max_examples=200)
@given(counts())
def test_the_p_of_a_loss_is_the_one_sided_binomial_test(one: tuple[int, int, int]) -> None:
    lost, won, _ = one
    expected = binomtest(lost, lost + won, alternative="greater").pvalue if lost + won else 1.0
    assert loss_p(lost, won) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=200)
@given(counts())
def test_a_sure_loss_has_an_interval_that_does_not_hold_zero(one: tuple[int, int, int]) -> None:
    lost, won, n = one
    found = decide([counted(lost, won, n)], margin=1e-6).levels[0]
    if found.p <= ALPHA:
        assert found.interval_90.high < 0


def test_one_bad_level_is_enough_and_all_levels_have_to_be_good() -> None:
    good, open_, bad = counted(2, 2), counted(50, 40, level=2), counted(90, 30, level=3)
    assert decide([good, open_, bad], margin=0.02).verdict == "worse"
    assert decide([good, open_], margin=0.02).verdict == "undecided"
    assert decide([good, good], margin=0.02).verdict == "not_worse"


def test_a_loss_is_surer_alone_than_among_many_levels() -> None:
    alone = decide([counted(57, 38)], margin=0.02)
    among = decide([counted(57, 38), *(counted(1, 1, level=n) for n in range(2, 6))], margin=0.02)
    assert alone.levels[0].p <= ALPHA < among.levels[0].p_holm
    assert (alone.verdict, among.verdict) == ("worse", "undecided")


def test_labels_only_fail_the_gate_when_asked_to_and_never_leave_it_open() -> None:
    level = counted(12, 12)
    bad, small = counted(12, 0, 60, label=("Puzzle",)), counted(1, 0, 9, label=("Action",))
    told = decide([level], [bad, small], margin=0.02)
    assert told.verdict == "not_worse"
    assert [found.counted.label for found in labels_named(told)] == [("Puzzle",)]
    assert decide([level], [bad, small], margin=0.02, by_label=True).verdict == "worse"
    assert decide([level], [small], margin=0.02, by_label=True).verdict == "not_worse"
    assert told.labels[0].p_holm == pytest.approx(3 * told.labels[0].p)


@pytest.mark.parametrize(
    ("kind", "most", "now", "before", "verdict"),
    [
        ("slowdown", 2.0, 50.0, 100.0, "not_worse"),
        ("slowdown", 2.0, 49.0, 100.0, "worse"),
        ("slowdown", 2.0, None, 100.0, "undecided"),
        ("slowdown", 2.0, 50.0, None, "undecided"),
        ("cost_ratio", 1.5, 0.15, 0.10, "not_worse"),
        ("cost_ratio", 1.5, 0.16, 0.10, "worse"),
        ("cost_ratio", 1.5, 0.0, 0.0, "not_worse"),
        ("cost_ratio", 1.5, 0.1, 0.0, "worse"),
        ("cost_ratio", 1.5, None, 0.1, "undecided"),
        ("cost_per_1000", 0.5, 0.5, None, "not_worse"),
        ("cost_per_1000", 0.5, 0.51, None, "worse"),
        ("cost_per_1000", 0.5, None, None, "undecided"),
    ],
)
def test_a_limit_is_kept_exceeded_or_not_known(
    kind: Any, most: float, now: float | None, before: float | None, verdict: str
) -> None:
    limit = Limit(classifier="bert", kind=kind, most=most, now=now, before=before)
    assert decide([counted(2, 2)], margin=0.02, limits=[limit]).verdict == verdict


def test_an_obstacle_or_nothing_to_test_is_never_a_pass() -> None:
    missing = Obstacle(kind="missing", classifier="bert", side="now", rows=3)
    assert decide([counted(2, 2)], margin=0.02, obstacles=[missing]).verdict == "undecided"
    assert decide([counted(90, 2)], margin=0.02, obstacles=[missing]).verdict == "worse"
    assert decide([], margin=0.02).verdict == "undecided"


def test_a_wrong_parent_makes_its_children_wrong_and_no_answer_is_wrong() -> None:
    gold = np.array([[0, 2, 4], [0, 2, 4], [0, 2, 4], [0, 2, 4]], dtype=np.int32)
    answered = np.array([[0, 2, 4], [0, 2, 5], [1, 2, 4], [0, -1, -1]], dtype=np.int32)
    assert right_depth(gold, answered).tolist() == [3, 2, 0, 1]


def outcome(decision: Decision, flips: list[Flip] | None = None, **more: Any) -> Outcome:
    parts: dict[str, Any] = {
        "run": "now", "baseline": "then", "margin": 0.02, "depth": 2, "unchecked": {}, "conditions": {},
    }  # fmt: skip
    return Outcome(decision=decision, flips=flips or [], **(parts | more))


def flip(number: int, text: str = "a text", *, lost: bool = True) -> Flip:
    return Flip(
        classifier="bert", level=1, lost=lost, id=f"app-{number}", text=text, gold=("Action", "Shooter"),
        before=("Action", "Shooter"), now=(),
    )  # fmt: skip


FULL = outcome(
    decide(
        [counted(90, 30), counted(50, 40, level=2), counted(50, 40, classifier="llm")],
        [counted(12, 0, 60, label=("Puzzle",))],
        margin=0.02,
        by_label=True,
        limits=[
            Limit(classifier="bert", kind=kind, most=2.0, now=now, before=1.0)
            for kind in ("slowdown", "cost_ratio", "cost_per_1000")
            for now in (None, 0.1, 9.0)
        ],
        obstacles=[
            Obstacle(kind="missing", classifier="gpt", side="before", rows=3),
            Obstacle(kind="leakage", side="now"),
        ],
    ),
    [flip(number) for number in range(40)] + [flip(99, lost=False)],
    unchecked={"now": ["new"], "before": ["old", "older"]},
    conditions={"bert": (("cpu", 1), ("cuda", None))},
)


@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh"])
def test_everything_is_said_in_both_languages(words: Words) -> None:
    told = [headline(FULL, words), *lines(FULL, words)]
    assert all(line and "{" not in line for line in told)
    assert len({line.strip() for line in told}) == len(told)
    xml = JUnitXml.fromstring(junit(FULL, words))
    assert xml.tests == 3 + 1 + 9 + 2
    assert xml.failures == 1 + 1 + 3  # a level, a label, three limits
    assert xml.errors == 2 + 3 + 2  # two levels, the limits without a figure, two obstacles
    text = markdown(FULL, words)
    assert text.count("| app-") == 31
    assert len(text) < 65_536


def test_the_terminal_names_ten_apps_the_markdown_thirty_and_the_junit_all() -> None:
    told = list(lines(FULL, EN))
    assert sum(line.startswith("  app-") for line in told) == 11
    assert "  and 30 more" in told
    (out,) = {case.system_out for suite in JUnitXml.fromstring(junit(FULL, EN)) for case in suite} - {None}
    assert out.count("app-") == 41


def test_a_label_that_is_not_surely_lost_passes_in_junit() -> None:
    decision = decide([counted(2, 2)], [counted(1, 0, 9, label=("Action",))], margin=0.02, by_label=True)
    xml = JUnitXml.fromstring(junit(outcome(decision), EN))
    assert (xml.tests, xml.failures, xml.errors) == (2, 0, 0)


HOSTILE = (
    "<img src=x onerror=alert(1)> | **bold** `code` [a](http://b)\n# title @everyone \x1b[31m \x00 \ud800 ]]>"
)


def test_a_hostile_text_is_only_text() -> None:
    decision = decide([counted(90, 30)], margin=0.02)
    one = outcome(decision, [flip(1, HOSTILE)], run=HOSTILE, depth=1)
    assert not any(sign in line for line in lines(one, EN) for sign in "\x1b\x00\n\ud800")
    row = next(line for line in markdown(one, EN).splitlines() if "app-1" in line)
    assert row.count("|") == 7
    assert not any(sign in row for sign in "<>`*[]")
    assert "@everyone" not in row
    (case,) = next(iter(JUnitXml.fromstring(junit(one, EN))))
    assert "<img src=x onerror=alert(1)> | **bold**" in case.system_out


@given(st.text(max_size=200))
def test_every_text_becomes_one_line_of_markdown_and_valid_xml(text: str) -> None:
    assert len(escaped(text).splitlines()) <= 1
    assert plain(text).isprintable()
    decision = decide([counted(90, 30)], margin=0.02)
    xml = junit(outcome(decision, [flip(1, text)], depth=1), EN)
    assert JUnitXml.fromstring(xml.encode("utf-8")).tests == 1

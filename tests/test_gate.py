"""The gate as pure maths: a decision follows from counts, the margin and the limits, and from nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from scipy.stats import binomtest

from reports.gate import ALPHA, Counted, Decision, Limit, Obstacle, decide, loss_p, right_depth
from reports.gate_junit import junit
from reports.gate_power import rows_to_pass_or_fail
from reports.gate_view import Flip, Outcome, headline, labels_named, lines, markdown, plain
from reports.markdown import MOST_CHARACTERS, escape
from reports.wording import Words

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
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


def test_with_labels_the_levels_are_corrected_over_the_labels_too() -> None:
    """By hand: 8 lost and 1 won have p = 10 / 512; of 1 and 3 tests together 0.020 and 0.059."""
    level = counted(8, 1, 100)
    labels = [counted(4, 1, 50, label=("Action",)), counted(4, 0, 50, label=("Puzzle",))]
    without, with_labels = (decide([level], labels, margin=0.02, by_label=by) for by in (False, True))
    assert without.levels[0].p_holm == pytest.approx(10 / 512)
    assert with_labels.levels[0].p_holm == pytest.approx(30 / 512)
    assert [found.p_holm for found in with_labels.labels] == pytest.approx([3 / 16, 2 / 16])
    assert (without.verdict, with_labels.verdict) == ("worse", "undecided")


def test_only_an_undecided_level_is_told_how_many_texts_decide_it() -> None:
    levels = [counted(50, 40), counted(90, 30, level=2), counted(2, 2, level=3)]
    open_, worse, passed = decide(levels, margin=0.02).levels
    assert (open_.verdict, worse.decisive(0.02), passed.decisive(0.02)) == ("undecided", None, None)
    # Holm has rejected one of three: the loss is still to pass 5 % / 2.
    expected = rows_to_pass_or_fail(50 / 800, 40 / 800, margin=0.02, alpha=0.05, alpha_loss=0.025)
    assert open_.decisive(0.02) == expected
    assert expected is not None
    assert expected.rows > 800


def test_how_many_texts_decide_stands_on_the_terminal_in_markdown_and_in_junit() -> None:
    one = outcome(decide([counted(50, 40)], margin=0.02))
    decisive = one.decision.levels[0].decisive(0.02)
    assert decisive is not None
    assert decisive.shows == "worse"
    assert decisive.rows == 4_593
    for words, told in (
        (
            EN,
            "If texts go on to flip as often, some 4,600 in all show the loss with a chance of 80 %.",
        ),
        (ZH, "若翻转比例不变，测试集约需 4,600 条文本，才有 80 % 的机会证实下降。"),
    ):
        assert told in "\n".join(lines(one, words))
        assert told in markdown(one, words)
        (case,) = next(iter(JUnitXml.fromstring(junit(one, words))))
        assert told in case.result[0].message


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
            Obstacle(kind="requests_failed", classifier="gpt", side="before", rows=60),
            Obstacle(kind="requests_failed", classifier="gpt", side="now", rows=60),
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
    assert xml.tests == 3 + 1 + 9 + 4
    assert xml.failures == 1 + 1 + 3  # a level, a label, three limits
    assert xml.errors == 2 + 3 + 4  # two levels, the limits without a figure, four obstacles
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


HOSTILE = "<img src=x> | **bold** [a](http://b) www.c.de :tada: #12 GH-12\n# title @everyone \x1b[31m \x00 \ud800 ]]>"


def test_a_hostile_text_is_only_text() -> None:
    decision = decide([counted(90, 30)], margin=0.02)
    one = outcome(decision, [flip(1, HOSTILE)], run=HOSTILE, depth=1)
    assert not any(sign in line for line in lines(one, EN) for sign in "\x1b\x00\n\ud800")
    text = markdown(one, EN)
    tokens = [token for block in MARKDOWN.parse(text) for token in (block, *(block.children or ()))]
    assert not {"html_inline", "html_block", "link_open", "image", "em_open", "code_inline"} & {
        token.type for token in tokens
    }
    cells = [token.content for token in tokens if token.type == "inline" and "bold" in token.content]
    assert len(cells) == 2  # the title, and the text of the app, which is one cell
    read = "".join(token.content for token in tokens if token.type in ("text", "text_special"))
    assert "<img src=x> | **bold** [a](http" in read
    assert not re.search(r"://|@everyone|#12|:tada|www\.|GH-12", read)
    (case,) = next(iter(JUnitXml.fromstring(junit(one, EN))))
    assert "<img src=x> | **bold**" in case.system_out


def test_many_flips_of_many_classifiers_still_fit_a_comment_and_it_says_that_it_was_cut() -> None:
    path = ("Role-Playing & Adventure", "Massively Multiplayer", "Open World [Sandbox]")
    flips = [
        replace(flip(n, "free coins & gems " * 6, lost=lost), classifier=f"model-{k}", gold=path, before=path, now=path)
        for k in range(9)
        for lost in (True, False)
        for n in range(40)
    ]  # fmt: skip
    decision = decide([counted(90, 30)], margin=0.02)
    text = markdown(outcome(decision, flips, depth=3), EN)
    assert 50_000 < len(text) <= MOST_CHARACTERS
    assert text.endswith("`--junit FILE` writes all of it.\n")
    assert text.count("\n| app-") > 100


@given(st.text(max_size=200))
def test_every_text_becomes_one_line_of_markdown_and_valid_xml(text: str) -> None:
    assert len(escape(plain(text)).splitlines()) <= 1
    assert plain(text).isprintable()
    decision = decide([counted(90, 30)], margin=0.02)
    xml = junit(outcome(decision, [flip(1, text)], depth=1), EN)
    assert JUnitXml.fromstring(xml.encode("utf-8")).tests == 1


def test_a_tiny_p_is_written_without_an_equals_sign() -> None:
    told = "\n".join(lines(outcome(decide([counted(60, 0)], margin=0.02)), EN))
    assert "p < 0.0001, corrected < 0.0001" in " ".join(told.split())
    assert "p = 0.5" in "\n".join(lines(outcome(decide([counted(1, 0)], margin=0.02)), EN))

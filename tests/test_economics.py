import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import economics_page
from reports.answers import Timing
from reports.economics import VOLUMES, Bill, break_even, verdict_of
from reports.economics_page import cost_sentences
from reports.page import render
from reports.scores import score
from reports.summary import summary
from reports.ticks import ticks
from reports.wording import Words
from reports.wording_economics import TEXTS
from tests.simulated_run import PATHS, answered, classifier, examples, run, three_classifiers
from tests.test_next_steps import CLEAR, scores_of

TEST = examples([PATHS[0]] * 100)


def said(right, usd=None):
    """100 answers, so many of them right."""
    paths = [PATHS[0]] * right + [PATHS[2]] * (100 - right)
    return [one | {"cost_usd": usd} for one in answered(TEST, paths)]


def timing(train_s=None, answer_s=10.0):
    return Timing(load_s=1.0, train_s=train_s, answer_s=answer_s, answered=100)


def bert(name="bert", right=90, train_s=3600.0, answer_s=10.0):
    return classifier(name, said(right), timing=timing(train_s, answer_s))


def llm(name="llm", right=80, usd=0.001, answer_s=50.0):
    return classifier(name, said(right, usd), kind="llm", timing=timing(answer_s=answer_s))


def scored(*classifiers, usd_per_hour=3.6, **more):
    return score(run(TEST, list(classifiers), machine_usd_per_hour=usd_per_hour, **more))


def bill(name, once, each, *, by_tokens=False):
    return Bill(name=name, once_usd=once, per_text_usd=each, by_tokens=by_tokens)


def test_a_hand_computed_run():
    scores = scored(bert(), llm())
    cost = scores["classifiers"]["bert"]["cost"]
    # An hour of training is $3.60; 10 seconds for 100 texts are a cent.
    assert cost["per_right_usd"] == [pytest.approx(0.01 / 90, abs=1e-9)] * 2
    assert [at["total_usd"] for at in cost["volumes"]] == [
        pytest.approx(total) for total in (3.7, 4.6, 13.6, 103.6)
    ]
    assert [at["per_1000_usd"] for at in cost["volumes"]] == [
        pytest.approx(each) for each in (3.7, 0.46, 0.136, 0.1036)
    ]
    assert scores["classifiers"]["llm"]["cost"]["volumes"][-1]["total_usd"] == pytest.approx(1000)
    assert scores["classifiers"]["bert"]["time"]["million_s"] == pytest.approx(100_000)
    assert scores["classifiers"]["llm"]["time"]["per_1000_s"] == pytest.approx(500)
    (pair,) = scores["cost"]["break_even"]
    # 3.60 is saved at $0.0009 a text.
    assert (pair["case"], pair["first"], pair["beyond"], pair["texts"]) == ("crosses", "llm", "bert", 4000)
    # Tokens at half: 3.6 / 0.0004; at twice: 3.6 / 0.0019; the hour at half: 1.8 / 0.00095; at twice: 7.2 / 0.0008.
    assert {one["change"]: one["texts"] for one in pair["sensitivity"]} == {
        "tokens_half": 9000,
        "tokens_double": pytest.approx(1894.737),
        "machine_half": pytest.approx(1894.737),
        "machine_double": 9000,
    }
    assert (pair["texts_low"], pair["texts_high"]) == (pytest.approx(1894.737), 9000)
    assert scores["cost"]["sentences"][0] == (
        "Up to 4,000 texts llm is cheaper; beyond that bert is. With tokens or the machine’s hour at half or "
        "twice the price, that point lies between 1,900 and 9,000 texts."
    )


MONEY = st.floats(0, 1000).map(lambda value: round(value, 6))


@given(MONEY, MONEY, MONEY, MONEY)
def test_the_totals_cross_at_the_break_even_and_nowhere_else(once_a, each_a, once_b, each_b):
    a, b = bill("a", once_a, each_a), bill("b", once_b, each_b)
    found = break_even(a, b)
    by_name = {"a": a, "b": b}

    def cheaper(texts):
        return min(("a", "b"), key=lambda name: by_name[name].total_usd(texts))

    if found["case"] == "same":
        assert (once_a, each_a) == (once_b, each_b)
        return
    if found["case"] == "crosses":
        texts = found["texts"]
        slack = 1e-3 * abs(each_a - each_b) + 1e-9 * max(a.total_usd(texts), b.total_usd(texts))
        assert a.total_usd(texts) == pytest.approx(b.total_usd(texts), abs=slack)
        if texts > 1:
            assert cheaper(texts / 2) == found["first"]
            assert cheaper(texts * 2) == found["beyond"]
        assert found["first"] != found["beyond"]
        return
    assert found["first"] == found["beyond"]
    assert (found["case"] == "from_first") == (once_a == once_b)
    assert found["texts"] is None
    other = by_name["b" if found["first"] == "a" else "a"]
    for texts in (1, 7, *VOLUMES):
        assert by_name[found["first"]].total_usd(texts) <= other.total_usd(texts)


@given(MONEY, MONEY, MONEY, MONEY)
def test_the_break_even_does_not_depend_on_who_is_named_first(once_a, each_a, once_b, each_b):
    a, b = bill("a", once_a, each_a), bill("b", once_b, each_b)
    assert break_even(a, b) == break_even(b, a)


@given(MONEY, MONEY, st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.1, 10))
def test_what_follows_the_machine_alone_keeps_its_break_even_at_any_price_of_it(
    once, each, more_once, more_each, factor
):
    a, b = bill("a", once + more_once, each), bill("b", once, each + more_each)
    before = break_even(a, b)
    after = break_even(*(one.at_prices(tokens=1, machine_hour=factor) for one in (a, b)))
    assert (before["case"], before["first"], before["beyond"]) == ("crosses", "b", "a")
    assert (after["case"], after["first"], after["beyond"]) == ("crosses", "b", "a")
    assert after["texts"] == pytest.approx(before["texts"], rel=1e-6, abs=2e-3)


def test_tokens_and_the_machine_change_what_they_pay_for():
    paid = bill("llm", 0.0, 2.0, by_tokens=True).at_prices(tokens=0.5, machine_hour=10)
    assert (paid.once_usd, paid.per_text_usd) == (0.0, 1.0)
    own = bill("bert", 4.0, 2.0).at_prices(tokens=0.5, machine_hour=10)
    assert (own.once_usd, own.per_text_usd) == (40.0, 20.0)


@pytest.mark.parametrize(
    ("a", "b", "case", "first"),
    [
        ((0, 1), (0, 2), "from_first", "a"),
        ((5, 1), (5, 0), "from_first", "b"),
        ((1, 1), (2, 1), "always", "a"),
        ((3, 3), (2, 2), "always", "b"),
        ((1, 1), (1, 1), "same", None),
        ((0, 0), (0, 0), "same", None),
        ((None, 1), (1, 1), "unknown", None),
        ((1, None), (1, 1), "unknown", None),
    ],
)
def test_two_prices_that_do_not_cross(a, b, case, first):
    found = break_even(bill("a", *a), bill("b", *b))
    assert (found["case"], found["first"], found["texts"]) == (case, first, None)


def test_two_that_train_nothing_are_compared_from_the_first_text_and_a_price_may_turn_it():
    scores = scored(
        llm("far", usd=0.0001),
        classifier("here", said(70), kind="llm", identity={"model": "local:m.gguf"}, timing=timing()),
        usd_per_hour=6.0,
    )
    (pair,) = scores["cost"]["break_even"]
    assert (pair["case"], pair["first"]) == ("from_first", "far")
    assert scores["cost"]["sentences"][0] == (
        "far is cheaper than here from the first text on: $0.10 per 1,000 against $0.17. With tokens or the "
        "machine’s hour at half or twice the price that no longer holds at every volume."
    )


def test_without_a_machine_price_the_page_names_the_setting_that_gives_it():
    data = run(TEST, [bert(), llm()])
    scores = score(data)
    assert scores["classifiers"]["bert"]["cost"]["missing"] == ["machine_usd_per_hour"]
    assert scores["classifiers"]["bert"]["cost"]["volumes"][0] == {
        "texts": 1000,
        "total_usd": None,
        "per_1000_usd": None,
    }
    assert scores["cost"]["break_even"][0]["case"] == "unknown"
    assert any("machine_usd_per_hour under [compare]" in one for one in scores["cost"]["sentences"])
    assert scores["cost"]["frontier"][0]["unplaced"] == ["bert"]
    assert "set machine_usd_per_hour under [compare]" in render(data, scores)


def test_an_unpriced_token_a_missing_time_and_an_untimed_training_are_told_apart():
    unpriced = classifier("llm", said(80), kind="llm")
    replayed = classifier(
        "old",
        [one | {"reused": True} for one in said(80)],
        timing=Timing(load_s=1.0, train_s=5.0, answer_s=0.0, answered=0, reused=100),
    )
    scores = scored(unpriced, replayed, bert("untimed", train_s=None))
    missing = {name: one["cost"]["missing"] for name, one in scores["classifiers"].items()}
    assert missing == {"llm": ["token_price"], "old": ["answer_time"], "untimed": ["training_time"]}
    time = scores["classifiers"]["old"]["time"]
    assert (time["per_1000_s"], time["million_s"]) == (None, None)
    assert scores["time"]["frontier"][0]["unplaced"] == ["old"]


def test_a_projection_rests_on_the_live_answers_alone():
    rows = [one | {"reused": n >= 20} for n, one in enumerate(said(80))]
    resumed = classifier(
        "bert", rows, timing=Timing(load_s=1.0, train_s=5.0, answer_s=4.0, answered=20, reused=80)
    )
    assert scored(resumed)["classifiers"]["bert"]["time"]["million_s"] == pytest.approx(200_000)


def test_no_right_answer_has_no_price_for_one():
    assert scored(bert(right=0))["classifiers"]["bert"]["cost"]["per_right_usd"] == [None, None]


def test_who_costs_more_and_gets_less_right_is_dominated_and_by_whom():
    scores = scored(bert(right=90), llm(right=60), bert("slow", right=95, answer_s=1000.0))
    (level_1, path) = scores["cost"]["frontier"]
    assert level_1["undominated"] == ["bert", "slow"]
    assert level_1["dominated"] == {"llm": [{"name": "bert", "verdict": "better"}]}
    assert path["dominated"] == level_1["dominated"]
    assert (
        "bert costs no more than llm and is more accurate at level 1 and on the whole path."
        in (scores["cost"]["sentences"])
    )
    by_time = scores["time"]["frontier"][0]
    assert (by_time["undominated"], list(by_time["dominated"])) == (["bert", "slow"], ["llm"])


def test_two_that_are_alike_do_not_dominate_each_other():
    scores = scored(bert("a"), bert("b"))
    assert scores["cost"]["frontier"][0] == {
        "level": 1,
        "undominated": ["a", "b"],
        "dominated": {},
        "unplaced": [],
    }


def test_who_is_left_out_of_the_verdict_is_not_compared_but_keeps_its_own_price():
    part = llm()
    scores = scored(bert(), replace(part, predictions=list(part.predictions)[:50]))
    assert scores["cost"]["break_even"] == []
    assert scores["classifiers"]["llm"]["cost"]["volumes"][0]["total_usd"] == pytest.approx(1.0)


def test_a_verdict_is_seen_from_the_side_asked_for():
    scores = scored(bert(right=90), llm(right=50))
    assert verdict_of(scores, "bert", "llm", 1) == "better"
    assert verdict_of(scores, "llm", "bert", 1) == "worse"


@pytest.mark.parametrize("texts", [1.5, 9.99, 12.4, 99.6, 1234.5, 98_765.0, 1e9])
def test_a_number_of_texts_is_written_with_two_figures_at_most(texts):
    written = economics_page.about(texts).replace(",", "")
    assert len(written.rstrip("0")) <= 2
    assert float(written) == pytest.approx(texts, rel=0.06) or texts < 10


def test_both_languages_have_every_value():
    for english, chinese in TEXTS.values():
        assert english != chinese or not english
        assert sorted(set(_fields(english))) == sorted(set(_fields(chinese)))


def _fields(text):
    from string import Formatter

    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_charts_show_what_the_sentences_say(language):
    scores = scored(bert(), llm(), language=language)
    colour = {"bert": 1, "llm": 2}
    cost, time, volume = economics_page.charts(scores, Words.of(language), colour)
    assert [chart.key for chart in (cost, time, volume)] == [
        "economics-cost",
        "economics-time",
        "economics-volume",
    ]
    assert [series.points for series in cost.series] == [((0.1, 0.9),), ((1.0, 0.8),)]
    assert [series.points for series in time.series] == [((100.0, 0.9),), ((500.0, 0.8),)]
    assert volume.series[-1].points == ((4000, pytest.approx(4.0)),)
    assert cost.across.log
    assert volume.across.log
    assert volume.up.log
    assert "90.0" in cost.alternative
    assert "4,000" in volume.alternative


def test_a_free_classifier_stands_on_no_log_axis():
    scores = scored(llm("free", usd=0.0), llm("paid", usd=0.1))
    cost, _ = economics_page.charts(scores, Words.of("en"), {"free": 1, "paid": 2})
    assert (cost.key, cost.across.log) == ("economics-cost", False)


def test_one_classifier_has_a_section_and_no_chart():
    data = run(TEST, [bert()], machine_usd_per_hour=3.6)
    scores = score(data)
    assert economics_page.charts(scores, Words.of("en"), {"bert": 1}) == []
    assert 'id="economics"' in render(data, scores)


def test_nobody_with_a_whole_set_of_answers_leaves_one_sentence():
    data = run(TEST, [classifier("llm", [], kind="llm", error="no endpoint")])
    assert "so there is no cost to compare" in render(data, score(data))


@pytest.mark.parametrize("usd_per_hour", [None, 0.0, 1.2])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_section_is_whole_in_both_languages_and_plain_json(usd_per_hour, language):
    data = three_classifiers(machine_usd_per_hour=usd_per_hour, language=language)
    scores = score(data)
    json.dumps(scores, allow_nan=False)
    html = render(data, scores)
    assert Words.of(language)("economics.title") in html
    assert "{" not in "".join([*scores["cost"]["sentences"], *scores["time"]["sentences"]])


def test_a_name_that_is_markup_is_escaped():
    data = run(TEST, [bert("<b>x"), llm("<script>y")], machine_usd_per_hour=3.6)
    html = render(data, score(data))
    assert "<b>x" not in html
    assert "<script>y" not in html


def test_every_key_is_documented():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+)`", readme.split("\n## scores.json\n")[1]))
    scores = scored(bert(), llm())
    cost, one = scores["cost"], scores["classifiers"]["bert"]
    (pair,) = cost["break_even"]
    for part in (
        *(cost, scores["time"], pair, pair["sensitivity"][0], cost["frontier"][0]),
        *(one["cost"], one["cost"]["volumes"][0], one["time"]),
    ):
        assert set(part) - named == set()


def some_failed(failed, usd=0.001, name="llm"):
    """100 answers, so many of them requests that failed and report no tokens."""
    rows = [one | {"failure": "request_failed", "path": [], "cost_usd": None} for one in said(80)[:failed]]
    return classifier(name, rows + said(80, usd)[failed:], kind="llm", timing=timing())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_request_that_failed_is_no_missing_token_price_and_the_page_says_what_helps(language):
    data = run(TEST, [bert(), some_failed(2)], machine_usd_per_hour=3.6, language=language)
    scores = score(data)
    cost = scores["classifiers"]["llm"]["cost"]
    assert (cost["known"], cost["total_usd"], cost["missing"]) == (False, None, ["failed_requests"])
    assert (cost["unpriced_answers"], cost["unpriced_requests"]) == (2, 2)
    # 98 answers at $0.001 each
    assert (cost["per_1000_usd"], cost["per_1000_n"]) == (pytest.approx(1.0), 98)
    assert scores["cost"]["break_even"][0]["case"] == "crosses"
    html = render(data, scores)
    assert "harness compare --resume RUN" in html
    assert "[prices." not in html
    marked = {"en": "by 98 of 100 answers", "zh": "按 100 条中的 98 条计"}[language]
    assert f"$1.00 ({marked})" in html.replace("（", " (").replace("）", ")")
    rows = {cells[0]: cells[-1] for cells in summary(scores).rows}
    assert marked in rows["llm"]
    assert marked not in rows["bert"]
    assert marked in scores["verdict"]["cost"]["sentence"]


def test_a_price_that_rests_on_all_answers_is_not_marked():
    scores = scored(bert(), llm())
    for one in scores["classifiers"].values():
        assert one["cost"]["per_1000_n"] == 100
        assert economics_page.only_answered(one, Words.of("en")) is None
    assert all("of 100 answers" not in row[-1] for row in summary(scores).rows)


def test_tokens_without_a_price_leave_the_price_unknown_whatever_else_failed():
    cost = scored(some_failed(2, usd=None))["classifiers"]["llm"]["cost"]
    assert cost["missing"] == ["token_price", "failed_requests"]
    assert (cost["per_1000_usd"], cost["per_1000_n"]) == (None, None)
    nothing = scored(some_failed(100))["classifiers"]["llm"]["cost"]
    assert (nothing["missing"], nothing["per_1000_usd"]) == (["failed_requests"], None)


def told(scores, spent="cost"):
    return [one for one in scores[spent]["sentences"] if "superfluous" in one or one.startswith("More")]


def test_more_accuracy_costs_more_only_where_each_is_surely_more_accurate_than_the_one_before():
    sure = scored(llm("cheap", right=50, usd=0.001), llm("mid", right=75, usd=0.002), llm("dear", 99, 0.003))
    assert told(sure) == [
        "More accuracy costs more at level 1 and on the whole path: of cheap, mid and dear, each costs more than "
        "the one before and is more accurate."
    ]
    unsure = scored(llm("dear", right=91, usd=0.002), llm("cheap", right=90, usd=0.001))
    assert unsure["pairs"][0]["levels"][0]["verdict"] != "better"
    assert told(unsure) == [
        "None of cheap and dear is superfluous by its cost at level 1 and on the whole path, but that each of them, "
        "named from cheap to dear, is more accurate than the one before is not shown."
    ]
    half = scored(llm("a", right=50, usd=0.001), llm("b", right=98, usd=0.002), llm("c", 99, 0.003))
    assert all(one.startswith("None of a, b and c") for one in told(half))


def test_more_accuracy_takes_longer_only_where_it_is_shown():
    slow = llm("slow", right=99, answer_s=500.0)
    assert told(scored(llm("fast", right=50), slow), "time")[0].startswith("More accuracy takes longer")
    assert told(scored(llm("fast", right=98), slow), "time")[0].startswith("None of fast and slow")


def test_two_that_spend_the_same_and_get_as_much_right_have_no_order_to_tell_of():
    scores = scored(bert("a"), bert("b"))
    assert told(scores) == told(scores, "time") == []
    assert len(told(scored(bert("a"), bert("b"), bert("c", right=99, answer_s=99.0)))) == 0


def test_a_range_that_is_the_point_itself_is_shown_once():
    # Both trainings follow the machine's hour, as both answers do: nothing moves the point.
    data = run(
        TEST, [bert("a", train_s=36.0, answer_s=1e4), bert("b", train_s=3600.0)], machine_usd_per_hour=3.6
    )
    scores = score(data)
    (pair,) = scores["cost"]["break_even"]
    assert (pair["case"], pair["texts_low"], pair["texts_high"]) == ("crosses", pair["texts"], pair["texts"])
    html = render(data, scores)
    point = economics_page.about(pair["texts"])
    assert html.count(f'<td class="n">{point}</td>') == 2
    assert f"{point} to {point}" not in html


def test_an_undecided_difference_is_not_drawn_as_bottom_against_top_and_the_intervals_are_in_sight():
    scores = scored(bert(right=59), llm(right=58))
    for drawn in economics_page.charts(scores, Words.of("en"), {"bert": 1, "llm": 2})[:2]:
        ends = [end for series in drawn.series for interval in series.rise for end in interval]
        rates = [scores["classifiers"][name]["levels"][-1]["accuracy"] for name in ("bert", "llm")]
        assert ends == [rate[end] for rate in rates for end in ("low", "high")]
        axis = ticks(drawn.up, [series.points[0][1] for series in drawn.series] + ends)
        assert axis.low <= min(ends) < max(ends) <= axis.high
        close = ticks(drawn.up, [series.points[0][1] for series in drawn.series])
        assert close.high - close.low >= 0.2


def test_a_table_of_nothing_but_unknown_prices_is_left_out():
    tables = [
        render(data, score(data)).count("<caption>Cost with the training in it")
        for data in (run(TEST, [bert(), bert("other")], machine_usd_per_hour=price) for price in (None, 3.6))
    ]
    assert tables == [0, 1]


def test_what_the_dearer_one_buys_is_named_and_a_break_even_of_a_few_texts_is_not():
    scores = scores_of(CLEAR, (2.0, 1.0))  # a is surely the more accurate one
    pair = {"a": "a", "b": "b", "first": "b", "beyond": None, "sensitivity": []}
    words = Words.of("en")
    scores["cost"]["break_even"] = [{**pair, "case": "always"}]
    assert cost_sentences(scores, words)[0] == (
        "b is cheaper than a at any volume. What a costs more buys accuracy (+10.0 points on the whole path), "
        "not savings."
    )
    scores["cost"]["break_even"] = [{**pair, "case": "always", "first": "a"}]
    assert "never pays off" in cost_sentences(scores, words)[0]
    crossing = {**pair, "case": "crosses", "beyond": "a", "crosses_at_all_prices": True}
    for texts, told in ((40, False), (150, True)):
        span = {"texts": texts, "texts_low": texts / 2, "texts_high": texts * 2}
        scores["cost"]["break_even"] = [crossing | span]
        assert any("beyond that" in one for one in cost_sentences(scores, words)) is told

"""The table of all texts: which texts it holds, how they are written, and that it stays small."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.taxonomy import Taxonomy
from reports import apps, wording_apps, wording_next
from reports.apps import choose, describe
from reports.next_steps import next_steps
from reports.page import render
from reports.samples import collect
from reports.scores import score
from reports.wording import Words
from tests.simulated_run import FLAT, PATHS, answered, classifier, examples, row, run, three_classifiers


def table_of(data, **more):
    scores = score(data)
    names = list(scores["classifiers"])
    choice = choose(data, names, **more)
    return describe(choice, collect(data, choice.ids), scores, names, Words.of("en"))


def rows_of(table):
    return json.loads(table.json)["rows"]


def path_of(table, number):
    content = json.loads(table.json)
    return tuple(content["labels"][label] for label in content["paths"][number])


def test_a_small_test_set_is_shown_whole_in_its_order():
    data = three_classifiers(120)
    table = table_of(data)
    assert (table.shown, table.rows, table.telling, table.cut) == (120, 120, 0, 0)
    assert [one[0] for one in rows_of(table)] == [example.id for example in data.test]


def test_a_row_tells_text_gold_slices_and_every_answer_with_its_confidence_and_reply():
    test = examples(PATHS)
    scores = [{"Action": 0.91, "Puzzle": 0.09}, {"Shooter": 0.9, "Fighting": 0.1}]
    data = run(
        test,
        [
            classifier("sure", [row(test[0].id, PATHS[0], scores=scores, raw="Shooter")]),
            classifier("lost", [row(test[0].id, ["Puzzle"], failure="unreadable", raw="Hm")]),
            classifier("gone", []),
        ],
    )
    table = table_of(data)
    id_, text, gold, _, (sure, lost, gone) = rows_of(table)[0]
    assert (id_, text, path_of(table, gold)) == ("app-0000", "Text 0", PATHS[0])
    assert (path_of(table, sure[0]), *sure[1:]) == (PATHS[0], -1, [910, 900], "Shooter")
    assert (path_of(table, lost[0]), *lost[1:]) == (("Puzzle",), 0, [], "Hm")
    assert gone is None
    assert table.sure == ("sure",)
    assert [label for _, label in table.roots] == ["Action", "Puzzle", "Strategy"]


def test_a_slice_is_the_place_of_its_value():
    table = table_of(three_classifiers(30))
    assert table.slices == {"hard": ("false", "true")}
    assert [one[3] for one in rows_of(table)[:4]] == [[1], [0], [0], [1]]


def test_of_a_large_test_set_the_disagreements_come_first_but_not_alone():
    data = three_classifiers(300)
    table = table_of(data, most=40)
    assert (table.shown, table.rows, table.telling) == (40, 300, 30)
    differing = sum(
        len({one[0] if len(one) == 1 or one[1] < 0 else -1 for one in said}) > 1
        for *_, said in rows_of(table)
    )
    assert differing == 30


def test_when_few_disagree_all_of_those_are_shown_and_the_rest_is_filled_up():
    test = examples([PATHS[i % 5] for i in range(100)])
    right = [one.gold for one in test]
    other = [PATHS[4] if i in (10, 20, 30) else path for i, path in enumerate(right)]
    data = run(test, [classifier("a", answered(test, right)), classifier("b", answered(test, other))])
    table = table_of(data, most=20)
    shown = {one[0] for one in rows_of(table)}
    assert (table.shown, table.telling) == (
        20,
        3 - (right[10] == PATHS[4]) - (right[20] == PATHS[4]) - (right[30] == PATHS[4]),
    )
    assert {"app-0010", "app-0020", "app-0030"} <= shown


def test_when_nearly_all_disagree_the_table_is_still_full():
    test = examples([PATHS[0]] * 50)
    data = run(
        test,
        [classifier("a", answered(test, [PATHS[0]] * 50)), classifier("b", answered(test, [PATHS[1]] * 50))],
    )
    assert (table := table_of(data, most=20)).shown == table.telling == 20


def test_of_a_single_classifier_the_wrong_answers_come_first():
    test = examples([FLAT[0]] * 50)
    said = [FLAT[1] if i < 5 else FLAT[0] for i in range(50)]
    data = run(test, [classifier("a", answered(test, said))], taxonomy=Taxonomy.from_paths(FLAT), data={})
    table = table_of(data, most=20)
    assert {f"app-000{i}" for i in range(5)} <= {one[0] for one in rows_of(table)}


def test_the_same_answers_in_another_order_of_arrival_give_the_same_bytes():
    def page(turned):
        data = three_classifiers(300)
        if turned:
            turn = [replace(one, predictions=list(one.predictions)[::-1]) for one in data.classifiers]
            data = replace(data, classifiers=turn)
        return render(data, score(data))

    assert page(turned=False) == page(turned=True)


def test_the_sample_is_the_same_each_time_and_in_any_order_of_arrival():
    data = three_classifiers(300)
    turned = [replace(one, predictions=list(one.predictions)[::-1]) for one in data.classifiers]
    names = ["bert", "llm", "tfidf"]
    assert choose(data, names, most=50) == choose(replace(data, classifiers=turned), names, most=50)


@pytest.mark.parametrize(("length", "kept"), [(300, 300), (1_500, 700), (100_000, 700)])
def test_a_long_text_is_cut_and_that_is_said(length, kept):
    data = three_classifiers(10)
    data = replace(data, test=[replace(one, text="字" * length) for one in data.test])
    table = table_of(data)
    assert {len(one[1]) for one in rows_of(table)} == {kept}
    assert table.cut == (10 if length > kept else 0)


def test_two_thousand_long_chinese_texts_with_long_replies_stay_in_their_bounds(monkeypatch):
    data = three_classifiers(2_000)
    said = [
        replace(one, predictions=[{**answer, "raw": "答" * 5_000} for answer in one.predictions])
        for one in data.classifiers
    ]
    data = replace(data, test=[replace(one, text="字" * 5_000) for one in data.test], classifiers=said)
    table = table_of(data)
    assert len(table.json.encode()) < apps.MOST_BYTES + 100_000
    assert table.longest == apps.LENGTHS[-1]
    assert 1_000 < table.shown < 2_000
    monkeypatch.setattr(apps, "MOST_BYTES", 10)
    assert table_of(data).shown == 0
    assert "apps-data" not in render(data, score(data))


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30))
def test_any_text_comes_back_whole_and_cannot_end_the_script(text):
    test = [replace(one, text=text) for one in examples(FLAT)]
    data = run(
        test, [classifier(text or "a", answered(test, FLAT))], taxonomy=Taxonomy.from_paths(FLAT), data={}
    )
    table = table_of(data)
    assert not re.search("[<>&\u2028\u2029\ud800-\udfff]", table.json)
    assert rows_of(table)[0][1] == text


def test_half_a_character_does_not_stop_the_page():
    test = [replace(one, text="a\ud800b") for one in examples(FLAT)]
    data = run(test, [classifier("a", answered(test, FLAT))], taxonomy=Taxonomy.from_paths(FLAT), data={})
    assert rows_of(table_of(data))[0][1] == "a\ud800b"


def test_the_words_stand_in_both_languages_with_the_same_blanks():
    for english, chinese in (*wording_apps.TEXTS.values(), *wording_next.TEXTS.values()):
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verdict_says_what_to_do_next(language):
    test = examples([PATHS[i % 5] for i in range(400)])
    right = [one.gold for one in test]
    half = [PATHS[1] if i % 2 else path for i, path in enumerate(right)]
    some = [PATHS[1] if i % 20 == 4 else path for i, path in enumerate(right)]
    others = [PATHS[1] if i % 20 == 2 else path for i, path in enumerate(right)]

    def steps(*said):
        rows = [answered(test, paths) for paths in said]
        for n, answers in enumerate(rows):
            for one in answers:
                one["cost_usd"] = (0.01, 0.002)[n]
        data = run(
            test,
            [classifier(name, answers, kind="llm") for name, answers in zip("ab", rows, strict=False)],
            language=language,
        )
        scores = score(data)
        return scores["verdict"]["choice"]["reason"], " ".join(next_steps(scores, Words.of(language)))

    dear, cheap = steps(right, half), steps(half, right)
    assert dear[0] == cheap[0] == "accuracy"
    assert "$10.00" in dear[1]
    assert "$2.00" in dear[1]
    assert "$" not in cheap[1]
    assert steps(right, right)[0] == "equivalent"
    assert "b" in steps(right, right)[1]
    assert steps(some, others)[0] == "undecided"
    assert "$2.00" in steps(some, others)[1]
    assert steps(right)[0] == "nothing_to_compare"
    assert steps(right)[1] != dear[1]
